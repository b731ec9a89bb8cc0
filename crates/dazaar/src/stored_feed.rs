//! A feed that is open, and where it lies.

use std::path::PathBuf;
use std::sync::Arc;

use dazaar_log::FeedKey;

use crate::database::ListedMember;
use crate::shared_log::SharedLog;

/// A feed of something that several feeds make up: a drive, a map of several writers.
#[derive(Debug, Clone)]
pub struct StoredFeed {
    /// Its key.
    pub feed: FeedKey,
    /// Its folder.
    pub folder: PathBuf,
    /// What is in it.
    pub log: Arc<SharedLog>,
}

impl StoredFeed {
    /// The same as it is put on record.
    pub fn listed(&self) -> ListedMember {
        ListedMember { feed: self.feed, folder: self.folder.clone() }
    }
}
