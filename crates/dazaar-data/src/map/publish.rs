//! Entries into the map of a feed of one's own.

use std::collections::HashMap;
use std::sync::Arc;

use dazaar::SharedLog;
use dazaar::log::Durability;
use dazaar::maps::hypertrie::{Batch, Options, Query, Trie, TrieError};
use dazaar::trie::FeedBlocks;

use crate::error::MapError;

/// The hidden entry that says how many rows of its source a map has taken, in eight bytes, the smallest first.
const ROWS_TAKEN: &str = "dazaar/rows";

/// Bytes of entries that are appended at once.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// What is to become of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapChange {
    /// The key; components have slashes between them.
    pub key: String,
    /// The value that it shall have; none deletes it.
    pub value: Option<Vec<u8>>,
}

/// Publishes entries.
#[derive(Debug)]
pub struct MapPublisher {
    log: Arc<SharedLog>,
    durability: Durability,
    trie: Trie<FeedBlocks>,
}

impl MapPublisher {
    /// Goes on with the map in a feed, or begins one if the feed is empty.
    ///
    /// # Errors
    /// There is something else in the feed, or it cannot be read.
    pub fn begin(log: &Arc<SharedLog>, durability: Durability) -> Result<Self, MapError> {
        let trie = Trie::new(FeedBlocks::new(Arc::clone(log)));
        match trie.header()? {
            Some(header) if header.subtype.as_deref().is_some_and(|subtype| subtype != "hypertrie") => {
                return Err(TrieError::NotATrie.into());
            }
            Some(_) => {}
            None => drop(log.append_at(durability, Batch::new(&trie).blocks()).map_err(TrieError::from)?),
        }
        Ok(Self { log: Arc::clone(log), durability, trie })
    }

    /// How many rows of its source the map has taken, as [`Self::publish_rows`] noted.
    ///
    /// # Errors
    /// The feed cannot be read.
    pub fn rows_taken(&self) -> Result<u64, MapError> {
        let query = Query { key: ROWS_TAKEN, is_hidden: true };
        let node = self.trie.checkout(self.trie.version()).get(query)?;
        let taken = node.and_then(|node| node.value()?.try_into().ok());
        Ok(taken.map_or(0, u64::from_le_bytes))
    }

    /// Makes changes, and returns how many changed anything. Of several changes of one key the last counts.
    ///
    /// # Errors
    /// A key cannot be written, or the feed takes nothing. Changes before it may be published.
    pub fn publish(&mut self, changes: &[MapChange]) -> Result<u64, MapError> {
        self.publish_noting(changes, None)
    }

    /// The same, of the rows of a source up to the row number `taken`, which is noted with them.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    pub fn publish_rows(&mut self, changes: &[MapChange], taken: u64) -> Result<u64, MapError> {
        self.publish_noting(changes, Some(taken))
    }

    fn publish_noting(&mut self, changes: &[MapChange], taken: Option<u64>) -> Result<u64, MapError> {
        let last: HashMap<&str, usize> =
            changes.iter().enumerate().map(|(nth, change)| (change.key.as_str(), nth)).collect();
        let mut changed = 0;
        let mut batch = Batch::new(&self.trie);
        let mut bytes = 0;
        for (_, change) in
            changes.iter().enumerate().filter(|(nth, change)| last.get(change.key.as_str()) == Some(nth))
        {
            if bytes > BATCH_BYTES {
                self.append(batch)?;
                (batch, bytes) = (Batch::new(&self.trie), 0);
            }
            let key = change.key.as_str();
            let written = match change.value.as_deref() {
                Some(value) => batch.put_if(&self.trie, key, Some(value), Options::default(), |before| {
                    before.entry.is_none_or(|entry| entry.value() != Some(value))
                })?,
                None => batch.delete(&self.trie, Query::from(key))?,
            };
            changed += u64::from(written.is_some());
            bytes += change.value.as_ref().map_or(0, Vec::len);
        }
        if let Some(taken) = taken.filter(|_| changed > 0) {
            let options = Options { is_hidden: true, ..Options::default() };
            batch.put(&self.trie, ROWS_TAKEN, Some(&taken.to_le_bytes()), options)?;
        }
        self.append(batch)?;
        Ok(changed)
    }

    fn append(&self, batch: Batch) -> Result<(), MapError> {
        if !batch.blocks().is_empty() {
            self.log.append_at(self.durability, batch.blocks()).map_err(TrieError::from)?;
            self.trie.keep(batch);
        }
        Ok(())
    }
}
