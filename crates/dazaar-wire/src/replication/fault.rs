//! What a peer did wrong while replicating, and what can go wrong besides.
//!
//! Grade: plain.

use dazaar_log::LogError;
use dazaar_log::verify::{ProofError, VerifyError};

use super::limits;

/// Why a message could not be handled or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The peer broke a rule: its session is over, nothing else is.
    #[error(transparent)]
    Peer(#[from] ReplicationFault),
    /// Our own log failed: the feed cannot be replicated any more.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Our own log is damaged: the feed cannot be replicated until it is repaired.
    #[error(transparent)]
    Damaged(VerifyError<LogError>),
}

impl Fault {
    /// Whose fault it is that a block could not be verified.
    pub(super) fn of_block(block: u64, error: VerifyError<LogError>) -> Self {
        match error {
            VerifyError::Proof(source) => ReplicationFault::Proof { block, source }.into(),
            VerifyError::Lookup(error) => error.into(),
            damaged => Self::Damaged(damaged),
        }
    }

    /// Whose fault it is that a verified range could not be stored: two histories that the feed's key signed are the sender's.
    pub(super) fn of_stored(block: u64, error: LogError) -> Self {
        match error {
            LogError::Fork { node } => {
                let source = ProofError::Mismatch { index: node };
                ReplicationFault::Proof { block, source }.into()
            }
            error => error.into(),
        }
    }
}

/// The rule that a peer broke. End its session and remove it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicationFault {
    /// The peer claims blocks that no feed can have.
    #[error("claims {length} blocks from block {start}")]
    HaveBeyondLimit {
        /// First block claimed.
        start: u64,
        /// Blocks claimed.
        length: u64,
    },
    /// The bits of a `Have` start in the middle of a page.
    #[error("a map of blocks starts at block {start}, which no `Want` did")]
    HaveMisaligned {
        /// First block of the bits.
        start: u64,
    },
    /// The bits of a `Have` are not run-length encoded, or expand to more than was asked for.
    #[error(
        "a map of blocks from block {start} is malformed or expands to more than {} bytes",
        limits::HAVE_BITFIELD_BYTES_MAX
    )]
    HaveBitfield {
        /// First block of the bits.
        start: u64,
    },
    /// The peer asks for more ranges than honest peers do, without waiting for our answers.
    #[error("more than {} unanswered `Want`s", limits::WANTS_QUEUED_MAX)]
    TooManyWants,
    /// The peer asks for more blocks than honest peers do, without waiting for our answers.
    #[error("more than {} unanswered requests", limits::REQUESTS_QUEUED_MAX)]
    TooManyRequests,
    /// The peer asks for a block that we never claimed to have.
    #[error("requests block {block}, which is not in our tree")]
    RequestNotInTree {
        /// The block.
        block: u64,
    },
    /// The peer keeps sending blocks that we did not ask it for.
    #[error("more than {} blocks that nobody asked for", limits::STRAYS_MAX)]
    TooManyStrays,
    /// A block does not belong to the feed.
    #[error("block {block} does not verify")]
    Proof {
        /// The block.
        block: u64,
        /// Why.
        source: ProofError,
    },
    /// The peer owes us blocks and sends none.
    #[error("no requested block within {} s", limits::REQUEST_TIMEOUT.as_secs())]
    RequestTimeout,
}
