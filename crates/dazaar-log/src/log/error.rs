//! What can go wrong with a log on disk.
//!
//! Grade: plain.

use std::io;

use crate::flat_tree::NodeIndex;
use crate::key::FeedKey;
use crate::limits::MAX_BLOCK_BYTES;
use crate::signed_head::SignedHead;
use crate::sleep::node_offset;
use crate::storage::FileName;

/// Why an operation on a log failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// A block is larger than any peer would take.
    #[error("block {block} has {bytes} bytes, more than the {MAX_BLOCK_BYTES} that a block may have")]
    BlockTooLarge {
        /// The number that the block would have got.
        block: u64,
        /// Its bytes.
        bytes: usize,
    },
    /// Bytes on disk are not what the tree says.
    #[error("`{file}` is damaged at byte {offset}")]
    Corrupt {
        /// The file.
        file: FileName,
        /// Where the damaged part starts.
        offset: u64,
    },
    /// The folder already holds a log.
    #[error("a log with the key {key} is stored here")]
    Exists {
        /// Its key.
        key: FeedKey,
    },
    /// What was verified no longer fits what the log holds: two logs were signed with the key.
    #[error("node {node} of the tree is stored with another hash")]
    Fork {
        /// Where the two differ.
        node: NodeIndex,
    },
    /// Appending would sign a second history: a peer holds another one, which the key's holder signed too. The two heads prove it.
    #[error(
        "a peer holds {} blocks of this log that {} signed, and they are not a part of the {} blocks here",
        .theirs.length(), .theirs.key(), .ours.as_ref().map_or(0, |ours| ours.length())
    )]
    Forked {
        /// The head of this log; `None` if it is empty.
        ours: Option<Box<SignedHead>>,
        /// The head that the peer proved, under the key of the log or of a re-keyed feed of it.
        theirs: Box<SignedHead>,
    },
    /// The log would become larger than a log may be.
    #[error("a log of {length} blocks and {byte_length} bytes cannot grow any further")]
    Full {
        /// Its blocks.
        length: u64,
        /// Its bytes.
        byte_length: u64,
    },
    /// The file does not start like a file of a Hypercore 9 folder.
    #[error("`{file}` does not start with the header of a Hypercore 9 file")]
    Header {
        /// The file.
        file: FileName,
    },
    /// The medium failed.
    #[error("`{file}` failed at byte {offset}")]
    Io {
        /// The file.
        file: FileName,
        /// Where the failed part starts.
        offset: u64,
        /// What the medium said.
        source: io::Error,
    },
    /// The tree lacks a node that places a block.
    #[error("node {node} of the tree is not held")]
    MissingNode {
        /// The node.
        node: NodeIndex,
    },
    /// There is no key in the folder.
    #[error("no log is stored here")]
    NotALog,
    /// A block was verified for another log.
    #[error("the block was verified for the log {other}, not for {key}")]
    OtherLog {
        /// This log's key.
        key: FeedKey,
        /// The key under which the block was verified.
        other: FeedKey,
    },
    /// A write failed half way. What is held can still be read; opening the log anew recovers it.
    #[error("an earlier write failed; the log has to be opened anew")]
    Poisoned,
    /// The log has no secret key.
    #[error("the log {key} is not writable: its secret key is not here")]
    ReadOnly {
        /// The log's key.
        key: FeedKey,
    },
    /// The secret key belongs to another log.
    #[error("the secret key does not belong to the log {key}")]
    SecretKey {
        /// The log's key.
        key: FeedKey,
    },
    /// A file is missing, or lost its end.
    #[error("`{file}` has {bytes} bytes, and {expected} were written")]
    Truncated {
        /// The file.
        file: FileName,
        /// Its bytes.
        bytes: u64,
        /// The bytes that it had at least.
        expected: u64,
    },
    /// Nothing on disk proves any length of the log.
    #[error("the log claims {length} blocks, and no signature in the folder proves them")]
    Unproven {
        /// The length that the bitfield claims.
        length: u64,
    },
}

impl LogError {
    /// A node that the bitfield promises is not in the tree file.
    pub(crate) const fn corrupt_node(node: NodeIndex) -> Self {
        Self::Corrupt { file: FileName::Tree, offset: node_offset(node) }
    }
}

/// Adds the place to an error of the medium.
pub(crate) fn at(file: FileName, offset: u64) -> impl FnOnce(io::Error) -> LogError {
    move |source| LogError::Io { file, offset, source }
}
