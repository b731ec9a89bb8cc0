//! Hashing every stored block again.
//!
//! Grade: over a door. Source: classic protocol, section 1.3.

use super::Log;
use super::error::LogError;
use crate::limits::MAX_READ_BLOCKS;
use crate::storage::Storage;

/// How many of the stored blocks are what the tree says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audit {
    /// Blocks with the right hash.
    pub valid: u64,
    /// Blocks with another hash, or without data or leaf. They are not held any longer.
    pub invalid: u64,
}

impl<S: Storage> Log<S> {
    /// Hashes every stored block, and forgets those that are damaged, so that they can be downloaded again.
    ///
    /// # Errors
    /// [`LogError::Io`], and [`LogError::Poisoned`] if there is something to forget.
    pub fn audit(&mut self) -> Result<Audit, LogError> {
        let mut damaged = Vec::new();
        let held = self.have().count_ones(0..self.have().len());
        let mut next = 0;
        while let Some(start) = self.have().next_set(next) {
            match intact(self.blocks(start..self.length()))? {
                Some(blocks) if !blocks.is_empty() => next = start + blocks.len() as u64,
                _ => {
                    next = self.have().next_clear(start).min(start + MAX_READ_BLOCKS);
                    for block in start..next {
                        if intact(self.block(block))?.is_none() {
                            damaged.push(block);
                        }
                    }
                }
            }
        }
        let invalid = damaged.len() as u64;
        if invalid > 0 {
            self.refuse_poisoned()?;
            damaged.into_iter().for_each(|block| self.held.clear_blocks(block..block + 1));
            self.commit(self.head.clone())?;
        }
        Ok(Audit { valid: held - invalid, invalid })
    }
}

/// What was read, or `None` if it is damaged.
fn intact<T>(read: Result<T, LogError>) -> Result<Option<T>, LogError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(LogError::Corrupt { .. } | LogError::MissingNode { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
