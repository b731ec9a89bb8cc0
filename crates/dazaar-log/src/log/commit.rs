//! Making a change stick: bitfield first, commit record last.
//!
//! Grade: over a door.

use super::error::{LogError, at};
use super::{Head, Log};
use crate::commit::{Commit, Slot};
use crate::storage::{FileName, Storage};

impl<S: Storage> Log<S> {
    /// Makes `head` the log's, and writes what differs in the bitfield and the commit record.
    ///
    /// On failure the log keeps its head and is poisoned: the file may say either.
    pub(super) fn commit(&mut self, head: Head) -> Result<(), LogError> {
        self.changes.count += 1;
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
        if length_changed { self.write_claim() } else { Ok(()) }
    }

    fn write_claim(&mut self) -> Result<(), LogError> {
        let offset = Slot::of(self.sequence).offset();
        let record = self.next_commit().encode(&self.key);
        self.storage.write(FileName::Commit, offset, &record).map_err(at(FileName::Commit, offset))
    }

    /// The head as a commit with a number of its own.
    pub(super) fn next_commit(&mut self) -> Commit {
        let sequence = self.sequence;
        self.sequence += 1;
        Commit {
            sequence,
            length: self.head.length,
            byte_length: self.head.byte_length(),
            tree_hash: self.head.tree_hash(),
            signature: self.head.signature,
        }
    }

    pub(super) fn refuse_poisoned(&self) -> Result<(), LogError> {
        if self.poisoned { Err(LogError::Poisoned) } else { Ok(()) }
    }
}
