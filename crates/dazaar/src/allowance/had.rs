//! The rows that a buyer had, as far as somebody wants to know: looked up in the records a part at a time, since they may be very many.

use std::fmt;
use std::ops::Range;

use rangemap::RangeSet;

/// Rows that are looked up together: a segment of a table has no more.
const PART_ROWS: u64 = 8192;

/// Runs of rows that are kept. Each takes some 40 bytes; beyond that all are looked up anew.
const RUNS_MAX: usize = 64 * 1024;

/// Tells which rows of a range were charged; none if the records cannot be read.
pub(crate) type LookUp = Box<dyn Fn(Range<u64>) -> Option<Vec<Range<u64>>> + Send>;

/// Rows that were charged, or will be.
pub(super) struct Had {
    look_up: LookUp,
    rows: RangeSet<u64>,
    /// Where they are known.
    known: RangeSet<u64>,
}

impl Had {
    pub(super) fn new(look_up: LookUp) -> Self {
        Self { look_up, rows: RangeSet::new(), known: RangeSet::new() }
    }

    /// Those of a range that the buyer never had, in order.
    pub(super) fn missing(&mut self, rows: &Range<u64>) -> Vec<Range<u64>> {
        if rows.is_empty() {
            return Vec::new();
        }
        self.learn(rows);
        self.rows.gaps(rows).collect()
    }

    /// These were sent.
    pub(super) fn insert(&mut self, rows: Range<u64>) {
        self.rows.insert(rows);
    }

    fn learn(&mut self, rows: &Range<u64>) {
        if self.known.gaps(rows).next().is_none() {
            return;
        }
        // The records have those that were sent a moment ago, or will have them: there each counts once, whatever is said here.
        if self.rows.len() >= RUNS_MAX {
            (self.rows, self.known) = (RangeSet::new(), RangeSet::new());
        }
        let end = rows.end.checked_next_multiple_of(PART_ROWS).unwrap_or(u64::MAX);
        let part = rows.start / PART_ROWS * PART_ROWS..end;
        let unknown: Vec<_> = self.known.gaps(&part).collect();
        for gap in unknown {
            // Where they cannot be read now, they are the next time.
            let Some(charged) = (self.look_up)(gap.clone()) else { continue };
            self.rows.extend(charged.into_iter().filter(|rows| !rows.is_empty()));
            self.known.insert(gap);
        }
    }
}

impl fmt::Debug for Had {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Had").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Every other row was charged; and what was asked.
    fn alternating() -> (Had, Arc<Mutex<Vec<Range<u64>>>>) {
        let asked: Arc<Mutex<Vec<Range<u64>>>> = Arc::default();
        let asked_too = Arc::clone(&asked);
        let had = Had::new(Box::new(move |rows| {
            asked_too.lock().unwrap().push(rows.clone());
            Some(rows.filter(|row| row % 2 == 0).map(|row| row..row + 1).collect())
        }));
        (had, asked)
    }

    #[test]
    fn what_was_charged_is_looked_up_where_somebody_wants_to_know() {
        let (mut had, asked) = alternating();
        assert_eq!(had.missing(&(10..14)), [11..12, 13..14]);
        had.insert(11..12);
        assert_eq!(had.missing(&(10..14)), [13..14]);
        assert_eq!(had.missing(&(8190..8194)), [8191..8192, 8193..8194]);
        assert_eq!(had.missing(&(5..5)), []);
        assert_eq!(*asked.lock().unwrap(), [0..8192, 8192..16_384]);
    }

    #[test]
    fn what_cannot_be_looked_up_is_looked_up_again() {
        let is_readable = Arc::new(AtomicBool::new(false));
        let is_readable_too = Arc::clone(&is_readable);
        let mut had =
            Had::new(Box::new(move |_| is_readable_too.load(Ordering::Relaxed).then(|| vec![10..12])));
        assert_eq!(had.missing(&(10..14)), [10..14]);
        is_readable.store(true, Ordering::Relaxed);
        assert_eq!(had.missing(&(10..14)), [12..14]);
        is_readable.store(false, Ordering::Relaxed);
        assert_eq!(had.missing(&(10..14)), [12..14], "it is known by now");
    }

    #[test]
    fn however_many_were_charged_only_so_many_runs_are_kept() {
        let (mut had, asked) = alternating();
        for part in 0..250_u64 {
            let rows = part * PART_ROWS..(part + 1) * PART_ROWS;
            assert_eq!(had.missing(&rows).len() as u64, PART_ROWS / 2);
            assert!(had.rows.len() < RUNS_MAX + PART_ROWS as usize);
        }
        assert_eq!(asked.lock().unwrap().len(), 250, "in order each part is looked up once");
    }
}
