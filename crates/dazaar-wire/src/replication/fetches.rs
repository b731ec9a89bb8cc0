//! Which ranges a peer of our own kind owes us.
//!
//! Grade: machine. Such a peer answers in the order in which it was asked, so nothing can be lost on the way: what it owes comes, or
//! an `Unhave` for it. From the only peer that serves us we want everything from some block on, and what is to come, in one
//! question; it stays open, and new blocks are pushed. Several peers get ranges of about a megabyte each.
//!
//! Source: docs/protocol.md, ranges.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use super::limits::{
    BLOCK_BYTES_GUESS, FETCH_BLOCKS_START, FETCH_BYTES, FETCHED_BYTES_MAX, FETCHES_MAX, REQUEST_TIMEOUT,
    SLOW_AFTER,
};
use super::ranges::RangeSet;

/// What one peer was asked for and has not sent.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    owed: VecDeque<Range<u64>>,
    /// Blocks that it said it sends along with an answer, in whatever order and parts.
    along: RangeSet,
    onward: Option<Onward>,
    /// Mean size of a block so far, if any has come.
    mean_bytes: Option<u64>,
    /// When the peer last did what we are waiting for, or we began to wait.
    progress: Duration,
    /// When it began with the first range that it owes, and how long that takes it.
    began: Duration,
    pace: Pace,
}

/// How long a peer takes for about a megabyte.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Pace {
    #[default]
    Good,
    /// So long that others might do some of it.
    Slow,
    /// So long that nobody should wait for it.
    Stuck,
}

/// Everything from a block on.
#[derive(Debug, Clone, Copy)]
struct Onward {
    /// The block that was asked for.
    start: u64,
    /// The next one to come.
    next: u64,
}

impl Fetches {
    /// How many blocks may be asked for now; fewer if others may be asked too.
    pub(super) fn room(&self, alone: bool) -> u64 {
        let owed: u64 = self.owed.iter().map(|range| range.end - range.start).sum();
        if self.mean_bytes.is_none() && !alone {
            return FETCH_BLOCKS_START.saturating_sub(owed);
        }
        let mean = self.block_bytes();
        if self.owed.len() >= FETCHES_MAX || owed.saturating_mul(mean) >= FETCHED_BYTES_MAX {
            return 0;
        }
        (FETCH_BYTES / mean).max(1)
    }

    /// The mean size of a block so far, or a guess; at least one byte.
    pub(super) fn block_bytes(&self) -> u64 {
        self.mean_bytes.unwrap_or(BLOCK_BYTES_GUESS).max(1)
    }

    /// Blocks are being asked for.
    pub(super) fn request(&mut self, blocks: Range<u64>, now: Duration) {
        if self.owed.is_empty() {
            self.progress = now;
            self.handle_begun(now);
        }
        self.owed.push_back(blocks);
    }

    const fn handle_begun(&mut self, now: Duration) {
        (self.began, self.pace) = (now, Pace::Good);
    }

    /// The single ranges that it owes.
    pub(super) fn owed(&self) -> impl Iterator<Item = &Range<u64>> {
        self.owed.iter()
    }

    /// Whether the first of them takes it long.
    pub(super) fn is_slow(&self) -> bool {
        self.pace >= Pace::Slow && !self.owed.is_empty()
    }

    /// Whether it takes so long that it is not waited for, though something comes now and then.
    pub(super) fn is_stuck(&self) -> bool {
        self.pace == Pace::Stuck && !self.owed.is_empty()
    }

    /// When it takes longer than is known by now.
    pub(super) fn slow_at(&self) -> Option<Duration> {
        let after = match self.pace {
            Pace::Good => SLOW_AFTER,
            Pace::Slow => REQUEST_TIMEOUT,
            Pace::Stuck => return None,
        };
        (!self.owed.is_empty()).then(|| self.began + after)
    }

    /// Time has passed.
    pub(super) fn handle_timeout(&mut self, now: Duration) {
        while let Some(at) = self.slow_at().filter(|at| *at <= now) {
            self.pace = if at == self.began + SLOW_AFTER { Pace::Slow } else { Pace::Stuck };
        }
    }

    /// Everything from a block on is being asked for.
    pub(super) fn request_onward(&mut self, start: u64, now: Duration) {
        self.progress = now;
        self.onward = Some(Onward { start, next: start });
    }

    /// Blocks come along with an answer.
    pub(super) fn expect(&mut self, blocks: Range<u64>, now: Duration) {
        if self.owed.is_empty() && self.along.ranges() == 0 {
            self.progress = now;
        }
        self.along.insert(blocks);
    }

    /// From which block on everything comes without being asked for.
    pub(super) fn pushed_from(&self) -> Option<u64> {
        self.onward.map(|onward| onward.next)
    }

    /// Takes back the question for everything, and returns where it began.
    pub(super) fn take_onward(&mut self) -> Option<u64> {
        self.onward.take().map(|onward| onward.start)
    }

    /// Whether no single range is owed.
    pub(super) fn is_idle(&self) -> bool {
        self.owed.is_empty() && self.along.ranges() == 0
    }

    /// Blocks came. Returns whether they were owed.
    pub(super) fn handle_blocks(&mut self, blocks: &Range<u64>, bytes: u64, now: Duration) -> bool {
        let bytes = bytes / (blocks.end - blocks.start).max(1);
        let mean = (7 * self.mean_bytes.unwrap_or(BLOCK_BYTES_GUESS) + bytes) / 8;
        // A guess that was too small is none.
        self.mean_bytes = Some(if self.mean_bytes.is_none() { mean.max(bytes) } else { mean });
        // What was pushed before a question was taken back may answer the next one, in other parts.
        if self.along.next(blocks.start).is_some_and(|along| along.start < blocks.end) {
            self.along.remove(blocks.clone());
        } else if let Some(first) = self.owed.front_mut().filter(|first| blocks.contains(&first.start)) {
            first.start = blocks.end;
            if first.is_empty() {
                self.owed.pop_front();
                self.handle_begun(now);
            }
        } else if let Some(onward) = self.onward.as_mut().filter(|onward| onward.next == blocks.start) {
            onward.next = blocks.end;
        } else {
            return false;
        }
        self.progress = now;
        true
    }

    /// Blocks will not come. Returns those that were owed. Whoever takes back a great many parts loses
    /// whole ranges, so that what lies between those parts is not kept without end.
    pub(super) fn give_up(&mut self, blocks: &Range<u64>, now: Duration) -> Vec<Range<u64>> {
        let mut given_up = Vec::new();
        while let Some(along) = self.along.next(blocks.start).filter(|along| along.start < blocks.end) {
            let common = along.start..along.end.min(blocks.end);
            self.along.remove(common.clone());
            given_up.push(common);
            self.progress = now;
        }
        let may_split = self.owed.len() < FETCHES_MAX;
        for range in std::mem::take(&mut self.owed) {
            let mut common = range.start.max(blocks.start)..range.end.min(blocks.end);
            if common.is_empty() {
                self.owed.push_back(range);
                continue;
            }
            if !may_split && range.start < common.start && common.end < range.end {
                common = range.clone();
            }
            let around = [range.start..common.start, common.end..range.end];
            self.owed.extend(around.into_iter().filter(|rest| !rest.is_empty()));
            given_up.push(common);
            self.progress = now;
        }
        if let Some(onward) = self.onward.as_mut().filter(|onward| blocks.contains(&onward.next)) {
            onward.next = blocks.end;
            self.progress = now;
        }
        given_up
    }

    /// Whether it was asked for everything from some block on.
    pub(super) const fn is_onward(&self) -> bool {
        self.onward.is_some()
    }

    /// Gives up everything. Returns the ranges that were owed.
    pub(super) fn clear(&mut self) -> Vec<Range<u64>> {
        self.onward = None;
        let along = std::mem::take(&mut self.along);
        let mut all: Vec<_> = std::mem::take(&mut self.owed).into();
        all.extend(along.iter());
        all
    }

    /// When the peer, which claims to have `length` blocks, is given up unless something comes.
    pub(super) fn deadline(&self, length: u64) -> Option<Duration> {
        let waiting = !self.owed.is_empty()
            || self.along.ranges() > 0
            || self.onward.is_some_and(|onward| onward.next < length);
        waiting.then(|| self.progress + REQUEST_TIMEOUT)
    }

    /// The peer has said that there is more: from now on we wait.
    pub(super) fn handle_claim(&mut self, length_before: u64, now: Duration) {
        if self.deadline(length_before).is_none() {
            self.progress = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(5);

    #[test]
    fn room_is_about_a_megabyte_at_a_time_and_four_in_all() {
        let mut fetches = Fetches::default();
        let mut start = 0;
        while fetches.room(true) > 0 {
            let end = start + fetches.room(true);
            fetches.request(start..end, NOW);
            start = end;
        }
        assert_eq!(start * BLOCK_BYTES_GUESS, FETCHED_BYTES_MAX);
        for block in 0..64 {
            assert!(fetches.handle_blocks(&(block..block + 1), 8 << 20, NOW));
        }
        assert_eq!(fetches.room(true), 0, "what is owed is larger than it seemed");
        fetches.clear();
        assert_eq!(fetches.room(true), 1);
    }

    #[test]
    fn one_of_several_is_asked_for_little_until_the_size_of_a_block_is_known() {
        let mut fetches = Fetches::default();
        assert_eq!(fetches.room(false), FETCH_BLOCKS_START);
        fetches.request(0..FETCH_BLOCKS_START, NOW);
        assert_eq!(fetches.room(false), 0);
        assert!(fetches.handle_blocks(&(0..2), 2 * 65_536, NOW));
        assert_eq!(fetches.room(false), FETCH_BYTES / 65_536);
    }

    #[test]
    fn answers_come_in_order_and_in_parts() {
        let mut fetches = Fetches::default();
        fetches.request(10..20, NOW);
        fetches.request(40..41, NOW);
        assert!(!fetches.handle_blocks(&(40..41), 1, NOW) && !fetches.handle_blocks(&(5..10), 1, NOW));
        assert!(fetches.handle_blocks(&(10..15), 5, NOW) && fetches.handle_blocks(&(15..20), 5, NOW));
        assert!(fetches.handle_blocks(&(40..41), 1, NOW) && fetches.is_idle());
        assert_eq!(fetches.deadline(100), None);
    }

    #[test]
    fn what_comes_along_comes_in_any_order_and_parts() {
        let mut fetches = Fetches::default();
        fetches.request(20..22, NOW);
        fetches.expect(19..23, NOW);
        fetches.expect(50..51, NOW);
        assert!(fetches.handle_blocks(&(50..51), 1, NOW) && fetches.handle_blocks(&(19..20), 1, NOW));
        assert!(fetches.handle_blocks(&(20..23), 1, NOW), "what was asked for as well is still owed");
        assert!(!fetches.is_idle() && fetches.handle_blocks(&(20..22), 1, NOW) && fetches.is_idle());
        fetches.expect(5..9, NOW);
        assert_eq!(fetches.deadline(0), Some(NOW + REQUEST_TIMEOUT));
        assert_eq!(fetches.give_up(&(0..7), NOW), [5..7]);
        assert_eq!((fetches.clear(), fetches.deadline(0)), (vec![7..9], None));
    }

    #[test]
    fn what_will_not_come_is_given_up() {
        let mut fetches = Fetches::default();
        fetches.request(10..20, NOW);
        fetches.request(30..40, NOW);
        assert_eq!(fetches.give_up(&(12..14), NOW), [12..14]);
        assert_eq!(fetches.give_up(&(18..35), NOW), [18..20, 30..35]);
        assert_eq!(fetches.clear(), [10..12, 14..18, 35..40]);
    }

    #[test]
    fn what_is_taken_back_in_very_many_parts_is_given_up_whole() {
        let mut fetches = Fetches::default();
        fetches.request(0..100_000, NOW);
        for block in (1..100_000).step_by(2) {
            fetches.give_up(&(block..block + 1), NOW);
        }
        assert_eq!(fetches.owed.len(), FETCHES_MAX - 1);
        assert_eq!(fetches.clear().last(), Some(&(2 * FETCHES_MAX as u64 - 4..2 * FETCHES_MAX as u64 - 3)));
    }

    #[test]
    fn time_runs_only_while_there_is_something_to_come() {
        let mut fetches = Fetches::default();
        fetches.request_onward(3, Duration::ZERO);
        assert_eq!((fetches.deadline(3), fetches.pushed_from()), (None, Some(3)));
        fetches.handle_claim(3, NOW);
        assert_eq!(fetches.deadline(8), Some(NOW + REQUEST_TIMEOUT));
        assert!(fetches.handle_blocks(&(3..5), 9, 2 * NOW));
        assert_eq!(fetches.deadline(8), Some(2 * NOW + REQUEST_TIMEOUT));
        assert_eq!(fetches.give_up(&(5..8), NOW), []);
        assert_eq!((fetches.deadline(8), fetches.take_onward()), (None, Some(3)));
    }
}
