//! What a folder said, and what turned out to be so.
//!
//! Grade: over a door.

use std::ops::Range;

use super::{Cure, Fault, Finding};
use crate::flat_tree::NodeIndex;
use crate::hash::{signable, verify_tree};
use crate::have::{HaveMap, PAGE_BITS};
use crate::key::Signature;
use crate::log::Log;
use crate::log::error::{LogError, at};
use crate::log::held::{Held, ancestors};
use crate::log::open::Records;
use crate::sleep::bitfield::PAGE_BYTES;
use crate::sleep::{HEADER_BYTES, node_offset, signature_offset};
use crate::storage::{FileName, MemoryStorage, Storage};
use crate::tree_set::TreeSet;

/// What a folder said before it was opened.
pub(super) struct Before {
    pub(super) records: Records,
    pub(super) held: Held,
    pub(super) page_bytes: u16,
    /// The bitfield as it was.
    pub(super) bitfield: Vec<u8>,
    /// The signatures of the lengths on record, as the file has them.
    pub(super) signatures: Vec<(u64, Option<Signature>)>,
}

/// What an open log shows to have been wrong.
#[derive(Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    fn find(&mut self, file: FileName, offset: u64, cure: Cure) {
        self.0.push(Finding { file, fault: Fault::Damaged { offset }, cure });
    }

    /// Compares what the folder said with what has been proved.
    pub(super) fn compare<S: Storage>(
        &mut self,
        before: &Before,
        log: &Log<S>,
        mended: Option<NodeIndex>,
        nodes: &TreeSet,
    ) -> Result<(), LogError> {
        let on_record = before.records.claims.iter().map(|claim| claim.length);
        let synced = before.records.synced.as_ref();
        let from = on_record.chain(synced.map(|synced| synced.commit.length)).max().unwrap_or_default();
        if from > log.length() {
            let offset = log.byte_length();
            self.find(FileName::Data, offset, Cure::Shortened { from, to: log.length() });
        }
        if let Some(node) = mended {
            self.find(FileName::Tree, node_offset(node), Cure::FromNodes);
        }
        self.compare_blocks(before, log, nodes)?;
        self.compare_bitfield(before, log)
    }

    /// Blocks that were held and are not any more.
    fn compare_blocks<S: Storage>(
        &mut self,
        before: &Before,
        log: &Log<S>,
        nodes: &TreeSet,
    ) -> Result<(), LogError> {
        let mut believed = before.held.blocks().clone();
        if believed.is_empty() {
            let runs = before.records.synced.iter().flat_map(|synced| &synced.runs);
            runs.for_each(|run| believed.set_range(run.clone()));
        }
        let (mut without_leaf, mut without_data) = (HaveMap::new(), HaveMap::new());
        for block in believed.runs(0..log.length()).flatten().filter(|block| !log.has(*block)) {
            let leaf = NodeIndex::leaf(block);
            let was_proved = nodes.contains(leaf) || before.held.tree().contains(leaf);
            match log.tree().contains(leaf) {
                true => _ = without_data.set(block),
                false if was_proved => _ = without_leaf.set(block),
                // The bitfield alone spoke of it.
                false => {}
            }
        }
        for (file, lost) in [(FileName::Tree, without_leaf), (FileName::Data, without_data)] {
            let blocks: Vec<Range<u64>> = lost.runs(0..log.length()).collect();
            let Some(first) = blocks.first().map(|run| run.start) else { continue };
            let offset = match file {
                FileName::Tree => node_offset(NodeIndex::leaf(first)),
                _ => log.byte_offset(first)?.unwrap_or_default(),
            };
            self.find(file, offset, Cure::Forgotten { blocks });
        }
        Ok(())
    }

    /// Bits of what was synced that differ, other than those of blocks that are lost.
    fn compare_bitfield<S: Storage>(&mut self, before: &Before, log: &Log<S>) -> Result<(), LogError> {
        let synced = before.records.synced.as_ref().map_or(u64::MAX, |synced| synced.commit.length);
        let length = synced.min(log.length());
        let is_lost = |finding: &Finding| matches!(finding.cure, Cure::Forgotten { .. });
        if self.0.iter().any(is_lost) {
            return Ok(());
        }
        let (stored, proved) =
            (complete_nodes(before.held.tree().bits(), length), complete_nodes(log.tree().bits(), length));
        let blocks = |held: &HaveMap| held.runs(0..length).collect::<Vec<_>>();
        let is_same = stored == proved && blocks(before.held.blocks()) == blocks(log.have());
        let is_settled = before.records.claims.is_empty() && length == log.length();
        if is_same && !(is_settled && has_other_index(before, log)?) {
            return Ok(());
        }
        let pages = log.have().len().div_ceil(PAGE_BITS);
        let expected = HEADER_BYTES as u64 + pages * u64::from(before.page_bytes);
        let (file, bytes) = (FileName::Bitfield, before.bitfield.len() as u64);
        let damaged = Fault::Damaged { offset: HEADER_BYTES as u64 };
        let fault = if bytes < expected { Fault::Truncated { bytes, expected } } else { damaged };
        self.0.push(Finding { file, fault, cure: Cure::FromTree });
        Ok(())
    }

    /// Checks every signature that the nodes here can prove.
    pub(super) fn check_signatures<S: Storage>(
        &mut self,
        before: &Before,
        log: &mut Log<S>,
    ) -> Result<(), LogError> {
        let head = log.signature(log.length())?;
        let stored = before.signatures.iter().find(|(length, _)| *length == log.length());
        if let Some((length, stored)) = stored
            && *stored != head
        {
            self.find(FileName::Signatures, signature_offset(*length), Cure::FromCommit);
            log.write_signature(&log.head.clone())?;
            log.storage.sync(FileName::Signatures).map_err(at(FileName::Signatures, 0))?;
        }
        for length in 1..log.length() {
            let Some(stored) = log.signature(length)? else { continue };
            let Some(hash) = log.tree_hash(length)? else { continue };
            if verify_tree(&log.key(), &hash, length, &stored) {
                continue;
            }
            let anew = log.pair.as_ref().map(|pair| pair.sign(&signable(&hash, length)));
            let offset = signature_offset(length);
            self.find(
                FileName::Signatures,
                offset,
                if anew.is_some() { Cure::SignedAnew } else { Cure::Dropped },
            );
            let bytes = anew.map_or([0; Signature::BYTES], |signature| signature.0);
            let written = log.storage.write(FileName::Signatures, offset, &bytes);
            written
                .and_then(|()| log.storage.sync(FileName::Signatures))
                .map_err(at(FileName::Signatures, offset))?;
        }
        Ok(())
    }
}

/// Holds again what was synced and is still there, though the bitfield does not name it.
pub(super) fn restore_synced<S: Storage>(log: &mut Log<S>, before: &Before) -> Result<(), LogError> {
    for run in before.records.synced.iter().flat_map(|synced| &synced.runs) {
        let run = run.start..run.end.min(log.length());
        if run.is_empty() {
            continue;
        }
        let is_within = |node: &NodeIndex| run.start <= node.blocks().start && node.blocks().end <= run.end;
        let nodes = NodeIndex::leaf(run.start).0..NodeIndex::leaf(run.end).0 - 1;
        let lost: Vec<_> =
            nodes.map(NodeIndex).filter(|node| !log.tree().contains(*node) && is_within(node)).collect();
        if lost.is_empty() && log.have().next_clear(run.start) >= run.end {
            continue;
        }
        let proven = log.prove(&log.head.roots, &run)?;
        lost.into_iter().filter(|node| proven.nodes.get(node.0)).for_each(|node| log.held.insert_node(node));
        let blocks = proven.blocks.runs(run).flatten();
        blocks.for_each(|block| log.held.insert_block(block));
    }
    Ok(())
}

/// Whether pages of the usual size have another index than we would write.
fn has_other_index<S: Storage>(before: &Before, log: &Log<S>) -> Result<bool, LogError> {
    if before.page_bytes != PAGE_BYTES {
        return Ok(false);
    }
    let mut fresh = MemoryStorage::new();
    fresh_held(log).write(&mut fresh)?;
    let fresh = fresh.bytes(FileName::Bitfield);
    let stored = before.bitfield.as_slice();
    let differs = fresh.len() == stored.len() && fresh.get(HEADER_BYTES..) != stored.get(HEADER_BYTES..);
    Ok(differs || stored.len() < fresh.len())
}

/// The nodes that cover none but the first `length` blocks.
fn complete_nodes(nodes: &HaveMap, length: u64) -> Vec<Range<u64>> {
    let mut nodes = nodes.clone();
    for node in length.checked_sub(1).into_iter().flat_map(ancestors) {
        if node.right_span() >= NodeIndex::leaf(length) {
            nodes.clear(node.0);
        }
    }
    nodes.runs(0..NodeIndex::leaf(length).0.saturating_sub(1)).collect()
}

/// What a log holds, with every page of the bitfield still to be written.
pub(super) fn fresh_held<S: Storage>(log: &Log<S>) -> Held {
    let mut held = Held::new();
    held.insert_proven(log.tree().bits(), log.have());
    held
}
