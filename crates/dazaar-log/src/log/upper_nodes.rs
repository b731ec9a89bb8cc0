//! Upper nodes of the tree that were read lately.
//!
//! Finding where a block starts takes a node for every level of the tree, and most of them are those that the block before
//! took. Leaves are not kept: each is needed once.
//!
//! Grade: plain. A node of a log never changes, so what is kept is never wrong; it gives way to others, and an
//! audit forgets all of it to see what is stored.

use std::cell::{Cell, OnceCell};
use std::fmt;

use crate::flat_tree::NodeIndex;
use crate::hash::Node;
use crate::limits::UPPER_NODES_KEPT;

/// Spreads indices over the slots: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

type Slot = Cell<Option<Node>>;

/// One slot for each node that may be kept; an index has its place, and whoever comes last has it.
#[derive(Default)]
pub(super) struct UpperNodes(OnceCell<Box<[Slot]>>);

impl UpperNodes {
    /// The node, if it was read lately.
    pub(super) fn find(&self, index: NodeIndex) -> Option<Node> {
        self.0.get()?.get(place(index))?.get().filter(|node| node.index == index)
    }

    /// Keeps a node that was read.
    pub(super) fn keep(&self, node: Node) {
        if node.index.block().is_none() {
            let slots = self.0.get_or_init(|| vec![Slot::default(); UPPER_NODES_KEPT].into());
            if let Some(slot) = slots.get(place(node.index)) {
                slot.set(Some(node));
            }
        }
    }
}

impl fmt::Debug for UpperNodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UpperNodes(..)")
    }
}

const fn place(index: NodeIndex) -> usize {
    (index.0.wrapping_mul(SPREAD) >> (u64::BITS - UPPER_NODES_KEPT.ilog2())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash;

    fn node(index: u64) -> Node {
        Node { index: NodeIndex(index), hash: Hash([7; Hash::BYTES]), size: index }
    }

    #[test]
    fn every_place_exists() {
        assert!(UPPER_NODES_KEPT.is_power_of_two());
        assert!((0..100_000).chain([u64::MAX]).all(|index| place(NodeIndex(index)) < UPPER_NODES_KEPT));
    }

    #[test]
    fn what_is_found_was_kept_under_this_index() {
        let nodes = UpperNodes::default();
        assert_eq!(nodes.find(NodeIndex(1)), None);
        let many = 4 * UPPER_NODES_KEPT as u64;
        (0..many).for_each(|index| nodes.keep(node(index)));
        let found: Vec<_> = (0..many).filter_map(|index| nodes.find(NodeIndex(index))).collect();
        assert!(found.iter().all(|found| *found == node(found.index.0) && found.index.block().is_none()));
        assert!(found.len() > UPPER_NODES_KEPT / 2 && found.len() <= UPPER_NODES_KEPT);
        assert_eq!(nodes.find(NodeIndex(many - 1)), Some(node(many - 1)));
    }
}
