//! Which nodes of the tree are held, and what follows from it: the length, the digest of a request, the nodes of a proof.
//!
//! Grade: plain. Source: classic protocol, section 2.2.

use crate::flat_tree::NodeIndex;
use crate::have::HaveMap;

/// The set of held nodes. Where both children are held, so is their parent, all the way up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TreeSet {
    nodes: HaveMap,
}

impl TreeSet {
    /// The empty set.
    pub const fn new() -> Self {
        Self { nodes: HaveMap::new() }
    }

    /// The set whose bits, by node index, are `nodes`, as they come from disk.
    pub const fn from_bits(nodes: HaveMap) -> Self {
        Self { nodes }
    }

    /// The bits, by node index.
    pub const fn bits(&self) -> &HaveMap {
        &self.nodes
    }

    /// The bits, to be changed and made a set again.
    pub fn into_bits(self) -> HaveMap {
        self.nodes
    }

    /// Whether the node is held.
    pub fn contains(&self, node: NodeIndex) -> bool {
        self.nodes.get(node.0)
    }

    /// Adds a node and every parent that it completes. Returns the topmost node added; every node between the two was added too.
    /// `None` if the node was held already.
    pub fn insert(&mut self, node: NodeIndex) -> Option<NodeIndex> {
        if !self.nodes.set(node.0) {
            return None;
        }
        let mut top = node;
        while self.contains(top.sibling()) && self.nodes.set(top.parent().0) {
            top = top.parent();
        }
        Some(top)
    }

    /// Adds a node with all nodes below it, and every parent that it completes. Returns the topmost node added; every node between
    /// the two was added too. `None` if the node was held already.
    pub fn insert_below(&mut self, node: NodeIndex) -> Option<NodeIndex> {
        self.nodes.set_range(node.left_span().0..node.0);
        self.nodes.set_range(node.0.saturating_add(1)..node.right_span().0.saturating_add(1));
        self.insert(node)
    }

    /// The length of the log in which `node` is a root: where the held nodes to its right end that could be roots beside it, each
    /// lower than the one before.
    pub fn frontier(&self, node: NodeIndex) -> u64 {
        let mut end = node.blocks().end;
        for depth in (0..node.depth()).rev() {
            if self.contains(NodeIndex::at(depth, end >> depth)) {
                end += 1 << depth;
            }
        }
        end
    }

    /// The length of the log in blocks.
    pub fn length(&self) -> u64 {
        let reach = self.nodes.len().checked_ilog2();
        let spine = reach.and_then(|reach| {
            (0..=reach).rev().map(|depth| NodeIndex::at(depth, 0)).find(|&node| self.contains(node))
        });
        spine.map_or(0, |node| self.frontier(node))
    }
}

#[cfg(test)]
mod tests;
