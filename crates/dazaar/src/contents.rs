//! What the blocks of a feed hold, for prices that count rows or sell a range of time.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use dazaar_market::price::TimeRange;
pub use rangemap::RangeSet;

use crate::shared_log::SharedLog;

/// Tells what a block holds, without decoding it.
pub trait Contents: fmt::Debug + Send + Sync {
    /// The rows of a block; none of one without any, such as an index, which costs nothing by the row.
    fn rows(&self, block: u64, bytes: &[u8]) -> Option<BlockRows>;

    /// Whether rows have times, so that a range of them can be sold.
    fn has_times(&self) -> bool;

    /// Blocks that have no row of these ranges, as far as that can be known without reading each. It may take a while.
    fn outside(&self, _log: &SharedLog, _ranges: &[TimeRange]) -> RangeSet<u64> {
        RangeSet::new()
    }
}

/// What is in one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRows {
    /// Which rows, by numbers that each row keeps for ever: it may come in several blocks, and is paid once.
    pub rows: Range<u64>,
    /// The earliest and the latest time of a row, in nanoseconds.
    pub times: Option<(i64, i64)>,
}

/// Finds out what a feed holds; none if it has no rows.
pub type ContentsOf = fn(&SharedLog) -> Option<Arc<dyn Contents>>;

/// A feed in which each block is one row, without a time.
#[derive(Debug, Clone, Copy)]
pub struct RowBlocks;

impl Contents for RowBlocks {
    fn rows(&self, block: u64, _: &[u8]) -> Option<BlockRows> {
        Some(BlockRows { rows: block..block.saturating_add(1), times: None })
    }

    fn has_times(&self) -> bool {
        false
    }
}
