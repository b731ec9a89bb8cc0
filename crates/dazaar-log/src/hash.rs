//! Hashes of the tree, and what a signature of a log is over.
//!
//! Grade: plain. Source: classic protocol, sections 1.3 and 1.4.

use std::fmt;

use blake2::Digest;
use blake2::digest::consts::U32;

use crate::flat_tree::NodeIndex;
use crate::key::{FeedKey, Signature};

type Blake2b = blake2::Blake2b<U32>;

const LEAF: [u8; 1] = [0];
const PARENT: [u8; 1] = [1];
const TREE: [u8; 1] = [2];

/// Bytes of a tree hash followed by a length.
pub const SIGNABLE_BYTES: usize = Hash::BYTES + 8;

/// A BLAKE2b hash of 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; Self::BYTES]);

impl Hash {
    /// Bytes of a hash.
    pub const BYTES: usize = 32;

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({}..)", hex::encode(&self.0[..3]))
    }
}

/// A node of the tree with its hash and the bytes of all blocks below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Its place in the tree.
    pub index: NodeIndex,
    /// Its hash.
    pub hash: Hash,
    /// Bytes of data below it.
    pub size: u64,
}

impl Node {
    /// The leaf of a block.
    pub fn leaf(block: u64, data: &[u8]) -> Self {
        Self { index: NodeIndex::leaf(block), hash: leaf_hash(data), size: data.len() as u64 }
    }

    /// The node above two siblings, given in any order.
    ///
    /// The size stops at `u64::MAX`; whoever takes sizes from strangers holds the result against
    /// [`MAX_BYTE_LENGTH`](crate::limits::MAX_BYTE_LENGTH).
    pub fn parent(one: &Self, other: &Self) -> Self {
        let (left, right) = if one.index < other.index { (one, other) } else { (other, one) };
        let size = left.size.saturating_add(right.size);
        Self { index: left.index.parent(), hash: parent_hash(size, &left.hash, &right.hash), size }
    }
}

/// The hash of a block.
pub fn leaf_hash(data: &[u8]) -> Hash {
    let length = (data.len() as u64).to_be_bytes();
    Hash(Blake2b::new().chain_update(LEAF).chain_update(length).chain_update(data).finalize().into())
}

/// The hash of a node with `size` bytes below it, from the hashes of its children.
pub fn parent_hash(size: u64, left: &Hash, right: &Hash) -> Hash {
    let hasher = Blake2b::new().chain_update(PARENT).chain_update(size.to_be_bytes());
    Hash(hasher.chain_update(left.0).chain_update(right.0).finalize().into())
}

/// The hash of a whole log, from its roots from left to right. It names the place and the size of every root.
pub fn tree_hash(roots: &[Node]) -> Hash {
    let mut hasher = Blake2b::new().chain_update(TREE);
    for root in roots {
        hasher.update(root.hash.0);
        hasher.update(root.index.0.to_be_bytes());
        hasher.update(root.size.to_be_bytes());
    }
    Hash(hasher.finalize().into())
}

/// What the writer of a log signs: the tree hash, then the number of blocks. Re-keyed feeds sign the tree hash alone.
pub fn signable(tree_hash: &Hash, length: u64) -> [u8; SIGNABLE_BYTES] {
    let mut bytes = [0; SIGNABLE_BYTES];
    let (hash, count) = bytes.split_at_mut(Hash::BYTES);
    hash.copy_from_slice(&tree_hash.0);
    count.copy_from_slice(&length.to_be_bytes());
    bytes
}

/// Whether `signature` is the feed's over a log of `length` blocks, in the form of a writer or of a re-keyed feed.
pub fn verify_tree(key: &FeedKey, tree_hash: &Hash, length: u64, signature: &Signature) -> bool {
    key.verify(&signable(tree_hash, length), signature) || key.verify(&tree_hash.0, signature)
}

#[cfg(test)]
mod tests;
