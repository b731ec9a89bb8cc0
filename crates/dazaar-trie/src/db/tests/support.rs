//! What the tests of a map with several writers share.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use dazaar_log::{FeedKey, FeedKeyPair};

use crate::db::*;

/// The feeds of everybody, in memory.
pub(super) type Blocks = BTreeMap<FeedKey, Vec<Bytes>>;

/// One writer, and what it knows of the others.
pub(super) struct Peer {
    pub(super) key: FeedKey,
    pub(super) db: Db<Blocks>,
}

/// The key of a writer; the owner is number 1.
pub(super) fn key(writer: u8) -> FeedKey {
    FeedKeyPair::from_seed(&[writer; 32]).public()
}

impl Peer {
    pub(super) fn new(writer: u8) -> Self {
        Self { key: key(writer), db: Db::new(key(1), Blocks::new()) }
    }

    pub(super) fn write<T>(
        &mut self,
        change: impl FnOnce(&mut DbBatch, &Db<Blocks>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let mut batch = DbBatch::new(&self.db, self.key)?;
        let changed = change(&mut batch, &self.db)?;
        let blocks = batch.blocks().iter().cloned().map(Bytes::from);
        self.db.feeds_mut().entry(self.key).or_default().extend(blocks.collect::<Vec<_>>());
        self.db.keep(batch);
        Ok(changed)
    }

    pub(super) fn put(&mut self, key: &str, value: &str) {
        self.write(|batch, db| batch.put(db, key, Some(value.as_bytes()))).unwrap();
    }

    pub(super) fn delete(&mut self, key: &str) {
        self.write(|batch, db| batch.delete(db, key)).unwrap();
    }

    pub(super) fn authorize(&mut self, writer: u8) {
        self.write(|batch, db| batch.authorize(db, key(writer))).unwrap();
    }

    pub(super) fn revoke(&mut self, writer: u8) -> Result<u64, DbError> {
        self.write(|batch, db| batch.revoke(db, key(writer)))
    }

    /// Takes over what another peer has of the writers' feeds.
    pub(super) fn fetch(&mut self, from: &Self) {
        // The first round may bring lists that name more writers.
        for _ in 0..3 {
            let known: Vec<FeedKey> = self.db.view().unwrap().writers().keys().collect();
            for key in known {
                let theirs = from.db.feeds().get(&key).cloned().unwrap_or_default();
                let ours = self.db.feeds_mut().entry(key).or_default();
                if theirs.len() > ours.len() {
                    *ours = theirs;
                }
            }
        }
    }

    pub(super) fn values(&self, key: &str) -> Vec<String> {
        values(&self.db.view().unwrap().get(key).unwrap())
    }

    pub(super) fn list(&self, options: &DbIterOptions<'_>) -> Vec<(String, Vec<String>)> {
        let view = self.db.view().unwrap();
        let entries: Vec<_> = view.iter(options).map(Result::unwrap).collect();
        entries.iter().map(|nodes| (nodes[0].key().to_owned(), values(nodes))).collect()
    }

    pub(super) fn keys(&self, options: &DbIterOptions<'_>) -> Vec<String> {
        self.list(options).into_iter().map(|(key, _)| key).collect()
    }
}

/// Lets two peers know the same.
pub(super) fn sync(peers: &mut [Peer], a: usize, b: usize) {
    if a == b {
        return;
    }
    let [a, b] = peers.get_disjoint_mut([a, b]).unwrap();
    a.fetch(b);
    b.fetch(a);
}

/// The values of entries, a dash for those that say that the key was deleted.
pub(super) fn values(nodes: &[Arc<DbNode>]) -> Vec<String> {
    let value = |node: &Arc<DbNode>| match node.value() {
        _ if node.is_deleted() => "-".to_owned(),
        Some(value) => String::from_utf8(value.to_vec()).unwrap(),
        None => "null".to_owned(),
    };
    nodes.iter().map(value).collect()
}

pub(super) fn below(prefix: &str) -> DbIterOptions<'_> {
    DbIterOptions { prefix, ..DbIterOptions::default() }
}

/// Two components of one hash.
pub(super) const TWINS: [&str; 2] = ["idgcmnmna", "mpomeiehc"];
