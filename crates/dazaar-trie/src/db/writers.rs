//! Who may write: the owner, those whom the owner lists, those whom these list, and so on.
//!
//! Grade: over a door. The owner's list also says whose rights have ended, and how many of their blocks stay; JavaScript does not
//! know that part and ignores it.
//! Source: docs/structures.md, writers.

use std::collections::BTreeMap;
use std::sync::Arc;

use dazaar_log::FeedKey;

use super::DbError;
use super::store::{Db, Feeds, Listed, Nodes as _};
use crate::limits::MAX_WRITERS;

/// The writers of a map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writers {
    /// Numbers and keys, the owner first, then in the order in which lists name them.
    feeds: Vec<(u32, FeedKey)>,
    lengths: BTreeMap<u32, Lengths>,
    /// How many blocks of a revoked writer stay.
    revoked: BTreeMap<u32, u64>,
}

/// How many blocks a feed has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Lengths {
    /// All of them.
    told: u64,
    /// Up to the last that can be read.
    sound: u64,
}

impl Writers {
    /// Follows lists from the owner's on. Beyond [`MAX_WRITERS`] the last ones are left out. What was found before spares looking
    /// at faulty blocks again.
    pub(super) fn find<F: Feeds>(db: &Db<F>, before: Option<&Self>) -> Result<Self, DbError> {
        let mut writers = Self { feeds: vec![(0, db.source())], ..Self::default() };
        if db.length(0) > 1 {
            let newest = db.node(0, db.length(0) - 1)?;
            for (feed, length) in &db.list(0, newest.list)?.list.revoked {
                writers.revoked.insert(db.number(*feed), *length);
            }
            // The owner cannot lose the map.
            writers.revoked.remove(&0);
        }
        let mut next = 0;
        while let Some(&(feed, _)) = writers.feeds.get(next) {
            next += 1;
            let list = writers.newest_list(db, feed, before)?;
            for key in list.iter().flat_map(|listed| &listed.list.feeds) {
                if writers.feeds.len() < MAX_WRITERS && writers.keys().all(|known| known != *key) {
                    let number = if feed == 0 { Some(db.number(*key)) } else { db.number_if_room(*key) };
                    writers.feeds.extend(number.map(|number| (number, *key)));
                }
            }
        }
        Ok(writers)
    }

    /// The list of the last entry of a feed. A feed ends for us before faulty blocks, so that no writer can spoil the map for all
    /// others; but the owner's, without which there is no map.
    fn newest_list<F: Feeds>(
        &mut self,
        db: &Db<F>,
        feed: u32,
        before: Option<&Self>,
    ) -> Result<Option<Arc<Listed>>, DbError> {
        let told = db.length(feed);
        self.lengths.insert(feed, Lengths { told, sound: told });
        let looked_at = before.map(|before| (before.allowed(feed), before.length(feed)));
        let mut end = self.length(feed);
        let mut list = None;
        while end > 1 && list.is_none() {
            end = looked_at.filter(|(looked_at, _)| *looked_at == end).map_or(end, |(_, sound)| sound);
            let Some(seq @ 1..) = end.checked_sub(1) else { break };
            match db.node(feed, seq).and_then(|node| db.list(feed, node.list)) {
                Ok(found) => list = Some(found),
                Err(DbError::Block { .. }) if feed != 0 => end = seq,
                Err(error) => return Err(error),
            }
        }
        self.lengths.insert(feed, Lengths { told, sound: end });
        Ok(list)
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

    /// Feeds whose last blocks no reader can make sense of, and the first of those blocks: their writers do harm, or are broken.
    pub fn faulty(&self) -> impl Iterator<Item = (FeedKey, u64)> {
        let is_faulty = |feed: &u32| self.length(*feed) < self.allowed(*feed);
        let faulty = self.feeds.iter().filter(move |(feed, _)| is_faulty(feed));
        faulty.map(|(feed, key)| (*key, self.length(*feed)))
    }

    fn lengths(&self, feed: u32) -> Lengths {
        self.lengths.get(&feed).copied().unwrap_or_default()
    }

    /// How many blocks a feed has.
    pub(super) fn known(&self, feed: u32) -> u64 {
        self.lengths(feed).told
    }

    /// How many of them were written while their writer might.
    fn allowed(&self, feed: u32) -> u64 {
        self.known(feed).min(self.revoked.get(&feed).copied().unwrap_or(u64::MAX))
    }

    /// How many blocks of a feed are part of the map.
    pub(super) fn length(&self, feed: u32) -> u64 {
        self.lengths(feed).sound.min(self.allowed(feed))
    }

    /// Whether a block of a feed was written while its writer might.
    pub(super) fn counts(&self, feed: u32, seq: u64) -> bool {
        self.revoked.get(&feed).is_none_or(|stays| seq < *stays)
    }
}
