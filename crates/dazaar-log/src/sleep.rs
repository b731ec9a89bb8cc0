//! The files of a Hypercore 9 folder (SLEEP): where every byte lies.
//!
//! ```text
//! tree         header | node 0: hash (32) size (8) | node 1 | ..
//! signatures   header | signature of length 1 (64) | length 2 | ..
//! bitfield     header | page 0: blocks (1024) nodes (2048) index (512) | page 1 | ..
//! ```
//!
//! Grade: plain. Source: classic protocol, section 3.

use crate::flat_tree::NodeIndex;
use crate::hash::{Hash, Node};
use crate::key::Signature;

pub(crate) mod bitfield;
pub(crate) mod header;
pub(crate) mod index;

pub(crate) use header::HEADER_BYTES;

/// Bytes of a node in the tree file.
pub(crate) const NODE_BYTES: usize = Hash::BYTES + size_of::<u64>();

/// A node as the tree file has it.
pub(crate) type Entry = [u8; NODE_BYTES];

/// Where a node lies in the tree file.
pub(crate) const fn node_offset(index: NodeIndex) -> u64 {
    (HEADER_BYTES as u64).saturating_add(index.0.saturating_mul(NODE_BYTES as u64))
}

/// Where the signature of a log with `length` blocks lies; no blocks, no signature.
pub(crate) const fn signature_offset(length: u64) -> u64 {
    (HEADER_BYTES as u64).saturating_add(length.saturating_sub(1).saturating_mul(Signature::BYTES as u64))
}

/// A node as the tree file has it.
pub(crate) fn encode_node(node: &Node) -> Entry {
    encode_entry(&node.hash, node.size)
}

/// The entry of a node with this hash and size.
pub(crate) fn encode_entry(hash: &Hash, size: u64) -> Entry {
    let mut entry = [0; NODE_BYTES];
    let (front, back) = entry.split_at_mut(Hash::BYTES);
    front.copy_from_slice(&hash.0);
    back.copy_from_slice(&size.to_be_bytes());
    entry
}

/// Reads a node from the tree file; zeros are a node that was never written.
pub(crate) fn decode_node(index: NodeIndex, entry: &Entry) -> Option<Node> {
    let (hash, size) = halves(entry);
    (entry != &[0; NODE_BYTES]).then_some(Node { index, hash: Hash(*hash), size })
}

/// The hash and the size of an entry.
pub(crate) fn halves(entry: &Entry) -> (&[u8; Hash::BYTES], u64) {
    let (hash, size) = entry.split_first_chunk().expect("an entry begins with a hash");
    let size = size.try_into().expect("an entry ends with a size");
    (hash, u64::from_be_bytes(size))
}

/// Reads a signature; zeros are a length that was never signed.
pub(crate) fn decode_signature(bytes: &[u8; Signature::BYTES]) -> Option<Signature> {
    (bytes != &[0; Signature::BYTES]).then_some(Signature(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_follow_the_header() {
        assert_eq!(node_offset(NodeIndex(0)), 32);
        assert_eq!(node_offset(NodeIndex(3)), 152);
        assert_eq!(signature_offset(1), 32);
        assert_eq!(signature_offset(5), 288);
    }

    #[test]
    fn a_node_survives_the_file_and_zeros_are_none() {
        let node = Node::leaf(2, b"ccc");
        assert_eq!(decode_node(node.index, &encode_node(&node)), Some(node));
        assert_eq!(decode_node(node.index, &[0; NODE_BYTES]), None);
        assert_eq!(decode_signature(&[0; Signature::BYTES]), None);
        assert_eq!(decode_signature(&[1; Signature::BYTES]), Some(Signature([1; Signature::BYTES])));
    }
}
