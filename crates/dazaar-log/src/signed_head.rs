//! A signed head: a length of a feed, its roots, and the signature over them. Whoever has one can show it to anybody.
//!
//! Two heads that one key signed, of which neither continues the other, prove that two histories were written with it.
//!
//! ```text
//! key (32) | length (8) | signature (64) | for each root, from left to right: hash (32) | size (8)
//! ```
//! Integers are big endian. The roots, and not only their hash: re-keyed feeds sign no length, but which roots there are tells it.
//!
//! Grade: plain. Source: classic protocol, section 1.4.

use std::convert::Infallible;

use crate::flat_tree::full_roots;
use crate::hash::{Hash, Node, tree_hash};
use crate::key::{FeedKey, Signature};
use crate::limits::MAX_LENGTH;
use crate::sleep::{NODE_BYTES, decode_node, encode_node};
use crate::verify::{self, ProofError, UnverifiedBlock, VerifyError};

/// Bytes before the roots.
const FIXED_BYTES: usize = size_of::<FeedKey>() + size_of::<u64>() + Signature::BYTES;

/// Bytes of the longest head: a log of [`MAX_LENGTH`] blocks or fewer has at most so many roots.
pub(crate) const SIGNED_HEAD_BYTES_MAX: usize = FIXED_BYTES + (MAX_LENGTH.ilog2() as usize + 1) * NODE_BYTES;

/// A length of a feed that its key has signed. There is none without a valid signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedHead {
    key: FeedKey,
    length: u64,
    roots: Vec<Node>,
    signature: Signature,
}

impl SignedHead {
    /// The head of `length` blocks with these roots, from left to right.
    ///
    /// # Errors
    /// Why the key's holder has not signed it.
    pub fn new(
        key: FeedKey,
        length: u64,
        roots: Vec<Node>,
        signature: Signature,
    ) -> Result<Self, ProofError> {
        if !(1..=MAX_LENGTH).contains(&length) {
            return Err(ProofError::LengthOutOfRange { length, end: 1 });
        }
        let mut given = roots.iter().map(|root| root.index);
        if let Some(index) = full_roots(length).find(|root| given.next() != Some(*root)) {
            return Err(ProofError::MissingRoot { index, length });
        }
        if let Some(index) = given.next() {
            return Err(ProofError::NotARoot { index, length });
        }
        roots.iter().try_for_each(verify::check_node)?;
        verify::signed_head(&roots, length, &signature, &key)?;
        Ok(Self { key, length, roots, signature })
    }

    /// The head that a proof leads to, of which everything was asked for: nothing is taken to be known, and nothing is kept.
    ///
    /// # Errors
    /// What is wrong with the proof.
    pub fn of_proof(proof: UnverifiedBlock, key: &FeedKey) -> Result<Self, ProofError> {
        let block = proof.index;
        let signature = proof.signature;
        let verified =
            verify::verify(proof, key, |_| Ok::<_, Infallible>(None)).map_err(|error| match error {
                VerifyError::Proof(error) => error,
                VerifyError::Corrupt { index } => ProofError::Mismatch { index },
                VerifyError::Lookup(never) => match never {},
            })?;
        let unsigned = ProofError::Unsigned { length: block.saturating_add(1) };
        let (length, signature) = verified.head().map(|head| head.length).zip(signature).ok_or(unsigned)?;
        let root = |index| verified.nodes().iter().find(|node| node.index == index).copied();
        Self::new(*key, length, full_roots(length).filter_map(root).collect(), signature)
    }

    /// Who signed it: the feed's key, or that of a re-keyed feed.
    pub const fn key(&self) -> FeedKey {
        self.key
    }

    /// Blocks.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The roots, from left to right.
    pub fn roots(&self) -> &[Node] {
        &self.roots
    }

    /// The hash over the roots, which is what was signed.
    pub fn tree_hash(&self) -> Hash {
        tree_hash(&self.roots)
    }

    /// The signature, in either form.
    pub const fn signature(&self) -> Signature {
        self.signature
    }

    /// The form in which it is stored and shown.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED_BYTES + self.roots.len() * NODE_BYTES);
        bytes.extend_from_slice(&self.key.0);
        bytes.extend_from_slice(&self.length.to_be_bytes());
        bytes.extend_from_slice(&self.signature.0);
        self.roots.iter().for_each(|root| bytes.extend_from_slice(&encode_node(root)));
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` if it is something else, or was not signed.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (signature, rest) = rest.split_first_chunk()?;
        let length = Some(u64::from_be_bytes(*length)).filter(|length| *length <= MAX_LENGTH)?;
        let (nodes, trailing) = rest.as_chunks::<NODE_BYTES>();
        if nodes.len() as u64 != u64::from(length.count_ones()) || !trailing.is_empty() {
            return None;
        }
        let roots = full_roots(length).zip(nodes).map(|(index, node)| decode_node(index, node));
        Self::new(FeedKey(*key), length, roots.collect::<Option<_>>()?, Signature(*signature)).ok()
    }
}

#[cfg(test)]
mod tests;
