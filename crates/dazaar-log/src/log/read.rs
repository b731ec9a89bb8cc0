//! Reading blocks, and finding bytes. Whatever is returned agrees with the hash in the tree.
//!
//! Grade: over a door. Source: classic protocol, section 3.

use std::ops::Range;

use bytes::Bytes;

use super::error::LogError;
use super::leaf_cache::{GROUP_LEAVES, Leaf};
use super::{Log, disk};
use crate::blocks::Blocks;
use crate::flat_tree::{NodeIndex, full_roots};
use crate::hash::{GROUP_MAX, Group, Message, Node, leaf_hash};
use crate::limits::{MAX_BLOCK_BYTES, MAX_READ_BLOCKS, MAX_READ_BYTES};
use crate::sleep::{Entry, NODE_BYTES, decode_node, halves, node_offset};
use crate::storage::{FileName, Storage};

/// Bytes of blocks that are kept in case somebody else reads the same.
const KEPT_READ_BYTES: usize = 64 * 1024;

/// Leaves that are read from the tree file at once, with the nodes between them.
const LEAVES_PER_READ: usize = 256;

impl<S: Storage> Log<S> {
    /// A block; `None` if it is not here.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if the data does not have the hash that the tree says, [`LogError::Io`].
    pub fn block(&self, block: u64) -> Result<Option<Bytes>, LogError> {
        if !self.has(block) {
            return Ok(None);
        }
        let leaf = self.leaf(block)?;
        if leaf.size > MAX_BLOCK_BYTES as u64 {
            return Err(LogError::corrupt_node(NodeIndex::leaf(block)));
        }
        let data = self.read_data(leaf.offset, leaf.size)?;
        if leaf_hash(&data) == leaf.hash {
            Ok(Some(data))
        } else {
            Err(LogError::Corrupt { file: FileName::Data, offset: leaf.offset })
        }
    }

    /// The leaf of a block that is here. Its neighbours are read along.
    pub(super) fn leaf(&self, block: u64) -> Result<Leaf, LogError> {
        if let Some(leaf) = self.leaf_cache.find(block) {
            return Ok(leaf);
        }
        let first = block - block % GROUP_LEAVES;
        let count = GROUP_LEAVES.min(self.length() - first);
        let mut entries = [[0; NODE_BYTES]; 2 * GROUP_LEAVES as usize];
        let entries = &mut entries[..2 * count as usize - 1];
        let start = node_offset(NodeIndex::leaf(first));
        if let Some(offset) = self.byte_offset(first)?
            && disk::read(&self.storage, FileName::Tree, start, entries.as_flattened_mut())?
        {
            // What lies on disk of a node that is not held may be anything.
            for (block, entry) in (first..).zip(entries.iter_mut().step_by(2)) {
                if !self.tree().contains(NodeIndex::leaf(block)) {
                    *entry = [0; NODE_BYTES];
                }
            }
            self.leaf_cache.keep(first, entries, offset);
            if let Some(leaf) = self.leaf_cache.find(block) {
                return Ok(leaf);
            }
        }
        // Of a log with holes, not all neighbours are known.
        let node = self.held_node(NodeIndex::leaf(block))?;
        Ok(Leaf { hash: node.hash, offset: self.start_of(block)?, size: node.size })
    }

    /// The blocks from the start of `range` up to the first that is not here. A call ends early after [`MAX_READ_BYTES`] or
    /// [`MAX_READ_BLOCKS`], but never without a block that is here.
    ///
    /// # Errors
    /// As [`block`](Self::block).
    pub fn blocks(&self, range: Range<u64>) -> Result<Blocks, LogError> {
        self.blocks_within(range, MAX_READ_BYTES)
    }

    /// As [`blocks`](Self::blocks), ending after `bytes_max`.
    ///
    /// # Errors
    /// As [`block`](Self::block).
    pub fn blocks_within(&self, range: Range<u64>, bytes_max: u64) -> Result<Blocks, LogError> {
        let end = range
            .end
            .min(self.have().next_clear(range.start))
            .min(range.start.saturating_add(MAX_READ_BLOCKS));
        if range.start >= end {
            return Ok(Blocks::default());
        }
        let range = range.start..end;
        if let (last, blocks) = &*self.last_read.borrow()
            && *last == range
            && blocks.data().len() as u64 <= bytes_max
        {
            return Ok(blocks.clone());
        }
        let blocks = self.read_blocks(range.clone(), bytes_max)?;
        if blocks.data().len() <= KEPT_READ_BYTES && blocks.len() as u64 == range.end - range.start {
            self.last_read.replace((range, blocks.clone()));
        }
        Ok(blocks)
    }

    fn read_blocks(&self, range: Range<u64>, bytes_max: u64) -> Result<Blocks, LogError> {
        let leaves = self.leaves(range.clone(), bytes_max)?;
        let start = self.start_of(range.start)?;
        let sizes = leaves.iter().map(|leaf| halves(leaf).1);
        let data = self.read_data(start, sizes.clone().sum())?;
        let blocks =
            Blocks::cut(data, sizes).ok_or_else(|| LogError::corrupt_node(NodeIndex::leaf(range.start)))?;
        match first_damaged(&leaves, &blocks) {
            None => Ok(blocks),
            Some(before) => {
                let before: u64 = blocks.sizes().take(before).sum();
                Err(LogError::Corrupt { file: FileName::Data, offset: start + before })
            }
        }
    }

    /// The leaves of a run of blocks that are here, as many as one call should read.
    fn leaves(&self, blocks: Range<u64>, bytes_max: u64) -> Result<Vec<Entry>, LogError> {
        let mut leaves = Vec::new();
        let mut bytes = 0;
        for first in blocks.clone().step_by(LEAVES_PER_READ) {
            let part = first..blocks.end.min(first + LEAVES_PER_READ as u64);
            let start = node_offset(NodeIndex::leaf(first));
            let mut entries = [[0; NODE_BYTES]; 2 * LEAVES_PER_READ];
            let entries = &mut entries[..(2 * (part.end - part.start) - 1) as usize];
            if !disk::read(&self.storage, FileName::Tree, start, entries.as_flattened_mut())? {
                return Err(LogError::Corrupt { file: FileName::Tree, offset: start });
            }
            for (block, entry) in part.zip(entries.iter().step_by(2)) {
                let index = NodeIndex::leaf(block);
                let leaf = decode_node(index, entry).ok_or_else(|| LogError::corrupt_node(index))?;
                bytes += checked_size(&leaf)?;
                if bytes > bytes_max && !leaves.is_empty() {
                    return Ok(leaves);
                }
                leaves.push(*entry);
            }
        }
        Ok(leaves)
    }

    /// Where the data of a block starts within the whole log; `None` if too little of the tree is here, or the block lies
    /// beyond the end. The block at the end of the log starts where the log ends.
    ///
    /// # Errors
    /// [`LogError::Io`]; [`LogError::Corrupt`] if a node should be here and is not.
    pub fn byte_offset(&self, block: u64) -> Result<Option<u64>, LogError> {
        if block > self.length() {
            return Ok(None);
        }
        full_roots(block).try_fold(Some(0_u64), |offset, root| {
            Ok(self.node(root)?.zip(offset).map(|(root, offset)| root.size.saturating_add(offset)))
        })
    }

    /// The block with the byte at `byte_offset` of the whole log, and the place of that byte in the block. The end of the log
    /// is the start of the block to come. `None` beyond, and if too little of the tree is here.
    ///
    /// # Errors
    /// As [`byte_offset`](Self::byte_offset).
    pub fn seek(&self, byte_offset: u64) -> Result<Option<(u64, u64)>, LogError> {
        let mut rest = byte_offset;
        for root in &self.head.roots {
            match rest.checked_sub(root.size) {
                Some(after) => rest = after,
                None => return self.seek_below(*root, rest),
            }
        }
        Ok((rest == 0).then_some((self.length(), 0)))
    }

    /// Goes down from a node with more than `rest` bytes below it.
    fn seek_below(&self, node: Node, rest: u64) -> Result<Option<(u64, u64)>, LogError> {
        let (mut index, mut rest) = (node.index, rest);
        while let Some((left, right)) = index.children() {
            let Some(left) = self.node(left)? else { return Ok(None) };
            match rest.checked_sub(left.size) {
                Some(after) => (index, rest) = (right, after),
                None => index = left.index,
            }
        }
        Ok(index.block().map(|block| (block, rest)))
    }

    /// Where the data of a block that is here starts.
    pub(super) fn start_of(&self, block: u64) -> Result<u64, LogError> {
        self.byte_offset(block)?.ok_or_else(|| LogError::MissingNode { node: NodeIndex::leaf(block) })
    }

    pub(super) fn read_data(&self, offset: u64, bytes: u64) -> Result<Bytes, LogError> {
        let mut data = vec![0; bytes as usize];
        if disk::read(&self.storage, FileName::Data, offset, &mut data)? {
            Ok(data.into())
        } else {
            Err(LogError::Corrupt { file: FileName::Data, offset })
        }
    }
}

/// The size of a leaf, if a block may have it.
pub(super) fn checked_size(leaf: &Node) -> Result<u64, LogError> {
    if leaf.size > MAX_BLOCK_BYTES as u64 { Err(LogError::corrupt_node(leaf.index)) } else { Ok(leaf.size) }
}

/// The first block whose leaf is another, as the number of blocks before it.
fn first_damaged(leaves: &[Entry], blocks: &Blocks) -> Option<usize> {
    let mut messages = blocks.iter().map(Message::Leaf).fuse();
    let mut nth = 0;
    for leaves in leaves.chunks(GROUP_MAX) {
        let hashes = Group::next(&mut messages)?.hashes();
        if let Some(before) = leaves.iter().zip(&hashes).position(|(leaf, hash)| *halves(leaf).0 != hash.0) {
            return Some(nth + before);
        }
        nth += leaves.len();
    }
    None
}
