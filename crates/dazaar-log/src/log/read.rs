//! Reading blocks, and finding bytes. Whatever is returned agrees with the hash in the tree.
//!
//! Grade: over a door. Source: classic protocol, section 3.

use std::ops::Range;

use bytes::Bytes;

use super::error::LogError;
use super::{Log, disk};
use crate::flat_tree::{NodeIndex, full_roots};
use crate::hash::{Node, leaf_hash};
use crate::limits::{MAX_BLOCK_BYTES, MAX_READ_BLOCKS, MAX_READ_BYTES};
use crate::sleep::{NODE_BYTES, decode_node, node_offset};
use crate::storage::{FileName, Storage};

impl<S: Storage> Log<S> {
    /// A block; `None` if it is not here.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if the data does not have the hash that the tree says, [`LogError::Io`].
    pub fn block(&self, block: u64) -> Result<Option<Bytes>, LogError> {
        if !self.has(block) {
            return Ok(None);
        }
        let leaf = self.held_node(NodeIndex::leaf(block))?;
        let offset = self.start_of(block)?;
        let data = self.read_data(offset, checked_size(&leaf)?)?;
        verify_block(&leaf, &data, offset)?;
        Ok(Some(data))
    }

    /// The blocks from the start of `range` up to the first that is not here, in two reads. A call ends early after
    /// [`MAX_READ_BYTES`] or [`MAX_READ_BLOCKS`], but never without a block that is here. The blocks share one buffer.
    ///
    /// # Errors
    /// As [`block`](Self::block).
    pub fn blocks(&self, range: Range<u64>) -> Result<Vec<Bytes>, LogError> {
        let end = range
            .end
            .min(self.have().next_clear(range.start))
            .min(range.start.saturating_add(MAX_READ_BLOCKS));
        if range.start >= end {
            return Ok(Vec::new());
        }
        let leaves = self.leaves(range.start..end)?;
        let start = self.start_of(range.start)?;
        let data = self.read_data(start, leaves.iter().map(|leaf| leaf.size).sum())?;
        let mut blocks = Vec::with_capacity(leaves.len());
        let mut offset = 0;
        for leaf in &leaves {
            let block = data.slice(offset..offset + leaf.size as usize);
            verify_block(leaf, &block, start + offset as u64)?;
            offset += block.len();
            blocks.push(block);
        }
        Ok(blocks)
    }

    /// The leaves of a run of blocks that are here, as many as one call should read.
    fn leaves(&self, blocks: Range<u64>) -> Result<Vec<Node>, LogError> {
        let start = node_offset(NodeIndex::leaf(blocks.start));
        let mut entries = vec![0; (2 * (blocks.end - blocks.start) - 1) as usize * NODE_BYTES];
        if !disk::read(&self.storage, FileName::Tree, start, &mut entries)? {
            return Err(LogError::Corrupt { file: FileName::Tree, offset: start });
        }
        let mut leaves = Vec::new();
        let mut bytes = 0;
        for (block, entry) in blocks.zip(entries.as_chunks::<NODE_BYTES>().0.iter().step_by(2)) {
            let index = NodeIndex::leaf(block);
            let leaf = decode_node(index, entry).ok_or_else(|| LogError::corrupt_node(index))?;
            bytes += checked_size(&leaf)?;
            if bytes > MAX_READ_BYTES && !leaves.is_empty() {
                break;
            }
            leaves.push(leaf);
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

fn verify_block(leaf: &Node, data: &[u8], offset: u64) -> Result<(), LogError> {
    if leaf_hash(data) == leaf.hash {
        Ok(())
    } else {
        Err(LogError::Corrupt { file: FileName::Data, offset })
    }
}
