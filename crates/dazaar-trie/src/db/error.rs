//! Why a map of several writers was not read or written.
//!
//! Grade: plain.

use dazaar_log::{FeedKey, LogError};

use crate::fault::{Fault, KeyError};
use crate::limits::MAX_WRITERS;

/// Why a map of several writers was not read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// A block is needed that is not here. Fetch it, and ask again.
    #[error("block {seq} of feed {feed} is not here")]
    Missing {
        /// The feed.
        feed: FeedKey,
        /// Its index.
        seq: u64,
    },
    /// A feed cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Block 0 of a feed does not say `hyperdb`.
    #[error("the first block of feed {feed} does not say that this is a hyperdb")]
    NotADb {
        /// The feed.
        feed: FeedKey,
    },
    /// A block is no entry.
    #[error("block {seq} of feed {feed}: {fault}")]
    Block {
        /// The feed.
        feed: FeedKey,
        /// Its index.
        seq: u64,
        /// The rule that it breaks.
        fault: Fault,
    },
    /// A pointer leads to an entry that does not belong there.
    #[error(
        "a pointer of block {seq} of feed {feed} leads to block {target} of feed {target_feed}, which does not belong there"
    )]
    Pointer {
        /// The feed that has the pointer.
        feed: FeedKey,
        /// The block that has the pointer.
        seq: u64,
        /// The feed to which it leads.
        target_feed: FeedKey,
        /// The block to which it leads.
        target: u64,
    },
    /// More feeds than one map can have.
    #[error("a map has at most {MAX_WRITERS} writers")]
    TooManyWriters,
    /// Bytes that are no version.
    #[error("these bytes are no version of a map")]
    Version,
    /// A key that cannot be written.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Only the owner may end a writer's rights.
    #[error("only the owner of the map may revoke a writer")]
    NotTheOwner,
    /// The owner's own feed, or a feed that is no writer's.
    #[error("feed {feed} is not that of a writer who can be revoked")]
    NotAWriter {
        /// The feed.
        feed: FeedKey,
    },
}
