//! Forgetting blocks to win space. The tree stays, so they can be downloaded and verified again.
//!
//! Grade: over a door. Source: classic protocol, section 3.

use std::ops::Range;

use super::Log;
use super::audit::intact;
use super::error::{LogError, at};
use crate::storage::{FileName, Storage};

impl<S: Storage> Log<S> {
    /// Forgets the blocks of `range` and gives their space back to the medium, but for that of damaged ones at the ends.
    ///
    /// # Errors
    /// [`LogError::Io`]: if the bitfield could not be written, the log is poisoned; otherwise the blocks may be forgotten, but not
    /// all of their space is free.
    pub fn clear(&mut self, range: Range<u64>) -> Result<(), LogError> {
        self.refuse_poisoned()?;
        let runs: Vec<_> = self.have().runs(range.clone()).collect();
        if runs.is_empty() {
            return Ok(());
        }
        let freed: Vec<_> = runs.into_iter().map(|run| self.bytes_of(run)).collect::<Result<_, _>>()?;
        self.held.clear_blocks(range.start..range.end.min(self.length()));
        self.commit(self.head.clone())?;
        // A power cut must not bring the bits back when the blocks are gone, nor the journal the blocks.
        self.flush()?;
        for bytes in freed.into_iter().flatten() {
            let offset = bytes.start;
            self.storage.release(FileName::Data, bytes).map_err(at(FileName::Data, offset))?;
        }
        Ok(())
    }

    /// Where the data of blocks that are here lies. A damaged tree would say that it lies where others are, so it goes from the first
    /// to the last that is what the tree says; `None` if none is.
    fn bytes_of(&self, mut run: Range<u64>) -> Result<Option<Range<u64>>, LogError> {
        let whole = |block| match intact(self.block(block)) {
            Ok(Some(_)) => Some(self.leaf(block)),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        };
        let Some(first) = run.find_map(whole).transpose()? else { return Ok(None) };
        let last = run.rev().find_map(whole).transpose()?.unwrap_or(first);
        Ok(Some(first.offset..last.offset.saturating_add(last.size)))
    }
}
