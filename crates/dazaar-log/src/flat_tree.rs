//! The flat tree: nodes of a binary tree numbered in order, so that a log can grow without renumbering.
//!
//! The leaf of block `b` is node `2b`; a parent lies between its children. All functions are total: they never panic, and they
//! are exact for every node of a log within [`limits::MAX_LENGTH`](crate::limits::MAX_LENGTH) and far beyond (to 2^62).
//!
//! Grade: plain. Source: classic protocol, section 2.1.

use std::fmt;
use std::iter::FusedIterator;
use std::ops::Range;

/// The number of a node in the flat tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub u64);

impl NodeIndex {
    /// The leaf of a block.
    pub const fn leaf(block: u64) -> Self {
        Self(block.saturating_mul(2))
    }

    /// The node at a depth (0 = leaves), counted from the left.
    pub const fn at(depth: u32, offset: u64) -> Self {
        match offset.wrapping_mul(2).wrapping_add(1).checked_shl(depth) {
            Some(end) => Self(end.wrapping_sub(1)),
            None => Self(u64::MAX),
        }
    }

    /// Levels above the leaves.
    pub const fn depth(self) -> u32 {
        self.0.trailing_ones()
    }

    /// Nodes of the same depth to the left of this one.
    pub const fn offset(self) -> u64 {
        match self.0.checked_shr(self.depth() + 1) {
            Some(offset) => offset,
            None => 0,
        }
    }

    /// Whether this is the leaf of a block.
    pub const fn is_leaf(self) -> bool {
        self.0 & 1 == 0
    }

    /// The block of a leaf; `None` for other nodes.
    pub const fn block(self) -> Option<u64> {
        if self.is_leaf() { Some(self.0 / 2) } else { None }
    }

    /// The node above.
    pub const fn parent(self) -> Self {
        Self::at(self.depth() + 1, self.offset() >> 1)
    }

    /// The other child of the parent.
    pub const fn sibling(self) -> Self {
        Self::at(self.depth(), self.offset() ^ 1)
    }

    /// The left and the right node below; `None` for a leaf.
    pub const fn children(self) -> Option<(Self, Self)> {
        match self.depth() {
            0 => None,
            depth => {
                let reach = 1 << (depth - 1);
                Some((Self(self.0 - reach), Self(self.0.saturating_add(reach))))
            }
        }
    }

    /// The leftmost leaf below; a leaf itself.
    pub const fn left_span(self) -> Self {
        Self(self.0 - self.reach())
    }

    /// The rightmost leaf below; a leaf itself.
    pub const fn right_span(self) -> Self {
        Self(self.0.saturating_add(self.reach()))
    }

    /// The blocks below.
    pub const fn blocks(self) -> Range<u64> {
        self.left_span().0 / 2..self.right_span().0 / 2 + 1
    }

    /// Distance to the outermost leaves: as many ones as the number ends with.
    const fn reach(self) -> u64 {
        self.0 & !self.0.wrapping_add(1)
    }
}

impl fmt::Display for NodeIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for NodeIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeIndex({})", self.0)
    }
}

/// The lowest node over all of `blocks`, at least one.
pub const fn common_ancestor(blocks: &Range<u64>) -> NodeIndex {
    let differing = blocks.start ^ blocks.end.saturating_sub(1);
    let depth = u64::BITS - differing.leading_zeros();
    match blocks.start.checked_shr(depth) {
        Some(offset) => NodeIndex::at(depth, offset),
        None => NodeIndex::at(depth, 0),
    }
}

/// The roots of the full trees that together cover the first `length` blocks, from left to right.
pub const fn full_roots(length: u64) -> FullRoots {
    FullRoots { covered: 0, rest: length }
}

/// Iterator of [`full_roots`]: one root per one-bit of the length.
#[derive(Debug, Clone)]
pub struct FullRoots {
    covered: u64,
    rest: u64,
}

impl Iterator for FullRoots {
    type Item = NodeIndex;

    fn next(&mut self) -> Option<NodeIndex> {
        let depth = self.rest.checked_ilog2()?;
        let root = NodeIndex::at(depth, self.covered >> depth);
        self.covered += 1 << depth;
        self.rest -= 1 << depth;
        Some(root)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.rest.count_ones() as usize;
        (count, Some(count))
    }
}

impl ExactSizeIterator for FullRoots {}
impl FusedIterator for FullRoots {}

#[cfg(test)]
mod tests;
