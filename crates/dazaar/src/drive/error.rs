//! Why a drive was not opened, read or written.

use std::io;
use std::path::PathBuf;

use dazaar_log::{FeedKey, LogError};
use dazaar_trie::hyperdrive::{DriveError, DrivePath, ExtentError};
use dazaar_trie::hypertrie::TrieError;

use crate::corestore::CorestoreError;
use crate::market::MarketError;

/// Why a drive was not opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriveAccessError {
    /// A file or a folder on the disk cannot be used.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder of the drive was to be imported into it, or to be exported to.
    #[error("{} is the drive itself, or in it", path.display())]
    Itself {
        /// The folder.
        path: PathBuf,
    },
    /// What was to be imported holds keys.
    #[error("{} is a market or a drive, with its keys, or in one", path.display())]
    Keys {
        /// The folder.
        path: PathBuf,
    },
    /// What was to be cleared holds something that must stay.
    #[error("nothing is deleted from {}: it is {}, or holds it", path.display(), kept.display())]
    Protected {
        /// The folder.
        path: PathBuf,
        /// What must stay.
        kept: PathBuf,
    },
    /// There is no drive in the folder.
    #[error("there is no drive in {}", path.display())]
    NoDrive {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing of the drive is here yet.
    #[error("nothing of this drive is here yet")]
    Empty,
    /// Somebody else's drive, or a snapshot.
    #[error("this drive can only be read here")]
    ReadOnly,
    /// A version that does not exist yet.
    #[error("there is no version {version}: the newest is {newest}")]
    Version {
        /// What was asked for.
        version: u64,
        /// What there is.
        newest: u64,
    },
    /// The metadata is wrong, or the change.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// A feed cannot be read or written.
    #[error("the feed {feed}: {source}")]
    Feed {
        /// The feed.
        feed: FeedKey,
        /// What is wrong.
        source: LogError,
    },
    /// A feed cannot be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The records of the market cannot be read.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The metadata claims bytes that cannot be.
    #[error("{path}: {fault}")]
    Extent {
        /// The file.
        path: DrivePath,
        /// Why.
        fault: ExtentError,
    },
    /// The bytes are not where the metadata says.
    #[error("{path}: its bytes are not where the metadata says")]
    Misplaced {
        /// The file.
        path: DrivePath,
    },
    /// A block of the content is neither here nor to be had.
    #[error("block {block} of the content is not here")]
    Missing {
        /// Its index.
        block: u64,
    },
    /// Nothing is here of a drive or a feed that is mounted.
    #[error("nothing of {key} is here, which is mounted")]
    NotHere {
        /// Its key.
        key: FeedKey,
    },
    /// Something is wrong in a drive that is mounted.
    #[error("in the drive {key}: {source}")]
    Within {
        /// That drive.
        key: FeedKey,
        /// What is wrong.
        source: Box<Self>,
    },
    /// Too many mounts lead to other drives.
    #[error("more than {max} mounted drives or feeds would be open at once")]
    TooManyMounted {
        /// How many may be.
        max: usize,
    },
    /// What was to be written cannot be read.
    #[error("the source cannot be read: {0}")]
    Read(io::Error),
    /// Somebody else appended to the content feed while a file was written.
    #[error("another program wrote into the content feed meanwhile")]
    Interrupted,
}

impl From<CorestoreError> for DriveAccessError {
    fn from(error: CorestoreError) -> Self {
        match error {
            CorestoreError::Folder { path, source } => Self::Folder { path, source },
            CorestoreError::Missing { path } => Self::NoDrive { path },
            CorestoreError::Feed { feed, source } => Self::Feed { feed, source },
            // The names of a drive's feeds are short.
            error @ CorestoreError::Name { .. } => Self::Read(io::Error::other(error)),
        }
    }
}

impl From<TrieError> for DriveAccessError {
    fn from(error: TrieError) -> Self {
        Self::Drive(error.into())
    }
}
