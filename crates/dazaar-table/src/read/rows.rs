//! Taking the rows out of the blocks of a plan, in order, each once.
//!
//! Grade: machine.

use std::collections::VecDeque;
use std::ops::Range;

use arrow::array::{AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::{and, filter_record_batch};
use arrow::datatypes::TimestampNanosecondType;

use super::condition;
use super::error::ReadError;
use super::locate::Plan;
use super::query::Selection;
use crate::bytes::BlockError;
use crate::index::{Entry, INDEX};
use crate::schema::Schema;
use crate::segment::{self, SegmentHead};

/// The rows of a plan, and then those of each block that comes after it.
#[derive(Debug)]
pub struct Rows {
    schema: Schema,
    selection: Selection,
    segments: VecDeque<Entry>,
    tail: Range<u64>,
    /// The row after those of the index.
    indexed_rows: u64,
    /// Columns to read: those that are wanted, those of conditions, and the time.
    columns: Vec<usize>,
    /// The row that comes next.
    next_row: u64,
    /// Rows that may still be given.
    left: Option<u64>,
}

/// What a block brought.
#[derive(Debug, Clone, PartialEq)]
pub enum RowsEvent {
    /// Rows, maybe none, with the wanted columns.
    Rows(RecordBatch),
    /// These rows cannot be had any more.
    Gone(Range<u64>),
    /// Nothing to tell: an index, or rows that were given before.
    Nothing,
}

impl Rows {
    /// Begins with the first row of a plan.
    pub fn new(plan: Plan) -> Self {
        let mut columns = plan.selection.columns.clone();
        let others = plan.selection.conditions.iter().map(|condition| condition.column());
        for column in others.chain([plan.schema.time()]) {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        Self {
            columns,
            next_row: plan.selection.from_row,
            left: plan.selection.limit,
            schema: plan.schema,
            selection: plan.selection,
            segments: plan.segments.into(),
            tail: plan.tail,
            indexed_rows: plan.indexed_rows,
        }
    }

    /// The table's schema.
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The row that comes next: whoever asks for rows from there on goes on where this ends.
    pub const fn next_row(&self) -> u64 {
        self.next_row
    }

    /// All blocks that are still to come, in the order in which they are needed.
    pub fn blocks(&self) -> impl Iterator<Item = u64> {
        let is_done = self.is_full();
        let segments = self.segments.iter().map(|entry| entry.block);
        segments.chain(self.tail.clone()).take_while(move |_| !is_done)
    }

    /// The next blocks, at most so many, that are worth asking for before they are needed: no more than the limit of rows takes,
    /// if all rows in them are wanted.
    pub fn ahead(&self, blocks: usize) -> impl Iterator<Item = u64> + use<> {
        let mut missing = self.left.unwrap_or(u64::MAX);
        let mut found = Vec::new();
        for entry in self.segments.iter().take(blocks) {
            if missing == 0 {
                break;
            }
            missing = missing.saturating_sub(entry.rows);
            found.push(entry.block);
        }
        let is_tail_needed = missing > 0 && found.len() == self.segments.len();
        let tail = if is_tail_needed { self.tail.clone() } else { 0..0 };
        found.into_iter().chain(tail).take(blocks)
    }

    /// The block that is needed next; `None` at the end.
    pub fn wanted(&self) -> Option<u64> {
        self.blocks().next()
    }

    /// Whether no more rows are wanted than so many.
    pub const fn is_limited(&self) -> bool {
        self.left.is_some()
    }

    /// Whether as many rows were given as were asked for, or the last of them was reached.
    pub fn is_full(&self) -> bool {
        self.left == Some(0) || self.next_row >= self.selection.to_row
    }

    /// The block after the last that is to come.
    pub const fn end(&self) -> u64 {
        self.tail.end
    }

    /// The feed has `length` blocks now.
    pub fn extend(&mut self, length: u64) {
        self.tail.end = self.tail.end.max(length);
    }

    /// The wanted block, or that nobody has it any more.
    ///
    /// # Errors
    /// What is wrong with the block. The rows of others can still be read.
    pub fn handle_block(&mut self, block: Option<&[u8]>) -> Result<RowsEvent, ReadError> {
        if let Some(entry) = self.segments.pop_front() {
            let start = entry.first_row.max(self.next_row);
            if start >= entry.end_row() {
                return Ok(RowsEvent::Nothing);
            }
            let Some(block) = block else {
                self.next_row = entry.end_row();
                return Ok(RowsEvent::Gone(start..entry.end_row()));
            };
            let (head, rows) = self.decode(entry.block, block)?;
            let said = (entry.first_row, entry.rows, entry.earliest, entry.latest, entry.bytes);
            let is = (head.first_row, head.rows, head.earliest, head.latest, block.len() as u64);
            if said != is || !head.is_sealed {
                return Err(ReadError::Contradiction { block: entry.block });
            }
            self.next_row = start;
            return Ok(self.take(&head, &rows));
        }
        let Some(number) = self.tail.next() else { return Ok(RowsEvent::Nothing) };
        // A live segment that is gone comes again, sealed; if not, the next one shows which rows are missing.
        let Some(block) = block else { return Ok(RowsEvent::Nothing) };
        if block.first() == Some(&INDEX) {
            return Ok(RowsEvent::Nothing);
        }
        // What the index has after the last wanted segment was not wanted.
        self.next_row = self.next_row.max(self.indexed_rows);
        let (head, rows) = self.decode(number, block)?;
        if head.end_row() <= self.next_row {
            return Ok(RowsEvent::Nothing);
        }
        if head.first_row > self.next_row {
            let gone = self.next_row..head.first_row;
            self.next_row = head.first_row;
            self.tail.start = number;
            return Ok(RowsEvent::Gone(gone));
        }
        Ok(self.take(&head, &rows))
    }

    fn decode(&self, number: u64, block: &[u8]) -> Result<(SegmentHead, RecordBatch), ReadError> {
        let at = |error: BlockError| ReadError::Block { block: number, error };
        segment::decode(&self.schema, block, &self.columns).map_err(at)
    }

    /// Takes what is wanted of the rows of a segment, from the next one on.
    fn take(&mut self, head: &SegmentHead, rows: &RecordBatch) -> RowsEvent {
        let skipped = (self.next_row - head.first_row) as usize;
        let end = head.end_row().min(self.selection.to_row).saturating_sub(head.first_row) as usize;
        let rows = rows.slice(skipped, end.saturating_sub(skipped));
        let wanted = self.filtered(head, &rows);
        let found = wanted.num_rows();
        let count = self.left.map_or(found, |left| found.min(left as usize));
        self.left = self.left.map(|left| left - count as u64);
        self.next_row = head.end_row();
        let columns: Vec<usize> = (0..self.selection.columns.len()).collect();
        let wanted = wanted.slice(0, count).project(&columns);
        RowsEvent::Rows(wanted.expect("the wanted columns are the first"))
    }

    fn filtered(&self, head: &SegmentHead, rows: &RecordBatch) -> RecordBatch {
        let place = self.columns.iter().position(|&column| column == self.schema.time());
        let times = rows.column(place.expect("the time is read")).as_primitive::<TimestampNanosecondType>();
        let in_time = (!self.selection.covers(head.earliest, head.latest)).then(|| {
            BooleanArray::from_iter(times.values().iter().map(|&time| Some(self.selection.has_time(time))))
        });
        let met = condition::filter(&self.selection.conditions, &self.columns, rows);
        let wanted = match (in_time, met) {
            (Some(one), Some(other)) => Some(and(&one, &other).expect("there is one for each row")),
            (one, other) => one.or(other),
        };
        match wanted {
            Some(wanted) => filter_record_batch(rows, &wanted).expect("there is one for each row"),
            None => rows.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
