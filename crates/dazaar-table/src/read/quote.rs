//! How many rows a question of time has, and how many bytes: from the index, and from the segments at its edges.
//!
//! Grade: over a door, the function that reads a block.

use std::mem;

use super::error::ReadError;
use super::query::Query;
use super::rows::{Rows, RowsEvent};
use super::scan::{ScanError, locate};
use crate::limits::TAIL_BLOCKS_MAX;
use crate::segment::decode_head;

/// What an answer would be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quote {
    /// Rows, exactly.
    pub rows: u64,
    /// Bytes of the segments that have them.
    pub bytes: u64,
    /// Rows of those segments, which are sent whole.
    pub sent_rows: u64,
}

/// Counts the rows between two times, from inclusive, to exclusive, in nanoseconds. `read` gives a block, or nothing if it is not
/// here.
///
/// # Errors
/// As those of [`locate`]; [`ReadError::Scattered`] if too many segments would have to be read.
pub fn quote<B: AsRef<[u8]>, E: std::error::Error + 'static>(
    length: u64,
    from: Option<i64>,
    to: Option<i64>,
    mut read: impl FnMut(u64) -> Result<Option<B>, E>,
) -> Result<Quote, ScanError<E>> {
    let mut plan = locate(length, Query { from, to, ..Query::default() }, &mut read)?;
    let bytes = plan.bytes();
    let segments = mem::take(&mut plan.segments);
    let sent_rows = segments.iter().map(|entry| entry.rows).sum();
    let mut quote = Quote { rows: 0, bytes, sent_rows };
    let (inside, edges): (Vec<_>, Vec<_>) =
        segments.into_iter().partition(|entry| plan.selection.covers(entry.earliest, entry.latest));
    if edges.len() as u64 > TAIL_BLOCKS_MAX {
        return Err(ReadError::Scattered { segments: edges.len() }.into());
    }
    quote.rows = inside.iter().map(|entry| entry.rows).sum();
    plan.segments = edges;
    plan.selection.columns = vec![plan.schema.time()];
    let tail = plan.tail.clone();
    let mut rows = Rows::new(plan);
    while let Some(number) = rows.wanted() {
        let block = read(number).map_err(ScanError::Read)?;
        let bytes = block.as_ref().map(AsRef::as_ref);
        if let RowsEvent::Rows(found) = rows.handle_block(bytes)? {
            quote.rows += found.num_rows() as u64;
            if tail.contains(&number) && found.num_rows() > 0 {
                quote.bytes += bytes.map_or(0, <[u8]>::len) as u64;
                quote.sent_rows +=
                    bytes.and_then(|block| decode_head(block).ok()).map_or(0, |head| head.rows);
            }
        }
    }
    Ok(quote)
}
