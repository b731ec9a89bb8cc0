//! Making a change stick: bitfield first, commit record last; and syncing all of it.
//!
//! Grade: over a door.

use super::error::{LogError, at};
use super::{Head, Log};
use crate::commit::{Commit, Slot};
use crate::storage::{FileName, Storage};

impl<S: Storage> Log<S> {
    /// Waits until the medium has everything, so that it survives a power cut.
    ///
    /// # Errors
    /// [`LogError::Io`]; the log is then poisoned, since nobody knows what of it will survive.
    pub fn flush(&mut self) -> Result<(), LogError> {
        self.refuse_poisoned()?;
        let flushed = self.sync_all();
        self.poisoned = flushed.is_err();
        flushed
    }

    fn sync_all(&mut self) -> Result<(), LogError> {
        if self.held.is_dirty() {
            self.held.write(&mut self.storage)?;
        }
        for file in [FileName::Data, FileName::Tree, FileName::Signatures, FileName::Bitfield] {
            self.storage.sync(file).map_err(at(file, 0))?;
        }
        self.write_record(Slot::Synced)?;
        self.storage.sync(FileName::Commit).map_err(at(FileName::Commit, 0))
    }

    /// Makes `head` the log's, and writes what differs in the bitfield and the commit record.
    ///
    /// On failure the log keeps its head and is poisoned: the file may say either.
    pub(super) fn commit(&mut self, head: Head) -> Result<(), LogError> {
        let before = std::mem::replace(&mut self.head, head);
        let committed = self.write_commit(before.length != self.head.length);
        if committed.is_err() {
            self.head = before;
            self.poisoned = true;
        }
        committed
    }

    fn write_commit(&mut self, length_changed: bool) -> Result<(), LogError> {
        self.held.write(&mut self.storage)?;
        if length_changed { self.write_record(Slot::of(self.sequence)) } else { Ok(()) }
    }

    pub(super) fn write_record(&mut self, slot: Slot) -> Result<(), LogError> {
        let commit = Commit {
            sequence: self.sequence,
            length: self.head.length,
            byte_length: self.head.byte_length(),
            tree_hash: self.head.tree_hash(),
            signature: self.head.signature,
        };
        let record = commit.encode(&self.key);
        self.storage
            .write(FileName::Commit, slot.offset(), &record)
            .map_err(at(FileName::Commit, slot.offset()))?;
        self.sequence += 1;
        Ok(())
    }

    pub(super) fn refuse_poisoned(&self) -> Result<(), LogError> {
        if self.poisoned { Err(LogError::Poisoned) } else { Ok(()) }
    }
}
