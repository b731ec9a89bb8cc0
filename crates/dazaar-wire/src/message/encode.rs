//! Messages to bytes: fields in ascending order, and exactly those that the reference writes.
//!
//! Grade: plain. Source: classic protocol, section 4.5.

use dazaar_log::codec::protobuf::{encode_bytes, encode_varint};
use dazaar_log::codec::varint;
use dazaar_log::hash::Node;

use super::{Data, Have, Message, Request, range};
use crate::control::Options;
use crate::frame::{Body, kind};

/// The type and the body of a message on a channel whose sender has these extensions.
pub(crate) fn encode<'a>(message: &'a Message, extensions: &[String]) -> (u8, Body<'a>) {
    let mut fields = Vec::new();
    let kind = match message {
        Message::Options { ack } => return (kind::OPTIONS, Options::encode(extensions, *ack)),
        Message::Data(data) => return (kind::DATA, encode_data(data)),
        Message::Blocks(range) => return (kind::BLOCKS, range::encode(range)),
        Message::Fetch { start, length } => {
            encode_varint(1, *start, &mut fields);
            if let Some(length) = length {
                encode_varint(2, *length, &mut fields);
            }
            kind::FETCH
        }
        Message::Status { uploading, downloading } => {
            // Both always: a peer takes an absent one as false.
            encode_varint(1, u64::from(*uploading), &mut fields);
            encode_varint(2, u64::from(*downloading), &mut fields);
            kind::STATUS
        }
        Message::Have(have) => {
            encode_have(have, &mut fields);
            kind::HAVE
        }
        Message::Unhave { start, length } => {
            encode_varint(1, *start, &mut fields);
            if *length != 1 {
                encode_varint(2, *length, &mut fields);
            }
            kind::UNHAVE
        }
        Message::Want { start, length } => {
            encode_varint(1, *start, &mut fields);
            encode_varint(2, *length, &mut fields);
            kind::WANT
        }
        Message::Unwant { start, length } => {
            encode_varint(1, *start, &mut fields);
            encode_varint(2, *length, &mut fields);
            kind::UNWANT
        }
        Message::Request(request) => {
            encode_request(request, &mut fields);
            kind::REQUEST
        }
        Message::Cancel { index, bytes, hash } => {
            encode_varint(1, *index, &mut fields);
            encode_varint(2, *bytes, &mut fields);
            encode_varint(3, u64::from(*hash), &mut fields);
            kind::CANCEL
        }
    };
    (kind, Body { fields, ..Body::default() })
}

fn encode_have(have: &Have, fields: &mut Vec<u8>) {
    encode_varint(1, have.start, fields);
    // The reference leaves a length of one out, but not in an acknowledgement.
    if have.length != 1 || have.ack {
        encode_varint(2, have.length, fields);
    }
    if let Some(bitfield) = &have.bitfield {
        encode_bytes(3, bitfield, fields);
    }
    if have.ack {
        encode_varint(4, 1, fields);
    }
}

fn encode_request(request: &Request, fields: &mut Vec<u8>) {
    encode_varint(1, request.index, fields);
    encode_varint(2, request.bytes, fields);
    encode_varint(3, u64::from(request.hash), fields);
    encode_varint(4, request.nodes, fields);
}

fn encode_data(data: &Data) -> Body<'_> {
    let mut fields = Vec::with_capacity(96 + data.nodes.len() * 56);
    encode_varint(1, data.index, &mut fields);
    if let Some(value) = &data.value {
        // The head of field 2; its bytes are the payload.
        varint::encode(2 << 3 | 2, &mut fields);
        varint::encode(value.len() as u64, &mut fields);
    }
    let at = fields.len();
    for node in &data.nodes {
        encode_node(node, &mut fields);
    }
    if let Some(signature) = &data.signature {
        encode_bytes(4, &signature.0, &mut fields);
    }
    Body { fields, at, payload: data.value.as_deref().unwrap_or_default() }
}

fn encode_node(node: &Node, fields: &mut Vec<u8>) {
    let index = 1 + varint::encoded_len(node.index.0);
    let hash = 2 + node.hash.0.len();
    let size = 1 + varint::encoded_len(node.size);
    varint::encode(3 << 3 | 2, fields);
    varint::encode((index + hash + size) as u64, fields);
    encode_varint(1, node.index.0, fields);
    encode_bytes(2, &node.hash.0, fields);
    encode_varint(3, node.size, fields);
}
