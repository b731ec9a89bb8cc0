//! One direction of a connection: bytes take time, arrive in order and in pieces, and wait in buffers that end.
//!
//! Grade: plain.

use std::collections::VecDeque;
use std::time::Duration;

use crate::dice::Dice;

/// What a line is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quality {
    /// How long the first byte takes, at least.
    pub(crate) latency: Duration,
    /// By how much longer a piece may take.
    pub(crate) jitter: Duration,
    pub(crate) bytes_per_ms: u64,
    /// Bytes on their way and not yet read.
    pub(crate) buffer: usize,
    /// The longest piece.
    pub(crate) piece: usize,
}

/// What becomes of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives.
    Arrives,
    /// From now on nothing arrives, and nobody is told: a line that is dead and not closed.
    Vanishes,
    /// The next piece does not arrive, the others do, which no network may do.
    LosesOne,
}

/// Bytes that were written and not yet read.
#[derive(Debug)]
pub(crate) struct Pipe {
    quality: Quality,
    pub(crate) fate: Fate,
    flying: VecDeque<(Duration, Vec<u8>)>,
    arrived: VecDeque<u8>,
    /// Bytes in `flying` and `arrived`.
    bytes: usize,
    /// When the line has taken all that was written.
    free: Duration,
    /// When the last piece arrives: none overtakes another.
    last: Duration,
}

impl Pipe {
    pub(crate) const fn new(quality: Quality) -> Self {
        Self {
            quality,
            fate: Fate::Arrives,
            flying: VecDeque::new(),
            arrived: VecDeque::new(),
            bytes: 0,
            free: Duration::ZERO,
            last: Duration::ZERO,
        }
    }

    /// Takes a piece from the front of `bytes`, if there is room. Returns how many bytes.
    pub(crate) fn write(&mut self, bytes: &[u8], now: Duration, dice: &mut Dice) -> usize {
        let most = bytes.len().min(self.quality.buffer - self.bytes).min(self.quality.piece);
        if most == 0 {
            return 0;
        }
        // Mostly as much as possible: sockets do so, and it is quicker.
        let count = if dice.chance(70) { most } else { 1 + dice.place(most) };
        if self.fate == Fate::Vanishes {
            return count;
        }
        if self.fate == Fate::LosesOne {
            self.fate = Fate::Arrives;
            return count;
        }
        self.free =
            self.free.max(now) + Duration::from_micros(count as u64 * 1000 / self.quality.bytes_per_ms);
        let jitter = Duration::from_micros(dice.within(0..self.quality.jitter.as_micros() as u64 + 1));
        self.last = self.last.max(self.free + self.quality.latency + jitter);
        self.flying.push_back((self.last, bytes[..count].to_vec()));
        self.bytes += count;
        count
    }

    /// Takes up to `limit` of the bytes that have arrived.
    pub(crate) fn read(&mut self, limit: usize, now: Duration) -> Vec<u8> {
        while let Some((_, piece)) = self.flying.pop_front_if(|(at, _)| *at <= now) {
            self.arrived.extend(piece);
        }
        let count = limit.min(self.arrived.len());
        self.bytes -= count;
        self.arrived.drain(..count).collect()
    }

    /// When there is something to read.
    pub(crate) fn readable(&self) -> Option<Duration> {
        if self.arrived.is_empty() { self.flying.front().map(|(at, _)| *at) } else { Some(Duration::ZERO) }
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.bytes >= self.quality.buffer
    }

    /// When an end of the stream that is written now is noticed: after all the bytes.
    pub(crate) fn end(&self, now: Duration) -> Duration {
        self.last.max(now + self.quality.latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUALITY: Quality = Quality {
        latency: Duration::from_millis(10),
        jitter: Duration::from_millis(3),
        bytes_per_ms: 10,
        buffer: 100,
        piece: 30,
    };

    #[test]
    fn bytes_arrive_late_in_order_and_not_more_than_fit() {
        let (mut pipe, mut dice, now) = (Pipe::new(QUALITY), Dice::new(1), Duration::from_secs(1));
        let sent: Vec<u8> = (0..200).collect();
        let mut taken = 0;
        while !pipe.is_full() {
            taken += pipe.write(&sent[taken..], now, &mut dice);
        }
        assert_eq!((taken, pipe.write(&sent[taken..], now, &mut dice)), (100, 0));
        assert_eq!(pipe.read(1000, now + QUALITY.latency), []);
        let end = pipe.end(now);
        assert!(end >= now + QUALITY.latency + Duration::from_millis(10), "100 bytes take 10 ms");
        assert_eq!([pipe.read(7, end), pipe.read(1000, end)].concat(), sent[..100]);
        assert!(!pipe.is_full() && pipe.readable().is_none());
    }

    #[test]
    fn a_dead_line_takes_bytes_for_ever() {
        let (mut pipe, mut dice) = (Pipe::new(QUALITY), Dice::new(1));
        pipe.fate = Fate::Vanishes;
        assert!((0..100).all(|_| pipe.write(&[1; 30], Duration::ZERO, &mut dice) > 0));
        assert_eq!(pipe.readable(), None);
    }
}
