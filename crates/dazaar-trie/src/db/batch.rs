//! Writing to a map of several writers: changes that become blocks of one append to the writer's own feed.
//!
//! Grade: over a door. A batch borrows nothing, so a block that is missing can be fetched before the change is tried again.
//! Source: docs/structures.md, writing a hyperdb.

use std::sync::Arc;

use dazaar_log::FeedKey;

use super::clock::Clock;
use super::entry::{Entry, List, encode_header};
use super::lookup::{candidates, settle};
use super::node::{DbNode, newest};
use super::put::link;
use super::store::{Db, Feeds, Nodes, set_length};
use super::{DbError, Writers};
use crate::limits::MAX_WRITERS;
use crate::path::Path;

/// Changes that are not appended yet.
#[derive(Debug)]
pub struct DbBatch {
    /// The number of our feed.
    own: u32,
    /// Where the first of `nodes` goes.
    start: u64,
    heads: Vec<Arc<DbNode>>,
    writers: Arc<Writers>,
    /// What is known of the feeds, ours apart.
    seen: Vec<u64>,
    /// The list by which our last entry numbers feeds, and its block; none if there is no entry yet.
    list: Option<(u64, List)>,
    /// What the next entry has to list.
    wanted: List,
    blocks: Vec<Vec<u8>>,
    nodes: Vec<Arc<DbNode>>,
}

/// A map with the changes of a batch.
struct Changed<'a, F> {
    db: &'a Db<F>,
    batch: &'a DbBatch,
}

impl<F: Feeds> Nodes for Changed<'_, F> {
    fn node(&self, feed: u32, seq: u64) -> Result<Arc<DbNode>, DbError> {
        match seq.checked_sub(self.batch.start) {
            Some(nth) if feed == self.batch.own => {
                let node = usize::try_from(nth).ok().and_then(|nth| self.batch.nodes.get(nth));
                node.cloned().ok_or_else(|| DbError::Missing { feed: self.key(feed), seq })
            }
            _ => self.db.node(feed, seq),
        }
    }

    fn key(&self, feed: u32) -> FeedKey {
        self.db.key(feed)
    }
}

impl DbBatch {
    /// Changes by the writer of feed `own` to a map as it is now. Whoever is not authorised yet may write too: others read it as
    /// soon as somebody lists the feed.
    ///
    /// # Errors
    /// [`DbError::Missing`] if a block is needed to begin.
    pub fn new<F: Feeds>(db: &Db<F>, own: FeedKey) -> Result<Self, DbError> {
        let own = db.number(own);
        let view = db.view()?;
        let length = db.length(own);
        let mut heads = view.heads().to_vec();
        let list = if length > 1 {
            let last = db.node(own, length - 1)?;
            let found = (last.list, db.list(own, last.list)?.list.clone());
            heads.push(last);
            Some(found)
        } else {
            None
        };
        let writers = Arc::clone(view.writers());
        let mut wanted = list.as_ref().map(|(_, list)| list.clone()).unwrap_or_default();
        let own_key = db.key(own);
        // Whoever names too many feeds takes nobody's room to write.
        let room = MAX_WRITERS - usize::from(!wanted.feeds.contains(&own_key));
        writers.keys().for_each(|key| {
            if wanted.feeds.len() < room || key == own_key {
                add(&mut wanted.feeds, key);
            }
        });
        add(&mut wanted.feeds, own_key);
        let mut seen = Vec::new();
        writers.numbers().for_each(|feed| set_length(&mut seen, feed, writers.length(feed)));
        let blocks = if length == 0 { vec![encode_header()] } else { Vec::new() };
        let (start, heads, nodes) = (length.max(1), newest(heads), Vec::new());
        Ok(Self { own, start, heads, writers, seen, list, wanted, blocks, nodes })
    }

    /// Writes an entry, and returns the index of its block. It replaces all entries of its key that are known here.
    ///
    /// # Errors
    /// [`DbError::Key`] and what else cannot be written; [`DbError::Missing`] if a block is needed to go on: nothing has changed
    /// then.
    pub fn put<F: Feeds>(&mut self, db: &Db<F>, key: &str, value: Option<&[u8]>) -> Result<u64, DbError> {
        self.write(db, Path::writable(key)?, value, false)
    }

    /// Writes an entry unless there is one of this key.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_if_new<F: Feeds>(
        &mut self,
        db: &Db<F>,
        key: &str,
        value: Option<&[u8]>,
    ) -> Result<Option<u64>, DbError> {
        if self.get(db, key)?.is_empty() { self.put(db, key, value).map(Some) } else { Ok(None) }
    }

    /// Deletes the entries of a key. What somebody else writes at the same time stays, in conflict with nothing.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn delete<F: Feeds>(&mut self, db: &Db<F>, key: &str) -> Result<u64, DbError> {
        self.write(db, Path::writable(key)?, None, true)
    }

    /// Lets the writer of a feed write.
    ///
    /// # Errors
    /// [`DbError::TooManyWriters`], or as [`put`](Self::put).
    pub fn authorize<F: Feeds>(&mut self, db: &Db<F>, feed: FeedKey) -> Result<u64, DbError> {
        let mut wanted = self.wanted.clone();
        add(&mut wanted.feeds, feed);
        wanted.revoked.retain(|(revoked, _)| *revoked != feed);
        self.write_list(db, wanted)
    }

    /// Ends a writer's rights: of its feed stays what is known here now. Only the owner can. Readers in JavaScript do not know of this.
    ///
    /// # Errors
    /// [`DbError::NotTheOwner`], [`DbError::NotAWriter`], or as [`put`](Self::put).
    pub fn revoke<F: Feeds>(&mut self, db: &Db<F>, feed: FeedKey) -> Result<u64, DbError> {
        if self.own != 0 {
            return Err(DbError::NotTheOwner);
        }
        if feed == db.source() || !self.writers.keys().any(|key| key == feed) {
            return Err(DbError::NotAWriter { feed });
        }
        let stays = self.writers.length(db.number(feed));
        let mut wanted = self.wanted.clone();
        if !wanted.revoked.iter().any(|(revoked, _)| *revoked == feed) {
            wanted.revoked.push((feed, stays));
        }
        self.write_list(db, wanted)
    }

    /// The entries of a key, as they are after these changes.
    ///
    /// # Errors
    /// As [`View::get`](super::View::get).
    pub fn get<F: Feeds>(&self, db: &Db<F>, key: &str) -> Result<Vec<Arc<DbNode>>, DbError> {
        let changed = Changed { db, batch: self };
        let found = settle(&changed, &self.writers, candidates(&changed, &self.heads, &Path::new(key))?)?;
        Ok(if found.iter().all(|node| node.is_deleted) { Vec::new() } else { found })
    }

    /// The blocks to append to our feed, all at once. Tell [`Db::keep`] when that was done.
    pub fn blocks(&self) -> &[Vec<u8>] {
        &self.blocks
    }

    pub(super) fn into_nodes(self) -> impl Iterator<Item = Arc<DbNode>> {
        self.nodes.into_iter()
    }

    /// Writes an entry that says nothing but who may write. If that fails, nothing has changed.
    fn write_list<F: Feeds>(&mut self, db: &Db<F>, wanted: List) -> Result<u64, DbError> {
        let before = std::mem::replace(&mut self.wanted, wanted);
        let written = self.write(db, Path::new(""), None, false);
        if written.is_err() {
            self.wanted = before;
        }
        written
    }

    fn write<F: Feeds>(
        &mut self,
        db: &Db<F>,
        path: Path,
        value: Option<&[u8]>,
        is_deleted: bool,
    ) -> Result<u64, DbError> {
        if self.wanted.feeds.len() > MAX_WRITERS {
            return Err(DbError::TooManyWriters);
        }
        // What is not listed cannot be said.
        let numbers: Vec<u32> = self.wanted.feeds.iter().map(|key| db.number(*key)).collect();
        let index = link(&Changed { db, batch: self }, &self.heads, &path)?;
        let index = index.renumbered(|feed| numbers.contains(&feed).then_some(feed));
        let seq = self.start + self.nodes.len() as u64;
        let new_list = self.list.as_ref().is_none_or(|(_, list)| *list != self.wanted);
        let list = if new_list { seq } else { self.list.as_ref().map_or(seq, |(block, _)| *block) };
        let clock = self.clock(&numbers, seq);
        let value = value.map(Into::into);
        let node = DbNode { feed: self.own, seq, path, value, is_deleted, clock, index, list };
        let block = self.encode(&node, &numbers, new_list);
        if new_list {
            self.list = Some((seq, self.wanted.clone()));
        }
        self.blocks.push(block);
        let node = Arc::new(node);
        self.heads = vec![Arc::clone(&node)];
        self.nodes.push(node);
        Ok(seq)
    }

    /// What is known of these feeds, and our own up to block `seq`.
    fn clock(&self, numbers: &[u32], seq: u64) -> Clock {
        let mut clock = Vec::new();
        for &feed in numbers {
            set_length(&mut clock, feed, self.seen.get(feed as usize).copied().unwrap_or(0));
        }
        set_length(&mut clock, self.own, seq + 1);
        Clock(clock)
    }

    /// The block of an entry, in the numbering of the list that we want.
    fn encode(&self, node: &DbNode, numbers: &[u32], with_list: bool) -> Vec<u8> {
        let wire = |feed: u32| numbers.iter().position(|number| *number == feed).map(|place| place as u32);
        let index = node.index.renumbered(wire);
        let clock = numbers.iter().map(|number| node.clock.length(*number as usize)).collect();
        let DbNode { path, value, is_deleted, list, .. } = node;
        let entry = Entry {
            path: path.clone(),
            value: value.clone(),
            is_deleted: *is_deleted,
            index,
            clock,
            list: *list,
        };
        entry.encode(with_list.then_some(&self.wanted))
    }
}

fn add(feeds: &mut Vec<FeedKey>, feed: FeedKey) {
    if !feeds.contains(&feed) {
        feeds.push(feed);
    }
}
