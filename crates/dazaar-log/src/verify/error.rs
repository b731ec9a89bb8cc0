//! Why a block is not the feed's. Grade: plain.

use crate::flat_tree::NodeIndex;
use crate::limits::{MAX_BLOCK_BYTES, MAX_BYTE_LENGTH, MAX_LENGTH, MAX_PROOF_NODES};

/// Why a block could not be verified. `E` is the error of looking up held nodes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError<E> {
    /// The sender is at fault.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The nodes above a held node prove that what is held is wrong: the copy on this side is damaged.
    #[error("node {index} as it is held here is damaged: the nodes above it contradict it")]
    Corrupt {
        /// The damaged node.
        index: NodeIndex,
    },
    /// Held nodes could not be read.
    #[error("held nodes could not be read")]
    Lookup(#[source] E),
}

/// What is wrong with the proof of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// No log has so many blocks.
    #[error("block {block} is not below the limit of {MAX_LENGTH}")]
    BlockOutOfRange {
        /// Its number.
        block: u64,
    },
    /// No block has so many bytes.
    #[error("block {block} has {bytes} bytes, more than {MAX_BLOCK_BYTES}")]
    BlockTooLarge {
        /// Its number.
        block: u64,
        /// Its bytes.
        bytes: usize,
    },
    /// No proof needs so many nodes.
    #[error("the proof has {nodes} nodes, more than {MAX_PROOF_NODES}")]
    TooManyNodes {
        /// Nodes received.
        nodes: usize,
    },
    /// No log has such a node.
    #[error("node {index} lies beyond the longest log, {MAX_LENGTH} blocks")]
    NodeOutOfRange {
        /// The node.
        index: NodeIndex,
    },
    /// The nodes of a range are not in ascending order.
    #[error("node {index} does not come after the one before it")]
    NodesOutOfOrder {
        /// The node.
        index: NodeIndex,
    },
    /// The log that the proof ends in does not have the blocks, or is longer than a log may be.
    #[error("the proof of blocks up to {end} leads to {length} blocks")]
    LengthOutOfRange {
        /// Length of the log that the proof ends in.
        length: u64,
        /// Number of the last block, plus one.
        end: u64,
    },
    /// A node beside a range was neither sent nor is it held.
    #[error("the proof lacks node {index}")]
    MissingNode {
        /// The node.
        index: NodeIndex,
    },
    /// No log has so many bytes.
    #[error("node {index} brings the bytes to {size}, more than {MAX_BYTE_LENGTH}")]
    SizeOutOfRange {
        /// The node.
        index: NodeIndex,
        /// Bytes claimed, or summed up.
        size: u64,
    },
    /// A reply without data does not begin with the leaf.
    #[error("the reply has neither the data nor the leaf of block {block}")]
    NoLeaf {
        /// Number of the block.
        block: u64,
    },
    /// A root was neither sent nor is it held.
    #[error("the proof lacks node {index}, a root of {length} blocks")]
    MissingRoot {
        /// The root.
        index: NodeIndex,
        /// Length of the log that the proof ends in.
        length: u64,
    },
    /// The block leads to a node that is not a root.
    #[error("the proof leads to node {index}, which is no root of {length} blocks")]
    NotARoot {
        /// Where it leads.
        index: NodeIndex,
        /// Length of the log that the proof ends in.
        length: u64,
    },
    /// The signature is missing.
    #[error("the proof leads to {length} blocks without a signature")]
    Unsigned {
        /// Length of the log that the proof ends in.
        length: u64,
    },
    /// The signature is not the feed's over this log.
    #[error("the signature of {length} blocks is wrong")]
    Signature {
        /// Length of the log that the proof ends in.
        length: u64,
    },
    /// The data or the nodes are not those of the feed.
    #[error("the proof does not match node {index}, which is held")]
    Mismatch {
        /// The first held node that it contradicts.
        index: NodeIndex,
    },
    /// The feed's key signed two different logs.
    #[error("the feed has forked: its signature of {length} blocks contradicts node {index}, which is held")]
    Fork {
        /// The first held node that the signed proof contradicts.
        index: NodeIndex,
        /// Length of the log that was signed.
        length: u64,
    },
}
