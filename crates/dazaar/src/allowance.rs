//! What a buyer may be sent, and was: one for all of their connections.

mod had;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use dazaar_market::price::TimeRange;
use dazaar_wire::replication::Scale;
use rangemap::RangeSet;

use self::had::Had;
pub(crate) use self::had::LookUp;
use crate::contents::{BlockRows, Contents, RowBlocks};

/// How much may be sent of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Whether the limit is one of rows, and not of bytes.
    pub(crate) of_rows: bool,
    /// How many bytes or rows; none if there is no limit.
    pub(crate) left: Option<u64>,
    /// Whether somebody pays for rows, limited or not.
    pub(crate) counts_rows: bool,
    /// Ranges of time that are paid: what is in them counts for nothing.
    pub(crate) ranges: Vec<TimeRange>,
    /// Nothing outside of them is to be sent.
    pub(crate) only_ranges: bool,
}

/// What was sent and nobody charged yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Bytes of blocks, without those in ranges that are paid.
    pub(crate) bytes: u64,
    /// Rows, where rows are counted: those that had not been sent before.
    pub(crate) rows: Vec<Range<u64>>,
    /// Ranges of which something was sent.
    pub(crate) ranges: Vec<TimeRange>,
}

/// What may be sent, and was.
#[derive(Debug, Default)]
pub(crate) struct Allowance(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    limits: Limits,
    bytes: u64,
    rows: RangeSet<u64>,
    ranges: Vec<TimeRange>,
    /// Rows that were charged, or will be; none as long as nobody has said where to look them up.
    had: Option<Had>,
    /// Blocks that have nothing of the ranges, as far as is known, and the ranges that were looked for.
    outside: RangeSet<u64>,
    looked_for: Vec<TimeRange>,
}

/// What sending one block counts for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Weighed {
    weight: u64,
    bytes: u64,
    rows: Option<Range<u64>>,
    range: Option<TimeRange>,
}

impl Allowance {
    /// What may be sent, as it is counted; none if there is no limit.
    pub(crate) fn left(&self) -> Option<u64> {
        self.state().limits.left
    }

    /// Whether nobody has said yet where to look up which rows were charged before.
    pub(crate) fn lacks_rows(&self) -> bool {
        self.state().had.is_none()
    }

    /// Which rows were charged before is looked up here.
    pub(crate) fn set_rows(&self, look_up: LookUp) {
        self.state().had.get_or_insert_with(|| Had::new(look_up));
    }

    /// The ranges that are paid and that nobody has looked for yet; whoever asks looks.
    pub(crate) fn look_for(&self) -> Option<Vec<TimeRange>> {
        let mut state = self.state();
        if !state.limits.only_ranges || state.looked_for == state.limits.ranges {
            return None;
        }
        state.outside = RangeSet::new();
        state.looked_for = state.limits.ranges.clone();
        Some(state.looked_for.clone())
    }

    /// These blocks have nothing of these ranges, if they are still those that are looked for.
    pub(crate) fn set_outside(&self, ranges: &[TimeRange], outside: RangeSet<u64>) {
        let mut state = self.state();
        if state.looked_for == ranges {
            state.outside = outside;
        }
    }

    /// What was sent since it was last asked: it is charged now.
    pub(crate) fn take_sent(&self) -> Sent {
        let mut state = self.state();
        let rows = std::mem::take(&mut state.rows);
        Sent {
            bytes: std::mem::take(&mut state.bytes),
            rows: rows.into_iter().collect(),
            ranges: std::mem::take(&mut state.ranges),
        }
    }

    /// So much is left by the records, or there is no limit. What was sent and is not in them yet is off that.
    pub(crate) fn set(&self, mut limits: Limits) {
        let mut state = self.state();
        let uncharged = if limits.of_rows { count(&state.rows) } else { state.bytes };
        limits.left = limits.left.map(|left| left.saturating_sub(uncharged));
        state.limits = limits;
    }

    /// Nothing may be sent, of ranges that are paid neither.
    pub(crate) fn close(&self) {
        self.state().limits = Limits { left: Some(0), ..Limits::default() };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether bytes count, all of them.
    const fn counts_bytes(&self) -> bool {
        !self.limits.of_rows
            && !self.limits.counts_rows
            && !self.limits.only_ranges
            && self.limits.ranges.is_empty()
    }

    /// The first run of blocks, of those in `blocks`, that are known to have nothing that is paid.
    fn known_outside(&self, blocks: Range<u64>) -> Option<Range<u64>> {
        let is_theirs = self.limits.only_ranges && self.looked_for == self.limits.ranges;
        self.outside.overlapping(blocks).next().filter(|_| is_theirs).cloned()
    }

    /// What a block counts for; none if it is withheld.
    fn weigh(&mut self, found: Option<BlockRows>, bytes: u64) -> Option<Weighed> {
        let Limits { of_rows, counts_rows, ranges, only_ranges, .. } = &self.limits;
        let in_range =
            |(earliest, latest)| ranges.iter().find(|range| range.meets(earliest, latest)).copied();
        let range = found.as_ref().and_then(|found| found.times).and_then(in_range);
        let rows = found.filter(|_| range.is_none()).map(|found| found.rows);
        // Who paid for a range needs the header and the indexes.
        let is_free = range.is_some() || (rows.is_none() && !ranges.is_empty());
        let weight = match &rows {
            Some(_) if *only_ranges => return None,
            _ if is_free => 0,
            Some(rows) if *of_rows => {
                self.had.as_mut().map_or(rows.end - rows.start, |had| length(&had.missing(rows)))
            }
            None if *of_rows => 0,
            _ => bytes,
        };
        let bytes = if is_free { 0 } else { bytes };
        Some(Weighed { weight, bytes, rows: rows.filter(|_| *of_rows || *counts_rows), range })
    }

    /// A block was sent.
    fn use_up(&mut self, sent: Weighed) {
        let mut weight = sent.weight;
        let of_rows = self.limits.of_rows;
        self.bytes += sent.bytes;
        if let Some(rows) = sent.rows.filter(|rows| !rows.is_empty()) {
            let new = self.had.as_mut().map_or_else(|| vec![rows.clone()], |had| had.missing(&rows));
            // Of two blocks of one answer with the same rows the second counts for nothing.
            weight = if of_rows { length(&new) } else { weight };
            self.rows.extend(new);
            if let Some(had) = &mut self.had {
                had.insert(rows);
            }
        }
        if let Some(range) = sent.range.filter(|range| !self.ranges.contains(range)) {
            self.ranges.push(range);
        }
        self.limits.left = self.limits.left.map(|left| left.saturating_sub(weight));
    }
}

/// How many rows that is.
fn length(runs: &[Range<u64>]) -> u64 {
    runs.iter().map(|rows| rows.end - rows.start).sum()
}

fn count(set: &RangeSet<u64>) -> u64 {
    set.iter().map(|rows| rows.end - rows.start).sum()
}

/// Weighs and counts the blocks of one view of a feed.
#[derive(Debug)]
pub(crate) struct Counter {
    allowance: Arc<Allowance>,
    /// Nothing, as long as nobody knows what the feed holds.
    contents: OnceLock<Option<Arc<dyn Contents>>>,
    /// The ranges outside of which something was withheld that is not announced again yet.
    withheld: Mutex<Option<Vec<TimeRange>>>,
    /// What was weighed for the answer that is being made.
    weighed: Mutex<BTreeMap<u64, Weighed>>,
}

impl Counter {
    pub(crate) fn new(allowance: Arc<Allowance>) -> Arc<Self> {
        let (contents, withheld, weighed) = (OnceLock::new(), Mutex::default(), Mutex::default());
        Arc::new(Self { allowance, contents, withheld, weighed })
    }

    /// This is what the feed holds; of one without rows each block is one.
    pub(crate) fn set_contents(&self, contents: Option<Arc<dyn Contents>>) {
        let _ = self.contents.set(contents);
    }

    /// Whether something was withheld that need not be now; once.
    pub(crate) fn take_withheld(&self) -> bool {
        let mut withheld = self.withheld();
        let limits = &self.allowance.state().limits;
        let is_open = |ranges: &mut Vec<TimeRange>| !limits.only_ranges || *ranges != limits.ranges;
        withheld.take_if(is_open).is_some()
    }

    fn withheld(&self) -> MutexGuard<'_, Option<Vec<TimeRange>>> {
        self.withheld.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn withhold(&self, ranges: &[TimeRange]) {
        self.withheld().get_or_insert_with(|| ranges.to_vec());
    }

    /// What may be sent; none if there is no limit.
    pub(crate) fn left(&self) -> Option<u64> {
        self.allowance.left()
    }

    /// Itself, unless a block weighs its bytes.
    pub(crate) fn scale(self: &Arc<Self>) -> Option<Arc<dyn Scale>> {
        (!self.allowance.state().counts_bytes()).then(|| Arc::clone(self) as Arc<dyn Scale>)
    }

    /// Blocks with so many bytes were sent. Returns whether that counts for anything but ranges that are paid.
    pub(crate) fn count(&self, blocks: Range<u64>, bytes: u64) -> bool {
        let mut weighed = std::mem::take(&mut *self.weighed());
        let mut sent: Vec<_> = blocks.filter_map(|block| weighed.remove(&block)).collect();
        if sent.is_empty() {
            sent.push(Weighed { weight: bytes, bytes, rows: None, range: None });
        }
        let counts = sent.iter().any(|sent| sent.bytes > 0);
        let mut state = self.allowance.state();
        sent.into_iter().for_each(|sent| state.use_up(sent));
        counts
    }

    fn weighed(&self) -> MutexGuard<'_, BTreeMap<u64, Weighed>> {
        self.weighed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scale for Counter {
    fn weigh(&self, block: u64, bytes: &[u8]) -> Option<u64> {
        let length = bytes.len() as u64;
        let weighed = match self.contents.get() {
            // It closes the limit, until somebody knows.
            None => Some(Weighed { weight: u64::MAX, bytes: length, rows: None, range: None }),
            Some(contents) => {
                let found = match contents {
                    Some(contents) => contents.rows(block, bytes),
                    None => RowBlocks.rows(block, bytes),
                };
                self.allowance.state().weigh(found, length)
            }
        };
        let Some(weighed) = weighed else {
            let ranges = self.allowance.state().limits.ranges.clone();
            self.withhold(&ranges);
            return None;
        };
        let weight = weighed.weight;
        self.weighed().insert(block, weighed);
        Some(weight)
    }

    fn withheld_until(&self, block: u64) -> u64 {
        let (until, ranges) = {
            let state = self.allowance.state();
            match state.known_outside(block..block.saturating_add(1)) {
                Some(run) => (run.end, state.limits.ranges.clone()),
                None => return block,
            }
        };
        self.withhold(&ranges);
        until
    }

    fn open_until(&self, block: u64) -> u64 {
        let state = self.allowance.state();
        state.known_outside(block..u64::MAX).map_or(u64::MAX, |run| run.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block for each hour from 0 on, with ten rows; each fifth is an index.
    #[derive(Debug)]
    struct Hours;

    impl Contents for Hours {
        fn rows(&self, block: u64, _: &[u8]) -> Option<BlockRows> {
            let hour = i64::try_from(block).unwrap() * 3_600_000_000_000;
            let times = Some((hour, hour + 3_599_999_999_999));
            (!block.is_multiple_of(5)).then_some(BlockRows { rows: block * 10..block * 10 + 10, times })
        }

        fn has_times(&self) -> bool {
            true
        }
    }

    /// Sends one block after the other, as replication would: until the limit is crossed. Returns what was withheld.
    fn send(counter: &Arc<Counter>, blocks: Range<u64>) -> Vec<u64> {
        let mut withheld = Vec::new();
        for block in blocks {
            if counter.left() == Some(0) {
                break;
            }
            let weight = counter.scale().map_or(Some(100), |scale| scale.weigh(block, &[0; 100]));
            match weight {
                Some(_) => drop(counter.count(block..block + 1, 100)),
                None => withheld.push(block),
            }
        }
        withheld
    }

    /// Records that know of these rows.
    fn charged(all: Vec<Range<u64>>) -> LookUp {
        Box::new(move |within| {
            let common = all.iter().map(|rows| rows.start.max(within.start)..rows.end.min(within.end));
            Some(common.filter(|rows| !rows.is_empty()).collect())
        })
    }

    fn counter() -> Arc<Counter> {
        let counter = Counter::new(Arc::default());
        counter.set_contents(Some(Arc::new(Hours)));
        counter
    }

    fn bytes(left: u64) -> Limits {
        Limits { left: Some(left), ..Limits::default() }
    }

    #[test]
    fn what_was_sent_is_off_what_is_left() {
        let counter = counter();
        let allowance = &counter.allowance;
        send(&counter, 0..1);
        assert_eq!(allowance.left(), None);
        allowance.set(bytes(250));
        assert_eq!(allowance.left(), Some(150));
        send(&counter, 0..9);
        assert_eq!((allowance.left(), allowance.take_sent().bytes), (Some(0), 300));
        assert_eq!(allowance.take_sent(), Sent::default());
        allowance.set(bytes(3));
        assert_eq!(allowance.left(), Some(3));
        allowance.set(Limits::default());
        assert_eq!(allowance.left(), None);
        allowance.close();
        assert_eq!(allowance.left(), Some(0));
    }

    #[test]
    fn a_row_counts_once_and_an_index_for_nothing() {
        let counter = counter();
        let allowance = &counter.allowance;
        allowance.set_rows(charged([15..20].to_vec()));
        allowance.set(Limits { of_rows: true, left: Some(24), ..Limits::default() });
        assert!(send(&counter, 0..9).is_empty());
        let sent = allowance.take_sent();
        assert_eq!(
            (sent.rows, allowance.left()),
            (vec![10..15, 20..40], Some(0)),
            "the block that crosses the line is whole"
        );
        allowance.set(Limits { of_rows: true, left: Some(1), ..Limits::default() });
        assert!(send(&counter, 0..4).is_empty());
        assert_eq!((allowance.take_sent().rows, allowance.left()), (vec![], Some(1)), "they are paid");
    }

    #[test]
    fn what_is_in_a_paid_range_costs_nothing_else() {
        let counter = counter();
        let allowance = &counter.allowance;
        let range: TimeRange = "1970-01-01T02:30:00Z to 1970-01-01T04:00:00Z".parse().unwrap();
        let limits = Limits { ranges: vec![range], only_ranges: true, ..Limits::default() };
        allowance.set(limits.clone());
        assert_eq!(send(&counter, 0..7), [1, 4, 6]);
        assert_eq!(allowance.take_sent(), Sent { ranges: vec![range], ..Sent::default() });
        assert_eq!(allowance.look_for(), Some(vec![range]));
        assert_eq!(allowance.look_for(), None, "one looks");
        allowance.set_outside(&[], RangeSet::from([0..7]));
        assert_eq!(counter.withheld_until(1), 1, "of other ranges that says nothing");
        allowance.set_outside(&[range], RangeSet::from([1..2, 4..5]));
        assert_eq!([0, 1, 2, 4].map(|block| counter.withheld_until(block)), [0, 2, 2, 5]);
        assert_eq!([0, 2, 5].map(|block| counter.open_until(block)), [1, 4, u64::MAX]);
        assert!(!counter.take_withheld(), "nothing has changed");
        // With other credit the rest comes too, and is paid for.
        allowance.set(Limits { left: Some(1000), only_ranges: false, ..limits });
        assert!(counter.take_withheld() && !counter.take_withheld(), "it is announced again, once");
        assert_eq!(counter.withheld_until(1), 1);
        assert!(send(&counter, 0..7).is_empty());
        let sent = allowance.take_sent();
        assert_eq!(
            (sent.bytes, sent.ranges, allowance.left()),
            (300, vec![range], Some(700)),
            "and no index"
        );
        // While something is given back, nothing of the range goes either.
        allowance.close();
        assert_eq!((allowance.left(), counter.scale().is_none()), (Some(0), true));
    }

    #[test]
    fn rows_are_noted_for_who_pays_for_them_without_a_limit() {
        let counter = counter();
        counter.allowance.set_rows(charged(Vec::new()));
        counter.allowance.set(Limits { counts_rows: true, ..Limits::default() });
        assert!(send(&counter, 0..4).is_empty());
        let sent = counter.allowance.take_sent();
        assert_eq!((sent.rows, sent.bytes, counter.left()), (vec![10..40], 400, None));
    }

    #[test]
    fn as_long_as_nobody_knows_what_a_feed_holds_one_block_goes_at_a_time() {
        let counter = Counter::new(Arc::default());
        counter.allowance.set_rows(charged(Vec::new()));
        let limits = Limits { of_rows: true, left: Some(100), ..Limits::default() };
        counter.allowance.set(limits.clone());
        assert!(send(&counter, 0..4).is_empty());
        assert_eq!((counter.left(), counter.allowance.take_sent().rows), (Some(0), vec![]));
        counter.set_contents(None);
        counter.allowance.set(limits);
        assert!(send(&counter, 0..4).is_empty());
        assert_eq!(counter.allowance.take_sent().rows, vec![0..4], "each block is a row");
    }
}
