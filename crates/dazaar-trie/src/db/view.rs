//! A map as it was at some moment, to read.
//!
//! Grade: over a door.

use std::sync::Arc;

use dazaar_log::FeedKey;

use super::lookup::{candidates, settle};
use super::node::{DbNode, newest};
use super::store::{Db, Feeds, Latest, Nodes as _};
use super::{DbChange, DbDiff, DbError, DbHistory, DbIter, DbIterOptions, KeyHistory, Version, Writers};
use crate::cursor::until_failure;
use crate::path::Path;

/// A map as it was at some moment. It never changes.
#[derive(Debug)]
pub struct View<'a, F> {
    db: &'a Db<F>,
    heads: Vec<Arc<DbNode>>,
    writers: Arc<Writers>,
}

impl<'a, F: Feeds> View<'a, F> {
    pub(super) fn latest(db: &'a Db<F>) -> Result<Self, DbError> {
        let Latest { writers, heads } = db.latest()?;
        Ok(Self { db, heads, writers })
    }

    /// The map as it was at a version. Whoever has been revoked since stays revoked.
    ///
    /// # Errors
    /// [`DbError::Missing`] if a head is not here.
    pub fn checkout(&self, version: &Version) -> Result<Self, DbError> {
        let number = |feed| self.db.number_if_room(feed).ok_or(DbError::TooManyWriters);
        let head = |(feed, seq): &(_, u64)| self.db.node(number(*feed)?, *seq);
        let heads = version.0.iter().map(head).collect::<Result<Vec<_>, DbError>>()?;
        Ok(Self { db: self.db, heads: newest(heads), writers: Arc::clone(&self.writers) })
    }

    /// What this is a view of.
    pub fn version(&self) -> Version {
        Version(self.heads.iter().map(|head| (self.db.key(head.feed), head.seq)).collect())
    }

    /// The newest entries, several if writers have not seen each other's.
    pub fn heads(&self) -> &[Arc<DbNode>] {
        &self.heads
    }

    /// Who may write.
    pub fn writers(&self) -> &Arc<Writers> {
        &self.writers
    }

    /// Writers' feeds of which the newest entries know more than there is here, as far as they are to be believed.
    pub fn lacking(&self) -> Vec<FeedKey> {
        let known =
            |feed: u32| self.heads.iter().map(|head| head.clock.length(feed as usize)).max().unwrap_or(0);
        let lacks = |feed: &u32| known(*feed) > self.db.length(*feed);
        self.writers.numbers().filter(lacks).map(|feed| self.db.key(feed)).collect()
    }

    /// The entries of a key: none, one, or several that are in conflict. One that says that the key was deleted is among them only
    /// if another is not.
    ///
    /// # Errors
    /// [`DbError::Missing`] if a block on the way is not here; what is wrong with a block.
    pub fn get(&self, key: &str) -> Result<Vec<Arc<DbNode>>, DbError> {
        let found = self.get_with_deletions(key)?;
        Ok(if found.iter().all(|node| node.is_deleted) { Vec::new() } else { found })
    }

    /// The same, also if all of them say that the key was deleted.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_with_deletions(&self, key: &str) -> Result<Vec<Arc<DbNode>>, DbError> {
        settle(self.db, &self.writers, candidates(self.db, &self.heads, &Path::new(key))?)
    }

    pub(super) const fn db(&self) -> &'a Db<F> {
        self.db
    }

    /// The entries at and below a prefix, those of one key together.
    pub fn iter<'v>(
        &'v self,
        options: &DbIterOptions<'_>,
    ) -> impl Iterator<Item = Result<Vec<Arc<DbNode>>, DbError>> + use<'v, 'a, F> {
        let mut iter = DbIter::new(self, options);
        until_failure(move || iter.next(self))
    }

    /// What differs from `older`, at and below a prefix.
    pub fn diff<'v>(
        &'v self,
        older: &'v Self,
        prefix: &str,
    ) -> impl Iterator<Item = Result<DbChange, DbError>> + use<'v, 'a, F> {
        let mut diff = DbDiff::new(self, older, prefix);
        until_failure(move || diff.next(self, older))
    }

    /// Everything that was written, each entry behind those that its writer had seen.
    pub fn history(&self) -> impl Iterator<Item = Result<Arc<DbNode>, DbError>> {
        let mut history = DbHistory::new(self);
        until_failure(move || history.next(self))
    }

    /// What was written under a key, the latest first: at each step the entries of that time.
    pub fn key_history<'v>(
        &'v self,
        key: &str,
    ) -> impl Iterator<Item = Result<Vec<Arc<DbNode>>, DbError>> + use<'v, 'a, F> {
        let mut history = KeyHistory::new(self, key);
        until_failure(move || history.next(self))
    }
}
