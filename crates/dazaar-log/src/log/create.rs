//! Making a folder.
//!
//! Grade: over a door. Source: classic protocol, section 3.

use std::cell::RefCell;

use super::append::Batch;
use super::disk::read_key;
use super::error::{LogError, at};
use super::held::Held;
use super::leaf_cache::LeafCache;
use super::upper_nodes::UpperNodes;
use super::{Changes, Head, Log};
use crate::key::{FeedKey, FeedKeyPair, KEY_BYTES};
use crate::sleep::header;
use crate::storage::{FileName, Storage};

impl<S: Storage> Log<S> {
    /// Makes an empty log that can be appended to. The secret key is stored in the folder, where Hypercore looks for it.
    ///
    /// # Errors
    /// [`LogError::Exists`] if there is a log already, [`LogError::Io`].
    pub fn create(mut storage: S, pair: FeedKeyPair) -> Result<Self, LogError> {
        refuse_existing(&storage)?;
        let file = FileName::SecretKey;
        storage.write(file, 0, pair.to_secret_bytes().as_slice()).map_err(at(file, 0))?;
        storage.sync(file).map_err(at(file, 0))?;
        let mut log = Self::lay_out(storage, pair.public())?;
        log.pair = Some(pair);
        Ok(log)
    }

    /// Makes an empty log for blocks that others publish under `key`.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_reader(mut storage: S, key: FeedKey) -> Result<Self, LogError> {
        refuse_existing(&storage)?;
        let file = FileName::SecretKey;
        if storage.len(file).map_err(at(file, 0))? > 0 {
            // Left behind by a log that was never finished.
            storage.set_len(file, 0).map_err(at(file, 0))?;
            storage.sync(file).map_err(at(file, 0))?;
        }
        Self::lay_out(storage, key)
    }

    /// Makes the files of an empty log, the key last: a folder without a key is no log, and may be begun anew.
    fn lay_out(mut storage: S, key: FeedKey) -> Result<Self, LogError> {
        for file in
            FileName::ALL.into_iter().filter(|file| ![FileName::Key, FileName::SecretKey].contains(file))
        {
            storage.set_len(file, 0).map_err(at(file, 0))?;
        }
        for file in header::FILES {
            storage.write(file, 0, &header::encode(file)).map_err(at(file, 0))?;
            storage.sync(file).map_err(at(file, 0))?;
        }
        let mut log = Self::assemble(storage, key, None, Held::new());
        // The folder of a lost log that is begun anew may still know what was signed before.
        log.read_fork()?;
        let synced = log.synced_now();
        log.write_synced(&synced)?;
        log.journal = Some(0);
        log.storage.write(FileName::Key, 0, key.as_bytes()).map_err(at(FileName::Key, 0))?;
        log.storage.sync(FileName::Key).map_err(at(FileName::Key, 0))?;
        Ok(log)
    }

    pub(super) fn assemble(storage: S, key: FeedKey, pair: Option<FeedKeyPair>, held: Held) -> Self {
        Self {
            storage,
            key,
            pair,
            head: Head::default(),
            held,
            upper_nodes: UpperNodes::default(),
            leaf_cache: LeafCache::default(),
            last_read: RefCell::default(),
            sequence: 0,
            synced: None,
            journal: None,
            is_record_synced: false,
            changes: Changes::default(),
            synced_changes: Changes::default(),
            surplus_signatures: false,
            poisoned: false,
            fork: None,
            batch: Batch::default(),
        }
    }
}

fn refuse_existing(storage: &impl Storage) -> Result<(), LogError> {
    match read_key(storage)? {
        Some(key) => Err(LogError::Exists { key }),
        None => refuse_lost_key(storage),
    }
}

/// A folder that was never finished has no blocks. One with blocks has lost its key, and must not be emptied.
pub(super) fn refuse_lost_key(storage: &impl Storage) -> Result<(), LogError> {
    let blocks = storage.len(FileName::Data).map_err(at(FileName::Data, 0))?;
    let (file, bytes) = (FileName::Key, storage.len(FileName::Key).map_err(at(FileName::Key, 0))?);
    if blocks == 0 { Ok(()) } else { Err(LogError::Truncated { file, bytes, expected: KEY_BYTES as u64 }) }
}
