//! Finding the length that what is on disk can prove.
//!
//! What was synced is the base. Records written since only claim: a power cut may have left them and not what they speak of,
//! so the blocks beyond the base are hashed again, once the journal has given back what it holds. The bitfield and the newest record normally agree. They differ after a crash between the two, or when Hypercore,
//! which knows no commit record, has appended; then signatures and hashes decide.
//!
//! Grade: over a door. Source: classic protocol, sections 1.4, 2.2 and 3.

use std::ops::Range;

use super::audit::intact;
use super::disk::{read, read_node, read_roots, read_signature};
use super::error::{LogError, at};
use super::open::Records;
use super::{Head, Log};
use crate::commit::Commit;
use crate::flat_tree::{NodeIndex, full_roots};
use crate::hash::{Node, leaf_hash, tree_hash, verify_tree};
use crate::have::HaveMap;
use crate::key::Signature;
use crate::limits::{MAX_BLOCK_BYTES, MAX_RECHECKED_BLOCKS};
use crate::sleep::{NODE_BYTES, node_offset, signature_offset};
use crate::storage::{FileName, Storage};

impl<S: Storage> Log<S> {
    /// Decides on the length, and makes the maps fit it.
    pub(super) fn recover(&mut self, mut records: Records) -> Result<(), LogError> {
        let base = self.base(&records)?;
        let replayed = match (&records.synced, &base) {
            (Some(synced), Some(base)) => self.replay(synced, base)?,
            _ => None,
        };
        records.add_claims(replayed);
        self.sequence = records.newest_sequence().map_or(0, |newest| newest.saturating_add(1));
        let claimed = self.tree().length();
        let entries = self.signature_entries()?;
        let (head, whole) = match &base {
            None => {
                let (base, whole) = self.signed_anywhere(claimed)?;
                (self.extended(base, claimed, entries, MAX_RECHECKED_BLOCKS, false)?, whole)
            }
            Some(base) => {
                let head = self.grown(base, &records.claims)?;
                let is_crash = !records.claims.is_empty();
                let is_short = records.claims.first().is_some_and(|newest| head.length < newest.length);
                let is_short = is_short && !self.is_writable();
                let unsure = if self.is_writable() { base.length } else { head.length };
                (
                    if is_short { head } else { self.extended(head, claimed, entries, u64::MAX, is_crash)? },
                    unsure.min(claimed),
                )
            }
        };
        self.held.truncate(head.length);
        head.roots.iter().for_each(|root| self.held.insert_node(root.index));
        if !self.held.is_complete(whole..head.length) {
            if self.is_writable() {
                self.held.truncate(whole);
            }
            let proven = self.prove(&head.roots, &(whole..head.length))?;
            self.held.insert_proven(&proven.nodes, &proven.blocks);
        }
        self.held.drop_blocks_without_leaf();
        self.surplus_signatures = entries > head.length;
        if read_signature(&self.storage, head.length)? != head.signature {
            // The record has it, the file lost it.
            self.write_signature(&head)?;
        }
        self.head = head;
        if records.synced.is_none()
            && self.storage.len(FileName::Commit).map_err(at(FileName::Commit, 0))? > 0
        {
            self.recheck_all()?;
        }
        if let Some(synced) = &records.synced {
            self.recheck(synced)?;
            let is_synced = records.claims.is_empty() && self.length() == synced.commit.length;
            self.journal = is_synced.then_some(synced.journal);
        }
        self.changes.count = u64::from(self.journal.is_none() || self.held.is_dirty());
        self.refuse_truncated()
    }

    /// The log as it was synced, if the folder says so.
    fn base(&self, records: &Records) -> Result<Option<Head>, LogError> {
        let Some(synced) = &records.synced else { return Ok(None) };
        match self.committed(&[synced.commit])? {
            Some(head) => Ok(Some(head)),
            None => {
                let last = full_roots(synced.commit.length).last().unwrap_or(NodeIndex(0));
                self.refuse_shorter(FileName::Tree, node_end(last))?;
                Err(LogError::corrupt_node(last))
            }
        }
    }

    /// Refuses a folder of which a file lost its end.
    fn refuse_truncated(&self) -> Result<(), LogError> {
        let last_node = self.tree().bits().len().checked_sub(1).map(NodeIndex);
        self.refuse_shorter(FileName::Tree, last_node.map_or(0, node_end))?;
        let end = match self.have().len().checked_sub(1) {
            None => 0,
            Some(last) => intact(self.end_of(last))?.unwrap_or_default(),
        };
        // A leaf may be damaged, which takes nothing from the data.
        self.refuse_shorter(FileName::Data, if end > self.byte_length() { 0 } else { end })
    }

    /// Where the data of a block that is here ends, if the tree is right.
    fn end_of(&self, block: u64) -> Result<u64, LogError> {
        let leaf = self.held_node(NodeIndex::leaf(block))?;
        Ok(self.start_of(block)?.saturating_add(leaf.size))
    }

    fn refuse_shorter(&self, file: FileName, expected: u64) -> Result<(), LogError> {
        let bytes = self.storage.len(file).map_err(at(file, 0))?;
        if bytes < expected { Err(LogError::Truncated { file, bytes, expected }) } else { Ok(()) }
    }

    /// The log beyond what was synced, as far as it got to the disk: records that were not synced only claim.
    ///
    /// A reader may lack any block. A writer has to have every block that it signed: what it cleared was synced then.
    fn grown(&self, base: &Head, claims: &[Commit]) -> Result<Head, LogError> {
        let Some(newest) = claims.first().filter(|newest| newest.length > base.length) else {
            return Ok(base.clone());
        };
        if !self.is_writable() {
            let head = self.committed(claims)?.filter(|head| head.length > base.length);
            return Ok(head.unwrap_or_else(|| base.clone()));
        }
        let whole = self.whole_from(base, newest.length)?;
        for length in (base.length + 1..=whole).rev() {
            if let Some(head) = self.signed(length)? {
                return Ok(head);
            }
        }
        Ok(base.clone())
    }

    /// The first block from `base` up to `end` that is not what the tree says, or which the tree does not fit.
    pub(super) fn whole_from(&self, base: &Head, end: u64) -> Result<u64, LogError> {
        let mut roots = base.roots.clone();
        let mut offset = base.byte_length();
        for block in base.length..end {
            let Some(leaf) = read_node(&self.storage, NodeIndex::leaf(block))? else { return Ok(block) };
            if !self.matches(&leaf, offset)? {
                return Ok(block);
            }
            let mut node = leaf;
            while let Some(left) = roots.pop_if(|root| root.index == node.index.sibling()) {
                node = Node::parent(&left, &node);
                if read_node(&self.storage, node.index)? != Some(node) {
                    return Ok(block);
                }
            }
            roots.push(node);
            offset = offset.saturating_add(leaf.size);
        }
        Ok(end)
    }

    /// The newest commit whose roots are in the tree.
    pub(super) fn committed(&self, records: &[Commit]) -> Result<Option<Head>, LogError> {
        for commit in records {
            let Some(roots) = read_roots(&self.storage, commit.length)? else { continue };
            if tree_hash(&roots) == commit.tree_hash {
                return Ok(Some(Head::new(commit.length, roots, commit.signature)));
            }
        }
        Ok(None)
    }

    /// The longest log that can be proved beyond `base`: up to the last signature, or as long as the bitfield claims. Of its
    /// blocks, the last `rechecked` are hashed again.
    fn extended(
        &self,
        base: Head,
        claimed: u64,
        entries: u64,
        rechecked: u64,
        is_crash: bool,
    ) -> Result<Head, LogError> {
        for length in [entries.max(claimed), entries.min(claimed)] {
            if length > base.length
                && let Some(head) = self.signed(length)?
                && self.has_recent(
                    &head,
                    base.length.max(length.saturating_sub(rechecked)),
                    claimed,
                    is_crash,
                )?
            {
                return Ok(head);
            }
        }
        Ok(base)
    }

    /// Whether the blocks from `from` on are what was signed: those that we believe to hold, and those that a crash kept
    /// from being noted in the bitfield of a log that we write, of which no node may be missing either. After a crash of ours
    /// a block of it that is not noted was not cleared, and has to be here.
    fn has_recent(&self, head: &Head, from: u64, claimed: u64, is_crash: bool) -> Result<bool, LogError> {
        let recent = from..head.length;
        let proven = self.prove(&head.roots, &recent)?;
        let has_leaf = |block| proven.nodes.get(NodeIndex::leaf(block).0);
        let is_there = !is_crash || proven.blocks.next_clear(recent.start) >= recent.end;
        if self.is_writable() && !(is_there && recent.clone().all(has_leaf)) {
            return Ok(false);
        }
        let unnoted = recent.start.max(claimed)..recent.end;
        let unnoted = (self.is_writable() && !unnoted.is_empty()).then_some(unnoted);
        let mut expected = self.have().runs(recent).chain(unnoted);
        Ok(expected.all(|run| proven.blocks.next_clear(run.start) >= run.end))
    }

    /// How many lengths the signatures file has room for.
    fn signature_entries(&self) -> Result<u64, LogError> {
        let end = self.storage.len(FileName::Signatures).map_err(at(FileName::Signatures, 0))?;
        Ok(end.saturating_sub(signature_offset(1)) / Signature::BYTES as u64)
    }

    /// `length` as the log's, if there is a valid signature for it.
    pub(super) fn signed(&self, length: u64) -> Result<Option<Head>, LogError> {
        let Some(signature) = read_signature(&self.storage, length)? else { return Ok(None) };
        let Some(roots) = read_roots(&self.storage, length)? else { return Ok(None) };
        let valid = verify_tree(&self.key, &tree_hash(&roots), length, &signature);
        Ok(valid.then_some(Head::new(length, roots, Some(signature))))
    }

    /// The length that the bitfield claims or else the highest that is signed, for a folder without a commit record; and up to
    /// where the bitfield can be relied on.
    fn signed_anywhere(&self, claimed: u64) -> Result<(Head, u64), LogError> {
        if let Some(head) = self.signed(claimed)? {
            return Ok((head, claimed));
        }
        for length in (1..=self.signature_entries()?).rev() {
            if let Some(head) = self.signed(length)? {
                return Ok((head, 0));
            }
        }
        if claimed == 0 { Ok((Head::default(), 0)) } else { Err(LogError::Unproven { length: claimed }) }
    }

    /// Goes down from the roots as far as hashes agree, and compares the data of `blocks`.
    pub(super) fn prove(&self, roots: &[Node], blocks: &Range<u64>) -> Result<Proven, LogError> {
        let mut proven = Proven::default();
        let mut pending = Vec::with_capacity(roots.len());
        let mut offset = 0;
        for root in roots {
            pending.push((*root, offset));
            offset = root.size.saturating_add(offset);
        }
        while let Some((node, offset)) = pending.pop() {
            proven.nodes.set(node.index.0);
            let below = node.index.blocks();
            if below.end <= blocks.start || below.start >= blocks.end {
                continue;
            }
            match node.index.children() {
                None if self.matches(&node, offset)? => proven.blocks.set_range(below),
                None => {}
                Some((left, right)) => {
                    let Some(left) = read_node(&self.storage, left)? else { continue };
                    let Some(right) = read_node(&self.storage, right)? else { continue };
                    if Node::parent(&left, &right) == node {
                        pending.push((right, left.size.saturating_add(offset)));
                        pending.push((left, offset));
                    }
                }
            }
        }
        Ok(proven)
    }

    /// Whether the block of a leaf is where it belongs.
    fn matches(&self, leaf: &Node, offset: u64) -> Result<bool, LogError> {
        if leaf.size > MAX_BLOCK_BYTES as u64 {
            return Ok(false);
        }
        let mut data = vec![0; leaf.size as usize];
        Ok(read(&self.storage, FileName::Data, offset, &mut data)? && leaf_hash(&data) == leaf.hash)
    }
}

/// Where a node ends in the tree file.
const fn node_end(node: NodeIndex) -> u64 {
    node_offset(node).saturating_add(NODE_BYTES as u64)
}

/// What was found to agree with the roots.
#[derive(Debug, Default)]
pub(super) struct Proven {
    pub(super) nodes: HaveMap,
    pub(super) blocks: HaveMap,
}
