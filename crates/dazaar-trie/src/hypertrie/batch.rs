//! Writing: several changes that become blocks of one append.
//!
//! Grade: over a door. A batch borrows nothing, so a block that is missing can be fetched before the change is tried again.
//! Source: docs/structures.md, writing a hypertrie.

use std::sync::Arc;

use super::delete;
use super::lookup::{Found, Query, search};
use super::node::Node;
use super::put::link;
use super::trie::{Nodes, Trie};
use super::{Header, TrieError};
use crate::blocks::Blocks;
use crate::limits::MAX_USER_FLAGS;
use crate::path::Path;

/// How an entry is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Among the hidden entries.
    pub is_hidden: bool,
    /// Flags of the user's, at most [`MAX_USER_FLAGS`].
    pub flags: u32,
}

/// Where the search for a key ended, for those who write on a condition.
#[derive(Debug)]
pub struct Before<'a> {
    /// The entry of exactly this key.
    pub entry: Option<&'a Node>,
    /// That entry, or else the one that shares most digits with the key.
    pub closest: Option<&'a Node>,
}

/// Changes that are not appended yet.
#[derive(Debug)]
pub struct Batch {
    /// Where the first of `nodes` goes.
    start: u64,
    blocks: Vec<Vec<u8>>,
    nodes: Vec<Arc<Node>>,
}

/// A trie with the changes of a batch, as those who read what is not appended yet see it.
#[derive(Debug)]
pub struct Changed<'a, B> {
    trie: &'a Trie<B>,
    batch: &'a Batch,
}

impl<B: Blocks> Nodes for Changed<'_, B> {
    fn node(&self, seq: u64) -> Result<Option<Arc<Node>>, TrieError> {
        match seq.checked_sub(self.batch.start) {
            None => self.trie.node(seq),
            Some(nth) => {
                let node = usize::try_from(nth).ok().and_then(|nth| self.batch.nodes.get(nth));
                let node = node.ok_or(TrieError::Missing { seq })?;
                Ok((!node.is_reset()).then(|| Arc::clone(node)))
            }
        }
    }
}

impl Batch {
    /// A batch of changes to a trie as it is now. If it has no block yet, the first will be a plain header.
    pub fn new<B: Blocks>(trie: &Trie<B>) -> Self {
        Self::with_header(trie, &Header::default())
    }

    /// The same, with another header.
    pub fn with_header<B: Blocks>(trie: &Trie<B>, header: &Header) -> Self {
        let version = trie.version();
        let blocks = if version == 0 { vec![header.encode()] } else { Vec::new() };
        Self { start: version.max(1), blocks, nodes: Vec::new() }
    }

    /// The version that this changes: blocks that the feed had.
    pub fn version(&self) -> u64 {
        (self.start + self.nodes.len() as u64).saturating_sub(self.blocks.len() as u64)
    }

    /// Writes an entry, and returns the index of its block.
    ///
    /// # Errors
    /// [`TrieError::Key`] and what else cannot be written; [`TrieError::Missing`] if a block is needed to go on: nothing has
    /// changed then.
    pub fn put<B: Blocks>(
        &mut self,
        trie: &Trie<B>,
        key: &str,
        value: Option<&[u8]>,
        options: Options,
    ) -> Result<u64, TrieError> {
        let (node, _) = self.prepare(trie, key, value, options)?;
        self.push(node)
    }

    /// Writes an entry if `condition` holds of what was there before. Returns the index of its block, or none if it does not hold.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_if<B: Blocks>(
        &mut self,
        trie: &Trie<B>,
        key: &str,
        value: Option<&[u8]>,
        options: Options,
        condition: impl FnOnce(Before<'_>) -> bool,
    ) -> Result<Option<u64>, TrieError> {
        let (node, found) = self.prepare(trie, key, value, options)?;
        let closest = found.nearest();
        let entry = closest.as_deref().filter(|closest| closest.key() == node.key());
        let entry = entry.filter(|entry| entry.is_hidden() == options.is_hidden);
        if condition(Before { entry, closest: closest.as_deref() }) {
            self.push(node).map(Some)
        } else {
            Ok(None)
        }
    }

    fn prepare<B: Blocks>(
        &self,
        trie: &Trie<B>,
        key: &str,
        value: Option<&[u8]>,
        options: Options,
    ) -> Result<(Node, Found), TrieError> {
        let path = Path::writable(key)?;
        if options.flags > MAX_USER_FLAGS {
            return Err(TrieError::Flags { flags: options.flags });
        }
        let mut node =
            Node::new(path, value.map(Into::into), Node::raw_flags(options.is_hidden, options.flags));
        let changed = Changed { trie, batch: self };
        let found = link(&changed, changed.head(self.next())?, &mut node, None)?;
        Ok((node, found))
    }

    /// Deletes an entry. Returns the index of the block that leaves it out, which repeats a neighbour; none if there is no such
    /// entry.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn delete<'q, B: Blocks>(
        &mut self,
        trie: &Trie<B>,
        query: impl Into<Query<'q>>,
    ) -> Result<Option<u64>, TrieError> {
        self.delete_if(trie, query, |before| before.entry.is_some())
    }

    /// Deletes an entry, if there is one and `condition` holds of it. If there is none, the condition hears of the closest.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn delete_if<'q, B: Blocks>(
        &mut self,
        trie: &Trie<B>,
        query: impl Into<Query<'q>>,
        condition: impl FnOnce(Before<'_>) -> bool,
    ) -> Result<Option<u64>, TrieError> {
        let wanted = query.into().node();
        let changed = Changed { trie, batch: self };
        let head = changed.head(self.next())?;
        let deletion = match delete::find(&changed, head.clone(), &wanted)? {
            Ok(deletion) => deletion,
            Err(closest) => {
                condition(Before { entry: None, closest: closest.as_deref() });
                return Ok(None);
            }
        };
        let entry = &*deletion.entry;
        if !condition(Before { entry: Some(entry), closest: Some(entry) }) {
            return Ok(None);
        }
        let mut node = match &deletion.neighbour {
            Some(neighbour) => Node::new(neighbour.path.clone(), neighbour.value.clone(), neighbour.flags),
            None => Node::new(Path::new(""), None, Node::raw_flags(entry.is_hidden(), 0)),
        };
        link(&changed, head, &mut node, Some(entry.seq))?;
        self.push(node).map(Some)
    }

    /// The entry of a key, as it is after these changes.
    ///
    /// # Errors
    /// As [`Snapshot::get`](super::Snapshot::get).
    pub fn get<'q, B: Blocks>(
        &self,
        trie: &Trie<B>,
        query: impl Into<Query<'q>>,
    ) -> Result<Option<Arc<Node>>, TrieError> {
        let wanted = query.into().node();
        let changed = Changed { trie, batch: self };
        Ok(search(&changed, changed.head(self.next())?, &wanted, wanted.positions())?.here())
    }

    /// The trie as it is after these changes, and its version.
    pub(crate) const fn changed<'a, B: Blocks>(&'a self, trie: &'a Trie<B>) -> (Changed<'a, B>, u64) {
        (Changed { trie, batch: self }, self.next())
    }

    /// The blocks to append, all at once. Tell [`Trie::keep`] when that was done.
    pub fn blocks(&self) -> &[Vec<u8>] {
        &self.blocks
    }

    pub(super) fn into_nodes(self) -> impl Iterator<Item = Arc<Node>> {
        self.nodes.into_iter()
    }

    /// Where the next node goes.
    const fn next(&self) -> u64 {
        self.start + self.nodes.len() as u64
    }

    fn push(&mut self, mut node: Node) -> Result<u64, TrieError> {
        node.seq = self.next();
        self.blocks.push(node.encode()?);
        let seq = node.seq;
        self.nodes.push(Arc::new(node));
        Ok(seq)
    }
}
