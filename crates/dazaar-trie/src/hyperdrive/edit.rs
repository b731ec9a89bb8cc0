//! Changing a drive.
//!
//! Grade: over a door. Changes are made in a batch of the trie. A drive stays a tree: nothing is written below a file, and no file
//! where something is below, both of which npm hyperdrive allows. What is in a drive that is mounted is changed there.
//! Source: docs/structures.md, writing a drive.

use super::error::DriveError;
use super::path::DrivePath;
use super::stat::Stat;
use super::view::{Entry, View};
use crate::blocks::Blocks;
use crate::hypertrie::{Batch, Changed, Options, Trie};

/// Changes of a drive within a batch, each of which sees those before it.
#[derive(Debug)]
pub struct Edit<'a, B> {
    pub(super) batch: &'a mut Batch,
    pub(super) trie: &'a Trie<B>,
}

impl<'a, B: Blocks> Edit<'a, B> {
    /// Changes what is in `trie`.
    pub const fn new(batch: &'a mut Batch, trie: &'a Trie<B>) -> Self {
        Self { batch, trie }
    }

    /// Asks the drive as it is after the changes so far.
    ///
    /// # Errors
    /// Those of the question.
    pub fn ask<T>(
        &self,
        ask: impl FnOnce(&View<'_, Changed<'_, B>>) -> Result<T, DriveError>,
    ) -> Result<T, DriveError> {
        let (changed, version) = self.batch.changed(self.trie);
        ask(&View::new(&changed, version))
    }

    /// Writes what is known of a file whose bytes are in the content feed already. Another file or link of that path is replaced.
    /// Returns the block of the entry.
    ///
    /// # Errors
    /// [`DriveError::IsADirectory`], [`DriveError::NotADirectory`] if something on the way is none, [`DriveError::Mounted`],
    /// [`DriveError::Path`]; what is wrong with a block.
    pub fn put(&mut self, path: &DrivePath, stat: &Stat) -> Result<u64, DriveError> {
        self.check_place(path)?;
        self.write(path, stat)
    }

    /// Writes an entry of any kind over one of the same: files and links over each other, directories over directories.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn replace(&mut self, path: &DrivePath, stat: &Stat) -> Result<u64, DriveError> {
        if !stat.is_directory() {
            return self.put(path, stat);
        }
        self.check_way(path)?;
        match self.ask(|view| view.own(path, path))? {
            Some(entry) if !entry.stat.is_directory() => {
                Err(DriveError::NotADirectory { path: path.clone() })
            }
            _ => self.write(path, stat),
        }
    }

    /// Checks what [`put`](Self::put) would, before anything is written for it.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn check_place(&self, path: &DrivePath) -> Result<(), DriveError> {
        self.check_way(path)?;
        match self.ask(|view| view.own(path, path))? {
            Some(entry) if entry.stat.is_directory() => Err(DriveError::IsADirectory { path: path.clone() }),
            Some(_) => Ok(()),
            None if self.ask(|view| view.has_any(path))? => {
                Err(DriveError::IsADirectory { path: path.clone() })
            }
            None => Ok(()),
        }
    }

    /// Makes a directory, or gives one an entry that had none.
    ///
    /// # Errors
    /// [`DriveError::Exists`] if the path has an entry; as [`put`](Self::put).
    pub fn mkdir(&mut self, path: &DrivePath, stat: &Stat) -> Result<u64, DriveError> {
        self.check_way(path)?;
        if self.ask(|view| view.entry(path))?.is_some() {
            return Err(DriveError::Exists { path: path.clone() });
        }
        self.write(path, stat)
    }

    /// Makes a link. Where it leads need not exist.
    ///
    /// # Errors
    /// [`DriveError::Exists`] if there is anything; as [`put`](Self::put).
    pub fn symlink(&mut self, path: &DrivePath, stat: &Stat) -> Result<u64, DriveError> {
        self.check_free(path)?;
        self.write(path, stat)
    }

    /// Deletes a file or a link.
    ///
    /// # Errors
    /// [`DriveError::NotFound`], [`DriveError::IsADirectory`], [`DriveError::Mounted`]; what is wrong with a block.
    pub fn unlink(&mut self, path: &DrivePath) -> Result<(), DriveError> {
        let entry = self.own(path)?;
        if entry.seq.is_none() || entry.stat.is_directory() {
            return Err(DriveError::IsADirectory { path: path.clone() });
        }
        self.delete(path.as_str())
    }

    /// Deletes an empty directory.
    ///
    /// # Errors
    /// [`DriveError::NotEmpty`], [`DriveError::NotADirectory`], [`DriveError::NotFound`], [`DriveError::Mounted`]; what is
    /// wrong with a block.
    pub fn rmdir(&mut self, path: &DrivePath) -> Result<(), DriveError> {
        let entry = self.own(path)?;
        if !entry.stat.is_directory() {
            return Err(DriveError::NotADirectory { path: path.clone() });
        }
        if self.ask(|view| view.first_below(path))?.is_some() {
            return Err(DriveError::NotEmpty { path: path.clone() });
        }
        self.delete(path.as_str())
    }

    /// Replaces what is known of a file, a directory or a link that has an entry.
    ///
    /// # Errors
    /// [`DriveError::NotFound`] if it has none, [`DriveError::Mounted`]; what is wrong with a block.
    pub fn update(&mut self, path: &DrivePath, change: impl FnOnce(&mut Stat)) -> Result<u64, DriveError> {
        let mut entry = self.own(path)?;
        if entry.seq.is_none() {
            return Err(DriveError::NotFound { path: path.clone() });
        }
        change(&mut entry.stat);
        self.write(path, &entry.stat)
    }

    /// The entry at a path that is this drive's own, and not the root.
    pub(super) fn own(&self, path: &DrivePath) -> Result<Entry, DriveError> {
        path.check_writable()?;
        let found = self.ask(|view| view.own(path, path))?;
        found.map_or_else(|| self.ask(|view| view.lstat(path)), Ok)
    }

    /// Checks that nothing is at or below a path, nor in its way.
    pub(super) fn check_free(&self, path: &DrivePath) -> Result<(), DriveError> {
        self.check_way(path)?;
        if self.ask(|view| view.has_any(path))? {
            return Err(DriveError::Exists { path: path.clone() });
        }
        Ok(())
    }

    /// Checks that a path can be written, and that nothing on the way there is anything but a directory.
    pub(super) fn check_way(&self, path: &DrivePath) -> Result<(), DriveError> {
        path.check_writable()?;
        for directory in path.ancestors() {
            match self.ask(|view| view.own(&directory, path))? {
                Some(entry) if !entry.stat.is_directory() => {
                    return Err(DriveError::NotADirectory { path: directory });
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn write(&mut self, path: &DrivePath, stat: &Stat) -> Result<u64, DriveError> {
        Ok(self.batch.put(self.trie, path.as_str(), Some(&stat.encode()), Options::default())?)
    }

    pub(super) fn delete(&mut self, key: &str) -> Result<(), DriveError> {
        self.batch.delete(self.trie, key)?;
        Ok(())
    }
}
