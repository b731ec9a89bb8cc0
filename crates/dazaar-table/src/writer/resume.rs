//! Going on with a table that is there already.
//!
//! Grade: over a door, the function that reads a block.

use std::collections::VecDeque;

use super::{ResumeError, TableWriter, keys};
use crate::bytes::BlockError;
use crate::header;
use crate::index::{Entry, INDEX, Index, IndexBuilder};
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
        let mut block =
            |block: u64| read(block).map_err(ResumeError::Read)?.ok_or(ResumeError::Missing { block });
        let schema = header::decode(block(0)?.as_ref())?;
        let mut writer = Self::new(schema);
        writer.blocks.clear();
        writer.next_block = length;
        let newest = match length - 1 {
            0 => 0,
            last => newest_index(last, block(last)?.as_ref()).map_err(at(last))?,
        };
        if newest > 0 {
            let index = Index::decode(block(newest)?.as_ref()).map_err(at(newest))?;
            writer.sealed_rows = index.end_row();
            writer.latest = index.latest();
            writer.index = IndexBuilder::after(newest, index);
        }
        for number in newest + 1..length {
            writer.add_tail(number, block(number)?.as_ref())?;
        }
        Ok(writer)
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
        self.index.add(Entry {
            block: number,
            first_row: head.first_row,
            rows: head.rows,
            earliest: head.earliest,
            latest: head.latest,
            bytes: block.len() as u64,
            keys: keys(&self.schema, &rows),
        });
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
