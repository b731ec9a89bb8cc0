//! Hashing every stored block and node again.
//!
//! Grade: over a door. Source: classic protocol, sections 1.3 and 2.1.

use std::cell::RefCell;
use std::ops::Range;

use super::Log;
use super::disk::read_node;
use super::error::{LogError, at};
use super::leaf_cache::LeafCache;
use super::upper_nodes::UpperNodes;
use crate::flat_tree::NodeIndex;
use crate::hash::Node;
use crate::limits::MAX_READ_BLOCKS;
use crate::sleep::{encode_node, node_offset};
use crate::storage::{FileName, Storage};

/// How many of the stored blocks are what the tree says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audit {
    /// Blocks with the right hash.
    pub valid: u64,
    /// Blocks with another hash, or without data, or whose leaf does not fit the tree. They are not held any longer.
    pub invalid: u64,
}

/// What is wrong with the stored tree.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Nodes as they should be.
    pub(super) mended: Vec<Node>,
    /// Nodes that nothing proves.
    damaged: Vec<Range<NodeIndex>>,
}

impl<S: Storage> Log<S> {
    /// Hashes every stored block and node. An inner node that the nodes below it prove is mended; what else is damaged is
    /// forgotten, with all that hangs on it, so that it can be downloaded again.
    ///
    /// # Errors
    /// [`LogError::Io`], and [`LogError::Poisoned`] if there is something to mend or to forget.
    pub fn audit(&mut self) -> Result<Audit, LogError> {
        let held = self.have().count_ones(0..self.have().len());
        self.audit_tree()?;
        let damaged = self.damaged_blocks(0..self.length())?;
        if !damaged.is_empty() {
            self.refuse_poisoned()?;
            damaged.into_iter().for_each(|block| self.held.clear_blocks(block..block + 1));
        }
        if self.held.is_dirty() {
            self.commit(self.head.clone())?;
            // What was forgotten may come again, and must not count as synced then.
            self.flush()?;
        }
        let valid = self.have().count_ones(0..self.have().len());
        Ok(Audit { valid, invalid: held - valid })
    }

    /// The blocks of `range` that we believe to hold and that are not what the tree says.
    pub(super) fn damaged_blocks(&self, range: Range<u64>) -> Result<Vec<u64>, LogError> {
        let mut damaged = Vec::new();
        let mut next = range.start;
        while let Some(start) = self.have().next_set(next).filter(|&start| start < range.end) {
            match intact(self.blocks(start..range.end))? {
                Some(blocks) if !blocks.is_empty() => next = start + blocks.len() as u64,
                _ => {
                    next = self.have().next_clear(start).min(start + MAX_READ_BLOCKS).min(range.end);
                    for block in start..next {
                        if intact(self.block(block))?.is_none() {
                            damaged.push(block);
                        }
                    }
                }
            }
        }
        Ok(damaged)
    }

    /// Mends and forgets nodes, and the blocks that lose their leaf.
    fn audit_tree(&mut self) -> Result<(), LogError> {
        self.upper_nodes = UpperNodes::default();
        self.leaf_cache = LeafCache::default();
        self.last_read = RefCell::default();
        let found = self.check_tree()?;
        if found.mended.is_empty() && found.damaged.is_empty() {
            return Ok(());
        }
        self.refuse_poisoned()?;
        for node in &found.mended {
            let offset = node_offset(node.index);
            let written = self.storage.write(FileName::Tree, offset, &encode_node(node));
            written.map_err(at(FileName::Tree, offset))?;
        }
        found.damaged.into_iter().for_each(|nodes| self.held.clear_nodes(nodes));
        self.held.drop_blocks_without_leaf();
        Ok(())
    }

    /// Goes down from every node that has none above it, as far as hashes agree.
    pub(super) fn check_tree(&self) -> Result<Findings, LogError> {
        let mut found = Findings::default();
        let bits = self.tree().bits();
        for top in bits.runs(0..bits.len()).flatten().map(NodeIndex) {
            if self.tree().contains(top.parent()) {
                continue;
            }
            let stored = read_node(&self.storage, top)?;
            let root = self.head.roots.iter().find(|root| root.index == top).copied();
            found.mended.extend(root.filter(|root| stored != Some(*root)));
            match root.or(stored) {
                Some(node) => self.check_below(node, &mut found)?,
                None => found.damaged.push(top.left_span()..NodeIndex(top.right_span().0 + 1)),
            }
        }
        Ok(found)
    }

    fn check_below(&self, top: Node, found: &mut Findings) -> Result<(), LogError> {
        let mut pending = vec![top];
        while let Some(node) = pending.pop() {
            let Some((left, right)) = node.index.children() else { continue };
            if !self.tree().contains(left) || !self.tree().contains(right) {
                continue;
            }
            let fits = |(left, right): &(Node, Node)| Node::parent(left, right) == node;
            let stored = read_node(&self.storage, left)?.zip(read_node(&self.storage, right)?);
            if let Some((left, right)) = stored.filter(fits) {
                pending.extend([left, right]);
            } else if let Some((left, right)) = self.rebuilt(left)?.zip(self.rebuilt(right)?).filter(fits) {
                found.mended.extend([left, right]);
                pending.extend([left, right]);
            } else {
                found.damaged.push(node.index.left_span()..node.index);
                found.damaged.push(NodeIndex(node.index.0 + 1)..NodeIndex(node.index.right_span().0 + 1));
            }
        }
        Ok(())
    }

    /// The node as the lowest nodes below it say. Goes as deep as the tree is high.
    fn rebuilt(&self, index: NodeIndex) -> Result<Option<Node>, LogError> {
        match index.children() {
            Some((left, right)) if self.tree().contains(left) && self.tree().contains(right) => {
                let children = self.rebuilt(left)?.zip(self.rebuilt(right)?);
                Ok(children.map(|(left, right)| Node::parent(&left, &right)))
            }
            _ => read_node(&self.storage, index),
        }
    }
}

/// What was read, or `None` if it is damaged.
pub(super) fn intact<T>(read: Result<T, LogError>) -> Result<Option<T>, LogError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(LogError::Corrupt { .. } | LogError::MissingNode { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
