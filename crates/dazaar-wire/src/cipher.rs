//! How the bytes after the handshake are encrypted, one direction each.
//!
//! Grade: machine. Classic: one XSalsa20 keystream over everything, without authentication. Authenticated: records,
//! each two length bytes (big-endian, of what follows) and a Noise transport message, whose nonce counts records.
//! Records only wrap the stream of frames: a frame may span records and a record may hold several frames.
//! Source: classic protocol, section 4.2; the records are ours.

use std::fmt;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};
use bytes::BytesMut;
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
    cipher: Box<LessSafeKey>,
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
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("the cipher takes keys of 32 bytes");
        Self { cipher: Box::new(LessSafeKey::new(key)), next: 0 }
    }

    /// The nonce of the next record. Noise reserves the last of the 2^64; no session lives to see it.
    fn nonce(&mut self) -> Nonce {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.next.to_le_bytes());
        self.next += 1;
        Nonce::assume_unique_for_key(nonce)
    }

    /// Encrypts in place and returns the tag.
    fn seal(&mut self, text: &mut [u8]) -> Tag {
        let nonce = self.nonce();
        self.cipher
            .seal_in_place_separate_tag(nonce, Aad::empty(), text)
            .expect("a record is far below the cipher's limit")
    }

    /// Decrypts `record` in place and returns how many bytes of text it held, which are at its beginning.
    fn open(&mut self, record: &mut [u8]) -> Result<usize, PeerFault> {
        let tampered = PeerFault::Tampered { record: self.next };
        let nonce = self.nonce();
        let text = self.cipher.open_in_place(nonce, Aad::empty(), record).map_err(|_| tampered)?;
        Ok(text.len())
    }
}

impl Sealer {
    pub(crate) fn classic(key: &[u8; 32], nonce: &[u8; NONCE_BYTES]) -> Self {
        Self::Classic(keystream(key, nonce))
    }

    pub(crate) fn authenticated(key: &[u8; 32]) -> Self {
        Self::Authenticated(Records::new(key))
    }

    /// Encrypts in place what lies behind the first `from` bytes of `buffer`, at least one byte.
    pub(crate) fn seal(&mut self, buffer: &mut Vec<u8>, from: usize) {
        match self {
            Self::Classic(keystream) => keystream.apply_keystream(&mut buffer[from..]),
            Self::Authenticated(records) => {
                make_room(buffer, from);
                for record in buffer[from..].chunks_mut(RECORD_OVERHEAD + RECORD_TEXT_MAX) {
                    seal_record(records, record);
                }
            }
        }
    }
}

/// Moves the text behind `from` apart, so that each record has room for its length in front and its tag behind.
fn make_room(buffer: &mut Vec<u8>, from: usize) {
    let end = buffer.len();
    let count = (end - from).div_ceil(RECORD_TEXT_MAX);
    buffer.resize(end + count * RECORD_OVERHEAD, 0);
    for record in (0..count).rev() {
        let text = from + record * RECORD_TEXT_MAX;
        buffer.copy_within(
            text..end.min(text + RECORD_TEXT_MAX),
            text + record * RECORD_OVERHEAD + LENGTH_BYTES,
        );
    }
}

/// Fills in the length and the tag of a record whose text is in its place, and encrypts it.
fn seal_record(records: &mut Records, record: &mut [u8]) {
    let (length, message) = record.split_at_mut(LENGTH_BYTES);
    length.copy_from_slice(&(message.len() as u16).to_be_bytes());
    let (text, tag) = message.split_at_mut(message.len() - TAG_BYTES);
    tag.copy_from_slice(records.seal(text).as_ref());
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
