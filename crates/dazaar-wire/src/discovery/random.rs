//! Random numbers from a seed: BLAKE2b over a counter.
//!
//! Grade: machine. The seed is random and used once, so nobody can foresee tokens, numbers of requests or times.

use std::time::Duration;

use dazaar_log::key::keyed_hash;

/// A source of random numbers that needs no dice of its own.
pub(super) struct Random {
    seed: [u8; 32],
    drawn: u64,
}

impl Random {
    pub(super) const fn new(seed: [u8; 32]) -> Self {
        Self { seed, drawn: 0 }
    }

    /// Thirty-two bytes.
    pub(super) fn bytes(&mut self) -> [u8; 32] {
        self.drawn += 1;
        keyed_hash(&self.seed, &[&self.drawn.to_le_bytes()])
    }

    /// Any number.
    pub(super) fn number(&mut self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// A number below `end`, which is not 0. The bias is too small to matter for what these numbers are for.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.number() % end as u64) as usize
    }

    /// A time of a range.
    pub(super) fn time(&mut self, (start, end): (Duration, Duration)) -> Duration {
        let span = end.saturating_sub(start).as_micros().max(1) as u64;
        start + Duration::from_micros(self.number() % span)
    }

    /// Puts the first `count` places of a list in random order, taken from all of it.
    pub(super) fn draw<T>(&mut self, list: &mut [T], count: usize) {
        for place in 0..count.min(list.len()) {
            let other = place + self.below(list.len() - place);
            list.swap(place, other);
        }
    }
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Random").finish_non_exhaustive()
    }
}
