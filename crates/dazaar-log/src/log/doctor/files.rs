//! What can be said of a file by itself: its header, its records.
//!
//! Grade: over a door.

use super::{Cure, Fault, Treatment};
use crate::commit::{CLAIM_BYTES, Commit, SYNCED_BYTES, Slot, Synced};
use crate::journal::{HEAD_BYTES, JournalHead, decode_blocks};
use crate::key::FeedKey;
use crate::log::disk::{read, read_array};
use crate::log::error::{LogError, at};
use crate::log::open::Records;
use crate::sleep::bitfield::PAGE_BYTES;
use crate::sleep::{HEADER_BYTES, header};
use crate::storage::{FileName, Storage};

/// Bytes of a page of a bitfield that is not of the usual size, but could be one.
const LEAST_PAGE_BYTES: u16 = 3072;

impl<S: Storage> Treatment<S> {
    /// What is wrong with a file that has fewer than `expected` bytes.
    pub(super) fn short(&self, file: FileName, expected: u64) -> Result<Option<Fault>, LogError> {
        Ok(match self.storage.len(file).map_err(at(file, 0))? {
            0 => Some(Fault::Missing),
            bytes if bytes < expected => Some(Fault::Truncated { bytes, expected }),
            _ => None,
        })
    }

    /// Writes headers that are not what they should be. Returns the bytes of a page of the bitfield.
    pub(super) fn mend_headers(&mut self) -> Result<u16, LogError> {
        let mut page_bytes = PAGE_BYTES;
        for file in header::FILES {
            let found = read_array::<HEADER_BYTES>(&self.storage, file, 0)?;
            let entry_bytes = found.and_then(|found| header::decode(file, &found));
            let entry_bytes = match entry_bytes {
                Some(bytes) if file == FileName::Bitfield && !self.is_page_size(bytes)? => None,
                other => other,
            };
            match entry_bytes {
                Some(bytes) if file == FileName::Bitfield => page_bytes = bytes,
                Some(_) => {}
                None => {
                    let short = self.short(file, HEADER_BYTES as u64)?;
                    self.find(file, short.unwrap_or(Fault::Damaged { offset: 0 }), Cure::MadeAnew);
                    self.storage.write(file, 0, &header::encode(file)).map_err(at(file, 0))?;
                }
            }
        }
        Ok(page_bytes)
    }

    /// Whether the bitfield can have pages of this size: if not the usual one, it has a whole number of them.
    fn is_page_size(&self, page_bytes: u16) -> Result<bool, LogError> {
        let file = FileName::Bitfield;
        let bytes = self.storage.len(file).map_err(at(file, 0))?.saturating_sub(HEADER_BYTES as u64);
        let is_whole = page_bytes >= LEAST_PAGE_BYTES && bytes.is_multiple_of(page_bytes.into());
        Ok(page_bytes == PAGE_BYTES || is_whole && !bytes.is_multiple_of(PAGE_BYTES.into()))
    }

    /// Empties records of the commit file that are none, so that they are not found again.
    pub(super) fn mend_records(&mut self, key: &FeedKey) -> Result<(), LogError> {
        let file = FileName::Commit;
        let bytes = self.storage.len(file).map_err(at(file, 0))?;
        if bytes == 0 {
            // A folder of npm has none, but no journal either.
            if self.storage.len(FileName::Journal).map_err(at(FileName::Journal, 0))? > 0 {
                self.find(file, Fault::Missing, Cure::MadeAnew);
            }
            return Ok(());
        }
        for slot in [Slot::Synced, Slot::Even, Slot::Odd] {
            let offset = slot.offset();
            let claim = read_array::<CLAIM_BYTES>(&self.storage, file, offset)?;
            let synced = read_array::<SYNCED_BYTES>(&self.storage, file, offset)?;
            let synced = synced.filter(|_| slot == Slot::Synced);
            let is_record = claim.is_some_and(|record| Commit::decode(&record, key).is_some())
                || synced.is_some_and(|record| Synced::decode(&record, key).is_some());
            let is_empty = slot != Slot::Synced && claim.is_none_or(|record| record == [0; CLAIM_BYTES]);
            let is_cut = (offset..offset + CLAIM_BYTES as u64).contains(&bytes) && bytes > offset;
            if is_record || is_empty && !is_cut {
                continue;
            }
            let expected = offset + CLAIM_BYTES as u64;
            let fault = if is_cut { Fault::Truncated { bytes, expected } } else { Fault::Damaged { offset } };
            self.find(file, fault, Cure::MadeAnew);
            let zeros: &[u8] = if slot == Slot::Synced { &[0; SYNCED_BYTES] } else { &[0; CLAIM_BYTES] };
            self.storage.write(file, offset, zeros).map_err(at(file, offset))?;
        }
        Ok(())
    }

    /// Looks at the records that opening would read. Those that were claimed have to be whole.
    pub(super) fn look_at_journal(&mut self, key: &FeedKey, records: &Records) -> Result<(), LogError> {
        let Some(synced) = &records.synced else { return Ok(()) };
        let file = FileName::Journal;
        let (mut offset, mut sequence) = (synced.journal, synced.commit.sequence);
        if offset > 0
            && let Some(fault) = self.short(file, offset)?
        {
            self.find(file, fault, Cure::MadeAnew);
            return Ok(());
        }
        let newest = records.newest_sequence().unwrap_or_default();
        loop {
            let head = read_array::<HEAD_BYTES>(&self.storage, file, offset)?;
            let head = head.and_then(|head| JournalHead::decode(&head));
            let Some(head) = head.filter(|head| head.sequence > sequence && head.sequence <= newest) else {
                return Ok(());
            };
            let mut bytes = vec![0; head.record_bytes() as usize];
            let is_there = read(&self.storage, file, offset, &mut bytes)?;
            if !is_there || decode_blocks(&head, &bytes, key).is_none() {
                let short = self.short(file, offset + head.record_bytes())?;
                self.find(file, short.unwrap_or(Fault::Damaged { offset }), Cure::MadeAnew);
                return Ok(());
            }
            (offset, sequence) = (offset + bytes.len() as u64, head.sequence);
        }
    }
}
