//! Why a drive was not read or written.
//!
//! Grade: plain.

use dazaar_log::{FeedKey, LogError};

use super::mount::MountPoint;
use super::path::DrivePath;
use crate::fault::Fault;
use crate::hypertrie::{Lack, TrieError};
use crate::limits::{
    MAX_DRIVE_PATH_BYTES, MAX_LINKS, MAX_MOUNT_DEPTH, MAX_MOUNTS_ENTERED, MAX_MOVED_ENTRIES,
};

/// Why a drive was not read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriveError {
    /// The trie cannot be read or written. [`TrieError::Missing`]: fetch the block, and ask again.
    #[error(transparent)]
    Trie(#[from] TrieError),
    /// The header of the trie names no content feed.
    #[error("the first block names no content feed, so this is no drive")]
    NotADrive,
    /// What is known of a file cannot be read.
    #[error("{path} (block {seq}): {fault}")]
    Stat {
        /// The key of the entry.
        path: String,
        /// Its block in the metadata feed.
        seq: u64,
        /// The rule that it breaks.
        fault: Fault,
    },
    /// There is nothing of this name.
    #[error("{path}: no such file or directory")]
    NotFound {
        /// The path.
        path: DrivePath,
    },
    /// There is something already.
    #[error("{path} exists")]
    Exists {
        /// The path.
        path: DrivePath,
    },
    /// Only a directory can have something below it, or be listed.
    #[error("{path} is not a directory")]
    NotADirectory {
        /// The path.
        path: DrivePath,
    },
    /// A directory has no bytes, and is not replaced by a file.
    #[error("{path} is a directory")]
    IsADirectory {
        /// The path.
        path: DrivePath,
    },
    /// Neither a file nor a directory: a device, a pipe or a socket.
    #[error("{path} is not a file")]
    NotAFile {
        /// The path.
        path: DrivePath,
    },
    /// Only empty directories are removed.
    #[error("{path} is not empty")]
    NotEmpty {
        /// The path.
        path: DrivePath,
    },
    /// Links that lead to links, in a circle or too many.
    #[error("{path}: more than {MAX_LINKS} links in a row")]
    LinkLoop {
        /// Where the first one is.
        path: DrivePath,
    },
    /// It is in another drive: [`Place::follow`](super::Place::follow) says where to ask.
    #[error("{path} is in the drive {key}, which is mounted at {at}", key = mount.key, at = mount.path)]
    Mounted {
        /// The path.
        path: DrivePath,
        /// The other drive, and where it is mounted.
        mount: Box<MountPoint>,
    },
    /// No drive is mounted there, or nothing says which.
    #[error("no drive is mounted at {path}, or nothing says which")]
    NotMounted {
        /// The path.
        path: DrivePath,
    },
    /// Drives that are mounted in drives, in a circle or too many.
    #[error("{path}: more than {MAX_MOUNT_DEPTH} drives are mounted within each other")]
    TooDeep {
        /// Where the next one is mounted.
        path: DrivePath,
    },
    /// A list that enters too many mounts.
    #[error("{path}: more than {MAX_MOUNTS_ENTERED} mounts in one list")]
    TooManyMounts {
        /// Where the next one is.
        path: DrivePath,
    },
    /// One drive is mounted in a list at too many places, or one feed seen as a file.
    #[error("{path}: {key} is mounted at more than {max} places; it is left out at those beyond")]
    MountedOften {
        /// Where it is mounted once more.
        path: DrivePath,
        /// The drive or feed.
        key: FeedKey,
        /// How many places are followed.
        max: usize,
    },
    /// A directory cannot be moved into itself.
    #[error("{path} cannot be moved into itself")]
    IntoItself {
        /// The path.
        path: DrivePath,
    },
    /// Too much to change at once.
    #[error("{path} has more than {MAX_MOVED_ENTRIES} entries, too many to move at once")]
    TooMany {
        /// The path.
        path: DrivePath,
    },
    /// A path that cannot be written.
    #[error("{path:?} cannot be written: {rule}", path = path.to_string())]
    Path {
        /// The path.
        path: DrivePath,
        /// Why.
        rule: PathRule,
    },
}

/// Why a path cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathRule {
    /// The root has no entry.
    #[error("it is the root")]
    Root,
    /// It is too long.
    #[error("it has {bytes} bytes, at most {MAX_DRIVE_PATH_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A byte that ends names elsewhere.
    #[error("it contains a zero byte")]
    Nul,
    /// A name that means another directory elsewhere.
    #[error("`.` and `..` are no names")]
    Dots,
}

impl From<LogError> for DriveError {
    fn from(error: LogError) -> Self {
        Self::Trie(error.into())
    }
}

impl Lack for DriveError {
    fn missing(&self) -> Option<u64> {
        match self {
            Self::Trie(error) => error.missing(),
            _ => None,
        }
    }
}
