//! Hashes of the tree, and what a signature of a log is over.
//!
//! One hash is the `blake2` crate's; of many, eight are made at a time where the processor can (`lanes`).
//!
//! Grade: plain. Source: classic protocol, sections 1.3 and 1.4.

use std::fmt;

use blake2::Digest;
use blake2::digest::consts::U32;

use crate::flat_tree::NodeIndex;
use crate::key::{FeedKey, Signature};

mod group;
mod lanes;

pub(crate) use group::{GROUP_MAX, Group};

type Blake2b = blake2::Blake2b<U32>;

const LEAF: u8 = 0;
const PARENT: u8 = 1;
const TREE: u8 = 2;

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
    Message::Leaf(data).hash()
}

/// The hash of a node with `size` bytes below it, from the hashes of its children.
pub fn parent_hash(size: u64, left: &Hash, right: &Hash) -> Hash {
    Message::Parent { size, left: &left.0, right: &right.0 }.hash()
}

/// What the hash of a node is over: one byte for its kind, eight for its size (big endian), and a block or two hashes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Message<'a> {
    /// A block.
    Leaf(&'a [u8]),
    /// Two nodes.
    Parent {
        /// Bytes below both.
        size: u64,
        /// Hash of the left one.
        left: &'a [u8; Hash::BYTES],
        /// Hash of the right one.
        right: &'a [u8; Hash::BYTES],
    },
}

/// Bytes in front of a block or of two hashes.
const PREFIX_BYTES: usize = 1 + size_of::<u64>();

impl<'a> Message<'a> {
    /// Its hash.
    fn hash(&self) -> Hash {
        let hasher = Blake2b::new().chain_update(self.prefix());
        let hasher = match self {
            Self::Leaf(data) => hasher.chain_update(data),
            Self::Parent { left, right, .. } => hasher.chain_update(left).chain_update(right),
        };
        Hash(hasher.finalize().into())
    }

    /// Bytes of data below the node.
    #[inline(always)]
    pub(crate) const fn size(&self) -> u64 {
        match self {
            Self::Leaf(data) => data.len() as u64,
            Self::Parent { size, .. } => *size,
        }
    }

    #[inline(always)]
    const fn len(&self) -> usize {
        match self {
            Self::Leaf(data) => PREFIX_BYTES + data.len(),
            Self::Parent { .. } => PREFIX_BYTES + 2 * Hash::BYTES,
        }
    }

    #[inline(always)]
    fn prefix(&self) -> [u8; PREFIX_BYTES] {
        let kind = if let Self::Leaf(_) = self { LEAF } else { PARENT };
        let [a, b, c, d, e, f, g, h] = self.size().to_be_bytes();
        [kind, a, b, c, d, e, f, g, h]
    }

    /// Writes what of it fits into a chunk of zeros.
    #[inline(always)]
    fn write_head(&self, chunk: &mut [u8; lanes::CHUNK_BYTES]) {
        let (prefix, body) = chunk.split_at_mut(PREFIX_BYTES);
        prefix.copy_from_slice(&self.prefix());
        match self {
            Self::Parent { left, right, .. } => {
                body[..Hash::BYTES].copy_from_slice(*left);
                body[Hash::BYTES..2 * Hash::BYTES].copy_from_slice(*right);
            }
            // The usual small block: a copy of known length is a few instructions.
            Self::Leaf(data) if data.len() == 64 => body[..64].copy_from_slice(data),
            Self::Leaf(data) => {
                let bytes = data.len().min(body.len());
                body[..bytes].copy_from_slice(&data[..bytes]);
            }
        }
    }

    /// Its bytes from `start` on, which is not in the first chunk.
    #[inline(always)]
    fn tail(&self, start: usize) -> &'a [u8] {
        match self {
            Self::Leaf(data) => data.get(start - PREFIX_BYTES..).unwrap_or_default(),
            Self::Parent { .. } => &[],
        }
    }
}

/// The hash of a whole log, from its roots from left to right. It names the place and the size of every root.
pub fn tree_hash(roots: &[Node]) -> Hash {
    let mut hasher = Blake2b::new().chain_update([TREE]);
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
