//! Looking again at what was written since the last sync, as far as a power cut may have damaged it.
//!
//! What is written without being synced may be there or not, or in part: the bit of a block without its data, a node of
//! which one half is from before. What the commit record names as synced is right and not looked at.
//!
//! Grade: over a door.

use std::ops::Range;

use super::disk::read_node;
use super::error::{LogError, at};
use super::held::ancestors;
use super::{Head, Log};
use crate::commit::Synced;
use crate::flat_tree::NodeIndex;
use crate::hash::Node;
use crate::have::HaveMap;
use crate::limits::MAX_RECHECKED_BLOCKS;
use crate::sleep::{encode_node, node_offset};
use crate::storage::{FileName, Storage};

impl<S: Storage> Log<S> {
    /// Forgets nodes and blocks that may not be what the head's tree says.
    pub(super) fn recheck(&mut self, synced: &Synced) -> Result<(), LogError> {
        // A writer lacks no node of its tree, so recovery has looked at all that is new.
        let end = if self.is_writable() {
            synced.commit.length
        } else {
            self.recheck_tree(Settled(&synced.runs))?;
            self.length()
        };
        for gap in synced.gaps(end) {
            for block in self.damaged_blocks(gap)? {
                self.held.clear_blocks(block..block + 1);
            }
        }
        Ok(())
    }

    /// Forgets whatever is not right, in a folder that says no more what was synced: a failed write tore the record.
    pub(super) fn recheck_all(&mut self) -> Result<(), LogError> {
        self.recheck_tree(Settled(&[]))?;
        for block in self.damaged_blocks(0..self.length())? {
            self.held.clear_blocks(block..block + 1);
        }
        Ok(())
    }

    /// Forgets nodes that nothing shows to be whole, or that are not linked to a root that was signed.
    fn recheck_tree(&mut self, settled: Settled<'_>) -> Result<(), LogError> {
        let bits = self.tree().bits();
        let doubtful = settled.outside(NodeIndex(0)..NodeIndex(bits.len()));
        let doubtful = doubtful.into_iter().flat_map(|nodes| bits.runs(nodes.start.0..nodes.end.0));
        let mut doubtful: Vec<NodeIndex> = doubtful.flatten().map(NodeIndex).collect();
        doubtful.extend(doubtful.clone().into_iter().flat_map(|node| self.lost_parents(node)));
        doubtful.sort_by_key(|node| (node.depth(), *node));
        doubtful.dedup();
        let mut whole = self.joined_nodes(&doubtful)?;
        for &node in &doubtful {
            let is_whole = |node: NodeIndex| settled.contains(node) || whole.get(node.0);
            if !(is_whole(node) && self.tree().contains(node))
                && node.children().is_some_and(|(left, right)| is_whole(left) && is_whole(right))
                && let Some(mended) = self.joined(node)?
            {
                let offset = node_offset(node);
                let written = self.storage.write(FileName::Tree, offset, &encode_node(&mended));
                written.map_err(at(FileName::Tree, offset))?;
                whole.set(node.0);
                self.held.insert_node(node);
            }
        }
        doubtful.retain(|node| self.tree().contains(*node));
        let depths: Vec<_> = doubtful.chunk_by(|a, b| a.depth() == b.depth()).collect();
        for of_one_depth in depths.into_iter().rev() {
            // A node that goes takes away what linked the one beside it, and those below.
            for links in [false, true] {
                for &node in of_one_depth.iter().filter(|node| whole.get(node.0) == links) {
                    if !links || !self.is_linked(node) {
                        self.keep_if_signed(node)?;
                    }
                }
            }
        }
        self.held.drop_blocks_without_leaf();
        Ok(())
    }

    /// The nodes that two below them, or the one beside and the one above them, show to be whole. Only what was verified
    /// was ever written, so none of two nodes that hash to the one above them can be half of something else.
    fn joined_nodes(&self, nodes: &[NodeIndex]) -> Result<HaveMap, LogError> {
        let mut whole = HaveMap::new();
        for &node in nodes {
            if let Some((left, right)) = node.children()
                && let Some(joined) = self.joined(node)?
                && read_node(&self.storage, node)? == Some(joined)
            {
                [node, left, right].into_iter().for_each(|node| _ = whole.set(node.0));
            }
        }
        Ok(whole)
    }

    /// What the two nodes below say that the node is, if both are held.
    fn joined(&self, node: NodeIndex) -> Result<Option<Node>, LogError> {
        let is_held = |node: &NodeIndex| self.tree().contains(*node);
        let Some((left, right)) = node.children().filter(|(left, right)| is_held(left) && is_held(right))
        else {
            return Ok(None);
        };
        let (left, right) = (read_node(&self.storage, left)?, read_node(&self.storage, right)?);
        Ok(left.zip(right).map(|(left, right)| Node::parent(&left, &right)))
    }

    /// The nodes above one that should be held, as both below them are, and are not.
    fn lost_parents(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        let is_lost =
            |node: NodeIndex| self.tree().contains(node.sibling()) && !self.tree().contains(node.parent());
        std::iter::successors(Some(node), move |&node| is_lost(node).then(|| node.parent())).skip(1)
    }

    fn is_linked(&self, node: NodeIndex) -> bool {
        self.tree().contains(node.parent()) && self.tree().contains(node.sibling())
    }

    /// Forgets a node unless it is a root of the log, at its length or an earlier one.
    fn keep_if_signed(&mut self, node: NodeIndex) -> Result<(), LogError> {
        if self.head.roots.iter().any(|root| root.index == node) {
            return Ok(());
        }
        match self.signed_with_root(node)? {
            Some(head) => head.roots.iter().for_each(|root| self.held.insert_node(root.index)),
            None => self.held.clear_nodes(node..NodeIndex(node.0 + 1)),
        }
        Ok(())
    }

    /// The log at a signed length at which the node was a root, among the first such lengths.
    fn signed_with_root(&self, node: NodeIndex) -> Result<Option<Head>, LogError> {
        let blocks = node.blocks();
        let lengths = blocks.end..blocks.end + (blocks.end - blocks.start).min(MAX_RECHECKED_BLOCKS);
        for length in std::iter::once(self.tree().frontier(node)).chain(lengths) {
            if let Some(head) = self.signed(length)?
                && head.roots.iter().any(|root| root.index == node)
            {
                return Ok(Some(head));
            }
        }
        Ok(None)
    }
}

/// Runs of blocks that need no look, with all nodes of which every block is among them.
#[derive(Debug, Clone, Copy)]
struct Settled<'a>(&'a [Range<u64>]);

impl Settled<'_> {
    /// Whether a node needs no look.
    fn contains(self, node: NodeIndex) -> bool {
        let blocks = node.blocks();
        self.0.iter().any(|run| run.start <= blocks.start && blocks.end <= run.end)
    }

    /// What of `nodes` needs a look.
    fn outside(self, nodes: Range<NodeIndex>) -> Vec<Range<NodeIndex>> {
        let mut outside = Vec::new();
        let mut start = nodes.start;
        for run in self.0 {
            // The nodes from the first leaf of the run to its last, but for those that reach beyond it.
            let (first, last) = (NodeIndex::leaf(run.start), NodeIndex::leaf(run.end - 1));
            outside.push(start..first.min(nodes.end));
            let reaching = ancestors(run.start)
                .chain(ancestors(run.end - 1))
                .filter(|node| (first..last).contains(node) && nodes.contains(node) && !self.contains(*node));
            outside.extend(reaching.map(|node| node..NodeIndex(node.0 + 1)));
            start = start.max(NodeIndex(last.0 + 1));
        }
        outside.push(start..nodes.end);
        outside.retain(|nodes| !nodes.is_empty());
        outside
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::have::HaveMap;

    proptest! {
        #[test]
        fn a_node_is_either_settled_or_outside(
            cuts in prop::collection::btree_set(0_u64..100, 0..10),
            start in 0_u64..250,
            count in 0_u64..250,
        ) {
            let cuts: Vec<u64> = cuts.into_iter().collect();
            let runs: Vec<_> = cuts.as_chunks::<2>().0.iter().map(|[start, end]| *start..*end).collect();
            let settled = Settled(&runs);
            let mut outside = HaveMap::new();
            for nodes in settled.outside(NodeIndex(start)..NodeIndex(start + count)) {
                outside.set_range(nodes.start.0..nodes.end.0);
            }
            for node in 0..500 {
                let expected = (start..start + count).contains(&node) && !settled.contains(NodeIndex(node));
                prop_assert_eq!(outside.get(node), expected, "node {}", node);
            }
        }
    }
}
