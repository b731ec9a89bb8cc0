//! The rows in the blocks of what is sold, for prices that count them or sell a range of time.

use std::sync::Arc;

use dazaar::SharedLog;
use dazaar::contents::{BlockRows, Contents, RowBlocks};
use dazaar::maps::hypertrie::Header;
use dazaar_table::{header, segment};

/// What a feed holds: a table, or rows that are a block each; none of a map or a drive, and as long as nothing is there.
pub fn contents_of(log: &SharedLog) -> Option<Arc<dyn Contents>> {
    let first = log.lock().block(0).ok().flatten()?;
    if header::decode(&first).is_ok() {
        return Some(Arc::new(TableBlocks));
    }
    let is_map = Header::decode(&first).is_ok();
    (!is_map).then(|| Arc::new(RowBlocks) as Arc<dyn Contents>)
}

/// The blocks of a table.
#[derive(Debug)]
struct TableBlocks;

impl Contents for TableBlocks {
    fn rows(&self, _: u64, bytes: &[u8]) -> Option<BlockRows> {
        let head = segment::decode_head(bytes).ok()?;
        Some(BlockRows { rows: head.first_row..head.end_row(), times: Some((head.earliest, head.latest)) })
    }

    fn has_times(&self) -> bool {
        true
    }
}
