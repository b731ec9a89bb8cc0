//! Listing a directory.
//!
//! Grade: over a door. Entries come in the order of the hashes of their names.

use std::sync::Arc;

use super::error::DriveError;
use super::path::DrivePath;
use super::view::{Entry, View};
use crate::hypertrie::{Iter, IterOptions, Node, Nodes};

/// A list that is being made, which goes on after a missing block was fetched.
#[derive(Debug)]
pub struct List {
    pub(super) directory: DrivePath,
    is_recursive: bool,
    iter: Iter,
    /// What was found, and is not told of yet.
    found: Option<Arc<Node>>,
}

impl List {
    pub(super) fn new(version: u64, directory: DrivePath, is_recursive: bool) -> Self {
        let options = IterOptions {
            prefix: directory.as_str(),
            is_recursive,
            is_below_only: true,
            ..IterOptions::default()
        };
        let iter = Iter::new(version, &options);
        Self { directory, is_recursive, iter, found: None }
    }

    /// The next entry; none at the end. Of a list that is recursive, every entry below; otherwise what is directly in the
    /// directory, which may be a directory without entry.
    ///
    /// # Errors
    /// Those of a missing block: fetch it, and ask again. After [`DriveError::Stat`] the list goes on behind that entry.
    #[expect(private_bounds, reason = "only the tries of this crate are sources of nodes")]
    pub fn next(&mut self, view: &View<'_, impl Nodes>) -> Result<Option<Entry>, DriveError> {
        if self.found.is_none() {
            self.found = self.iter.next(view.nodes)?;
        }
        let Some(node) = self.found.clone() else { return Ok(None) };
        let entry = if self.is_recursive { Entry::read(&node) } else { self.child(view, &node) };
        if !matches!(entry, Err(DriveError::Trie(_))) {
            self.found = None;
        }
        entry.map(Some)
    }

    /// What is directly in the directory, on the way to `node`.
    fn child(&self, view: &View<'_, impl Nodes>, node: &Node) -> Result<Entry, DriveError> {
        let depth = self.directory.names().count();
        let key = node.key();
        let end = key.match_indices('/').nth(depth).map_or(key.len(), |(end, _)| end);
        let path = key.get(..end).unwrap_or_default();
        if path == key {
            return Entry::read(node);
        }
        let place = DrivePath::new(path);
        if place.as_str() == path {
            return match view.entry(&place)? {
                Some(entry) => Ok(entry),
                None => Ok(Entry::implicit(&place, Entry::read(node).ok().as_ref())),
            };
        }
        // A name by which nothing is found.
        Ok(Entry { path: path.to_owned(), ..Entry::implicit(&place, None) })
    }
}
