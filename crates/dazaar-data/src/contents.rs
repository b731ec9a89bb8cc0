//! The rows in the blocks of what is sold, for prices that count them or sell a range of time.

use std::sync::{Arc, Mutex, PoisonError};

use dazaar::SharedLog;
use dazaar::cards::price::TimeRange;
use dazaar::contents::{BlockRows, Contents, RangeSet, RowBlocks};
use dazaar::maps::db::is_header;
use dazaar::maps::hypertrie::Header;
use dazaar_table::index::Entry;
use dazaar_table::read::{self, Query};
use dazaar_table::{header, segment};

/// What a feed holds: a table, or rows that are a block each; none of a map or a drive, and as long as nothing is there.
pub fn contents_of(log: &SharedLog) -> Option<Arc<dyn Contents>> {
    let first = log.lock().block(0).ok().flatten()?;
    if header::decode(&first).is_ok() {
        return Some(Arc::new(TableBlocks::default()));
    }
    let is_map = Header::decode(&first).is_ok() || is_header(&first);
    (!is_map).then(|| Arc::new(RowBlocks) as Arc<dyn Contents>)
}

/// The blocks of a table, and where its index said that rows are when it was last asked.
#[derive(Debug, Default)]
struct TableBlocks(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    length: u64,
    segments: Vec<Place>,
    /// Blocks that have no rows, or that were read to find those that have.
    index: Vec<u64>,
}

/// Where a sealed segment is, and when its rows are.
#[derive(Debug, Clone, Copy)]
struct Place {
    block: u64,
    times: (i64, i64),
}

/// Rows that left live are in one of so many sealed segments after them.
const SEALED_WITHIN: usize = 4;

impl Known {
    /// Reads the index, unless most of what it says is known, or it could not be read.
    fn renew(&mut self, log: &SharedLog) {
        let length = log.lock().length();
        if length <= self.length.saturating_add(self.length / 8) {
            return;
        }
        self.length = length;
        let mut index = Vec::new();
        // Locked for each block alone: buyers are served meanwhile.
        let plan = read::locate(length, Query::default(), |block| {
            index.push(block);
            log.lock().block(block)
        });
        if let Ok(plan) = plan {
            let place = |entry: Entry| Place { block: entry.block, times: (entry.earliest, entry.latest) };
            self.segments = plan.segments.into_iter().map(place).collect();
            self.index = index;
        }
    }

    /// Blocks without a row of these ranges. Live ones are among them if their rows came again.
    fn outside(&self, ranges: &[TimeRange]) -> RangeSet<u64> {
        let mut outside = RangeSet::new();
        let superseded = self.segments.len().checked_sub(SEALED_WITHIN);
        let superseded = superseded.and_then(|nth| self.segments.get(nth)).map_or(0, |place| place.block);
        if superseded > 1 {
            outside.insert(1..superseded);
        }
        for place in &self.segments {
            let block = place.block..place.block + 1;
            if ranges.iter().any(|range| range.meets(place.times.0, place.times.1)) {
                outside.remove(block);
            } else {
                outside.insert(block);
            }
        }
        self.index.iter().for_each(|&block| outside.remove(block..block + 1));
        outside
    }
}

impl Contents for TableBlocks {
    fn rows(&self, _: u64, bytes: &[u8]) -> Option<BlockRows> {
        let head = segment::decode_head(bytes).ok()?;
        Some(BlockRows { rows: head.first_row..head.end_row(), times: Some((head.earliest, head.latest)) })
    }

    fn has_times(&self) -> bool {
        true
    }

    fn outside(&self, log: &SharedLog, ranges: &[TimeRange]) -> RangeSet<u64> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.renew(log);
        known.outside(ranges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_outside_is_known_from_the_index() {
        let place = |block: u64| {
            let time = i64::try_from(block).unwrap();
            Place { block, times: (time, time) }
        };
        // Segments in every third block up to 27; live blocks between, indexes in 14 and 29.
        let segments = (3..28).step_by(3).map(place).collect();
        let known = Known { length: 30, segments, index: vec![0, 14, 29] };
        let range = TimeRange::new(6, 13).unwrap();
        let outside: Vec<_> = known.outside(&[range]).into_iter().collect();
        assert_eq!(outside, [1..6, 7..9, 10..12, 13..14, 15..19, 21..22, 24..25, 27..28]);
    }
}
