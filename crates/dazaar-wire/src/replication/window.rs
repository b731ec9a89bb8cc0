//! What one peer owes us.
//!
//! Grade: machine. The window grows by a block per answer as long as answers come promptly, so it doubles each round trip; it
//! shrinks as soon as they have to queue. How many blocks that is follows from bandwidth and delay without measuring either.
//! Source: classic protocol, sections 4.8 and 5.3; JavaScript peers use a fixed window of 16, but answer any number.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::limits::{
    OVERTAKEN_MAX, QUEUE_DELAY_MAX, REQUEST_TIMEOUT, WINDOW_BYTES_MAX, WINDOW_MAX, WINDOW_MIN, WINDOW_START,
};

/// The requests to one peer that have no answer yet.
#[derive(Debug)]
pub(super) struct Window {
    blocks: BTreeMap<u64, Owed>,
    /// The same by the order in which they were asked for.
    order: BTreeMap<u64, u64>,
    /// The block whose proof alone was asked for.
    proof: Option<u64>,
    next_turn: u64,
    /// The latest turn that was answered. Answers come in the order of requests, or nearly so: what was asked for before is
    /// likely lost.
    answered: Option<u64>,
    size: usize,
    /// The last block that was to be asked for had no room.
    limiting: bool,
    fastest: Duration,
    /// Mean size of a block so far.
    mean_bytes: u64,
    /// When the peer last did what we are waiting for, or we began to wait.
    progress: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Owed {
    turn: u64,
    asked: Duration,
    /// It was asked for before, and did not come.
    again: bool,
}

/// A request that is not answered any more, as far as one can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) block: u64,
    /// It was the second request for the block.
    pub(super) again: bool,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            blocks: BTreeMap::new(),
            order: BTreeMap::new(),
            proof: None,
            next_turn: 0,
            answered: None,
            size: WINDOW_START,
            limiting: false,
            fastest: Duration::MAX,
            mean_bytes: 0,
            progress: Duration::ZERO,
        }
    }
}

impl Window {
    /// Whether another block may be asked for. To be told that there is no room is what makes the window grow.
    pub(super) fn has_room(&mut self) -> bool {
        let by_bytes = WINDOW_BYTES_MAX / self.mean_bytes.max(1);
        let by_bytes = usize::try_from(by_bytes).unwrap_or(usize::MAX).max(WINDOW_MIN);
        self.limiting = self.blocks.len() >= self.size.min(by_bytes);
        !self.limiting
    }

    /// A block is being asked for.
    pub(super) fn request(&mut self, block: u64, now: Duration) {
        self.begin(now);
        self.insert(block, now, false);
    }

    /// A block that did not come is being asked for a second time.
    pub(super) fn request_again(&mut self, block: u64, now: Duration) {
        self.begin(now);
        self.insert(block, now, true);
    }

    fn insert(&mut self, block: u64, now: Duration, again: bool) {
        self.blocks.insert(block, Owed { turn: self.next_turn, asked: now, again });
        self.order.insert(self.next_turn, block);
        self.next_turn += 1;
    }

    /// The proof of a block is being asked for.
    pub(super) fn request_proof(&mut self, block: u64, now: Duration) {
        self.begin(now);
        self.proof = Some(block);
    }

    /// A block came. Returns whether it was owed.
    pub(super) fn handle_block(&mut self, block: u64, bytes: usize, now: Duration) -> bool {
        let Some(owed) = self.blocks.remove(&block) else { return false };
        self.order.remove(&owed.turn);
        self.answered = self.answered.max(Some(owed.turn));
        self.progress = now;
        self.mean_bytes = (7 * self.mean_bytes + bytes as u64) / 8;
        self.adapt(now.saturating_sub(owed.asked));
        true
    }

    /// A proof came. Returns whether it was owed.
    pub(super) fn handle_proof(&mut self, block: u64, now: Duration) -> bool {
        let owed = self.proof == Some(block);
        if owed {
            self.proof = None;
            self.progress = now;
        }
        owed
    }

    /// Takes the request for a block out. Returns whether there was one.
    pub(super) fn take(&mut self, block: u64) -> bool {
        let owed = self.blocks.remove(&block);
        owed.is_some_and(|owed| self.order.remove(&owed.turn).is_some())
    }

    /// Takes the first request for a block of a range out.
    pub(super) fn take_within(&mut self, range: Range<u64>) -> Option<u64> {
        let (&block, _) = self.blocks.range(range).next()?;
        self.take(block).then_some(block)
    }

    /// The oldest request, if later ones were answered and it was overtaken by too many or is too old. A slow peer has it all
    /// the same: as long as it answers in order, nothing is lost.
    pub(super) fn lost(&self, now: Duration) -> Option<Lost> {
        let (block, owed) = self.oldest()?;
        let overtaken = self.next_turn - owed.turn > OVERTAKEN_MAX;
        let late = owed.asked + REQUEST_TIMEOUT <= now;
        (self.is_passed(owed) && (overtaken || late)).then_some(Lost { block, again: owed.again })
    }

    /// Waits anew: something will be asked for again.
    pub(super) const fn restart(&mut self, now: Duration) {
        self.progress = now;
    }

    /// The block whose proof is owed.
    pub(super) const fn proof(&self) -> Option<u64> {
        self.proof
    }

    /// Takes the request for a proof out. Returns whether there was one.
    pub(super) const fn take_proof(&mut self) -> bool {
        self.proof.take().is_some()
    }

    /// When the oldest request counts as lost unless its answer comes.
    pub(super) fn loss(&self) -> Option<Duration> {
        let (_, owed) = self.oldest()?;
        self.is_passed(owed).then(|| owed.asked + REQUEST_TIMEOUT)
    }

    /// When the peer is given up unless something comes.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let waiting = !self.blocks.is_empty() || self.proof.is_some();
        waiting.then(|| self.progress + REQUEST_TIMEOUT)
    }

    fn oldest(&self) -> Option<(u64, Owed)> {
        let (_, &block) = self.order.first_key_value()?;
        Some((block, *self.blocks.get(&block)?))
    }

    /// Whether a later request was answered.
    fn is_passed(&self, owed: Owed) -> bool {
        self.answered > Some(owed.turn)
    }

    fn begin(&mut self, now: Duration) {
        if self.deadline().is_none() {
            self.progress = now;
        }
    }

    fn adapt(&mut self, took: Duration) {
        self.fastest = self.fastest.min(took);
        if took > self.fastest + QUEUE_DELAY_MAX {
            self.size = (self.size - 1).max(WINDOW_START);
        } else if self.limiting {
            self.size = (self.size + 1).min(WINDOW_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Fills the window, then has everything answered; returns how many blocks that were.
    fn round(window: &mut Window, first: u64, bytes: usize, start: Duration, took: Duration) -> u64 {
        let mut block = first;
        while window.has_room() {
            window.request(block, start);
            block += 1;
        }
        (first..block).for_each(|block| assert!(window.handle_block(block, bytes, start + took)));
        block - first
    }

    #[test]
    fn starts_at_sixty_four_and_doubles_each_round_trip() {
        let mut window = Window::default();
        let rounds: Vec<_> =
            (0..7).map(|at| round(&mut window, at << 20, 100, ms(20 * at), ms(10))).collect();
        assert_eq!(rounds, [64, 128, 256, 512, 1024, 2048, 2048]);
    }

    #[test]
    fn does_not_grow_unless_it_limits() {
        let mut window = Window::default();
        for block in 0..1000 {
            assert!(window.has_room());
            window.request(block, ms(block));
            assert!(window.handle_block(block, 100, ms(block)));
        }
        assert_eq!(window.size, WINDOW_START);
    }

    #[test]
    fn shrinks_when_answers_queue() {
        let mut window = Window { size: 500, fastest: ms(10), ..Window::default() };
        round(&mut window, 0, 100, ms(0), ms(1000));
        assert_eq!(window.size, WINDOW_START);
    }

    #[test]
    fn large_blocks_make_it_small() {
        let mut window = Window::default();
        round(&mut window, 0, 8 << 20, ms(0), ms(10));
        assert_eq!(round(&mut window, 1000, 8 << 20, ms(20), ms(10)), WINDOW_MIN as u64);
    }

    #[test]
    fn time_runs_only_while_something_is_owed() {
        let mut window = Window::default();
        assert_eq!(window.deadline(), None);
        window.request(1, ms(100));
        window.request(2, ms(900));
        assert_eq!(window.deadline(), Some(ms(100) + REQUEST_TIMEOUT));
        assert!(window.handle_block(1, 1, ms(1000)));
        assert_eq!(window.deadline(), Some(ms(1000) + REQUEST_TIMEOUT));
        assert!(window.take(2) && !window.take(2));
        assert_eq!(window.deadline(), None);
        window.request_proof(7, ms(2000));
        assert_eq!(window.deadline(), Some(ms(2000) + REQUEST_TIMEOUT));
        assert!(!window.handle_proof(8, ms(2000)) && window.handle_proof(7, ms(2000)));
        assert_eq!(window.deadline(), None);
    }

    #[test]
    fn an_overtaken_block_is_lost() {
        let mut window = Window::default();
        window.request(7, ms(0));
        for block in 0..OVERTAKEN_MAX - 1 {
            window.request(100 + block, ms(1));
            assert!(window.handle_block(100 + block, 1, ms(2)));
            assert_eq!(window.lost(ms(2)), None);
        }
        window.request(8, ms(3));
        window.request(9, ms(3));
        assert_eq!(window.lost(ms(3)), Some(Lost { block: 7, again: false }));
        assert!(window.take(7));
        assert_eq!(window.lost(ms(3)), None);
        assert_eq!(window.take_within(0..100), Some(8));
    }

    #[test]
    fn a_block_is_lost_after_a_while_if_later_ones_came() {
        let mut window = Window::default();
        (0..3).for_each(|block| window.request(block, ms(block)));
        let late = ms(1) + REQUEST_TIMEOUT;
        assert!(window.handle_block(0, 1, late));
        assert_eq!((window.loss(), window.lost(late)), (None, None), "it is slow");
        assert!(window.handle_block(2, 1, late));
        assert_eq!(window.loss(), Some(late));
        assert_eq!(window.lost(late - ms(1)), None);
        assert_eq!(window.lost(late), Some(Lost { block: 1, again: false }));
        assert!(window.take(1));
        window.request_again(1, late);
        assert_eq!((window.loss(), window.deadline()), (None, Some(late + REQUEST_TIMEOUT)));
        window.request(5, late);
        assert!(window.handle_block(5, 1, late));
        assert_eq!(window.lost(late + REQUEST_TIMEOUT), Some(Lost { block: 1, again: true }));
    }
}
