//! Blocks with one proof, to bytes and back.
//!
//! Grade: plain. Nodes and sizes are packed: thousands of small blocks come in one message.
//! Source: docs/protocol.md, ranges.
//!
//! ```text
//! Blocks {
//!     required uint64 start     = 1;
//!     required uint64 count     = 2;
//!     required bytes  sizes     = 3;   a varint for each block, or one for all of them
//!     required bytes  data      = 4;   the blocks, one after the other
//!     optional bytes  nodes     = 5;   for each: varint(index - index of the one before), 32 bytes of hash, varint(size)
//!     optional uint64 length    = 6;   blocks of the log whose roots the nodes complete
//!     optional bytes  signature = 7;   of that log
//! }
//! ```

use bytes::Bytes;
use dazaar_log::codec::protobuf::{encode_bytes, encode_varint};
use dazaar_log::codec::varint;
use dazaar_log::flat_tree::NodeIndex;
use dazaar_log::hash::{Hash, Node};
use dazaar_log::limits::MAX_RANGE_NODES;
use dazaar_log::verify::UnverifiedRange;
use dazaar_log::{Blocks, Signature};

use crate::fault::PeerFault;
use crate::fields::{Field, Fields};
use crate::frame::Body;
use crate::limits::RANGE_BLOCKS_MAX;

pub(super) fn encode(range: &UnverifiedRange) -> Body<'_> {
    let mut fields = Vec::with_capacity(64 + 40 * range.nodes.len());
    encode_varint(1, range.start, &mut fields);
    encode_varint(2, range.blocks.len() as u64, &mut fields);
    encode_bytes(3, &encode_sizes(&range.blocks), &mut fields);
    // The head of field 4; its bytes are the payload.
    varint::encode(4 << 3 | 2, &mut fields);
    varint::encode(range.blocks.data().len() as u64, &mut fields);
    let at = fields.len();
    if !range.nodes.is_empty() {
        encode_bytes(5, &encode_nodes(&range.nodes), &mut fields);
    }
    if let Some((length, signature)) = &range.signature {
        encode_varint(6, *length, &mut fields);
        encode_bytes(7, &signature.0, &mut fields);
    }
    Body { fields, at, payload: range.blocks.data() }
}

fn encode_sizes(blocks: &Blocks) -> Vec<u8> {
    let mut sizes = blocks.sizes();
    let mut packed = Vec::new();
    let Some(first) = sizes.next() else { return packed };
    varint::encode(first, &mut packed);
    if blocks.sizes().any(|size| size != first) {
        sizes.for_each(|size| varint::encode(size, &mut packed));
    }
    packed
}

fn encode_nodes(nodes: &[Node]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(40 * nodes.len());
    let mut before = 0;
    for node in nodes {
        varint::encode(node.index.0.wrapping_sub(before), &mut packed);
        packed.extend_from_slice(&node.hash.0);
        varint::encode(node.size, &mut packed);
        before = node.index.0;
    }
    packed
}

pub(super) fn decode(body: &Bytes) -> Result<UnverifiedRange, PeerFault> {
    let mut fields = Fields::new("Blocks", body);
    let (mut start, mut count, mut sizes, mut data) = (None, None, None, None);
    let (mut nodes, mut length, mut signature) = (Vec::new(), None, None);
    for field in &mut fields {
        let field = field?;
        match field.number {
            1 => start = Some(field.integer("start")?),
            2 => count = Some(field.integer("count")?),
            3 => sizes = Some(decode_sizes(&field)?),
            4 => data = Some(body.slice_ref(field.bytes("data")?)),
            5 => nodes = decode_nodes(&field)?,
            6 => length = Some(field.integer("length")?),
            7 => signature = Some(Signature(field.array("signature")?)),
            _ => {}
        }
    }
    let invalid = |field| PeerFault::FieldInvalid { message: "Blocks", field };
    let count = fields.required("count", count)?;
    if count > RANGE_BLOCKS_MAX {
        return Err(invalid("count"));
    }
    let blocks = cut(fields.required("data", data)?, fields.required("sizes", sizes)?, count as usize);
    let signature = match (length, signature) {
        (Some(length), Some(signature)) => Some((length, signature)),
        (None, None) => None,
        _ => return Err(invalid("signature")),
    };
    let start = fields.required("start", start)?;
    Ok(UnverifiedRange { start, blocks: blocks.ok_or_else(|| invalid("sizes"))?, nodes, signature })
}

fn cut(data: Bytes, sizes: Vec<u64>, count: usize) -> Option<Blocks> {
    match sizes.as_slice() {
        [size] => Blocks::cut(data, std::iter::repeat_n(*size, count)),
        sizes if sizes.len() == count => Blocks::cut(data, sizes.iter().copied()),
        _ => None,
    }
}

fn decode_sizes(field: &Field<'_>) -> Result<Vec<u64>, PeerFault> {
    let mut sizes = Vec::new();
    let mut rest = field.bytes("sizes")?;
    while !rest.is_empty() {
        if sizes.len() as u64 == RANGE_BLOCKS_MAX {
            return Err(field.repeated("sizes", sizes.len()));
        }
        sizes.push(take_varint(&mut rest).ok_or_else(|| field.invalid("sizes"))?);
    }
    Ok(sizes)
}

fn decode_nodes(field: &Field<'_>) -> Result<Vec<Node>, PeerFault> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut rest = field.bytes("nodes")?;
    while !rest.is_empty() {
        if nodes.len() == MAX_RANGE_NODES {
            return Err(field.repeated("nodes", nodes.len()));
        }
        let before = nodes.last().map_or(0, |node| node.index.0);
        nodes.push(take_node(&mut rest, before).ok_or_else(|| field.invalid("nodes"))?);
    }
    Ok(nodes)
}

fn take_node(rest: &mut &[u8], before: u64) -> Option<Node> {
    let index = NodeIndex(before.checked_add(take_varint(rest)?)?);
    let (hash, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(Node { index, hash: Hash(*hash), size: take_varint(rest)? })
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let (value, bytes) = varint::decode(rest).ok()??;
    *rest = rest.get(bytes..)?;
    Some(value)
}
