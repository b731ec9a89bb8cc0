//! What a log answers to peers, and what it takes from them.
//!
//! Grade: over a door. Source: classic protocol, sections 2.3 to 2.5.

use super::error::{LogError, at};
use super::{Head, Log};
use crate::digest::{Digest, RemoteTree};
use crate::flat_tree::{NodeIndex, full_roots};
use crate::hash::Node;
use crate::proof::Proof;
use crate::sleep::{encode_node, node_offset};
use crate::storage::{FileName, Storage};
use crate::verify::{self, UnverifiedBlock, VerifiedBlock, VerifyError};

/// What storing a block changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// The block, if its data was stored and had not been here.
    pub block: Option<u64>,
    /// The length of the log afterwards.
    pub length: u64,
}

impl<S: Storage> Log<S> {
    /// The digest for a request of `block`.
    pub fn digest(&self, block: u64) -> Digest {
        self.tree().digest(block)
    }

    /// The proof of `block`, as far as the peer does not have it; `None` if there is nothing to prove it with.
    ///
    /// # Errors
    /// [`LogError::Io`]; [`LogError::Corrupt`] if a node should be here and is not.
    pub fn proof(
        &self,
        block: u64,
        digest: Digest,
        hash_only: bool,
        remote: &mut RemoteTree,
    ) -> Result<Option<Proof>, LogError> {
        let Some(plan) = self.tree().plan_proof(block, digest, hash_only, remote) else { return Ok(None) };
        let nodes = plan.nodes.into_iter().map(|index| self.held_node(index)).collect::<Result<_, _>>()?;
        Ok(Some(Proof { nodes, signature_length: plan.signature_length }))
    }

    /// Holds a block of a stranger against the key and what is here.
    ///
    /// # Errors
    /// [`VerifyError::Proof`] says what the stranger did wrong, [`VerifyError::Lookup`] what is wrong here.
    pub fn verify(&self, block: UnverifiedBlock) -> Result<VerifiedBlock, VerifyError<LogError>> {
        verify::verify(block, &self.key, |index| self.node(index))
    }

    /// Stores a verified block, or what was verified without its data. What is here already is not written again.
    ///
    /// # Errors
    /// - [`LogError::OtherLog`], [`LogError::Fork`], [`LogError::Poisoned`]: nothing was done.
    /// - [`LogError::Io`]: as in [`append`](Self::append).
    pub fn store(&mut self, block: VerifiedBlock) -> Result<Stored, LogError> {
        self.refuse_poisoned()?;
        if block.key() != self.key {
            return Err(LogError::OtherLog { key: self.key, other: block.key() });
        }
        let fresh = self.fresh_nodes(block.nodes())?;
        let index = block.index();
        let value = block.value().filter(|_| !self.has(index));
        if let Some(value) = value {
            let offset = self.place(index, &fresh)?;
            self.storage.write(FileName::Data, offset, value).map_err(at(FileName::Data, offset))?;
            self.changes.bytes += value.len() as u64;
        }
        for node in &fresh {
            let offset = node_offset(node.index);
            self.storage
                .write(FileName::Tree, offset, &encode_node(node))
                .map_err(at(FileName::Tree, offset))?;
        }
        let head =
            self.longer_head(block.head(), |index| fresh.iter().find(|node| node.index == index).copied())?;
        fresh.iter().for_each(|node| self.held.insert_node(node.index));
        if value.is_some() {
            self.held.insert_block(index);
        }
        if head.length > self.length() {
            self.journal = None;
        }
        self.commit(head)?;
        self.settle_fork();
        Ok(Stored { block: value.map(|_| index), length: self.length() })
    }

    /// The nodes that are not here. Some may have come since the block was verified.
    pub(super) fn fresh_nodes(&self, nodes: &[Node]) -> Result<Vec<Node>, LogError> {
        let mut fresh = Vec::with_capacity(nodes.len());
        for node in nodes {
            match self.node(node.index)? {
                None => fresh.push(*node),
                Some(held) if held == *node => {}
                Some(_) => return Err(LogError::Fork { node: node.index }),
            }
        }
        Ok(fresh)
    }

    /// Writes the signature that came with blocks. Returns the head afterwards. `fresh` has the nodes that came along.
    pub(super) fn longer_head(
        &mut self,
        signed: Option<&verify::Head>,
        fresh: impl Fn(NodeIndex) -> Option<Node>,
    ) -> Result<Head, LogError> {
        let Some(signed) = signed else { return Ok(self.head.clone()) };
        let root = |index| fresh(index).map_or_else(|| self.held_node(index), Ok);
        let roots = full_roots(signed.length).map(root).collect::<Result<_, _>>()?;
        let head = Head::new(signed.length, roots, Some(signed.signature));
        self.write_signature(&head)?;
        Ok(if head.length > self.length() { head } else { self.head.clone() })
    }

    /// Where the data of `block` belongs.
    pub(super) fn place(&self, block: u64, fresh: &[Node]) -> Result<u64, LogError> {
        full_roots(block)
            .try_fold(0_u64, |offset, root| Ok(self.node_among(root, fresh)?.size.saturating_add(offset)))
    }

    fn node_among(&self, index: NodeIndex, fresh: &[Node]) -> Result<Node, LogError> {
        match fresh.iter().find(|node| node.index == index) {
            Some(node) => Ok(*node),
            None => self.held_node(index),
        }
    }

    /// A node that has to be here.
    pub(super) fn held_node(&self, index: NodeIndex) -> Result<Node, LogError> {
        self.node(index)?.ok_or(LogError::MissingNode { node: index })
    }
}
