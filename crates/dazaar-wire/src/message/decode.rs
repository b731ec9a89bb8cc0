//! Bytes to messages: fields in any order, the last of a repeated one counts, unknown ones are skipped.
//!
//! Grade: plain. An absent truth value is false. Byte fields share memory with the frame they came in.
//! Source: classic protocol, sections 4.4 and 4.5.

use bytes::Bytes;
use dazaar_log::Signature;
use dazaar_log::flat_tree::NodeIndex;
use dazaar_log::hash::{Hash, Node};

use super::{Data, Have, Message, Request, range};
use crate::fault::PeerFault;
use crate::fields::Fields;
use crate::frame::kind;
use crate::limits::NODES_MAX;

/// Reads a message about a feed's blocks; `None` if the type is not one of these.
pub(crate) fn decode(kind: u8, body: &Bytes) -> Result<Option<Message>, PeerFault> {
    Ok(Some(match kind {
        kind::STATUS => decode_status(body)?,
        kind::HAVE => Message::Have(decode_have(body)?),
        kind::UNHAVE => {
            let (start, length) = decode_range("Unhave", body)?;
            Message::Unhave { start, length: length.unwrap_or(1) }
        }
        kind::WANT => {
            let (start, length) = decode_range("Want", body)?;
            Message::Want { start, length: length.unwrap_or(0) }
        }
        kind::UNWANT => {
            let (start, length) = decode_range("Unwant", body)?;
            Message::Unwant { start, length: length.unwrap_or(0) }
        }
        kind::REQUEST => Message::Request(decode_request("Request", body)?),
        kind::CANCEL => {
            let Request { index, bytes, hash, .. } = decode_request("Cancel", body)?;
            Message::Cancel { index, bytes, hash }
        }
        kind::DATA => Message::Data(decode_data(body)?),
        kind::FETCH => {
            let (start, length) = decode_range("Fetch", body)?;
            Message::Fetch { start, length }
        }
        kind::BLOCKS => Message::Blocks(range::decode(body)?),
        _ => return Ok(None),
    }))
}

fn decode_status(body: &Bytes) -> Result<Message, PeerFault> {
    let (mut uploading, mut downloading) = (false, false);
    for field in Fields::new("Status", body) {
        let field = field?;
        match field.number {
            1 => uploading = field.flag("uploading")?,
            2 => downloading = field.flag("downloading")?,
            _ => {}
        }
    }
    Ok(Message::Status { uploading, downloading })
}

fn decode_have(body: &Bytes) -> Result<Have, PeerFault> {
    let mut fields = Fields::new("Have", body);
    let mut start = None;
    let mut have = Have::range(0, 1);
    for field in &mut fields {
        let field = field?;
        match field.number {
            1 => start = Some(field.integer("start")?),
            2 => have.length = field.integer("length")?,
            3 => have.bitfield = Some(body.slice_ref(field.bytes("bitfield")?)),
            4 => have.ack = field.flag("ack")?,
            _ => {}
        }
    }
    have.start = fields.required("start", start)?;
    Ok(have)
}

fn decode_range(message: &'static str, body: &Bytes) -> Result<(u64, Option<u64>), PeerFault> {
    let mut fields = Fields::new(message, body);
    let (mut start, mut length) = (None, None);
    for field in &mut fields {
        let field = field?;
        match field.number {
            1 => start = Some(field.integer("start")?),
            2 => length = Some(field.integer("length")?),
            _ => {}
        }
    }
    Ok((fields.required("start", start)?, length))
}

fn decode_request(message: &'static str, body: &Bytes) -> Result<Request, PeerFault> {
    let mut fields = Fields::new(message, body);
    let mut index = None;
    let mut request = Request { index: 0, bytes: 0, hash: false, nodes: 0 };
    for field in &mut fields {
        let field = field?;
        match field.number {
            1 => index = Some(field.integer("index")?),
            2 => request.bytes = field.integer("bytes")?,
            3 => request.hash = field.flag("hash")?,
            4 => request.nodes = field.integer("nodes")?,
            _ => {}
        }
    }
    request.index = fields.required("index", index)?;
    Ok(request)
}

fn decode_data(body: &Bytes) -> Result<Data, PeerFault> {
    let mut fields = Fields::new("Data", body);
    let mut index = None;
    let mut data = Data { index: 0, value: None, nodes: Vec::new(), signature: None };
    for field in &mut fields {
        let field = field?;
        match field.number {
            1 => index = Some(field.integer("index")?),
            2 => data.value = Some(body.slice_ref(field.bytes("value")?)),
            3 if data.nodes.len() == NODES_MAX => return Err(field.repeated("nodes", NODES_MAX)),
            3 => data.nodes.push(decode_node(field.bytes("nodes")?)?),
            4 => data.signature = Some(Signature(field.array("signature")?)),
            _ => {}
        }
    }
    data.index = fields.required("index", index)?;
    Ok(data)
}

fn decode_node(body: &[u8]) -> Result<Node, PeerFault> {
    let mut fields = Fields::new("Node", body);
    let (mut index, mut hash, mut size) = (None, None, None);
    for field in &mut fields {
        let field = field?;
        match field.number {
            1 => index = Some(field.integer("index")?),
            2 => hash = Some(field.array("hash")?),
            3 => size = Some(field.integer("size")?),
            _ => {}
        }
    }
    Ok(Node {
        index: NodeIndex(fields.required("index", index)?),
        hash: Hash(fields.required("hash", hash)?),
        size: fields.required("size", size)?,
    })
}
