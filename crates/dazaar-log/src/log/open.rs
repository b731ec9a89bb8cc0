//! Opening a folder, ours or Hypercore's.
//!
//! Grade: over a door. Source: classic protocol, section 3.

use super::Log;
use super::create::refuse_lost_key;
use super::disk::{read_array, read_key};
use super::error::{LogError, at};
use super::held::Held;
use crate::commit::{Commit, Slot, Synced};
use crate::flat_tree::NodeIndex;
use crate::key::{FeedKey, FeedKeyPair};
use crate::sleep::{HEADER_BYTES, header, node_offset, signature_offset};
use crate::storage::{FileName, Storage};

impl<S: Storage> Log<S> {
    /// Opens a folder and recovers it to a length that can be proved: that of the last commit, or the longer one that
    /// Hypercore appended or that a crash left behind complete. Does not read the blocks, except those since the
    /// last [`flush`](Self::flush), and the last ones after Hypercore appended.
    ///
    /// Nothing but missing headers is written. What recovery found is written with the next change.
    ///
    /// # Errors
    /// - [`LogError::NotALog`] if the folder has no key and no blocks, [`LogError::Truncated`] if the key or the end of a file is
    ///   gone, [`LogError::SecretKey`] if the secret key is not that key's.
    /// - [`LogError::Header`] if a file belongs to something else.
    /// - [`LogError::Unproven`] if the folder claims blocks and no signature in it proves any length.
    /// - [`LogError::Io`].
    pub fn open(mut storage: S) -> Result<Self, LogError> {
        let Some(key) = read_key(&storage)? else {
            refuse_lost_key(&storage)?;
            return Err(LogError::NotALog);
        };
        let pair = read_secret_key(&storage, key)?;
        let page_bytes = repair_headers(&mut storage)?;
        let records = read_records(&storage, &key)?;
        let mut log = Self::assemble(storage, key, pair, Held::new());
        if !log.open_full(&records, page_bytes)? {
            log.held = Held::load(&log.storage, page_bytes)?;
            log.recover(records)?;
        }
        log.read_fork()?;
        Ok(log)
    }

    /// Opens a log that was synced with every block, and has not changed since, without reading all of the bitfield.
    fn open_full(&mut self, records: &Records, page_bytes: u16) -> Result<bool, LogError> {
        let Some(synced) =
            records.synced.as_ref().filter(|synced| synced.is_full() && synced.commit.length > 0)
        else {
            return Ok(false);
        };
        let length = synced.commit.length;
        let files = [
            (FileName::Data, synced.commit.byte_length),
            (FileName::Tree, node_offset(NodeIndex(NodeIndex::leaf(length).0.saturating_sub(1)))),
            (FileName::Signatures, signature_offset(length + 1)),
        ];
        for (file, bytes) in files {
            if self.storage.len(file).map_err(at(file, 0))? != bytes {
                return Ok(false);
            }
        }
        if !records.claims.is_empty() || self.has_journal(synced)? {
            return Ok(false);
        }
        let Some(head) = self.committed(&[synced.commit])? else { return Ok(false) };
        let Some(held) = Held::full(&self.storage, page_bytes, length)? else { return Ok(false) };
        self.held = held;
        self.head = head;
        self.sequence = synced.commit.sequence.saturating_add(1);
        self.journal = Some(synced.journal);
        Ok(true)
    }
}

fn read_secret_key(storage: &impl Storage, key: FeedKey) -> Result<Option<FeedKeyPair>, LogError> {
    if storage.len(FileName::SecretKey).map_err(at(FileName::SecretKey, 0))? == 0 {
        return Ok(None);
    }
    let foreign = || LogError::SecretKey { key };
    let bytes = zeroize::Zeroizing::new(read_array(storage, FileName::SecretKey, 0)?.ok_or_else(foreign)?);
    let pair = FeedKeyPair::from_secret_bytes(&bytes).map_err(|_| foreign())?;
    if pair.public() == key { Ok(Some(pair)) } else { Err(foreign()) }
}

/// Writes the headers that are missing, or that a power cut left as zeros. Returns the bytes of a bitfield page.
fn repair_headers(storage: &mut impl Storage) -> Result<u16, LogError> {
    let mut page_bytes = 0;
    for file in header::FILES {
        let header = match read_array(storage, file, 0)?.filter(|header| *header != [0; HEADER_BYTES]) {
            Some(header) => header,
            None => {
                let header = header::encode(file);
                storage.write(file, 0, &header).map_err(at(file, 0))?;
                header
            }
        };
        let entry_bytes = header::decode(file, &header).ok_or(LogError::Header { file })?;
        if file == FileName::Bitfield {
            page_bytes = entry_bytes;
        }
    }
    Ok(page_bytes)
}

/// The commit records of a folder.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// What has been synced.
    pub(super) synced: Option<Synced>,
    /// What was written since, the newest first.
    pub(super) claims: Vec<Commit>,
}

impl Records {
    /// The highest sequence number.
    pub(super) fn newest_sequence(&self) -> Option<u64> {
        self.claims
            .first()
            .or_else(|| self.synced.as_ref().map(|synced| &synced.commit))
            .map(|commit| commit.sequence)
    }

    /// Adds what was written since, if it was.
    pub(super) fn add_claims(&mut self, claims: impl IntoIterator<Item = Commit>) {
        let synced = self.synced.as_ref().map(|synced| synced.commit.sequence);
        self.claims.extend(claims.into_iter().filter(|claim| Some(claim.sequence) > synced));
        self.claims.sort_by_key(|claim| std::cmp::Reverse(claim.sequence));
    }
}

pub(super) fn read_records(storage: &impl Storage, key: &FeedKey) -> Result<Records, LogError> {
    let synced = read_array(storage, FileName::Commit, Slot::Synced.offset())?;
    let synced = match synced.and_then(|bytes| Synced::decode(&bytes, key)) {
        Some(synced) => Some(synced),
        None => read_claim(storage, Slot::Synced, key)?.map(Synced::from_claim),
    };
    let mut records = Records { synced, claims: Vec::new() };
    for slot in Slot::CLAIMS {
        records.add_claims(read_claim(storage, slot, key)?);
    }
    Ok(records)
}

fn read_claim(storage: &impl Storage, slot: Slot, key: &FeedKey) -> Result<Option<Commit>, LogError> {
    let bytes = read_array(storage, FileName::Commit, slot.offset())?;
    Ok(bytes.and_then(|bytes| Commit::decode(&bytes, key)))
}
