//! Verification: a block from a stranger becomes a [`VerifiedBlock`], the only kind that a log stores, or an error.
//!
//! Nodes that are held are never overwritten. A proof that contradicts one is refused, and if the feed's key signed it, it is
//! called what it is: a [`ProofError::Fork`]. Grade: plain. Source: classic protocol, section 2.5.

use std::iter::{Copied, Peekable};
use std::slice;

use bytes::Bytes;

use crate::flat_tree::{NodeIndex, full_roots};
use crate::hash::{Node, tree_hash, verify_tree};
use crate::key::{FeedKey, Signature};
use crate::limits::{MAX_BLOCK_BYTES, MAX_BYTE_LENGTH, MAX_LENGTH, MAX_PROOF_NODES};

pub use error::{ProofError, VerifyError};
pub use range::{UnverifiedRange, VerifiedRange, verify_range};

mod error;
mod range;

/// A block as a stranger sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedBlock {
    /// Number of the block.
    pub index: u64,
    /// Its data; `None` if only hashes were sent, the first node being the block's leaf.
    pub value: Option<Bytes>,
    /// The nodes of the proof, in the order of [`Proof::nodes`](crate::proof::Proof::nodes).
    pub nodes: Vec<Node>,
    /// The signature of the log that the proof ends in.
    pub signature: Option<Signature>,
}

/// A block that belongs to the feed. Only [`verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBlock {
    key: FeedKey,
    index: u64,
    value: Option<Bytes>,
    nodes: Vec<Node>,
    head: Option<Head>,
}

impl VerifiedBlock {
    /// The feed against whose key and nodes it was verified.
    pub const fn key(&self) -> FeedKey {
        self.key
    }

    /// Number of the block.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Its data; `None` if only hashes were sent.
    pub const fn value(&self) -> Option<&Bytes> {
        self.value.as_ref()
    }

    /// The nodes that were not held before, each once.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The signed log that the proof ended in; `None` if it ended in a node that was held. It may be shorter than the log held.
    pub const fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }
}

/// How much of a log a signature vouches for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Blocks.
    pub length: u64,
    /// Bytes of all blocks.
    pub byte_length: u64,
    /// The signature, in either form.
    pub signature: Signature,
}

/// Verifies a block under the key of a feed. `held` looks up the nodes that are held, and those only.
///
/// Of a reply without data, the leaf and a sibling that came with it are checked but not among the nodes to store: their parent's hash
/// covers the sum of their sizes, not each of them.
///
/// # Errors
/// [`VerifyError::Proof`] if the block is not the feed's; anything else is no fault of the sender.
pub fn verify<E>(
    block: UnverifiedBlock,
    key: &FeedKey,
    held: impl Fn(NodeIndex) -> Result<Option<Node>, E>,
) -> Result<VerifiedBlock, VerifyError<E>> {
    check_limits(&block)?;
    let mut received = block.nodes.iter().copied().peekable();
    let leaf = NodeIndex::leaf(block.index);
    let top = match &block.value {
        Some(value) => Node::leaf(block.index, value),
        None => {
            received.next_if(|node| node.index == leaf).ok_or(ProofError::NoLeaf { block: block.index })?
        }
    };
    let mut climb = Climb { held, received, top, fresh: Vec::new(), contradicted: None };
    if block.value.is_none() {
        climb.pass_uncommitted()?;
    }
    let head = climb.finish(key, block.signature)?;
    Ok(VerifiedBlock { key: *key, index: block.index, value: block.value, nodes: climb.fresh, head })
}

/// Holds everything that the stranger chose against the limits, so that no later sum can overflow.
fn check_limits(block: &UnverifiedBlock) -> Result<(), ProofError> {
    if block.index >= MAX_LENGTH {
        return Err(ProofError::BlockOutOfRange { block: block.index });
    }
    if let Some(bytes) = block.value.as_ref().map(Bytes::len).filter(|&bytes| bytes > MAX_BLOCK_BYTES) {
        return Err(ProofError::BlockTooLarge { block: block.index, bytes });
    }
    if block.nodes.len() > MAX_PROOF_NODES {
        return Err(ProofError::TooManyNodes { nodes: block.nodes.len() });
    }
    block.nodes.iter().try_for_each(check_node)
}

/// Holds a node that a stranger sent against the limits.
pub(crate) fn check_node(node: &Node) -> Result<(), ProofError> {
    if node.index.right_span() >= NodeIndex::leaf(MAX_LENGTH) {
        return Err(ProofError::NodeOutOfRange { index: node.index });
    }
    check_size(node)
}

const fn check_size(node: &Node) -> Result<(), ProofError> {
    if node.size > MAX_BYTE_LENGTH {
        return Err(ProofError::SizeOutOfRange { index: node.index, size: node.size });
    }
    Ok(())
}

/// The log with these roots, if the feed's key signed it.
pub(crate) fn signed_head(
    roots: &[Node],
    length: u64,
    signature: &Signature,
    key: &FeedKey,
) -> Result<Head, ProofError> {
    let byte_length = roots.iter().map(|root| root.size).fold(0, u64::saturating_add);
    if byte_length > MAX_BYTE_LENGTH {
        let index = roots.last().map_or(NodeIndex(0), |root| root.index);
        return Err(ProofError::SizeOutOfRange { index, size: byte_length });
    }
    if !verify_tree(key, &tree_hash(roots), length, signature) {
        return Err(ProofError::Signature { length });
    }
    Ok(Head { length, byte_length, signature: *signature })
}

/// The way up from a leaf.
struct Climb<'a, F> {
    held: F,
    received: Peekable<Copied<slice::Iter<'a, Node>>>,
    top: Node,
    fresh: Vec<Node>,
    contradicted: Option<NodeIndex>,
}

impl<E, F: Fn(NodeIndex) -> Result<Option<Node>, E>> Climb<'_, F> {
    /// Goes up to a node that is held or to a signature, and says what a contradiction on the way means.
    fn finish(
        &mut self,
        key: &FeedKey,
        signature: Option<Signature>,
    ) -> Result<Option<Head>, VerifyError<E>> {
        let head =
            if self.reaches_held_node()? { Ok(None) } else { self.signed_head(key, signature).map(Some) };
        match (head, self.contradicted) {
            (head, None) => head,
            (Ok(Some(head)), Some(index)) => Err(ProofError::Fork { index, length: head.length }.into()),
            (Ok(None), Some(index)) => Err(VerifyError::Corrupt { index }),
            (Err(VerifyError::Proof(_)), Some(index)) => Err(ProofError::Mismatch { index }.into()),
            (Err(error), Some(_)) => Err(error),
        }
    }

    /// Combines the top with siblings until it is a node that is held (true) or has no known sibling (false).
    fn reaches_held_node(&mut self) -> Result<bool, VerifyError<E>> {
        loop {
            if self.note(self.top)? {
                return Ok(true);
            }
            let sibling = self.top.index.sibling();
            let sibling = match self.receive(sibling) {
                Some(node) => {
                    self.note(node)?;
                    node
                }
                None => match self.held(sibling)? {
                    Some(node) => node,
                    None => return Ok(false),
                },
            };
            self.rise(&sibling)?;
        }
    }

    /// Completes the top to the roots of a log, and checks the signature.
    fn signed_head(&mut self, key: &FeedKey, signature: Option<Signature>) -> Result<Head, VerifyError<E>> {
        let last = self.received.clone().last().unwrap_or(self.top);
        let length = self.top.index.blocks().end.max(last.index.blocks().end);
        let roots = self.roots(length)?;
        // Without this, roots that are all held would vouch for whatever the top is.
        if !roots.contains(&self.top) {
            return Err(ProofError::NotARoot { index: self.top.index, length }.into());
        }
        let signature = signature.ok_or(ProofError::Unsigned { length })?;
        Ok(signed_head(&roots, length, &signature, key)?)
    }

    fn roots(&mut self, length: u64) -> Result<Vec<Node>, VerifyError<E>> {
        let mut roots = Vec::new();
        for index in full_roots(length) {
            let root = if index == self.top.index {
                self.top
            } else if let Some(node) = self.receive(index) {
                self.note(node)?;
                node
            } else {
                self.held(index)?.ok_or(ProofError::MissingRoot { index, length })?
            };
            roots.push(root);
        }
        Ok(roots)
    }

    /// Goes past a leaf and a sibling that were both received, without keeping them.
    fn pass_uncommitted(&mut self) -> Result<(), VerifyError<E>> {
        let leaf = self.top;
        if let Some(sibling) = self.receive(leaf.index.sibling()) {
            for node in [leaf, sibling] {
                if self.held(node.index)?.is_some_and(|held| held != node) {
                    return Err(ProofError::Mismatch { index: node.index }.into());
                }
            }
            self.rise(&sibling)?;
        }
        Ok(())
    }

    fn rise(&mut self, sibling: &Node) -> Result<(), ProofError> {
        self.top = Node::parent(&self.top, sibling);
        check_size(&self.top)
    }

    /// Takes note of a node: it is held already (true), or new, or contradicts one that is held.
    fn note(&mut self, node: Node) -> Result<bool, VerifyError<E>> {
        match self.held(node.index)? {
            Some(held) if held == node => return Ok(true),
            Some(held) => _ = self.contradicted.get_or_insert(held.index),
            None => self.fresh.push(node),
        }
        Ok(false)
    }

    fn receive(&mut self, index: NodeIndex) -> Option<Node> {
        self.received.next_if(|node| node.index == index)
    }

    fn held(&self, index: NodeIndex) -> Result<Option<Node>, VerifyError<E>> {
        (self.held)(index).map_err(VerifyError::Lookup)
    }
}

#[cfg(test)]
mod tests;
