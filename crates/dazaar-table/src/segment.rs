//! A segment: consecutive rows in one block, column by column.
//!
//! ```text
//! kind (1) | first row (varint) | rows (varint) | earliest time (zigzag varint) | latest - earliest (varint)
//!          | block of the newest index (varint, 0: none yet) | for each column: bytes (varint) | the column
//! ```
//! `kind` is 1 for a sealed segment and 2 for a live one, whose rows come again in a later, sealed one, so that rows can leave
//! at once and still be read in large pieces later. Rows are numbered from 0; who knows which row is next neither loses nor
//! doubles one.
//!
//! Grade: plain.

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch, RecordBatchOptions};
use arrow::compute;
use arrow::datatypes::{Schema as ArrowSchema, TimestampNanosecondType};
use dazaar_log::codec::varint;

use crate::bytes::{BlockError, Reader, push_prefixed, unzigzag, zigzag};
use crate::column;
use crate::limits::{ROWS_MAX, SEGMENT_BYTES_MAX, SEGMENT_ROWS_MAX};
use crate::schema::Schema;

pub(crate) const SEALED: u8 = 1;
pub(crate) const LIVE: u8 = 2;

/// What stands in front of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHead {
    /// Whether no later segment repeats its rows.
    pub is_sealed: bool,
    /// Number of the first row.
    pub first_row: u64,
    /// Rows, at least one.
    pub rows: u64,
    /// The earliest time of a row, in nanoseconds.
    pub earliest: i64,
    /// The latest time of a row, in nanoseconds.
    pub latest: i64,
    /// The newest index block before it; 0 if there is none.
    pub index: u64,
}

impl SegmentHead {
    /// Number of the row after the last.
    pub const fn end_row(&self) -> u64 {
        self.first_row + self.rows
    }
}

/// The earliest and the latest time in rows; `None` if there are no rows.
pub(crate) fn times(schema: &Schema, rows: &RecordBatch) -> Option<(i64, i64)> {
    let times = rows.column(schema.time()).as_primitive::<TimestampNanosecondType>();
    compute::min(times).zip(compute::max(times))
}

/// Makes a block of rows, whose Arrow schema is the table's and whose times are those of `head`.
pub(crate) fn encode(schema: &Schema, head: &SegmentHead, rows: &RecordBatch) -> Vec<u8> {
    let mut block = vec![if head.is_sealed { SEALED } else { LIVE }];
    varint::encode(head.first_row, &mut block);
    varint::encode(head.rows, &mut block);
    varint::encode(zigzag(head.earliest), &mut block);
    varint::encode(head.latest.wrapping_sub(head.earliest) as u64, &mut block);
    varint::encode(head.index, &mut block);
    let mut packed = Vec::new();
    for (column, values) in schema.columns().iter().zip(rows.columns()) {
        packed.clear();
        column::encode(column.kind, values, &mut packed);
        push_prefixed(&packed, &mut block);
    }
    block
}

/// A segment of these rows alone, whose Arrow schema is the table's and of which there are at least one and at most
/// [`SEGMENT_ROWS_MAX`].
pub fn pack(schema: &Schema, rows: &RecordBatch) -> Vec<u8> {
    let (earliest, latest) = times(schema, rows).unwrap_or_default();
    let rows_count = rows.num_rows() as u64;
    let head = SegmentHead { is_sealed: true, first_row: 0, rows: rows_count, earliest, latest, index: 0 };
    encode(schema, &head, rows)
}

/// Reads what stands in front of the columns of a segment.
///
/// # Errors
/// What is wrong with the block.
pub fn decode_head(block: &[u8]) -> Result<SegmentHead, BlockError> {
    read_head(&mut Reader(block))
}

fn read_head(reader: &mut Reader<'_>) -> Result<SegmentHead, BlockError> {
    const HEAD: &str = "the head of a segment";
    let is_sealed = match reader.byte(HEAD)? {
        SEALED => true,
        LIVE => false,
        tag => return Err(BlockError::Unknown { part: "a block", tag }),
    };
    let first_row = reader.varint(HEAD)?;
    let rows = reader.count(SEGMENT_ROWS_MAX, "the number of rows")? as u64;
    if rows == 0 || first_row.checked_add(rows).is_none_or(|end| end > ROWS_MAX) {
        return Err(BlockError::Value { part: "the number of rows", value: rows });
    }
    let earliest = unzigzag(reader.varint(HEAD)?);
    let span = reader.varint(HEAD)?;
    let latest = earliest
        .checked_add_unsigned(span)
        .ok_or(BlockError::Value { part: "the time from the earliest row to the latest", value: span })?;
    Ok(SegmentHead { is_sealed, first_row, rows, earliest, latest, index: reader.varint(HEAD)? })
}

/// Reads the columns with the numbers `wanted`, in that order, and holds the times against the head if they are among them.
///
/// # Errors
/// What is wrong with the block.
pub fn decode(
    schema: &Schema,
    block: &[u8],
    wanted: &[usize],
) -> Result<(SegmentHead, RecordBatch), BlockError> {
    let mut reader = Reader(block);
    let head = read_head(&mut reader)?;
    let rows = head.rows as usize;
    let bits: usize = wanted.iter().map(|&nth| column::bits(schema.columns()[nth].kind)).sum();
    let mut room = SEGMENT_BYTES_MAX
        .checked_sub(rows.saturating_mul(bits).div_ceil(8))
        .ok_or(BlockError::Value { part: "the number of rows", value: head.rows })?;
    let columns: Vec<_> =
        schema.columns().iter().map(|_| reader.prefixed("a column")).collect::<Result<_, _>>()?;
    reader.finish("the columns")?;
    let arrays = wanted
        .iter()
        .map(|&nth| column::decode(schema.columns()[nth].kind, rows, columns[nth], &mut room))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(place) = wanted.iter().position(|&nth| nth == schema.time()) {
        let times = arrays[place].as_primitive::<TimestampNanosecondType>();
        if times.null_count() > 0
            || (compute::min(times), compute::max(times)) != (Some(head.earliest), Some(head.latest))
        {
            return Err(BlockError::Times);
        }
    }
    let all = schema.to_arrow();
    let fields: Vec<_> = wanted.iter().map(|&nth| Arc::clone(&all.fields()[nth])).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::new(ArrowSchema::new(fields)), arrays, &options)
        .expect("arrays have the type and the length that was asked for");
    Ok((head, batch))
}

#[cfg(test)]
mod tests;
