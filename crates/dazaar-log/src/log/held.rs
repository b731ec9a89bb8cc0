//! What a log holds: blocks, nodes, and the pages of the bitfield file that say so.
//!
//! Grade: machine. Every change of a bit is noted for the file here, so that no caller can forget it.
//! Source: classic protocol, sections 2.2 and 3.

use std::ops::Range;

use super::error::LogError;
use crate::flat_tree::NodeIndex;
use crate::have::{HaveMap, PAGE_BITS};
use crate::limits::MAX_LENGTH;
use crate::run::peaks;
use crate::sleep::bitfield::Pages;
use crate::storage::Storage;
use crate::tree_set::TreeSet;

/// Blocks and nodes held.
#[derive(Debug)]
pub(super) struct Held {
    blocks: HaveMap,
    tree: TreeSet,
    pages: Pages,
}

impl Held {
    /// Nothing, and no file yet.
    pub(super) fn new() -> Self {
        Self { blocks: HaveMap::new(), tree: TreeSet::new(), pages: Pages::new() }
    }

    /// What the file says.
    pub(super) fn load(storage: &impl Storage, page_bytes: u16) -> Result<Self, LogError> {
        let (pages, blocks, nodes) = Pages::load(storage, page_bytes)?;
        Ok(Self { blocks, tree: TreeSet::from_bits(nodes), pages })
    }

    /// All of a log of `length` blocks, if the ends and the index of the file say that it holds all of them.
    pub(super) fn full(
        storage: &impl Storage,
        page_bytes: u16,
        length: u64,
    ) -> Result<Option<Self>, LogError> {
        let mut held = Self::new();
        held.blocks.set_range(0..length);
        let mut nodes = HaveMap::new();
        let end = NodeIndex::leaf(length);
        nodes.set_range(0..end.0.saturating_sub(1));
        for node in length.checked_sub(1).into_iter().flat_map(ancestors) {
            if node < end && node.right_span() >= end {
                nodes.clear(node.0);
            }
        }
        let pages = Pages::full(storage, page_bytes, &held.blocks, &nodes)?;
        Ok(pages.map(|pages| Self { tree: TreeSet::from_bits(nodes), pages, ..held }))
    }

    /// The blocks held.
    pub(super) fn blocks(&self) -> &HaveMap {
        &self.blocks
    }

    /// The nodes held.
    pub(super) fn tree(&self) -> &TreeSet {
        &self.tree
    }

    /// Grows a log by all of `appended`, of which it holds every block.
    pub(super) fn append(&mut self, appended: Range<u64>) {
        let Some(last) = appended.end.checked_sub(1).filter(|_| !appended.is_empty()) else { return };
        let (first, end) = (NodeIndex::leaf(appended.start), NodeIndex::leaf(appended.end));
        self.change_nodes(first..NodeIndex(end.0 - 1), HaveMap::set_range);
        for node in ancestors(last).filter(|node| (first..end).contains(node) && node.right_span() >= end) {
            self.change_nodes(only(node), HaveMap::clear_range);
        }
        for node in appended.start.checked_sub(1).into_iter().flat_map(ancestors) {
            if node < first && (first..end).contains(&node.right_span()) {
                self.change_nodes(only(node), HaveMap::set_range);
            }
        }
        self.blocks.set_range(appended.clone());
        self.pages.note_blocks(&self.blocks, appended);
    }

    /// Forgets everything that a log of `length` blocks does not have.
    pub(super) fn truncate(&mut self, length: u64) {
        let end = NodeIndex::leaf(length);
        let surplus = NodeIndex(end.0.saturating_sub(1))..NodeIndex(self.tree.bits().len());
        self.change_nodes(surplus, HaveMap::clear_range);
        for node in length.checked_sub(1).into_iter().flat_map(ancestors) {
            if node < end && node.right_span() >= end && self.tree.contains(node) {
                self.change_nodes(only(node), HaveMap::clear_range);
            }
        }
        self.clear_blocks(length..self.blocks.len());
    }

    /// Adds a node, and the parents that it completes.
    pub(super) fn insert_node(&mut self, node: NodeIndex) {
        let top = self.tree.insert(node);
        self.note_path(node, top);
    }

    /// Notes every node from `node` up to `top`, if any was added.
    fn note_path(&mut self, node: NodeIndex, top: Option<NodeIndex>) {
        let Some(top) = top else { return };
        let mut added = node;
        self.pages.note_nodes(only(added));
        while added != top {
            added = added.parent();
            self.pages.note_nodes(only(added));
        }
    }

    /// Adds blocks, and the nodes that cover none but them.
    pub(super) fn insert_run(&mut self, blocks: &Range<u64>) {
        for peak in peaks(blocks.clone()) {
            let top = self.tree.insert_below(peak);
            self.pages.note_nodes(peak.left_span()..NodeIndex(peak.right_span().0 + 1));
            self.note_path(peak, top);
        }
        self.blocks.set_range(blocks.clone());
        self.pages.note_blocks(&self.blocks, blocks.clone());
    }

    /// Adds a block.
    pub(super) fn insert_block(&mut self, block: u64) {
        if self.blocks.set(block) {
            self.pages.note_blocks(&self.blocks, block..block + 1);
        }
    }

    /// Forgets blocks; the tree stays.
    pub(super) fn clear_blocks(&mut self, blocks: Range<u64>) {
        if !blocks.is_empty() {
            self.blocks.clear_range(blocks.clone());
            self.pages.note_blocks(&self.blocks, blocks);
        }
    }

    /// Forgets nodes; with a node go all below it.
    pub(super) fn clear_nodes(&mut self, nodes: Range<NodeIndex>) {
        self.change_nodes(nodes, HaveMap::clear_range);
    }

    /// Whether no block of `blocks`, the end of the log, is missing, and no node of the whole log.
    pub(super) fn is_complete(&self, blocks: Range<u64>) -> bool {
        let nodes = NodeIndex::leaf(blocks.end).0;
        let complete_nodes = nodes - u64::from(blocks.end.count_ones());
        blocks.is_empty()
            || self.tree.bits().count_ones(0..nodes) == complete_nodes
                && self.blocks.next_clear(blocks.start) >= blocks.end
    }

    /// Adds nodes and blocks that were found to be on disk.
    pub(super) fn insert_proven(&mut self, nodes: &HaveMap, blocks: &HaveMap) {
        for run in nodes.runs(0..nodes.len()) {
            run.for_each(|node| self.insert_node(NodeIndex(node)));
        }
        for run in blocks.runs(0..blocks.len()) {
            self.blocks.set_range(run.clone());
            self.pages.note_blocks(&self.blocks, run);
        }
    }

    /// Forgets blocks whose leaf is not held, as a page that was written half way may name them.
    pub(super) fn drop_blocks_without_leaf(&mut self) {
        let mut next = 0;
        while let Some(number) = self.blocks.next_set(next).map(|block| block / PAGE_BITS) {
            next = (number + 1) * PAGE_BITS;
            let held = self.blocks.page(number);
            let nodes = [self.tree.bits().page(2 * number), self.tree.bits().page(2 * number + 1)];
            let leaves = nodes.as_flattened().as_chunks::<2>().0;
            for (first, (held, leaves)) in (number * PAGE_BITS..).step_by(8).zip(held.iter().zip(leaves)) {
                let surplus = held & !leaf_bits(*leaves);
                for nth in (0..8).filter(|nth| surplus & (0x80 >> nth) != 0) {
                    self.clear_blocks(first + nth..first + nth + 1);
                }
            }
        }
    }

    /// Whether the file says something else.
    pub(super) fn is_dirty(&self) -> bool {
        self.pages.is_dirty()
    }

    /// Brings the file up to date.
    pub(super) fn write(&mut self, storage: &mut impl Storage) -> Result<(), LogError> {
        self.pages.write(storage, &self.blocks, self.tree.bits())
    }

    fn change_nodes(&mut self, nodes: Range<NodeIndex>, change: fn(&mut HaveMap, Range<u64>)) {
        if nodes.is_empty() {
            return;
        }
        let mut bits = std::mem::take(&mut self.tree).into_bits();
        change(&mut bits, nodes.start.0..nodes.end.0);
        self.tree = TreeSet::from_bits(bits);
        self.pages.note_nodes(nodes);
    }
}

/// The nodes above the leaf of `block` that a log can have, from the bottom to the top.
pub(super) fn ancestors(block: u64) -> impl Iterator<Item = NodeIndex> {
    std::iter::successors(Some(NodeIndex::leaf(block).parent()), |node| Some(node.parent()))
        .take(MAX_LENGTH.ilog2() as usize)
}

/// The bits of the leaves among 16 nodes.
fn leaf_bits(nodes: [u8; 2]) -> u8 {
    let nodes = u16::from_be_bytes(nodes);
    (0..8).fold(0, |leaves, nth| leaves << 1 | (nodes >> (15 - 2 * nth)) as u8 & 1)
}

fn only(node: NodeIndex) -> Range<NodeIndex> {
    node..NodeIndex(node.0.saturating_add(1))
}
