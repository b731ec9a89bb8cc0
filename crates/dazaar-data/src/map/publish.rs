//! Entries into the map of a feed of one's own.

use std::collections::HashMap;
use std::sync::Arc;

use dazaar::SharedLog;
use dazaar::log::Durability;
use dazaar::log::hash::leaf_hash;
use dazaar::maps::hypertrie::{Batch, Header, Options, Query, Trie, TrieError};
use dazaar::trie::FeedBlocks;

use crate::error::MapError;

/// The hidden entry with a note of the rows that a map has taken from its source.
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

/// The rows of a source that a map has taken: how many, and the hashes of the first and the last, by which the source is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowsTaken {
    /// How many.
    pub rows: u64,
    /// The hash of the first.
    pub first: [u8; 32],
    /// The hash of the last.
    pub last: [u8; 32],
}

impl RowsTaken {
    /// The hash of a row.
    pub fn hash(row: &[u8]) -> [u8; 32] {
        leaf_hash(row).0
    }

    /// The same with one more row.
    pub fn and(before: Option<Self>, row: &[u8]) -> Self {
        let last = Self::hash(row);
        let (rows, first) = before.map_or((0, last), |before| (before.rows, before.first));
        Self { rows: rows + 1, first, last }
    }

    fn encode(&self) -> Vec<u8> {
        [&self.rows.to_le_bytes()[..], &self.first, &self.last].concat()
    }

    fn decode(note: &[u8]) -> Option<Self> {
        let (rows, hashes) = note.split_first_chunk()?;
        let (first, last) = hashes.split_first_chunk()?;
        Some(Self { rows: u64::from_le_bytes(*rows), first: *first, last: last.try_into().ok()? })
    }
}

/// Whether a trie holds entries of its own, and not those of something made of it, such as a drive.
pub(crate) fn is_map(header: &Header) -> bool {
    header.subtype.as_deref().is_none_or(|subtype| subtype == "hypertrie")
}

/// Publishes entries.
#[derive(Debug)]
pub struct MapPublisher {
    log: Arc<SharedLog>,
    durability: Durability,
    trie: Trie<FeedBlocks>,
    changed: u64,
}

impl MapPublisher {
    /// Goes on with the map in a feed, or begins one if the feed is empty.
    ///
    /// # Errors
    /// There is something else in the feed, or it cannot be read.
    pub fn begin(log: &Arc<SharedLog>, durability: Durability) -> Result<Self, MapError> {
        let trie = Trie::new(FeedBlocks::new(Arc::clone(log)));
        match trie.header()? {
            Some(header) if !is_map(&header) => return Err(TrieError::NotATrie.into()),
            Some(_) => {}
            None => {
                log.append_at(durability, Batch::new(&trie).blocks()).map_err(TrieError::from)?;
            }
        }
        Ok(Self { log: Arc::clone(log), durability, trie, changed: 0 })
    }

    /// The rows that the map has taken from its source, as [`publish`](Self::publish) noted.
    ///
    /// # Errors
    /// The feed cannot be read.
    pub fn rows_taken(&self) -> Result<Option<RowsTaken>, MapError> {
        let query = Query { key: ROWS_TAKEN, is_hidden: true };
        let node = self.trie.checkout(self.trie.version()).get(query)?;
        Ok(node.and_then(|node| RowsTaken::decode(node.value()?)))
    }

    /// How many changes changed anything.
    pub const fn changed(&self) -> u64 {
        self.changed
    }

    /// Makes changes; of several of one key the last counts. If they are rows of a source, those `taken` up to here are noted with them.
    ///
    /// # Errors
    /// [`MapError::Entry`] if one cannot be written: those before it are published. The feed takes nothing.
    pub fn publish(&mut self, changes: &[MapChange], taken: Option<RowsTaken>) -> Result<(), MapError> {
        let last: HashMap<&str, usize> =
            changes.iter().enumerate().map(|(nth, change)| (change.key.as_str(), nth)).collect();
        let before = self.changed;
        let mut batch = Batch::new(&self.trie);
        let mut bytes = 0;
        for (nth, change) in changes.iter().enumerate() {
            if last.get(change.key.as_str()) != Some(&nth) {
                continue;
            }
            let length = change.value.as_ref().map_or(0, Vec::len);
            if bytes + length > BATCH_BYTES && bytes > 0 {
                self.append(batch)?;
                (batch, bytes) = (Batch::new(&self.trie), 0);
            }
            match self.write(&mut batch, change) {
                Ok(is_new) => self.changed += u64::from(is_new),
                Err(source) => {
                    self.append(batch)?;
                    return Err(MapError::Entry { key: change.key.clone(), source });
                }
            }
            bytes += length;
        }
        if let Some(taken) = taken.filter(|_| self.changed > before) {
            let options = Options { is_hidden: true, ..Options::default() };
            batch.put(&self.trie, ROWS_TAKEN, Some(&taken.encode()), options)?;
        }
        self.append(batch)
    }

    /// Whether that changed anything.
    fn write(&self, batch: &mut Batch, change: &MapChange) -> Result<bool, TrieError> {
        let key = change.key.as_str();
        let written = match change.value.as_deref() {
            Some(value) => batch.put_if(&self.trie, key, Some(value), Options::default(), |before| {
                before.entry.is_none_or(|entry| entry.value() != Some(value))
            })?,
            None => batch.delete(&self.trie, Query::from(key))?,
        };
        Ok(written.is_some())
    }

    fn append(&self, batch: Batch) -> Result<(), MapError> {
        if !batch.blocks().is_empty() {
            self.log.append_at(self.durability, batch.blocks()).map_err(TrieError::from)?;
            self.trie.keep(batch);
        }
        Ok(())
    }
}
