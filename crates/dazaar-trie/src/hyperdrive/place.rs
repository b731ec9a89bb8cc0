//! Where a path leads: into a drive that is mounted, or into one that is mounted there.
//!
//! Grade: plain. A [`View`](super::View) is of one drive. What leads out of it is the error [`DriveError::Mounted`]; whoever has the other
//! drive asks there, and so on.

use dazaar_log::FeedKey;

use super::error::DriveError;
use super::mount::MountPoint;
use super::path::DrivePath;
use crate::limits::MAX_MOUNT_DEPTH;

/// A path in one of the drives that are mounted in each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The drive.
    pub key: FeedKey,
    /// Its version; none for the newest.
    pub version: Option<u64>,
    /// The path in it.
    pub path: DrivePath,
    /// How many mounts were passed.
    depth: usize,
}

impl Place {
    /// A path in a drive.
    pub const fn new(key: FeedKey, version: Option<u64>, path: DrivePath) -> Self {
        Self { key, version, path, depth: 0 }
    }

    /// Takes the answer to a question that was asked here. If the question has to be asked elsewhere, this is where from now on, and
    /// there is no answer yet.
    ///
    /// # Errors
    /// [`DriveError::TooDeep`]; every other error of the question.
    pub fn follow<T>(&mut self, answer: Result<T, DriveError>) -> Result<Option<T>, DriveError> {
        match answer {
            Err(DriveError::Mounted { path, mount }) => {
                *self = self.enter(&mount, path.below(&mount.path).unwrap_or_default())?;
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }

    /// A path in a drive that is mounted in this one, `below` the mount.
    ///
    /// # Errors
    /// [`DriveError::TooDeep`].
    pub fn enter(&self, mount: &MountPoint, below: &str) -> Result<Self, DriveError> {
        if self.depth >= MAX_MOUNT_DEPTH {
            return Err(DriveError::TooDeep { path: mount.path.clone() });
        }
        let MountPoint { key, version, ref remote, .. } = *mount;
        Ok(Self { key, version, path: remote.join(below), depth: self.depth + 1 })
    }
}
