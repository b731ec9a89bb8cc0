//! Paths within a drive.
//!
//! Grade: plain. A path is read as npm hyperdrive reads it with a slash in front: backslashes are slashes, several are one, and one at
//! the end means nothing. Nothing else is resolved, so `..` is a name like others; it is only never written.
//! Source: docs/structures.md, paths of a drive.

use std::fmt;

use super::error::{DriveError, PathRule};
use crate::limits::MAX_DRIVE_PATH_BYTES;

/// A path within a drive, without a slash in front: names with `/` between them. The empty path is the root.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DrivePath(String);

impl DrivePath {
    /// Reads a path, whatever it is.
    pub fn new(path: &str) -> Self {
        let mut text = String::with_capacity(path.len());
        for name in path.split(['/', '\\']).filter(|name| !name.is_empty()) {
            if !text.is_empty() {
                text.push('/');
            }
            text.push_str(name);
        }
        // A path relative to the root.
        if path.starts_with('.') && text.starts_with("./") {
            text.drain(..2);
        }
        Self(text)
    }

    /// The path, which is the key of its entry.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the root.
    pub const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Its names, from the root on.
    pub fn names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// The last name; none for the root.
    pub fn name(&self) -> Option<&str> {
        self.names().next_back()
    }

    /// The directory that it is in; none for the root.
    pub fn parent(&self) -> Option<Self> {
        let end = self.0.rfind('/').unwrap_or(0);
        (!self.is_root()).then(|| Self(self.0.get(..end).unwrap_or_default().to_owned()))
    }

    /// The directories that it is in, the root left out, the highest first.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = Self> {
        self.0.match_indices('/').filter_map(|(end, _)| self.0.get(..end)).map(|path| Self(path.to_owned()))
    }

    /// A path below this one.
    pub fn join(&self, below: &str) -> Self {
        Self::new(&format!("/{}/{below}", self.0))
    }

    /// What is left of it below `directory`; none if it is not there. Nothing is left of the directory itself.
    pub fn below<'a>(&'a self, directory: &Self) -> Option<&'a str> {
        let rest = self.0.strip_prefix(&directory.0)?;
        if directory.is_root() || rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }

    /// Where a link at this path leads. It stays within the drive, since the root is above everything.
    pub fn resolve(&self, target: &str) -> Self {
        let target_names = target.split(['/', '\\']);
        let base = if target.starts_with(['/', '\\']) { None } else { self.parent() };
        let mut names: Vec<&str> = base.iter().flat_map(Self::names).collect();
        for name in target_names {
            match name {
                "" | "." => {}
                ".." => {
                    names.pop();
                }
                name => names.push(name),
            }
        }
        Self(names.join("/"))
    }

    /// Checks that this can be written, and read again by every program.
    ///
    /// # Errors
    /// [`DriveError::Path`] with the rule that it breaks.
    pub fn check_writable(&self) -> Result<(), DriveError> {
        let broken = if self.is_root() {
            Some(PathRule::Root)
        } else if self.0.len() > MAX_DRIVE_PATH_BYTES {
            Some(PathRule::TooLong { bytes: self.0.len() })
        } else if self.0.contains('\0') {
            Some(PathRule::Nul)
        } else {
            self.names().any(|name| matches!(name, "." | "..")).then_some(PathRule::Dots)
        };
        broken.map_or(Ok(()), |rule| Err(DriveError::Path { path: self.clone(), rule }))
    }
}

impl fmt::Display for DrivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}
