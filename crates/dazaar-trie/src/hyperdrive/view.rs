//! A version of a drive, to read.
//!
//! Grade: over a door. Directories need no entry: whatever has something below it is one. Links are followed at the end of a path
//! and not on the way, as npm hyperdrive does. What is in a drive that is mounted has to be asked there.
//! Source: docs/structures.md, reading a drive.

use std::sync::Arc;

use super::error::DriveError;
use super::list::List;
use super::mount::is_flagged;
use super::path::DrivePath;
use super::stat::{Mount, Stat};
use crate::fault::Fault;
use crate::hypertrie::{Iter, IterOptions, Node, Nodes, Query, find, has_prefix};
use crate::limits::MAX_LINKS;

/// A file, a directory or a link of a drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path. What a list tells of may have a path by which nothing is found, if somebody wrote it for that.
    pub path: String,
    /// What is known of it.
    pub stat: Stat,
    /// Its block in the metadata feed; none for a directory without entry.
    pub seq: Option<u64>,
    /// Whether another drive is mounted here. Which one is said by [`View::mount_point`].
    pub is_mount: bool,
}

/// A version of a drive.
#[derive(Debug)]
pub struct View<'a, N> {
    pub(super) nodes: &'a N,
    pub(super) version: u64,
}

impl<'a, N> View<'a, N> {
    /// The drive in `nodes`, usually a [`Trie`](crate::hypertrie::Trie), as it was when its feed had `version` blocks.
    pub const fn new(nodes: &'a N, version: u64) -> Self {
        Self { nodes, version }
    }

    /// Blocks that the metadata feed had.
    pub const fn version(&self) -> u64 {
        self.version
    }
}

#[expect(private_bounds, reason = "only the tries of this crate are sources of nodes")]
impl<N: Nodes> View<'_, N> {
    /// The entry at a path itself: of a link, the link.
    ///
    /// # Errors
    /// [`DriveError::NotFound`], [`DriveError::Mounted`]; what is wrong with a block.
    pub fn lstat(&self, path: &DrivePath) -> Result<Entry, DriveError> {
        if path.is_root() {
            return Ok(Entry::implicit(path, None));
        }
        if let Some(entry) = self.entry(path)? {
            return Ok(entry);
        }
        match self.first_below(path)? {
            Some(child) => Ok(Entry::implicit(path, Entry::read(&child).ok().as_ref())),
            None => {
                path.ancestors().try_for_each(|directory| self.own(&directory, path).map(drop))?;
                Err(DriveError::NotFound { path: path.clone() })
            }
        }
    }

    /// The entry at a path, or where the link there leads.
    ///
    /// # Errors
    /// As [`lstat`](Self::lstat); [`DriveError::LinkLoop`].
    pub fn stat(&self, path: &DrivePath) -> Result<Entry, DriveError> {
        let mut place = path.clone();
        // The last of them may be no link any more.
        for _ in 0..=MAX_LINKS {
            let entry = self.lstat(&place)?;
            match entry.stat.target() {
                Some(target) => place = place.resolve(target),
                None => return Ok(entry),
            }
        }
        Err(DriveError::LinkLoop { path: path.clone() })
    }

    /// What is in a directory, or in the one to which a link there leads. Nothing of it is read yet.
    ///
    /// # Errors
    /// As [`stat`](Self::stat); [`DriveError::NotADirectory`].
    pub fn readdir(&self, path: &DrivePath, is_recursive: bool) -> Result<List, DriveError> {
        let found = self.stat(path)?;
        let place = DrivePath::new(&found.path);
        if found.is_mount {
            return Err(self.mounted(&place, &place));
        }
        if !found.stat.is_directory() {
            return Err(DriveError::NotADirectory { path: path.clone() });
        }
        Ok(List::new(self.version, place, is_recursive))
    }

    /// The node whose key is exactly this path.
    pub(super) fn node(&self, path: &DrivePath) -> Result<Option<Arc<Node>>, DriveError> {
        let node = find(self.nodes, self.version, path.as_str().into())?;
        Ok(node.filter(|node| node.key() == path.as_str()))
    }

    /// The entry whose key is exactly this path.
    pub(super) fn entry(&self, path: &DrivePath) -> Result<Option<Entry>, DriveError> {
        self.node(path)?.map(|node| Entry::read(&node)).transpose()
    }

    /// The same, on the way to `path`: an error if that is in another drive, which is mounted here.
    pub(super) fn own(&self, place: &DrivePath, path: &DrivePath) -> Result<Option<Entry>, DriveError> {
        match self.entry(place)? {
            Some(entry) if entry.is_mount => Err(self.mounted(place, path)),
            entry => Ok(entry),
        }
    }

    /// The error that says in which drive `path` is.
    fn mounted(&self, at: &DrivePath, path: &DrivePath) -> DriveError {
        match self.mount_point(at) {
            Ok(mount) => DriveError::Mounted { path: path.clone(), mount: Box::new(mount) },
            Err(error) => error,
        }
    }

    /// The hidden entry of a key.
    pub(super) fn hidden(&self, key: &str) -> Result<Option<Arc<Node>>, DriveError> {
        let node = find(self.nodes, self.version, Query { key, is_hidden: true })?;
        Ok(node.filter(|node| node.key() == key))
    }

    /// Whether there is an entry at or below a path.
    pub(super) fn has_any(&self, path: &DrivePath) -> Result<bool, DriveError> {
        Ok(has_prefix(self.nodes, self.version, path.as_str().into())?)
    }

    /// The first entry below a path.
    pub(super) fn first_below(&self, path: &DrivePath) -> Result<Option<Arc<Node>>, DriveError> {
        let options = IterOptions { prefix: path.as_str(), is_below_only: true, ..IterOptions::default() };
        Ok(Iter::new(self.version, &options).next(self.nodes)?)
    }
}

impl Entry {
    /// Reads an entry.
    pub(super) fn read(node: &Node) -> Result<Self, DriveError> {
        let stat = node.value().ok_or(Fault::NoField { field: 2 }).and_then(Stat::decode);
        let stat =
            stat.map_err(|fault| DriveError::Stat { path: node.key().to_owned(), seq: node.seq(), fault })?;
        Ok(Self { path: node.key().to_owned(), stat, seq: Some(node.seq()), is_mount: is_flagged(node) })
    }

    /// The feed whose bytes are those of this file, if they are not in the drive.
    pub fn feed(&self) -> Option<&Mount> {
        self.stat.mount.as_ref().filter(|mount| mount.is_feed && !self.is_mount)
    }

    /// A directory without entry. Owner and times are those of what is found first below it.
    pub(super) fn implicit(path: &DrivePath, child: Option<&Self>) -> Self {
        let mut stat = Stat::implicit_directory();
        if let Some(child) = child {
            (stat.uid, stat.gid) = (child.stat.uid, child.stat.gid);
            (stat.mtime_ms, stat.ctime_ms) = (child.stat.mtime_ms, child.stat.ctime_ms);
        }
        Self { path: path.as_str().to_owned(), stat, seq: None, is_mount: false }
    }
}
