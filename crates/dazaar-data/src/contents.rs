//! The rows in the blocks of what is sold, for prices that count them or sell a range of time.

use std::sync::{Arc, Mutex, PoisonError};

use dazaar::SharedLog;
use dazaar::cards::price::TimeRange;
use dazaar::contents::{BlockRows, Contents, RangeSet, RowBlocks};
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
    let is_map = Header::decode(&first).is_ok();
    (!is_map).then(|| Arc::new(RowBlocks) as Arc<dyn Contents>)
}

/// The blocks of a table, and where its index said that rows are when it was last asked.
#[derive(Debug, Default)]
struct TableBlocks(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    length: u64,
    segments: Vec<Place>,
}

/// Where a sealed segment is, and when its rows are.
#[derive(Debug, Clone, Copy)]
struct Place {
    block: u64,
    times: (i64, i64),
}

impl Known {
    /// Reads the index, unless most of what it says is known. A table whose index is damaged has no places.
    fn renew(&mut self, log: &SharedLog) {
        let length = log.lock().length();
        if length <= self.length.saturating_add(self.length / 8) {
            return;
        }
        // Locked for each block alone: buyers are served meanwhile.
        if let Ok(plan) = read::locate(length, Query::default(), |block| log.lock().block(block)) {
            let places = plan.segments.into_iter();
            let place = |entry: Entry| Place { block: entry.block, times: (entry.earliest, entry.latest) };
            *self = Self { length, segments: places.map(place).collect() };
        }
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
        let is_outside =
            |place: &&Place| !ranges.iter().any(|range| range.meets(place.times.0, place.times.1));
        known.segments.iter().filter(is_outside).map(|place| place.block..place.block + 1).collect()
    }
}
