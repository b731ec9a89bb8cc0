//! Going on with a table that is there already.
//!
//! Grade: over a door, the function that reads a block.

use std::collections::VecDeque;

use super::{ResumeError, TableWriter};
use crate::bytes::BlockError;
use crate::header;
use crate::index::{INDEX, Index, IndexBuilder};
use crate::segment;

impl TableWriter {
    /// Goes on with the table in a feed of `length` blocks, at least one. `read` gives a block, or nothing if it is not here.
    ///
    /// # Errors
    /// What is wrong with the feed, or what `read` said.
    pub fn resume<B: AsRef<[u8]>, E: std::error::Error + 'static>(
        length: u64,
        mut read: impl FnMut(u64) -> Result<Option<B>, E>,
    ) -> Result<Self, ResumeError<E>> {
        let mut block = |block: u64| read(block).map_err(ResumeError::Read);
        let needed = |number: u64, block: Option<B>| block.ok_or(ResumeError::Missing { block: number });
        let schema = header::decode(needed(0, block(0)?)?.as_ref())?;
        let mut writer = Self::new(schema);
        writer.blocks.clear();
        writer.next_block = length;
        let newest = match length - 1 {
            0 => 0,
            last => newest_index(last, needed(last, block(last)?)?.as_ref()).map_err(at(last))?,
        };
        let index = match newest {
            0 => None,
            newest => block(newest)?,
        };
        if let Some(index) = &index {
            let index = Index::decode(index.as_ref()).map_err(at(newest))?;
            writer.sealed_rows = index.end_row();
            writer.latest = index.latest();
            writer.index = IndexBuilder::after(newest, index);
        }
        // Without the index, blocks at the beginning may have been cleared like it, and nobody needs them any more.
        let mut may_lack = index.is_none();
        let mut is_cut = may_lack && newest > 0;
        for number in newest + 1..length {
            match block(number)? {
                Some(block) if is_cut => is_cut = !writer.add_behind_gap(number, block.as_ref())?,
                Some(block) => writer.add_tail(number, block.as_ref())?,
                None if may_lack => is_cut = true,
                None => return Err(ResumeError::Missing { block: number }),
            }
            may_lack &= is_cut;
        }
        Ok(writer)
    }

    /// Takes notice of a segment behind blocks that were cleared. Returns whether it is sealed, so that from there on nothing is
    /// missing.
    fn add_behind_gap<E: std::error::Error + 'static>(
        &mut self,
        number: u64,
        block: &[u8],
    ) -> Result<bool, ResumeError<E>> {
        let head = segment::decode_head(block).map_err(at(number))?;
        if self.pending_rows == 0 {
            self.sealed_rows = head.first_row;
        }
        if head.is_sealed && head.first_row <= self.rows() {
            // It may begin with rows whose live segments were cleared.
            let repeated = head.end_row().saturating_sub(self.sealed_rows).min(self.pending_rows as u64);
            self.drop_pending(repeated as usize);
            self.sealed_rows = head.first_row;
        }
        self.add_tail(number, block).map(|()| head.is_sealed)
    }

    /// Takes notice of a segment that the index does not have.
    fn add_tail<E: std::error::Error + 'static>(
        &mut self,
        number: u64,
        block: &[u8],
    ) -> Result<(), ResumeError<E>> {
        let all: Vec<usize> = (0..self.schema.columns().len()).collect();
        let (head, rows) = segment::decode(&self.schema, block, &all).map_err(at(number))?;
        let expected = if head.is_sealed { self.sealed_rows } else { self.rows() };
        if head.first_row != expected {
            return Err(ResumeError::Rows { block: number, row: head.first_row, expected });
        }
        self.latest = self.latest.max(Some(head.latest));
        if !head.is_sealed {
            self.pending_rows += rows.num_rows();
            self.live_rows = self.pending_rows;
            self.live_segments += 1;
            self.pending.push_back(rows);
            return Ok(());
        }
        self.add_sealed(number, &head, block.len(), &rows);
        let repeated = self.pending_rows.min(rows.num_rows());
        self.drop_pending(repeated);
        self.sealed_rows = head.end_row();
        if self.pending_rows == 0 {
            self.pending = VecDeque::new();
        }
        Ok(())
    }
}

/// The newest index block, as a block that is not the header knows it; 0 if there is none.
fn newest_index(number: u64, block: &[u8]) -> Result<u64, BlockError> {
    if block.first() == Some(&INDEX) {
        return Ok(number);
    }
    let index = segment::decode_head(block)?.index;
    if index < number { Ok(index) } else { Err(BlockError::Value { part: "the index block", value: index }) }
}

fn at<E: std::error::Error + 'static>(block: u64) -> impl Fn(BlockError) -> ResumeError<E> {
    move |error| ResumeError::Block { block, error }
}
