//! Forgetting the past: blocks that a listing no longer keeps are cleared, and their space goes back to the disk.
//!
//! A log has no times in it. So how long it is, is recorded now and then, and what lies before a record is at least as old.
//! The hashes stay: whatever is left can be proved as before.

use crate::database::Listing;
use crate::market::{Market, MarketError};
use crate::shared_log::SharedLog;

impl Market {
    /// Records how long the log of a listing is, and clears what the listing no longer keeps. The last block always
    /// stays: with it a peer learns how long the feed is. So does the first, which says how to read the others. Returns the first
    /// block from which on all are kept.
    ///
    /// # Errors
    /// [`MarketError::Database`]; [`MarketError::Log`] as [`SharedLog::clear_before`].
    pub fn forget_past(&self, listing: &Listing, log: &SharedLog, now_ms: i64) -> Result<u64, MarketError> {
        let failed = |source| MarketError::Log { folder: listing.folder.clone(), source };
        let length = log.lock().length();
        let by_age = match listing.keep.age_ms {
            Some(age_ms) => {
                self.database().put_mark(&listing.feed, length, now_ms)?;
                self.database().length_at(&listing.feed, now_ms.saturating_sub(age_ms))?
            }
            None => 0,
        };
        let by_bytes = match listing.keep.bytes {
            Some(bytes) => first_within(log, u64::try_from(bytes).unwrap_or(0)).map_err(failed)?,
            None => 0,
        };
        let first = by_age.max(by_bytes).min(length.saturating_sub(1));
        log.clear_before(first).map_err(failed)?;
        Ok(first)
    }
}

/// The first block of the longest end of a log that has no more than `bytes` bytes.
fn first_within(log: &SharedLog, bytes: u64) -> Result<u64, dazaar_log::LogError> {
    let log = log.lock();
    let excess = log.byte_length().saturating_sub(bytes);
    let first = match log.seek(excess)? {
        Some((block, 0)) => block,
        Some((block, _)) => block + 1,
        // Too little of the tree is here to tell, so nothing is beyond.
        None => 0,
    };
    Ok(first)
}

#[cfg(test)]
mod tests {
    use dazaar_log::digest::RemoteTree;
    use dazaar_log::verify::UnverifiedBlock;
    use dazaar_log::{FeedKeyPair, Log, MemoryStorage};

    use super::*;
    use crate::folder::Folder;

    #[test]
    fn without_the_tree_that_tells_where_bytes_lie_all_is_kept() {
        let mut writer = Log::create(MemoryStorage::new(), FeedKeyPair::from_seed(&[1; 32])).unwrap();
        writer.append(&["x"; 8]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut reader = Log::create_reader(Folder::open(dir.path()).unwrap(), writer.key()).unwrap();
        for index in [0, 7] {
            let proof = writer.proof(index, reader.digest(index), false, &mut RemoteTree::new());
            let nodes = proof.unwrap().unwrap().nodes;
            let (value, signature) = (writer.block(index).unwrap(), writer.signature(8).unwrap());
            let verified = reader.verify(UnverifiedBlock { index, value, nodes, signature }).unwrap();
            reader.store(verified).unwrap();
        }
        let log = SharedLog::new(reader);
        assert_eq!(first_within(&log, 2).unwrap(), 6);
        assert_eq!(first_within(&log, 3).unwrap(), 0, "whose byte 5 is, is not known");
    }
}
