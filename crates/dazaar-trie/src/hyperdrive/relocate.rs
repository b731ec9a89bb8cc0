//! Copying, moving and removing whole parts of a drive.
//!
//! Grade: over a door. Only entries are written: the bytes of the files stay where they are in the content feed.

use super::edit::Edit;
use super::error::DriveError;
use super::mount::is_flagged;
use super::path::DrivePath;
use super::stat::Kind;
use super::view::Entry;
use crate::blocks::Blocks;
use crate::hypertrie::{Iter, IterOptions};
use crate::limits::MAX_MOVED_ENTRIES;

impl<B: Blocks> Edit<'_, B> {
    /// Writes the file at `from`, or to which a link there leads, at `to` too.
    ///
    /// # Errors
    /// [`DriveError::NotAFile`] or [`DriveError::IsADirectory`] if `from` is no file; as [`put`](Self::put).
    pub fn copy(&mut self, from: &DrivePath, to: &DrivePath) -> Result<u64, DriveError> {
        let entry = self.ask(|view| view.stat(from))?;
        match entry.stat.kind() {
            Kind::File => self.put(to, &entry.stat),
            Kind::Directory => Err(DriveError::IsADirectory { path: from.clone() }),
            Kind::Symlink | Kind::Other => Err(DriveError::NotAFile { path: from.clone() }),
        }
    }

    /// Moves a file, a link, or a directory with everything below it. A file or a link replaces another one; a directory needs a
    /// path that is free.
    ///
    /// # Errors
    /// [`DriveError::IntoItself`], [`DriveError::Exists`], [`DriveError::TooMany`]; [`DriveError::Mounted`] if a mount is
    /// below it; as [`put`](Self::put) and [`unlink`](Self::unlink).
    pub fn rename(&mut self, from: &DrivePath, to: &DrivePath) -> Result<(), DriveError> {
        let entry = self.own(from)?;
        if from == to {
            return Ok(());
        }
        if to.below(from).is_some() {
            return Err(DriveError::IntoItself { path: from.clone() });
        }
        if !entry.stat.is_directory() {
            self.put(to, &entry.stat)?;
            return self.delete(from.as_str());
        }
        self.check_way(to)?;
        if self.ask(|view| view.has_any(to))? {
            return Err(DriveError::Exists { path: to.clone() });
        }
        let moved = self.entries(from, MAX_MOVED_ENTRIES + 1)?;
        if moved.len() > MAX_MOVED_ENTRIES {
            return Err(DriveError::TooMany { path: from.clone() });
        }
        for entry in &moved {
            let place = match DrivePath::new(&entry.path).below(from) {
                Some("") => to.clone(),
                Some(below) => to.join(below),
                None => continue,
            };
            place.check_writable()?;
            self.write(&place, &entry.stat)?;
        }
        moved.iter().try_for_each(|entry| self.delete(&entry.path))
    }

    /// Deletes up to `max` entries at and below a path, whatever they are but mounts, and tells how many: fewer if there were no
    /// more.
    ///
    /// # Errors
    /// [`DriveError::NotFound`] if there is nothing, [`DriveError::Mounted`] if a mount is among them.
    pub fn remove(&mut self, path: &DrivePath, max: usize) -> Result<usize, DriveError> {
        self.own(path)?;
        let removed = self.entries(path, max)?;
        removed.iter().try_for_each(|entry| self.delete(&entry.path))?;
        Ok(removed.len())
    }

    /// The entries at and below a path, up to `max`, none of which may be a mount.
    fn entries(&self, path: &DrivePath, max: usize) -> Result<Vec<Entry>, DriveError> {
        let options = IterOptions { prefix: path.as_str(), ..IterOptions::default() };
        self.ask(|view| {
            let mut iter = Iter::new(view.version, &options);
            let mut entries = Vec::new();
            while entries.len() < max
                && let Some(node) = iter.next(view.nodes)?
            {
                if is_flagged(&node) {
                    let mount = DrivePath::new(node.key());
                    view.own(&mount, &mount)?;
                }
                entries.push(Entry::read(&node)?);
            }
            Ok(entries)
        })
    }
}
