//! Frames: how a stream of bytes is cut into messages of channels.
//!
//! Grade: plain. A frame of length 0 is a keep-alive.
//! Source: classic protocol, section 4.4.
//!
//! ```text
//! frame  = varint(bytes of header and body) header body
//! header = varint(channel << 4 | type)
//! ```

use bytes::{Buf as _, Bytes, BytesMut};
use dazaar_log::codec::varint;

use crate::fault::PeerFault;
use crate::limits::{BODY_BYTES_MAX, HEADER_BYTES_MAX, VARINT_BYTES_MAX};

/// A frame of length 0.
pub(crate) const KEEP_ALIVE: u8 = 0;

/// A received frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The sender's number of the channel.
    pub(crate) channel: u64,
    /// What the body is.
    pub(crate) kind: u8,
    /// Shares memory with the buffer that it was cut from.
    pub(crate) body: Bytes,
}

/// What a body is.
pub(crate) mod kind {
    pub(crate) const OPEN: u8 = 0;
    pub(crate) const OPTIONS: u8 = 1;
    pub(crate) const STATUS: u8 = 2;
    pub(crate) const HAVE: u8 = 3;
    pub(crate) const UNHAVE: u8 = 4;
    pub(crate) const WANT: u8 = 5;
    pub(crate) const UNWANT: u8 = 6;
    pub(crate) const REQUEST: u8 = 7;
    pub(crate) const CANCEL: u8 = 8;
    pub(crate) const DATA: u8 = 9;
    pub(crate) const CLOSE: u8 = 10;
    /// Ours: peers that do not know it skip it.
    pub(crate) const FETCH: u8 = 11;
    /// Ours: peers that do not know it skip it.
    pub(crate) const BLOCKS: u8 = 12;
    pub(crate) const EXTENSION: u8 = 15;
}

/// The body of a frame that is going to be written: fields, with a payload somewhere between them. So that a large
/// payload is copied once, straight into the frame.
#[derive(Debug, Default)]
pub(crate) struct Body<'a> {
    pub(crate) fields: Vec<u8>,
    /// Where the payload goes.
    pub(crate) at: usize,
    pub(crate) payload: &'a [u8],
}

impl Body<'_> {
    pub(crate) fn len(&self) -> usize {
        self.fields.len() + self.payload.len()
    }
}

/// Appends a frame.
pub(crate) fn encode(channel: u64, kind: u8, body: &Body<'_>, out: &mut Vec<u8>) {
    let header = channel << 4 | u64::from(kind);
    let length = varint::encoded_len(header) + body.len();
    let (front, back) = body.fields.split_at(body.at);
    out.reserve(length + VARINT_BYTES_MAX);
    varint::encode(length as u64, out);
    varint::encode(header, out);
    out.extend_from_slice(front);
    out.extend_from_slice(body.payload);
    out.extend_from_slice(back);
}

/// Cuts the next frame off the first `clear` bytes of `buffer`, if it is complete; keep-alives are dropped.
pub(crate) fn cut(buffer: &mut BytesMut, clear: &mut usize) -> Result<Option<Frame>, PeerFault> {
    loop {
        let Some((length, prefix)) = decode_varint(&buffer[..*clear])? else { return Ok(None) };
        if length > (BODY_BYTES_MAX + HEADER_BYTES_MAX) as u64 {
            return Err(PeerFault::FrameTooLong { bytes: length, max: BODY_BYTES_MAX });
        }
        let whole = prefix + length as usize;
        if *clear < whole {
            return Ok(None);
        }
        *clear -= whole;
        if length == 0 {
            buffer.advance(whole);
            continue;
        }
        return parse(buffer.split_to(whole).freeze().slice(prefix..)).map(Some);
    }
}

/// Reads header and body.
fn parse(mut body: Bytes) -> Result<Frame, PeerFault> {
    let bytes = body.len() as u64;
    let (header, length) = decode_varint(&body)?.ok_or(PeerFault::FrameTooShort { bytes })?;
    body.advance(length);
    if body.len() > BODY_BYTES_MAX {
        return Err(PeerFault::FrameTooLong { bytes: body.len() as u64, max: BODY_BYTES_MAX });
    }
    Ok(Frame { channel: header >> 4, kind: (header & 0b1111) as u8, body })
}

/// Reads a varint and its length in bytes; `None` if it goes on behind the end of `bytes`.
///
/// # Errors
/// [`PeerFault::VarintTooLong`] if it does not end in time.
pub(crate) fn decode_varint(bytes: &[u8]) -> Result<Option<(u64, usize)>, PeerFault> {
    let head = &bytes[..bytes.len().min(VARINT_BYTES_MAX)];
    match varint::decode(head) {
        Ok(Some(decoded)) => Ok(Some(decoded)),
        Ok(None) if head.len() < VARINT_BYTES_MAX => Ok(None),
        Ok(None) | Err(_) => Err(PeerFault::VarintTooLong { max: VARINT_BYTES_MAX }),
    }
}

#[cfg(test)]
mod tests;
