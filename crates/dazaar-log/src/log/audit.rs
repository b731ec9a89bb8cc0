//! Hashing every stored block again.
//!
//! Grade: over a door. Source: classic protocol, section 1.3.

use super::Log;
use super::error::LogError;
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
        let mut audit = Audit::default();
        let mut damaged = Vec::new();
        let mut next = 0;
        while let Some(block) = self.have().next_set(next) {
            next = block + 1;
            match self.block(block) {
                Ok(_) => audit.valid += 1,
                Err(LogError::Corrupt { .. } | LogError::MissingNode { .. }) => damaged.push(block),
                Err(error) => return Err(error),
            }
        }
        audit.invalid = damaged.len() as u64;
        if !damaged.is_empty() {
            self.refuse_poisoned()?;
            damaged.into_iter().for_each(|block| self.held.clear_blocks(block..block + 1));
            self.commit(self.head.clone())?;
        }
        Ok(audit)
    }
}
