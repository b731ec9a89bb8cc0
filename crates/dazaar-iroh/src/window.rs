//! How many bytes may be under way to us: what a fast line of that length takes, and no more.
//!
//! Grade: machine. More than a line carries overflows the buffers of sockets on a short one, and less leaves a long one idle.

use std::time::Duration;

/// What may be under way on a short line.
pub(crate) const NARROW: u32 = 512 * 1024;

/// What may be under way on the longest.
pub(crate) const WIDE: u32 = 8 * 1024 * 1024;

/// The speed that a line of any length up to 100 ms is to reach: 80 MB/s.
const BYTES_PER_MS: u128 = 80_000;

/// How long the shortest round trip counts: one that was measured while much was under way is too long.
const MEMORY: Duration = Duration::from_secs(5);

/// The window of a connection.
#[derive(Debug)]
pub(crate) struct Window {
    bytes: u32,
    /// When the present span of time began, the shortest round trip in it, and in the one before.
    began: Duration,
    shortest: Duration,
    before: Duration,
}

impl Window {
    /// The window of a new connection.
    pub(crate) const fn new() -> Self {
        Self { bytes: NARROW, began: Duration::ZERO, shortest: Duration::MAX, before: Duration::MAX }
    }

    /// A round trip takes so long now; the new window, if it is worth a change. `now` is the time since the connection began.
    pub(crate) fn handle_round_trip(&mut self, now: Duration, time: Duration) -> Option<u32> {
        if now >= self.began + MEMORY {
            (self.began, self.before, self.shortest) = (now, self.shortest, Duration::MAX);
        }
        self.shortest = self.shortest.min(time);
        let carried = self.shortest.min(self.before).as_millis() * BYTES_PER_MS;
        let wanted = u32::try_from(carried).unwrap_or(WIDE).clamp(NARROW, WIDE);
        // Each change costs a message.
        let is_worth_it =
            wanted.abs_diff(self.bytes) > self.bytes / 4 || (wanted == NARROW && wanted != self.bytes);
        if !is_worth_it {
            return None;
        }
        self.bytes = wanted;
        Some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn a_window_is_as_wide_as_its_line_is_long() {
        for (time, bytes) in
            [(0, None), (6, None), (20, Some(1_600_000)), (100, Some(8_000_000)), (900, Some(WIDE))]
        {
            assert_eq!(Window::new().handle_round_trip(ms(0), ms(time)), bytes, "{time} ms");
        }
    }

    #[test]
    fn what_waits_in_buffers_makes_no_line_longer() {
        let mut window = Window::new();
        assert_eq!(window.handle_round_trip(ms(0), ms(40)), Some(3_200_000));
        for now in 1..9 {
            assert_eq!(window.handle_round_trip(ms(1000 * now), ms(40 + 40 * now)), None);
        }
        // A line that has become longer is, sooner or later.
        let mut wider = (9..=20).filter_map(|now| window.handle_round_trip(ms(1000 * now), ms(80)));
        assert_eq!(wider.next(), Some(6_400_000));
        // A shorter one is at once.
        drop(wider);
        assert_eq!(window.handle_round_trip(ms(21_000), ms(1)), Some(NARROW));
    }
}
