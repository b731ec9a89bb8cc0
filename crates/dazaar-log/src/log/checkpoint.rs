//! Syncing: everything at once, or in steps that let others use the log meanwhile.
//!
//! Grade: over a door. A checkpoint is written in the commit record only once all that it speaks of is synced.

use super::error::{LogError, at};
use super::{Changes, Log};
use crate::commit::{Slot, Synced};
use crate::storage::{FileName, Storage};

/// What a log was when a checkpoint began. To be finished once [`FileName::CHECKPOINTED`] are synced.
#[derive(Debug)]
pub struct Checkpoint {
    synced: Synced,
    changes: Changes,
}

impl<S: Storage> Log<S> {
    /// Waits until the medium has everything, so that it survives a power cut.
    ///
    /// # Errors
    /// [`LogError::Poisoned`]; [`LogError::Io`]: the log is then poisoned, since nobody knows what of it will survive, unless
    /// the checkpoint could not even [begin](Self::begin_checkpoint).
    pub fn flush(&mut self) -> Result<(), LogError> {
        let checkpoint = self.begin_checkpoint()?;
        let synced = FileName::CHECKPOINTED
            .into_iter()
            .try_for_each(|file| self.storage.sync(file).map_err(at(file, 0)));
        self.finish_checkpoint(checkpoint, synced)
    }

    /// Begins a checkpoint. The log may be used and changed before it is finished.
    ///
    /// # Errors
    /// [`LogError::Poisoned`]; [`LogError::Io`]: the log is poisoned if the bitfield could not be written. It is not if signatures
    /// that a failed append left behind could not be cut off: the next checkpoint tries again.
    pub fn begin_checkpoint(&mut self) -> Result<Checkpoint, LogError> {
        self.refuse_poisoned()?;
        if self.held.is_dirty() {
            self.held.write(&mut self.storage).inspect_err(|_| self.poisoned = true)?;
        }
        self.drop_surplus_signatures()?;
        Ok(Checkpoint { synced: self.synced_now(), changes: self.changes })
    }

    /// Finishes a checkpoint; `synced` says whether the files were synced after it began.
    ///
    /// # Errors
    /// As [`flush`](Self::flush), and that of `synced`.
    pub fn finish_checkpoint(
        &mut self,
        mut checkpoint: Checkpoint,
        synced: Result<(), LogError>,
    ) -> Result<(), LogError> {
        self.refuse_poisoned()?;
        if synced.is_ok() && self.synced > Some(checkpoint.synced.commit.sequence) {
            // One that began later was finished before, and says all that this one would.
            return Ok(());
        }
        let covers_all = self.changes == checkpoint.changes;
        if covers_all {
            checkpoint.synced.journal = 0;
        }
        synced.and_then(|()| self.write_synced(&checkpoint.synced)).inspect_err(|_| self.poisoned = true)?;
        if covers_all {
            self.journal = Some(0);
        }
        self.synced_changes = checkpoint.changes;
        Ok(())
    }

    /// Whether a power cut could take something away.
    pub const fn is_unsynced(&self) -> bool {
        self.changes.count > self.synced_changes.count
    }

    /// Bytes of blocks that were written since the last checkpoint.
    pub const fn unsynced_bytes(&self) -> u64 {
        self.changes.bytes - self.synced_changes.bytes
    }

    /// What a checkpoint of the log as it is would say.
    pub(super) fn synced_now(&mut self) -> Synced {
        Synced::new(self.next_commit(), self.journal.unwrap_or_default(), self.held.blocks())
    }

    pub(super) fn write_synced(&mut self, synced: &Synced) -> Result<(), LogError> {
        let offset = Slot::Synced.offset();
        self.storage
            .write(FileName::Commit, offset, &synced.encode(&self.key))
            .map_err(at(FileName::Commit, offset))?;
        self.storage.sync(FileName::Commit).map_err(at(FileName::Commit, offset))?;
        self.synced = Some(synced.commit.sequence);
        self.is_record_synced = true;
        Ok(())
    }
}
