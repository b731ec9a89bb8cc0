//! What replication tells whoever drives it.
//!
//! Grade: plain.

use std::ops::Range;

use dazaar_log::SignedHead;

use super::PeerId;

/// Something happened that others may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplicationEvent {
    /// Every block that we want is here, up to the longest length that a connected peer claims. Told when it becomes
    /// true, and again after blocks were asked for.
    Complete {
        /// Blocks of the log.
        length: u64,
    },
    /// A peer asked for a block that our own disk has damaged, and was told that it is not here. Told at each request, until
    /// the log is repaired: its audit forgets what is damaged, so that it can be fetched again.
    Damaged {
        /// The block.
        block: u64,
    },
    /// A peer proved that the key of the feed, which we write, signed a history that is not here. The log has been marked, and
    /// refuses to append. Told once for each mark.
    Forked {
        /// Who proved it.
        peer: PeerId,
        /// The proof.
        head: SignedHead,
    },
    /// The log is longer than before: somebody proved it.
    Length {
        /// Blocks of the log.
        length: u64,
    },
    /// Blocks were verified and stored, at least one of which had not been here.
    Stored {
        /// The blocks.
        blocks: Range<u64>,
        /// Their bytes.
        bytes: u64,
    },
    /// Blocks were handed to a peer's session.
    Uploaded {
        /// Whose.
        peer: PeerId,
        /// The blocks.
        blocks: Range<u64>,
        /// Their bytes.
        bytes: u64,
    },
}

/// How far the replication of a feed is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Blocks that are here.
    pub have: u64,
    /// Blocks of the feed: the length of the log, or what a connected peer claims if that is more. Unproved.
    pub length: u64,
    /// Bytes of blocks that were received and stored since the replication began.
    pub bytes_down: u64,
    /// Bytes of blocks that were sent since the replication began.
    pub bytes_up: u64,
}
