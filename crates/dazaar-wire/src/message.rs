//! What two peers say about one feed.
//!
//! Grade: plain. Opening, closing and extensions are the session's own business and are not here (see `control`).
//! The names are those of the protocol.
//! Source: classic protocol, section 4.5; docs/protocol.md, ranges.

mod decode;
mod encode;
mod range;

use bytes::Bytes;
use dazaar_log::Signature;
use dazaar_log::hash::Node;
use dazaar_log::verify::UnverifiedRange;

pub(crate) use self::decode::decode;
pub(crate) use self::encode::encode;

/// A message on an open channel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// How the sender wants to be treated on this channel. The names of its extensions are kept by the session.
    Options {
        /// Whether each block that the sender delivers should be acknowledged by a `Have` with `ack`.
        ack: bool,
    },
    /// Which directions the sender currently serves; both are on until the first `Status`.
    Status {
        /// The sender answers `Want` and `Request`.
        uploading: bool,
        /// The sender will ask for blocks.
        downloading: bool,
    },
    /// The sender holds these blocks.
    Have(Have),
    /// The sender no longer holds these blocks.
    Unhave {
        /// First block.
        start: u64,
        /// Number of blocks.
        length: u64,
    },
    /// The sender would like to hear of blocks within this range.
    Want {
        /// First block.
        start: u64,
        /// Number of blocks; 0 if the sender did not say.
        length: u64,
    },
    /// The sender no longer wants to hear of this range.
    Unwant {
        /// First block.
        start: u64,
        /// Number of blocks; 0 if the sender did not say.
        length: u64,
    },
    /// The sender asks for a block or for the proof of one.
    Request(Request),
    /// The sender takes a request back.
    Cancel {
        /// Block of the request.
        index: u64,
        /// Byte offset of the request.
        bytes: u64,
        /// Whether the request was for the proof only.
        hash: bool,
    },
    /// A block, or the proof of one.
    Data(Data),
    /// The sender, who keeps all that it is sent, asks for blocks. Answers come in the order of these messages. Ours.
    Fetch {
        /// The first block.
        start: u64,
        /// Number of blocks; `None` asks for all that there are and that are to come.
        length: Option<u64>,
    },
    /// Blocks that were asked for with `Fetch`. Ours.
    Blocks(UnverifiedRange),
}

/// The sender holds blocks of a range: all of them, or those whose bits are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Have {
    /// First block.
    pub start: u64,
    /// Number of blocks, 1 if the sender did not say. Any number: a stranger chose it.
    pub length: u64,
    /// Run-length encoded bits of the range, first block first; `None` means all of them.
    pub bitfield: Option<Bytes>,
    /// This acknowledges a block that the receiver of this message delivered.
    pub ack: bool,
}

impl Have {
    /// All blocks of a range.
    pub const fn range(start: u64, length: u64) -> Self {
        Self { start, length, bitfield: None, ack: false }
    }
}

/// Asks for a block, or for the proof of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The block.
    pub index: u64,
    /// If not 0: ask for the block that contains this byte of the feed instead.
    pub bytes: u64,
    /// Ask for the proof without the block.
    pub hash: bool,
    /// Digest of the nodes that the sender has; 0 asks for a full proof.
    pub nodes: u64,
}

/// A block with its proof. Nothing in it has been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// The block's index.
    pub index: u64,
    /// The block; `None` if only the proof was asked for. Shares memory with the bytes it was received in.
    pub value: Option<Bytes>,
    /// Nodes in the order of the proof.
    pub nodes: Vec<Node>,
    /// Signature of the tree that the nodes lead to.
    pub signature: Option<Signature>,
}

#[cfg(test)]
mod tests;
