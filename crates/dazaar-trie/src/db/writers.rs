//! Who may write: the owner, those whom the owner lists, those whom these list, and so on.
//!
//! Grade: over a door. The owner's list also says whose rights have ended, and how many of their blocks stay; JavaScript does not
//! know that part and ignores it.
//! Source: docs/structures.md, writers.

use std::collections::BTreeMap;

use dazaar_log::FeedKey;

use super::DbError;
use super::store::{Db, Feeds, Nodes as _};
use crate::limits::MAX_WRITERS;

/// The writers of a map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writers {
    /// Numbers and keys, the owner first, then in the order in which lists name them.
    feeds: Vec<(u32, FeedKey)>,
    /// How many blocks each feed has.
    lengths: BTreeMap<u32, u64>,
    /// How many blocks of a revoked writer stay.
    revoked: BTreeMap<u32, u64>,
}

impl Writers {
    /// Follows lists from the owner's on. Beyond [`MAX_WRITERS`] the last ones are left out.
    pub(super) fn find<F: Feeds>(db: &Db<F>) -> Result<Self, DbError> {
        let mut writers = Self { feeds: vec![(0, db.source())], ..Self::default() };
        if db.length(0) > 1 {
            let newest = db.node(0, db.length(0) - 1)?;
            for (feed, length) in &db.list(0, newest.list)?.list.revoked {
                writers.revoked.insert(db.number(*feed)?, *length);
            }
            // The owner cannot lose the map.
            writers.revoked.remove(&0);
        }
        let mut next = 0;
        while let Some(&(feed, _)) = writers.feeds.get(next) {
            next += 1;
            writers.lengths.insert(feed, db.length(feed));
            let length = writers.length(feed);
            if length < 2 {
                continue;
            }
            let newest = db.node(feed, length - 1)?;
            for &number in &db.list(feed, newest.list)?.numbers {
                if writers.feeds.len() < MAX_WRITERS
                    && !writers.feeds.iter().any(|(known, _)| *known == number)
                {
                    writers.feeds.push((number, db.key(number)));
                }
            }
        }
        Ok(writers)
    }

    /// Whether no feed has changed its length since this was found.
    pub(super) fn are_current<F: Feeds>(&self, db: &Db<F>) -> bool {
        self.feeds.iter().all(|(number, key)| db.feeds().length(key) == self.known(*number))
    }

    /// The feeds of all who may write or might once, the owner's first. Replicate these.
    pub fn keys(&self) -> impl Iterator<Item = FeedKey> {
        self.feeds.iter().map(|(_, key)| *key)
    }

    /// Whether a feed's writer may write.
    pub fn is_authorized(&self, key: &FeedKey) -> bool {
        self.feeds.iter().any(|(number, known)| known == key && !self.revoked.contains_key(number))
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.feeds.iter().map(|(number, _)| *number)
    }

    /// How many blocks a feed has.
    pub(super) fn known(&self, feed: u32) -> u64 {
        self.lengths.get(&feed).copied().unwrap_or(0)
    }

    /// How many blocks of a feed are part of the map.
    pub(super) fn length(&self, feed: u32) -> u64 {
        self.known(feed).min(self.revoked.get(&feed).copied().unwrap_or(u64::MAX))
    }

    /// Whether a block of a feed was written while its writer might.
    pub(super) fn counts(&self, feed: u32, seq: u64) -> bool {
        self.revoked.get(&feed).is_none_or(|stays| seq < *stays)
    }
}
