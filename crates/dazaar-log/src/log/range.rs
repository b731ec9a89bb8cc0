//! Ranges of blocks: proved to peers of our own kind, and taken from them.
//!
//! Grade: over a door. Source: docs/protocol.md, ranges; ours, not the classic protocol's.

use std::ops::Range;

use super::Log;
use super::error::{LogError, at};
use crate::digest::RemoteTree;
use crate::flat_tree::NodeIndex;
use crate::hash::Node;
use crate::proof::Proof;
use crate::run::Run;
use crate::storage::{FileName, Storage};
use crate::verify::{self, UnverifiedRange, VerifiedRange, VerifyError};

/// What storing a range changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRange {
    /// How many of the blocks had not been here.
    pub fresh: u64,
    /// The length of the log afterwards.
    pub length: u64,
}

impl<S: Storage> Log<S> {
    /// The proof of blocks that are here, as far as a peer that keeps all it was sent does not have it; `None` if there is nothing
    /// to prove them with. Once it is sent, `remote` has to [learn](RemoteTree::learn_sent) of it.
    ///
    /// # Errors
    /// As [`proof`](Self::proof).
    pub fn range_proof(&self, blocks: &Range<u64>, remote: &RemoteTree) -> Result<Option<Proof>, LogError> {
        let Some(plan) = self.tree().plan_range(blocks, self.length(), remote) else { return Ok(None) };
        let nodes = plan.nodes.into_iter().map(|index| self.held_node(index)).collect::<Result<_, _>>()?;
        Ok(Some(Proof { nodes, signature_length: plan.signature_length }))
    }

    /// Holds blocks of a stranger against the key and what is here.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_range(&self, range: UnverifiedRange) -> Result<VerifiedRange, VerifyError<LogError>> {
        verify::verify_range(range, &self.key, |index| self.node(index))
    }

    /// Stores verified blocks.
    ///
    /// # Errors
    /// As [`store`](Self::store).
    pub fn store_range(&mut self, range: VerifiedRange) -> Result<StoredRange, LogError> {
        self.refuse_poisoned()?;
        let VerifiedRange { key, blocks: data, mut run, outside, head } = range;
        if key != self.key {
            return Err(LogError::OtherLog { key: self.key, other: key });
        }
        self.complete_run(&mut run)?;
        let outside = self.fresh_nodes(&outside)?;
        let blocks = run.blocks().clone();
        let fresh = blocks.end - blocks.start - self.have().count_ones(blocks.clone());
        let offset = self.place(blocks.start, &outside)?;
        self.storage.write(FileName::Data, offset, data.data()).map_err(at(FileName::Data, offset))?;
        self.write_run(&run, &outside)?;
        let among = |index: NodeIndex| {
            run.node(index).or_else(|| outside.iter().find(|node| node.index == index).copied())
        };
        let head = self.longer_head(head.as_ref(), among)?;
        outside.iter().for_each(|node| self.held.insert_node(node.index));
        self.held.insert_run(&blocks);
        self.changes.bytes += data.data().len() as u64;
        if head.length > self.length() {
            self.journal = None;
        }
        self.commit(head)?;
        self.settle_fork();
        Ok(StoredRange { fresh, length: self.length() })
    }

    /// Compares the nodes of a run with those that are held between them, and adds those that it lacks.
    fn complete_run(&self, run: &mut Run) -> Result<(), LogError> {
        let Range { start, end } = run.nodes();
        for index in self.tree().bits().runs(start.0..end.0).flatten().map(NodeIndex) {
            let held: Node = self.held_node(index)?;
            match run.node(index) {
                None => _ = run.add(&held),
                Some(node) if node == held => {}
                Some(_) => return Err(LogError::Fork { node: index }),
            }
        }
        Ok(())
    }
}
