//! A trie: the blocks of a feed read as nodes.
//!
//! Grade: over a door.

use std::sync::Arc;

use super::batch::Batch;
use super::node::Node;
use super::{Header, Snapshot, TrieError};
use crate::blocks::Blocks;
use crate::cache::NodeCache;

/// A trie over the blocks of one feed.
#[derive(Debug)]
pub struct Trie<B> {
    blocks: B,
    cache: NodeCache<u64, Node>,
}

/// Where nodes come from.
pub(crate) trait Nodes {
    /// The node in a block; none if it says that the trie is empty from there on.
    fn node(&self, seq: u64) -> Result<Option<Arc<Node>>, TrieError>;

    /// The newest node of a version.
    fn head(&self, version: u64) -> Result<Option<Arc<Node>>, TrieError> {
        match version.checked_sub(1) {
            None | Some(0) => Ok(None),
            Some(newest) => self.node(newest),
        }
    }

    /// The node to which a pointer of `from` leads, which has to part from it just there.
    fn follow(&self, from: &Node, pointer: super::pointers::Pointer) -> Result<Option<Arc<Node>>, TrieError> {
        let Some(node) = self.node(pointer.seq)? else { return Ok(None) };
        let position = pointer.position as usize;
        if from.parting(&node, 0) == Some(position) && node.digit(position) == pointer.digit() {
            Ok(Some(node))
        } else {
            Err(TrieError::Pointer { seq: from.seq, target: node.seq })
        }
    }

    /// The node that goes on from `from` as `wanted` does, which parts from it at `position`.
    fn step(&self, from: &Node, position: usize, wanted: &Node) -> Result<Option<Arc<Node>>, TrieError> {
        for way in from.ways(position, wanted) {
            if let Some(node) = self.follow(from, way)?
                && wanted.parting(&node, position) != Some(position)
            {
                return Ok(Some(node));
            }
        }
        Ok(None)
    }
}

impl<B: Blocks> Trie<B> {
    /// The trie in these blocks. Nothing is read yet.
    pub fn new(blocks: B) -> Self {
        Self { blocks, cache: NodeCache::new() }
    }

    /// The blocks.
    pub const fn blocks(&self) -> &B {
        &self.blocks
    }

    /// The blocks, to append to. What they hold already must not change.
    pub const fn blocks_mut(&mut self) -> &mut B {
        &mut self.blocks
    }

    /// Reads block 0; none if there is no block yet.
    ///
    /// # Errors
    /// [`TrieError::NotATrie`] if the log is something else.
    pub fn header(&self) -> Result<Option<Header>, TrieError> {
        if self.blocks.length() == 0 {
            return Ok(None);
        }
        let block = self.blocks.block(0)?.ok_or(TrieError::Missing { seq: 0 })?;
        Header::decode(&block).map(Some)
    }

    /// The version: the length of the feed.
    pub fn version(&self) -> u64 {
        self.blocks.length()
    }

    /// The trie as it is now. What is appended later is not in it.
    pub fn snapshot(&self) -> Snapshot<'_, B> {
        self.checkout(self.version())
    }

    /// The trie as it was when the feed had `version` blocks.
    pub const fn checkout(&self, version: u64) -> Snapshot<'_, B> {
        Snapshot::new(self, version)
    }

    /// Keeps the nodes of a batch in memory, once its blocks were appended.
    pub fn keep(&self, batch: Batch) {
        batch.into_nodes().for_each(|node| self.cache.keep(node.seq(), node));
    }
}

impl<B: Blocks> Nodes for Trie<B> {
    fn node(&self, seq: u64) -> Result<Option<Arc<Node>>, TrieError> {
        if let Some(node) = self.cache.find(&seq) {
            return Ok((!node.is_reset()).then_some(node));
        }
        let block = self.blocks.block(seq)?.ok_or(TrieError::Missing { seq })?;
        let node = Node::decode(seq, &block).map_err(|fault| TrieError::Block { seq, fault })?;
        let node = Arc::new(node);
        self.cache.keep(seq, Arc::clone(&node));
        Ok((!node.is_reset()).then_some(node))
    }
}
