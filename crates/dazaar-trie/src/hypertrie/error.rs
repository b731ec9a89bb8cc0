//! Why a trie was not read or written.
//!
//! Grade: plain.

use dazaar_log::LogError;

use crate::fault::{Fault, KeyError};
use crate::limits::{MAX_INDEX_BYTES, MAX_SLOT, MAX_USER_FLAGS};

/// An error that may only say that a block is not here.
pub trait Lack: From<TrieError> {
    /// The block to fetch before asking again.
    fn missing(&self) -> Option<u64>;
}

impl Lack for TrieError {
    fn missing(&self) -> Option<u64> {
        match self {
            Self::Missing { seq } => Some(*seq),
            _ => None,
        }
    }
}

/// Why a trie was not read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrieError {
    /// A block is needed that is not here. Fetch it, and ask again.
    #[error("block {seq} of the trie is not here")]
    Missing {
        /// Its index.
        seq: u64,
    },
    /// The feed cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Block 0 does not say `hypertrie`.
    #[error("the first block does not say that this is a hypertrie")]
    NotATrie,
    /// A block is no node.
    #[error("block {seq}: {fault}")]
    Block {
        /// Its index.
        seq: u64,
        /// The rule that it breaks.
        fault: Fault,
    },
    /// A pointer leads to a node that does not belong there.
    #[error("a pointer of block {seq} leads to block {target}, which does not belong there")]
    Pointer {
        /// The block that has the pointer.
        seq: u64,
        /// Where it leads.
        target: u64,
    },
    /// Bytes that are no checkpoint of an iterator or a diff.
    #[error("these bytes are no checkpoint")]
    Checkpoint,
    /// A key that cannot be written.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// More keys of the same hash than JavaScript could read.
    #[error("too many keys have the hash of {key:?}: slot {MAX_SLOT} is the last")]
    Collisions {
        /// The key.
        key: String,
    },
    /// An index that JavaScript could not have written: the key has too many components in common with too many others.
    #[error("the index of {key:?} would have {bytes} bytes, at most {MAX_INDEX_BYTES} can be written")]
    IndexTooLong {
        /// The key.
        key: String,
        /// Bytes of the index.
        bytes: usize,
    },
    /// Flags that JavaScript would not read back.
    #[error("flags {flags}, at most {MAX_USER_FLAGS} can be written")]
    Flags {
        /// What was to be written.
        flags: u32,
    },
}
