//! Finding the blocks that a question needs, from the end of the feed down the index.
//!
//! First the header and the last block, then the newest index block if the last block is none, then one index block for each level
//! that the question reaches into. Questions to several blocks of a level are asked together.
//!
//! Grade: machine.

use std::collections::BTreeMap;
use std::ops::Range;

use super::error::ReadError;
use super::query::{Query, QueryError, Selection};
use crate::bytes::BlockError;
use crate::header;
use crate::index::{Entry, INDEX, Index};
use crate::limits::TAIL_BLOCKS_MAX;
use crate::schema::Schema;
use crate::segment::{self, SegmentHead};

/// Looks for the blocks that answer a question.
#[derive(Debug)]
pub struct Locator {
    query: Query,
    length: u64,
    /// Blocks that it needs now. Entries of several levels may name one index block.
    wanted: BTreeMap<u64, Vec<Wanted>>,
    /// The header, and what it makes of the question.
    table: Option<(Schema, Selection)>,
    /// The last block of the feed, which came before the header.
    last: Option<Vec<u8>>,
    newest: Option<(u64, Index)>,
    /// The last block, if it is a segment.
    last_head: Option<SegmentHead>,
    segments: Vec<Entry>,
    /// Rows whose index block is gone.
    gone: Vec<Range<u64>>,
}

/// Why a block is needed.
#[derive(Debug, Clone)]
enum Wanted {
    Header,
    Last,
    Newest,
    /// The list of a level, and what it must have together.
    List {
        level: usize,
        entry: Entry,
    },
}

/// Where the rows are that answer a question.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the rows look like.
    pub schema: Schema,
    /// What is wanted of them.
    pub selection: Selection,
    /// Sealed segments that may have such rows, in the order of the rows.
    pub segments: Vec<Entry>,
    /// Blocks after the index, which may have more.
    pub tail: Range<u64>,
    /// The row after those of the index.
    pub indexed_rows: u64,
    /// What there is in all.
    pub coverage: Coverage,
    /// Rows that may be wanted, and cannot be found since the seller has cleared that part of the index.
    pub gone: Vec<Range<u64>>,
}

/// What a table has, as far as its index and its last block know; see [`Plan::cover`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Rows.
    pub rows: u64,
    /// Bytes of their segments.
    pub bytes: u64,
    /// The earliest and the latest time, in nanoseconds; `None` if there are no rows.
    pub times: Option<(i64, i64)>,
}

impl Plan {
    /// Every block of a feed of `length` blocks from the first on, for whoever has them all or gets them in this order.
    ///
    /// # Errors
    /// What of the question does not fit the table.
    pub fn whole(schema: Schema, query: &Query, length: u64) -> Result<Self, QueryError> {
        Ok(Self {
            selection: query.for_table(&schema)?,
            schema,
            segments: Vec::new(),
            tail: 1..length.max(1),
            indexed_rows: 0,
            coverage: Coverage::default(),
            gone: Vec::new(),
        })
    }
}

impl Plan {
    /// Bytes of the segments of the index.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|entry| entry.bytes).fold(0, u64::saturating_add)
    }

    /// Counts a block of the tail in: without those the coverage lacks the newest rows.
    ///
    /// # Errors
    /// What is wrong with the block.
    pub fn cover(&mut self, number: u64, block: &[u8]) -> Result<(), ReadError> {
        if block.first() == Some(&INDEX) {
            return Ok(());
        }
        let head = segment::decode_head(block).map_err(at(number))?;
        let (first, last) = self.coverage.times.unwrap_or((head.earliest, head.latest));
        self.coverage.times = Some((first.min(head.earliest), last.max(head.latest)));
        self.coverage.rows = self.coverage.rows.max(head.end_row());
        self.coverage.bytes += block.len() as u64;
        Ok(())
    }
}

impl Locator {
    /// Asks a question of a feed of `length` blocks.
    pub fn new(length: u64, query: Query) -> Self {
        let mut wanted = BTreeMap::from([(0, vec![Wanted::Header])]);
        if length > 1 {
            wanted.insert(length - 1, vec![Wanted::Last]);
        }
        Self {
            query,
            length,
            wanted,
            table: None,
            last: None,
            newest: None,
            last_head: None,
            segments: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// The blocks that are needed next; none when the answer is found.
    pub fn wanted(&self) -> Vec<u64> {
        self.wanted.keys().copied().collect()
    }

    /// A block that was wanted, or that nobody has it any more.
    ///
    /// # Errors
    /// Why nothing can be found.
    pub fn handle_block(&mut self, number: u64, block: Option<&[u8]>) -> Result<(), ReadError> {
        let wanted = self.wanted.remove(&number).unwrap_or_default();
        wanted.into_iter().try_for_each(|wanted| self.handle_wanted(number, wanted, block))
    }

    fn handle_wanted(&mut self, number: u64, wanted: Wanted, block: Option<&[u8]>) -> Result<(), ReadError> {
        match (wanted, block) {
            (Wanted::Header, Some(block)) => self.handle_header(block),
            (Wanted::Last, Some(block)) if self.table.is_none() => {
                self.last = Some(block.to_vec());
                Ok(())
            }
            (Wanted::Last, Some(block)) => self.handle_last(block),
            (Wanted::Newest, Some(block)) => self.handle_newest(number, block),
            (Wanted::List { level, entry }, Some(block)) => self.handle_list(level, &entry, block),
            // A seller who keeps little of the past may have cleared it; the blocks after it are still there.
            (Wanted::Newest, None) => {
                self.newest = Some((number, Index::default()));
                self.skip_to_last(self.last_head.map_or(0, |head| head.end_row()));
                Ok(())
            }
            (Wanted::List { entry, .. }, None) => {
                self.gone.push(entry.first_row..entry.end_row());
                Ok(())
            }
            (_, None) => Err(ReadError::Gone { block: number }),
        }
    }

    /// Where the rows are, once nothing more is wanted.
    pub fn into_plan(mut self) -> Option<Plan> {
        let (schema, selection) = self.table.filter(|_| self.wanted.is_empty())?;
        self.segments.sort_by_key(|entry| entry.first_row);
        self.gone.sort_by_key(|rows| rows.start);
        let (newest, index) = self.newest.unwrap_or_default();
        // A writer whose index was cleared has begun another one.
        let indexed_from = index.lists().next().map_or(0, |first| first.first_row);
        if indexed_from > selection.from_row {
            self.gone.insert(0, selection.from_row..indexed_from);
        }
        let tail = newest + 1..self.length.max(newest + 1);
        Some(Plan {
            tail: if reaches_beyond(&schema, &selection, &index) { tail } else { tail.end..tail.end },
            indexed_rows: index.end_row(),
            coverage: Coverage::of(&index, self.last_head.as_ref()),
            schema,
            selection,
            segments: self.segments,
            gone: self.gone,
        })
    }

    fn handle_header(&mut self, block: &[u8]) -> Result<(), ReadError> {
        let schema = header::decode(block)?;
        let selection = self.query.for_table(&schema)?;
        self.table = Some((schema, selection));
        match self.last.take() {
            Some(last) => self.handle_last(&last),
            None => Ok(()),
        }
    }

    fn handle_last(&mut self, block: &[u8]) -> Result<(), ReadError> {
        let number = self.length - 1;
        if block.first() == Some(&INDEX) {
            return self.handle_newest(number, block);
        }
        let head = segment::decode_head(block).map_err(at(number))?;
        if head.index >= number {
            return Err(at(number)(BlockError::Value { part: "the index block", value: head.index }));
        }
        if number - head.index > TAIL_BLOCKS_MAX {
            return Err(ReadError::Unindexed { blocks: number - head.index });
        }
        self.last_head = Some(head);
        if head.index > 0 {
            self.wanted.insert(head.index, vec![Wanted::Newest]);
        } else {
            self.skip_to_last(head.end_row());
        }
        Ok(())
    }

    /// Of `rows` rows, only the last are wanted, if the question says so.
    fn skip_to_last(&mut self, rows: u64) {
        if let (Some(last), Some((_, selection))) = (self.query.last, &mut self.table) {
            selection.from_row = selection.from_row.max(rows.saturating_sub(last));
        }
    }

    fn handle_newest(&mut self, number: u64, block: &[u8]) -> Result<(), ReadError> {
        let index = Index::decode(block).map_err(at(number))?;
        self.skip_to_last(self.last_head.map_or(0, |head| head.end_row()).max(index.end_row()));
        for (level, list) in index.levels.iter().enumerate() {
            self.look_into(number, level, list)?;
        }
        self.newest = Some((number, index));
        Ok(())
    }

    fn handle_list(&mut self, level: usize, entry: &Entry, block: &[u8]) -> Result<(), ReadError> {
        let mut index = Index::decode(block).map_err(at(entry.block))?;
        let list = if level < index.levels.len() { index.levels.swap_remove(level) } else { Vec::new() };
        if Entry::over(entry.block, &list).as_ref() != Some(entry) {
            return Err(ReadError::Contradiction { block: entry.block });
        }
        self.look_into(entry.block, level, &list)
    }

    /// Takes what the question needs from a list of index block `number`.
    fn look_into(&mut self, number: u64, level: usize, list: &[Entry]) -> Result<(), ReadError> {
        let Some((_, selection)) = &self.table else { return Ok(()) };
        for entry in list {
            let is_wanted = selection.overlaps(entry.earliest, entry.latest)
                && entry.end_row() > selection.from_row
                && entry.first_row < selection.to_row
                && (selection.keys.is_empty() || selection.keys.iter().any(|&key| entry.may_have(key)));
            // An index speaks of what is before it: so nobody is led in circles.
            if entry.block >= number {
                return Err(at(number)(BlockError::Value {
                    part: "a block of the index",
                    value: entry.block,
                }));
            }
            if !is_wanted {
                continue;
            }
            match level.checked_sub(1) {
                None => self.segments.push(entry.clone()),
                Some(level) => {
                    let list = Wanted::List { level, entry: entry.clone() };
                    self.wanted.entry(entry.block).or_default().push(list);
                }
            }
        }
        Ok(())
    }
}

/// Whether rows may be wanted that come after the index.
fn reaches_beyond(schema: &Schema, selection: &Selection, index: &Index) -> bool {
    match (schema.lateness(), index.latest()) {
        (Some(lateness), Some(latest)) => selection.overlaps(latest.saturating_sub(lateness), i64::MAX),
        _ => true,
    }
}

impl Coverage {
    fn of(index: &Index, last: Option<&SegmentHead>) -> Self {
        let bytes = index.lists().map(|entry| entry.bytes).fold(0, u64::saturating_add);
        let indexed = index.lists().map(|entry| (entry.earliest, entry.latest));
        let times = indexed.chain(last.map(|head| (head.earliest, head.latest)));
        let times = times.reduce(|(first, last), (earliest, latest)| (first.min(earliest), last.max(latest)));
        Self { rows: index.end_row().max(last.map_or(0, SegmentHead::end_row)), bytes, times }
    }
}

fn at(block: u64) -> impl Fn(BlockError) -> ReadError {
    move |error| ReadError::Block { block, error }
}
