//! The door through which maps read the blocks of a feed.
//!
//! Grade: over a door.

use bytes::Bytes;
use dazaar_log::{Log, LogError, Storage};

/// The blocks of one feed, all of them or only some.
pub trait Blocks {
    /// Blocks that the feed has, here or elsewhere.
    fn length(&self) -> u64;

    /// A block; `None` if it is not here.
    ///
    /// # Errors
    /// What reading met with.
    fn block(&self, seq: u64) -> Result<Option<Bytes>, LogError>;
}

impl<S: Storage> Blocks for Log<S> {
    fn length(&self) -> u64 {
        self.length()
    }

    fn block(&self, seq: u64) -> Result<Option<Bytes>, LogError> {
        self.block(seq)
    }
}

impl Blocks for Vec<Bytes> {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn block(&self, seq: u64) -> Result<Option<Bytes>, LogError> {
        Ok(usize::try_from(seq).ok().and_then(|seq| self.get(seq)).cloned())
    }
}
