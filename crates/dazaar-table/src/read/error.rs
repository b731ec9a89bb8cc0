//! Why a table cannot be read. Grade: plain.

use crate::bytes::BlockError;
use crate::header::HeaderError;
use crate::read::QueryError;

/// Why reading ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The feed is no table.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The header or another block without which nothing can be found is not here, and nobody has it.
    #[error("block {block} is gone, and without it nothing can be found")]
    Gone {
        /// Its number.
        block: u64,
    },
    /// A block is not what it should be.
    #[error("block {block}: {error}")]
    Block {
        /// Its number.
        block: u64,
        /// What is wrong with it.
        error: BlockError,
    },
    /// What the index says of a block is not true. The seller signed both.
    #[error("the index is wrong about block {block}: the seller contradicts themselves")]
    Contradiction {
        /// Its number.
        block: u64,
    },
    /// More blocks at the end are in no index than a reader looks through.
    #[error(
        "the last {blocks} blocks are in no index, so their rows cannot be found by time; buy the feed as a whole"
    )]
    Unindexed {
        /// How many.
        blocks: u64,
    },
    /// Counting the rows would take the reading of too many segments.
    #[error("the rows lie in {segments} segments with others between them: too many to count")]
    Scattered {
        /// How many segments.
        segments: usize,
    },
    /// The question does not fit the table.
    #[error(transparent)]
    Query(#[from] QueryError),
}
