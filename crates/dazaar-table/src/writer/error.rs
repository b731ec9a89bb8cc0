//! Why rows cannot be written. Grade: plain.

use crate::bytes::BlockError;
use crate::header::HeaderError;

/// Why rows were not taken. Rows are numbered from 0 as in the feed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The columns are not those of the table.
    #[error("the columns are not those of the table")]
    Columns,
    /// A row without a time.
    #[error("row {} has no time", .row + 1)]
    NoTime {
        /// Which row.
        row: u64,
    },
    /// A row whose time lies too far before that of an earlier row.
    #[error(
        "row {} is {} s before the latest one, and rows may be late by {} s",
        .row + 1,
        (*.latest as f64 - *.time as f64) / 1e9,
        *.lateness as f64 / 1e9
    )]
    Late {
        /// Which row.
        row: u64,
        /// Its time, in nanoseconds.
        time: i64,
        /// The latest time so far, in nanoseconds.
        latest: i64,
        /// Nanoseconds by which a row may be late.
        lateness: i64,
    },
    /// A row that no block can hold.
    #[error("row {} has more than {max} bytes", .row + 1)]
    TooLarge {
        /// Which row.
        row: u64,
        /// Bytes of the largest row.
        max: usize,
    },
}

/// Why a table cannot be continued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError<E: std::error::Error + 'static> {
    /// The feed is no table.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A block that is needed is not here.
    #[error("block {block} of the table is not here")]
    Missing {
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
    /// A segment that does not follow the one before it.
    #[error("block {block} begins with row {row}, and row {expected} comes next")]
    Rows {
        /// Its number.
        block: u64,
        /// Its first row.
        row: u64,
        /// The row after those before it.
        expected: u64,
    },
    /// The feed cannot be read.
    #[error(transparent)]
    Read(E),
}
