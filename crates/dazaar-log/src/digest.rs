//! The digest of a request: what the requester holds on the way from a block to the roots, so that nobody sends it again.
//!
//! Grade: plain. Source: classic protocol, sections 2.3 and 2.4.

use std::ops::Range;

use crate::flat_tree::{NodeIndex, full_roots};
use crate::limits::MAX_REMOTE_TREE_PAGES;
use crate::proof::Proof;
use crate::run::peaks;
use crate::tree_set::TreeSet;

/// What a requester says about its tree. Bit `k + 1` stands for the sibling of the node at height `k` above the block's leaf;
/// bit 0 says that the highest bit stands for that node itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest(pub u64);

impl Digest {
    /// Nothing is held: the full proof, please.
    pub const NONE: Self = Self(0);

    /// Everything is held: no nodes, please.
    pub const ALL: Self = Self(1);
}

impl TreeSet {
    /// The digest of a request for `block`.
    pub fn digest(&self, block: u64) -> Digest {
        let mut node = NodeIndex::leaf(block);
        if self.contains(node) {
            return Digest::ALL;
        }
        let end = self.bits().len().max(node.0.saturating_add(1)).saturating_add(1);
        let mut bits = 0;
        for height in 1..u64::BITS - 1 {
            let (sibling, parent) = (node.sibling(), node.parent());
            if sibling.right_span().0 >= end && parent.left_span().0 == 0 {
                break;
            }
            if self.contains(sibling) {
                bits |= 1 << height;
            }
            if self.contains(parent) {
                let known = (bits + (2 << height)) | 1;
                return if known + 1 == 4 << height { Digest::ALL } else { Digest(known) };
            }
            node = parent;
        }
        Digest(bits)
    }
}

/// What one peer is known to hold of our tree. It learns from the digests of its requests, or, of peers that keep all they are
/// sent, from what was sent. It lives as long as the connection.
///
/// Forgetting is always safe, the proofs only get longer.
#[derive(Debug, Clone, Default)]
pub struct RemoteTree {
    held: TreeSet,
}

impl RemoteTree {
    /// A peer of which nothing is known.
    pub const fn new() -> Self {
        Self { held: TreeSet::new() }
    }

    /// Whether the peer is known to hold the node.
    pub fn contains(&self, node: NodeIndex) -> bool {
        self.held.contains(node)
    }

    /// Learns from the digest of a request for `block`, as far as it concerns nodes of `ours`.
    pub fn learn(&mut self, ours: &TreeSet, block: u64, digest: Digest) {
        self.make_room();
        let has_ancestor = digest.0 & 1 == 1;
        let mut bits = digest.0 >> 1;
        let mut node = NodeIndex::leaf(block);
        while bits != 0 {
            if bits == 1 && has_ancestor {
                self.add(ours, node);
                let left = node.min(node.sibling());
                full_roots(left.blocks().end).for_each(|root| self.add(ours, root));
            } else if bits & 1 == 1 {
                self.add(ours, node.sibling());
            }
            node = node.parent();
            bits >>= 1;
        }
    }

    /// Learns that the peer was sent blocks and the nodes of their proof, which it keeps.
    pub fn learn_sent(&mut self, blocks: &Range<u64>, proof: &Proof) {
        self.make_room();
        proof.nodes.iter().for_each(|node| _ = self.held.insert(node.index));
        peaks(blocks.clone()).for_each(|peak| _ = self.held.insert_below(peak));
    }

    /// Forgets everything if it has become too much.
    fn make_room(&mut self) {
        if self.held.bits().mixed_pages() > MAX_REMOTE_TREE_PAGES {
            self.held = TreeSet::new();
        }
    }

    fn add(&mut self, ours: &TreeSet, node: NodeIndex) {
        if ours.contains(node) {
            self.held.insert(node);
        }
    }
}

#[cfg(test)]
mod tests;
