//! Appending: one pass over the blocks, one write per file, one signature.
//!
//! Grade: over a door. Source: classic protocol, sections 1.3, 1.4 and 3.

use std::ops::Range;

use super::error::{LogError, at};
use super::{Head, Log};
use crate::hash::{Node, signable};
use crate::limits::{MAX_BLOCK_BYTES, MAX_BYTE_LENGTH, MAX_LENGTH};
use crate::run::Run;
use crate::sleep::{Entry, NODE_BYTES, encode_node, node_offset, signature_offset};
use crate::storage::{FileName, Storage};

/// Data is collected up to here before it is written; larger blocks are written as they are.
const DATA_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Buffers that grow beyond this are given back after the batch.
const KEPT_BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// What an append survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process.
    Os,
    /// A power cut.
    Committed,
}

/// Buffers of an append, kept from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Blocks, one after the other.
    data: Vec<u8>,
    /// Nodes of the tree file.
    entries: Vec<Entry>,
}

impl<S: Storage> Log<S> {
    /// Appends blocks, signed once at the last of them. Returns their numbers. Nothing to append is nothing done.
    ///
    /// # Errors
    /// - [`LogError::BlockTooLarge`], [`LogError::Forked`], [`LogError::Full`], [`LogError::ReadOnly`], [`LogError::Poisoned`]:
    ///   nothing was done.
    /// - [`LogError::Io`]: the log has its old length. If the medium failed so late that the new length may be on disk, the log
    ///   is poisoned: it can be read, but has to be opened anew to be written.
    pub fn append<B: AsRef<[u8]>>(&mut self, blocks: &[B]) -> Result<Range<u64>, LogError> {
        let appended = self.room_for(blocks)?;
        if !appended.is_empty() {
            self.append_at(Durability::Os, appended.clone(), blocks)?;
        }
        Ok(appended)
    }

    /// Appends blocks that there is room for.
    pub(super) fn append_at<B: AsRef<[u8]>>(
        &mut self,
        durability: Durability,
        appended: Range<u64>,
        blocks: &[B],
    ) -> Result<(), LogError> {
        let mut batch = std::mem::take(&mut self.batch);
        let written = self.append_batch(durability, &mut batch, appended, blocks);
        batch.shrink();
        self.batch = batch;
        written
    }

    /// The numbers that the blocks will get.
    pub(super) fn room_for<B: AsRef<[u8]>>(&self, blocks: &[B]) -> Result<Range<u64>, LogError> {
        self.refuse_poisoned()?;
        if self.pair.is_none() {
            return Err(LogError::ReadOnly { key: self.key });
        }
        let (length, byte_length) = (self.length(), self.byte_length());
        let mut bytes = byte_length;
        for (block, data) in (length..).zip(blocks) {
            let size = data.as_ref().len();
            if size > MAX_BLOCK_BYTES {
                return Err(LogError::BlockTooLarge { block, bytes: size });
            }
            bytes = bytes.saturating_add(size as u64);
        }
        let end = length.saturating_add(blocks.len() as u64);
        if end > MAX_LENGTH || bytes > MAX_BYTE_LENGTH {
            return Err(LogError::Full { length, byte_length });
        }
        Ok(length..end)
    }

    fn append_batch<B: AsRef<[u8]>>(
        &mut self,
        durability: Durability,
        batch: &mut Batch,
        appended: Range<u64>,
        blocks: &[B],
    ) -> Result<(), LogError> {
        self.drop_surplus_signatures()?;
        let entries = std::mem::take(&mut batch.entries);
        let mut run = Run::hash(appended.start, blocks.iter().map(AsRef::as_ref), entries);
        let mut roots = self.head.roots.clone();
        let earlier = join(&mut roots, &mut run);
        let mut head = Head::new(appended.end, roots, None);
        self.refuse_second_history(appended.end, &run, &earlier)?;
        let message = signable(&head.tree_hash(), head.length);
        head.signature = self.pair.as_ref().map(|pair| pair.sign(&message));
        // From here on a failure may leave a signature behind which the next batch does not overwrite.
        self.surplus_signatures = true;
        self.write_data(&mut batch.data, blocks)?;
        self.write_run(&run, &earlier)?;
        batch.entries = run.into_entries();
        self.write_signature(&head)?;
        match durability {
            Durability::Committed => self.write_journal(&head, blocks)?,
            Durability::Os => self.journal = None,
        }
        self.surplus_signatures = false;
        self.changes.bytes += head.byte_length() - self.byte_length();
        self.held.append(appended.clone());
        self.commit(head).inspect_err(|_| self.held.truncate(appended.start))?;
        self.settle_fork();
        Ok(())
    }

    /// Cuts off signatures of lengths that the log does not have, so that none of them is taken for one of a later length,
    /// not even after a power cut.
    pub(super) fn drop_surplus_signatures(&mut self) -> Result<(), LogError> {
        if self.surplus_signatures {
            let end = signature_offset(self.length() + 1);
            let cut = self.storage.set_len(FileName::Signatures, end);
            cut.and_then(|()| self.storage.sync(FileName::Signatures))
                .map_err(at(FileName::Signatures, end))?;
            self.surplus_signatures = false;
        }
        Ok(())
    }

    pub(super) fn write_data<B: AsRef<[u8]>>(
        &mut self,
        buffer: &mut Vec<u8>,
        blocks: &[B],
    ) -> Result<(), LogError> {
        let mut offset = self.byte_length();
        buffer.clear();
        for (nth, block) in blocks.iter().map(AsRef::as_ref).enumerate() {
            let alone = buffer.is_empty() && (block.len() >= DATA_BUFFER_BYTES || nth + 1 == blocks.len());
            if !alone {
                buffer.extend_from_slice(block);
                if buffer.len() < DATA_BUFFER_BYTES && nth + 1 < blocks.len() {
                    continue;
                }
            }
            let bytes = if alone { block } else { buffer.as_slice() };
            self.storage.write(FileName::Data, offset, bytes).map_err(at(FileName::Data, offset))?;
            offset += bytes.len() as u64;
            buffer.clear();
        }
        Ok(())
    }

    /// Writes the nodes of a run, and others that lie before it.
    pub(super) fn write_run(&mut self, run: &Run, earlier: &[Node]) -> Result<(), LogError> {
        for node in earlier {
            let offset = node_offset(node.index);
            self.storage
                .write(FileName::Tree, offset, &encode_node(node))
                .map_err(at(FileName::Tree, offset))?;
        }
        let offset = node_offset(run.nodes().start);
        self.storage.write(FileName::Tree, offset, run.as_bytes()).map_err(at(FileName::Tree, offset))
    }

    /// Writes the head's signature, if it has one, to the slot of its length.
    pub(super) fn write_signature(&mut self, head: &Head) -> Result<(), LogError> {
        let Some(signature) = head.signature else { return Ok(()) };
        let offset = signature_offset(head.length);
        self.storage
            .write(FileName::Signatures, offset, &signature.0)
            .map_err(at(FileName::Signatures, offset))
    }
}

impl Batch {
    fn shrink(&mut self) {
        if self.data.capacity() > KEPT_BUFFER_BYTES {
            self.data = Vec::new();
        }
        if self.entries.capacity() * NODE_BYTES > KEPT_BUFFER_BYTES {
            self.entries = Vec::new();
        }
    }
}

/// Makes `roots`, which end where the run starts, those of the log with the run. Returns the nodes that this completes and that lie
/// before the run.
pub(super) fn join(roots: &mut Vec<Node>, run: &mut Run) -> Vec<Node> {
    let mut earlier = Vec::new();
    for peak in run.peaks().collect::<Vec<_>>() {
        let mut node = peak;
        while let Some(left) = roots.pop_if(|root| root.index == node.index.sibling()) {
            node = Node::parent(&left, &node);
            if !run.add(&node) {
                earlier.push(node);
            }
        }
        roots.push(node);
    }
    earlier
}
