//! Everything that was ever written, block by block.
//!
//! Grade: over a door. Deletions show as the entry that was written again instead, as in the trie.

use super::error::DriveError;
use super::view::{Entry, View};
use crate::hypertrie::{History, Nodes};

/// A walk through the versions of a drive, which goes on after a missing block was fetched.
#[derive(Debug, Clone)]
pub struct DriveHistory(History);

impl DriveHistory {
    /// Everything that was written up to a version, oldest first.
    pub fn new(version: u64) -> Self {
        Self(History::new(0..version))
    }

    /// The next entry; none at the end. Hidden ones, tags and mounts, are passed over.
    ///
    /// # Errors
    /// Those of a missing block: fetch it, and ask again. After [`DriveError::Stat`] it goes on behind that entry.
    #[expect(private_bounds, reason = "only the tries of this crate are sources of nodes")]
    pub fn next(&mut self, view: &View<'_, impl Nodes>) -> Result<Option<Entry>, DriveError> {
        while let Some(node) = self.0.next(view.nodes)? {
            if !node.is_hidden() {
                return Entry::read(&node).map(Some);
            }
        }
        Ok(None)
    }
}
