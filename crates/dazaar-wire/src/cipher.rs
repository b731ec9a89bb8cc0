//! How the bytes after the handshake are encrypted, one direction each.
//!
//! Grade: machine. Classic: one XSalsa20 keystream over everything, without authentication. Authenticated: records,
//! each two length bytes (big-endian, of what follows) and a Noise transport message, whose nonce counts records.
//! Records only wrap the stream of frames: a frame may span records and a record may hold several frames.
//! Source: classic protocol, section 4.2; the records are ours.

use std::fmt;

use bytes::BytesMut;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag};
use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit, StreamCipher};

use crate::fault::PeerFault;
use crate::limits::RECORD_BYTES_MAX;
use crate::payload::NONCE_BYTES;

/// Bytes of a record's length.
const LENGTH_BYTES: usize = 2;
/// Bytes of a record's authentication tag.
const TAG_BYTES: usize = 16;
/// Bytes that a record adds to what it carries.
const RECORD_OVERHEAD: usize = LENGTH_BYTES + TAG_BYTES;
/// Most bytes of frames that a record carries.
const RECORD_TEXT_MAX: usize = RECORD_BYTES_MAX - TAG_BYTES;

/// Encrypts what this side sends.
pub(crate) enum Sealer {
    Classic(Box<XSalsa20>),
    Authenticated(Records),
}

/// Decrypts what this side receives.
pub(crate) enum Opener {
    Classic(Box<XSalsa20>),
    Authenticated { records: Records, length: RecordLength },
}

/// The cipher of numbered records.
pub(crate) struct Records {
    cipher: Box<ChaCha20Poly1305>,
    /// Number of the next record.
    next: u64,
}

/// How much of the next record is known.
pub(crate) enum RecordLength {
    Unknown,
    HighByte(u8),
    Known(usize),
}

impl Records {
    fn new(key: &[u8; 32]) -> Self {
        Self { cipher: Box::new(ChaCha20Poly1305::new(key.into())), next: 0 }
    }

    /// The nonce of the next record. Noise reserves the last of the 2^64; no session lives to see it.
    fn nonce(&mut self) -> Nonce {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.next.to_le_bytes());
        self.next += 1;
        nonce.into()
    }

    /// Encrypts in place and returns the tag.
    fn seal(&mut self, text: &mut [u8]) -> Tag {
        let nonce = self.nonce();
        self.cipher
            .encrypt_inout_detached(&nonce, &[], text.into())
            .expect("a record is far below the cipher's limit")
    }

    /// Decrypts `record` in place and returns how many bytes of text it held, which are at its beginning.
    fn open(&mut self, record: &mut [u8]) -> Result<usize, PeerFault> {
        let tampered = PeerFault::Tampered { record: self.next };
        let length = record.len().checked_sub(TAG_BYTES).ok_or_else(|| tampered.clone())?;
        let (text, tag) = record.split_at_mut(length);
        let tag = Tag::try_from(&*tag).map_err(|_| tampered.clone())?;
        let nonce = self.nonce();
        self.cipher.decrypt_inout_detached(&nonce, &[], text.into(), &tag).map_err(|_| tampered)?;
        Ok(length)
    }
}

impl Sealer {
    pub(crate) fn classic(key: &[u8; 32], nonce: &[u8; NONCE_BYTES]) -> Self {
        Self::Classic(keystream(key, nonce))
    }

    pub(crate) fn authenticated(key: &[u8; 32]) -> Self {
        Self::Authenticated(Records::new(key))
    }

    /// Appends to `out` the `length` bytes, at least one, that `write` appends, encrypted where they lie.
    pub(crate) fn seal(&mut self, out: &mut Vec<u8>, length: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let start = out.len();
        match self {
            Self::Classic(keystream) => {
                out.reserve(length);
                write(out);
                debug_assert_eq!(out.len(), start + length, "a frame is as long as announced");
                keystream.apply_keystream(&mut out[start..]);
            }
            Self::Authenticated(records) => {
                let count = length.div_ceil(RECORD_TEXT_MAX);
                out.reserve(length + count * RECORD_OVERHEAD);
                // The text is written so far behind its place that the last record need not move.
                let gap = LENGTH_BYTES + (count - 1) * RECORD_OVERHEAD;
                out.resize(start + gap, 0);
                write(out);
                debug_assert_eq!(out.len(), start + gap + length, "a frame is as long as announced");
                out.resize(out.len() + TAG_BYTES, 0);
                seal_records(records, &mut out[start..], gap, length);
            }
        }
    }
}

/// Cuts the `length` bytes of text at `from` into records, each moved to its place and encrypted there.
fn seal_records(records: &mut Records, out: &mut [u8], mut from: usize, length: usize) {
    let end = from + length;
    let mut to = 0;
    while from < end {
        let text = RECORD_TEXT_MAX.min(end - from);
        let start = to + LENGTH_BYTES;
        if start != from {
            out.copy_within(from..from + text, start);
        }
        let tag = records.seal(&mut out[start..start + text]);
        out[start + text..start + text + TAG_BYTES].copy_from_slice(&tag);
        let announced = (text + TAG_BYTES) as u16;
        out[to..start].copy_from_slice(&announced.to_be_bytes());
        from += text;
        to = start + text + TAG_BYTES;
    }
}

impl Opener {
    pub(crate) fn classic(key: &[u8; 32], nonce: &[u8; NONCE_BYTES]) -> Self {
        Self::Classic(keystream(key, nonce))
    }

    pub(crate) fn authenticated(key: &[u8; 32]) -> Self {
        Self::Authenticated { records: Records::new(key), length: RecordLength::Unknown }
    }

    /// Takes received bytes. The first `clear` bytes of `buffer` are decrypted (and authenticated, if the session
    /// is); behind them lies at most one incomplete record.
    pub(crate) fn open(
        &mut self,
        mut bytes: &[u8],
        buffer: &mut BytesMut,
        clear: &mut usize,
    ) -> Result<(), PeerFault> {
        match self {
            Self::Classic(keystream) => {
                let start = buffer.len();
                buffer.extend_from_slice(bytes);
                keystream.apply_keystream(&mut buffer[start..]);
                *clear = buffer.len();
            }
            Self::Authenticated { records, length } => {
                while !bytes.is_empty() {
                    bytes = open_record(records, length, bytes, buffer, clear)?;
                }
            }
        }
        Ok(())
    }
}

/// Takes bytes of one record, and returns those that follow it.
fn open_record<'a>(
    records: &mut Records,
    length: &mut RecordLength,
    bytes: &'a [u8],
    buffer: &mut BytesMut,
    clear: &mut usize,
) -> Result<&'a [u8], PeerFault> {
    let announced = match (&*length, bytes) {
        (RecordLength::Known(announced), _) => *announced,
        (RecordLength::HighByte(high), [low, rest @ ..]) => {
            *length = RecordLength::Known(usize::from(u16::from_be_bytes([*high, *low])));
            return Ok(rest);
        }
        (RecordLength::Unknown, [high, rest @ ..]) => {
            *length = RecordLength::HighByte(*high);
            return Ok(rest);
        }
        (_, []) => return Ok(bytes),
    };
    let missing = announced - (buffer.len() - *clear);
    let (record, rest) = bytes.split_at(missing.min(bytes.len()));
    buffer.extend_from_slice(record);
    if record.len() == missing {
        let text = records.open(&mut buffer[*clear..])?;
        *clear += text;
        buffer.truncate(*clear);
        *length = RecordLength::Unknown;
    }
    Ok(rest)
}

fn keystream(key: &[u8; 32], nonce: &[u8; NONCE_BYTES]) -> Box<XSalsa20> {
    Box::new(XSalsa20::new(key.into(), nonce.into()))
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classic(_) => "Classic",
            Self::Authenticated(_) => "Authenticated",
        })
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classic(_) => "Classic",
            Self::Authenticated { .. } => "Authenticated",
        })
    }
}

#[cfg(test)]
mod tests;
