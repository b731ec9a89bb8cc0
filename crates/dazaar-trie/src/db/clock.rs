//! Clocks: how much of each feed an entry's writer had seen.
//!
//! Grade: plain.

/// How many blocks of each feed somebody had seen, by our numbers of the feeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clock(pub(super) Vec<u64>);

impl Clock {
    /// Blocks of feed number `feed`; the header counts.
    pub fn length(&self, feed: usize) -> u64 {
        self.0.get(feed).copied().unwrap_or(0)
    }

    /// Whether block `seq` of a feed had been seen.
    pub(super) fn has_seen(&self, feed: usize, seq: u64) -> bool {
        self.length(feed) > seq
    }
}
