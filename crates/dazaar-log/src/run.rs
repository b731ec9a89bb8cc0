//! A run: the nodes over consecutive blocks, as they lie in the tree file between the first block's leaf and the last one's.
//!
//! What an append writes, and what a range of a stranger is verified with. Nodes that also cover blocks beside the run are left
//! out until somebody who knows those adds them.
//!
//! Grade: plain. Source: classic protocol, sections 1.3, 2.1 and 3.

use std::ops::Range;

use crate::flat_tree::NodeIndex;
use crate::hash::{GROUP_MAX, Group, Message, Node};
use crate::sleep::{Entry, NODE_BYTES, decode_node, encode_entry, encode_node, halves};

/// The nodes over a run of blocks, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    blocks: Range<u64>,
    /// One for each index; zeros where the node is not known.
    entries: Vec<Entry>,
}

impl Run {
    /// Hashes the blocks from `first` on, and every node that covers none but them. `entries` is memory to use.
    pub(crate) fn hash<'a>(
        first: u64,
        blocks: impl ExactSizeIterator<Item = &'a [u8]>,
        mut entries: Vec<Entry>,
    ) -> Self {
        let end = first + blocks.len() as u64;
        entries.clear();
        entries.resize((2 * blocks.len()).saturating_sub(1), [0; NODE_BYTES]);
        let mut run = Self { blocks: first..end, entries };
        run.hash_leaves(blocks);
        for depth in 1..u64::BITS {
            let offsets = first.div_ceil(1 << depth)..end >> depth;
            if offsets.is_empty() {
                break;
            }
            run.hash_parents(depth, &offsets);
        }
        run
    }

    fn hash_leaves<'a>(&mut self, blocks: impl Iterator<Item = &'a [u8]>) {
        let mut leaves = self.entries.iter_mut().step_by(2);
        let mut messages = blocks.map(Message::Leaf).fuse();
        while let Some(group) = Group::next(&mut messages) {
            entries(&group).into_iter().zip(&mut leaves).for_each(|(entry, place)| *place = entry);
        }
    }

    fn hash_parents(&mut self, depth: u32, offsets: &Range<u64>) {
        let reach = 1 << (depth - 1);
        let first = self.place(NodeIndex::at(depth, offsets.start));
        let count = (offsets.end - offsets.start) as usize;
        let mut places = (first..).step_by(4 * reach).take(count);
        loop {
            let mut messages = places
                .clone()
                .map(|place| parent(&self.entries[place - reach], &self.entries[place + reach]));
            let Some(parents) = Group::next(&mut messages).map(|group| entries(&group)) else { return };
            parents.into_iter().zip(&mut places).for_each(|(entry, place)| self.entries[place] = entry);
        }
    }

    /// The blocks.
    pub(crate) const fn blocks(&self) -> &Range<u64> {
        &self.blocks
    }

    /// The nodes between the outermost leaves, both included.
    pub(crate) fn nodes(&self) -> Range<NodeIndex> {
        let first = NodeIndex::leaf(self.blocks.start);
        first..NodeIndex(first.0 + self.entries.len() as u64)
    }

    /// A node that is known.
    pub(crate) fn node(&self, index: NodeIndex) -> Option<Node> {
        self.nodes().contains(&index).then(|| decode_node(index, &self.entries[self.place(index)])).flatten()
    }

    /// The topmost nodes that cover none but blocks of the run, from left to right.
    pub(crate) fn peaks(&self) -> impl Iterator<Item = Node> {
        peaks(self.blocks.clone()).filter_map(|index| self.node(index))
    }

    /// Adds a node that lies within the run, though it covers more. False if it lies outside.
    pub(crate) fn add(&mut self, node: &Node) -> bool {
        let inside = self.nodes().contains(&node.index);
        if inside {
            let place = self.place(node.index);
            self.entries[place] = encode_node(node);
        }
        inside
    }

    /// The part of the tree file.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.entries.as_flattened()
    }

    /// Gives the memory back, to be used again.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    const fn place(&self, index: NodeIndex) -> usize {
        (index.0 - NodeIndex::leaf(self.blocks.start).0) as usize
    }
}

/// The topmost nodes that cover none but `blocks`, from left to right.
pub(crate) fn peaks(blocks: Range<u64>) -> impl Iterator<Item = NodeIndex> {
    let mut at = blocks.start;
    std::iter::from_fn(move || {
        let depth = blocks.end.checked_sub(at)?.checked_ilog2()?.min(at.trailing_zeros());
        let peak = NodeIndex::at(depth, at >> depth);
        at += 1 << depth;
        Some(peak)
    })
}

/// The entries of up to eight nodes.
fn entries(group: &Group<'_>) -> [Entry; GROUP_MAX] {
    let hashes = group.hashes();
    std::array::from_fn(|nth| {
        let size = group.messages().get(nth).map_or(0, Message::size);
        encode_entry(&hashes[nth], size)
    })
}

/// The node above two entries. Sizes stop at `u64::MAX`, as in [`Node::parent`].
fn parent<'a>(left: &'a Entry, right: &'a Entry) -> Message<'a> {
    let ((left, left_size), (right, right_size)) = (halves(left), halves(right));
    Message::Parent { size: left_size.saturating_add(right_size), left, right }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::flat_tree::full_roots;

    /// Hashes one by one.
    fn naive(first: u64, blocks: &[Vec<u8>], index: NodeIndex) -> Option<Node> {
        match index.children() {
            None => {
                let block = index.block()?;
                blocks.get(block.checked_sub(first)? as usize).map(|data| Node::leaf(block, data))
            }
            Some((left, right)) => {
                Some(Node::parent(&naive(first, blocks, left)?, &naive(first, blocks, right)?))
            }
        }
    }

    proptest! {
        #[test]
        fn a_run_has_the_nodes_that_hashing_one_by_one_gives(
            first in 0_u64..40,
            sizes in prop::collection::vec(0_usize..150, 1..70),
        ) {
            let blocks: Vec<Vec<u8>> = (0..).zip(&sizes).map(|(nth, &size)| vec![nth; size]).collect();
            let run = Run::hash(first, blocks.iter().map(Vec::as_slice), Vec::new());
            let nodes = run.nodes();
            prop_assert_eq!(run.as_bytes().len() as u64, (nodes.end.0 - nodes.start.0) * NODE_BYTES as u64);
            for index in (0..260).map(NodeIndex) {
                prop_assert_eq!(run.node(index), naive(first, &blocks, index), "node {}", index);
            }
            let covered: Vec<u64> = run.peaks().flat_map(|peak| peak.index.blocks()).collect();
            prop_assert_eq!(covered, run.blocks().clone().collect::<Vec<_>>());
        }

        #[test]
        fn peaks_of_a_log_are_its_roots(length in 0_u64..5000) {
            prop_assert_eq!(peaks(0..length).collect::<Vec<_>>(), full_roots(length).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nodes_beside_the_blocks_are_added_where_they_belong() {
        let mut run = Run::hash(1, [&b"b"[..], b"c"].into_iter(), Vec::new());
        let above = Node::parent(&Node::leaf(0, b"a"), &Node::leaf(1, b"b"));
        let top = Node { index: NodeIndex(3), ..above };
        assert!(!run.add(&above) && run.add(&top));
        assert_eq!((run.node(NodeIndex(1)), run.node(NodeIndex(3))), (None, Some(top)));
    }
}
