//! A version of a trie, to read.
//!
//! Grade: over a door.

use std::sync::Arc;

use super::lookup::{Query, search};
use super::node::Node;
use super::trie::Nodes as _;
use super::{Change, Diff, DiffOptions, History, Iter, IterOptions, Trie, TrieError};
use crate::blocks::Blocks;
use crate::cursor::until_failure;

/// A version of a trie. It costs nothing, and never changes.
#[derive(Debug)]
pub struct Snapshot<'a, B> {
    trie: &'a Trie<B>,
    version: u64,
}

impl<B> Clone for Snapshot<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B> Copy for Snapshot<'_, B> {}

impl<'a, B: Blocks> Snapshot<'a, B> {
    pub(super) const fn new(trie: &'a Trie<B>, version: u64) -> Self {
        Self { trie, version }
    }

    /// Blocks that the feed had.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The entry of a key.
    ///
    /// # Errors
    /// [`TrieError::Missing`] if a block on the way is not here; what is wrong with a block.
    pub fn get<'q>(&self, query: impl Into<Query<'q>>) -> Result<Option<Arc<Node>>, TrieError> {
        let wanted = query.into().node();
        Ok(search(self.trie, self.trie.head(self.version)?, &wanted, wanted.positions())?.here())
    }

    /// The entry of a key, or else the one that shares most digits with it: if any is at a directory above, that one.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn closest<'q>(&self, query: impl Into<Query<'q>>) -> Result<Option<Arc<Node>>, TrieError> {
        let wanted = query.into().node();
        Ok(search(self.trie, self.trie.head(self.version)?, &wanted, wanted.positions())?.nearest())
    }

    /// The entries at and below a prefix, in the order of their hashes.
    pub fn iter(
        &self,
        options: &IterOptions<'_>,
    ) -> impl Iterator<Item = Result<Arc<Node>, TrieError>> + use<'a, B> {
        let (trie, mut iter) = (self.trie, Iter::new(self.version, options));
        until_failure(move || iter.next(trie))
    }

    /// What has changed since `older`, at and below a prefix.
    pub fn diff(
        &self,
        older: u64,
        options: &DiffOptions<'_>,
    ) -> impl Iterator<Item = Result<Change, TrieError>> + use<'a, B> {
        let (trie, mut diff) = (self.trie, Diff::new(self.version, older, options));
        until_failure(move || diff.next(trie))
    }

    /// Everything that was written, oldest first. Deletions show as the entry that was written again instead.
    pub fn history(&self) -> impl Iterator<Item = Result<Arc<Node>, TrieError>> + use<'a, B> {
        let (trie, mut history) = (self.trie, History::new(0..self.version));
        until_failure(move || history.next(trie))
    }
}
