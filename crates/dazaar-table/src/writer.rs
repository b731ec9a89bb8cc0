//! Writing a table: rows go in, blocks come out.
//!
//! Rows are collected to segments of [`SEGMENT_ROWS`] rows. Whoever does not want to wait for so many calls [`TableWriter::flush`]: a
//! few rows then leave in a live segment, and once more in a sealed one when they have become many. Every 32 sealed segments or
//! 1,024 blocks, and at the end, comes an index block.
//!
//! Grade: machine. Its state can be found in the blocks, so a writer goes on where another ended, however that ended.

use std::collections::VecDeque;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{SchemaRef, TimestampNanosecondType};
use dazaar_log::limits::MAX_BLOCK_BYTES;

mod error;
mod known;
mod resume;

pub use error::{ResumeError, WriteError};
pub use known::{KnownError, KnownRows};

use crate::header;
use crate::index::{Entry, IndexBuilder, keys_of};
use crate::limits::{INDEX_AFTER_BLOCKS, LIVE_ROWS_MAX, LIVE_SEGMENTS_MAX, SEGMENT_BYTES, SEGMENT_ROWS};
use crate::schema::Schema;
use crate::segment::{self, SegmentHead};

/// Bytes of the largest row. What surrounds it must fit into the block too.
const ROW_BYTES_MAX: usize = MAX_BLOCK_BYTES - 1024 * 1024;

/// Turns rows into blocks.
#[derive(Debug)]
pub struct TableWriter {
    schema: Schema,
    arrow: SchemaRef,
    index: IndexBuilder,
    /// Blocks that were made and not taken.
    blocks: Vec<Vec<u8>>,
    /// Number of the block after those.
    next_block: u64,
    /// Rows of all sealed segments, and so the number of the first pending one.
    sealed_rows: u64,
    /// Rows that are in no sealed segment.
    pending: VecDeque<RecordBatch>,
    pending_rows: usize,
    /// How many of those, from the first on, are in live segments.
    live_rows: usize,
    /// How many segments that are.
    live_segments: usize,
    /// The latest time of all rows.
    latest: Option<i64>,
}

impl TableWriter {
    /// A new table. Its first block is the header.
    pub fn new(schema: Schema) -> Self {
        let header = header::encode(&schema);
        let arrow = schema.to_arrow();
        Self {
            schema,
            arrow,
            index: IndexBuilder::default(),
            blocks: vec![header],
            next_block: 1,
            sealed_rows: 0,
            pending: VecDeque::new(),
            pending_rows: 0,
            live_rows: 0,
            live_segments: 0,
            latest: None,
        }
    }

    /// What the rows look like.
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Rows so far, whether they are in blocks or not.
    pub const fn rows(&self) -> u64 {
        self.sealed_rows + self.pending_rows as u64
    }

    /// Whether rows wait that are in no block yet.
    pub const fn has_waiting_rows(&self) -> bool {
        self.live_rows < self.pending_rows
    }

    /// Adds rows, of the Arrow schema that [`Schema::to_arrow`] gives.
    ///
    /// # Errors
    /// [`WriteError`] says which row is wrong; none of them was added.
    pub fn push(&mut self, rows: &RecordBatch) -> Result<(), WriteError> {
        if rows.schema_ref().fields() != self.arrow.fields() {
            return Err(WriteError::Columns);
        }
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let latest = self.check_times(rows)?;
        self.check_sizes(rows)?;
        self.latest = latest;
        self.pending_rows += rows.num_rows();
        self.pending.push_back(rows.clone());
        while self.pending_rows >= SEGMENT_ROWS
            || (self.pending_rows > 1 && self.pending_bytes() > SEGMENT_BYTES)
        {
            self.seal();
        }
        Ok(())
    }

    /// Puts all rows into blocks: many into a sealed segment, a few into a live one.
    pub fn flush(&mut self) {
        if !self.has_waiting_rows() {
            return;
        }
        if self.pending_rows >= LIVE_ROWS_MAX || self.live_segments >= LIVE_SEGMENTS_MAX {
            self.seal_all();
            return;
        }
        let waiting = self.pending_rows - self.live_rows;
        let rows = self.collect(self.live_rows, waiting);
        let (block, _) = self.segment(false, self.sealed_rows + self.live_rows as u64, &rows);
        self.push_block(block);
        self.live_rows = self.pending_rows;
        self.live_segments += 1;
    }

    /// Puts all rows into sealed segments, and all segments into the index: so nobody has to look for them among the last blocks.
    pub fn finish(&mut self) {
        self.seal_all();
        if self.index.is_pending() {
            self.write_index();
        }
    }

    /// The blocks that were made since it was last asked.
    pub fn take_blocks(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.blocks)
    }

    /// Looks whether all rows have a time, and none comes too late. Returns the latest time afterwards.
    fn check_times(&self, rows: &RecordBatch) -> Result<Option<i64>, WriteError> {
        let times = rows.column(self.schema.time()).as_primitive::<TimestampNanosecondType>();
        let row = |nth: usize| self.rows() + nth as u64;
        let mut latest = self.latest;
        for nth in 0..times.len() {
            if times.is_null(nth) {
                return Err(WriteError::NoTime { row: row(nth) });
            }
            let time = times.value(nth);
            if let (Some(lateness), Some(latest)) = (self.schema.lateness(), latest)
                && time < latest.saturating_sub(lateness)
            {
                return Err(WriteError::Late { row: row(nth), time, latest, lateness });
            }
            latest = latest.max(Some(time));
        }
        Ok(latest)
    }

    fn check_sizes(&self, rows: &RecordBatch) -> Result<(), WriteError> {
        if bytes(rows) <= ROW_BYTES_MAX {
            return Ok(());
        }
        match (0..rows.num_rows()).find(|&nth| bytes(&rows.slice(nth, 1)) > ROW_BYTES_MAX) {
            None => Ok(()),
            Some(nth) => Err(WriteError::TooLarge { row: self.rows() + nth as u64, max: ROW_BYTES_MAX }),
        }
    }

    fn pending_bytes(&self) -> usize {
        self.pending.iter().map(bytes).sum()
    }

    fn seal_all(&mut self) {
        while self.pending_rows > 0 {
            self.seal();
        }
    }

    /// Makes a sealed segment of the first pending rows.
    fn seal(&mut self) {
        let mut count = self.pending_rows.min(SEGMENT_ROWS);
        let mut rows = self.collect(0, count);
        while count > 1 && bytes(&rows) > SEGMENT_BYTES {
            count /= 2;
            rows = rows.slice(0, count);
        }
        let (block, head) = self.segment(true, self.sealed_rows, &rows);
        self.add_sealed(self.next_block, &head, block.len(), &rows);
        self.push_block(block);
        self.drop_pending(count);
        if self.index.is_due() || self.next_block - self.index.newest() >= INDEX_AFTER_BLOCKS {
            self.write_index();
        }
    }

    /// Adds a sealed segment of `bytes` bytes to the index.
    fn add_sealed(&mut self, block: u64, head: &SegmentHead, bytes: usize, rows: &RecordBatch) {
        self.index.add(Entry {
            block,
            first_row: head.first_row,
            rows: head.rows,
            earliest: head.earliest,
            latest: head.latest,
            bytes: bytes as u64,
            keys: keys(&self.schema, rows),
        });
    }

    fn write_index(&mut self) {
        let block = self.index.write(self.next_block);
        self.push_block(block);
    }

    fn push_block(&mut self, block: Vec<u8>) {
        self.blocks.push(block);
        self.next_block += 1;
    }

    fn segment(&self, is_sealed: bool, first_row: u64, rows: &RecordBatch) -> (Vec<u8>, SegmentHead) {
        let (earliest, latest) = segment::times(&self.schema, rows).unwrap_or_default();
        let rows_count = rows.num_rows() as u64;
        let index = self.index.newest();
        let head = SegmentHead { is_sealed, first_row, rows: rows_count, earliest, latest, index };
        (segment::encode(&self.schema, &head, rows), head)
    }

    /// `count` of the pending rows in one batch, after the first `skipped`.
    fn collect(&self, skipped: usize, count: usize) -> RecordBatch {
        let (mut skipped, mut missing) = (skipped, count);
        let mut parts = Vec::new();
        for batch in &self.pending {
            let start = skipped.min(batch.num_rows());
            let taken = missing.min(batch.num_rows() - start);
            skipped -= start;
            missing -= taken;
            parts.push(batch.slice(start, taken));
        }
        concat_batches(&self.arrow, &parts).expect("all batches have the table's schema")
    }

    /// The first pending rows are sealed.
    fn drop_pending(&mut self, count: usize) {
        self.sealed_rows += count as u64;
        self.pending_rows -= count;
        self.live_rows = self.live_rows.saturating_sub(count);
        if self.live_rows == 0 {
            self.live_segments = 0;
        }
        let mut missing = count;
        while let Some(batch) = self.pending.pop_front() {
            if batch.num_rows() > missing {
                self.pending.push_front(batch.slice(missing, batch.num_rows() - missing));
                return;
            }
            missing -= batch.num_rows();
        }
    }
}

/// What rows take in memory, about.
fn bytes(rows: &RecordBatch) -> usize {
    rows.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or_default()).sum()
}

/// The keys of rows, as the index names them.
fn keys(schema: &Schema, rows: &RecordBatch) -> std::collections::BTreeSet<u32> {
    let columns = schema.keys().iter();
    keys_of(
        columns.flat_map(|&key| {
            rows.column(key).as_string::<i32>().iter().flatten().map(move |text| (key, text))
        }),
    )
}

#[cfg(test)]
mod tests;
