//! Which ranges we tell a peer to speak about.
//!
//! Grade: machine. Ranges have 2^20 blocks. The first is always asked for, the others once a block that we want and do not
//! have lies in them.
//! Source: classic protocol, section 5.2.

use std::collections::BTreeSet;

use super::limits::{WANT_BLOCKS, WANTS_OPEN_MAX};
use super::ranges::RangeSet;

/// Our `Want`s to one peer, by the number of their range.
#[derive(Debug, Default)]
pub(super) struct Wants {
    /// Ranges asked for, answered or not.
    asked: RangeSet,
    open: BTreeSet<u64>,
    /// Nothing has changed since there was nothing to ask.
    settled: bool,
}

impl Wants {
    /// The next range to ask for. `next_missing` finds the first block from a given one on that we want and do not have.
    pub(super) fn poll(&mut self, length: u64, next_missing: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        if self.settled || self.open.len() >= WANTS_OPEN_MAX {
            return None;
        }
        let range = self.next(length, next_missing);
        match range {
            Some(range) => {
                self.asked.insert(range..range + 1);
                self.open.insert(range);
            }
            None => self.settled = true,
        }
        range.map(|range| range * WANT_BLOCKS)
    }

    /// Takes note of a `Have` with bits, which may be an answer.
    pub(super) fn handle_answer(&mut self, start: u64, length: u64) {
        if length == WANT_BLOCKS && start.is_multiple_of(WANT_BLOCKS) {
            self.open.remove(&(start / WANT_BLOCKS));
        }
    }

    /// Whether the peer has told of every range that matters.
    pub(super) fn is_answered(&self, length: u64, next_missing: impl Fn(u64) -> Option<u64>) -> bool {
        self.open.is_empty() && self.next(length, next_missing).is_none()
    }

    /// Something is missing that was not, or the feed became longer.
    pub(super) const fn wake(&mut self) {
        self.settled = false;
    }

    /// The peer has forgotten what we asked.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn next(&self, length: u64, next_missing: impl Fn(u64) -> Option<u64>) -> Option<u64> {
        let mut range = 0;
        while self.asked.contains(range) {
            let gap = self.asked.next_gap(range);
            range = next_missing(gap * WANT_BLOCKS)? / WANT_BLOCKS;
            if range >= length.div_ceil(WANT_BLOCKS) {
                return None;
            }
        }
        Some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: u64 = 100 * WANT_BLOCKS;

    #[test]
    fn asks_for_the_first_range_of_an_unknown_feed() {
        let mut wants = Wants::default();
        assert_eq!(wants.poll(0, |_| None), Some(0));
        assert_eq!(wants.poll(0, Some), None);
    }

    #[test]
    fn at_most_sixteen_are_open() {
        let mut wants = Wants::default();
        let asked: Vec<_> = std::iter::from_fn(|| wants.poll(LENGTH, Some)).collect();
        assert_eq!(asked, (0..16).map(|range| range * WANT_BLOCKS).collect::<Vec<_>>());
        wants.handle_answer(3 * WANT_BLOCKS, WANT_BLOCKS - 1);
        assert_eq!(wants.poll(LENGTH, Some), None);
        wants.handle_answer(3 * WANT_BLOCKS, WANT_BLOCKS);
        assert_eq!(wants.poll(LENGTH, Some), Some(16 * WANT_BLOCKS));
    }

    #[test]
    fn skips_ranges_without_missing_blocks() {
        let mut wants = Wants::default();
        let missing =
            |from| [5, 7 * WANT_BLOCKS + 1, 99 * WANT_BLOCKS].into_iter().find(|&block| block >= from);
        let asked: Vec<_> = std::iter::from_fn(|| wants.poll(LENGTH - WANT_BLOCKS, missing)).collect();
        assert_eq!(asked, [0, 7 * WANT_BLOCKS]);
        assert_eq!(wants.poll(LENGTH, missing), None, "settled until woken");
        wants.wake();
        assert_eq!(wants.poll(LENGTH, missing), Some(99 * WANT_BLOCKS));
        wants.clear();
        assert_eq!(wants.poll(0, missing), Some(0));
    }
}
