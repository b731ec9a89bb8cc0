//! Many strings of bytes: one after the other, or each once and by number.
//!
//! ```text
//! 0 | lengths (numbers, u32) | bytes of all (varint) | the bytes, packed
//! 1 | how many there are of them (varint) | those, in the first way | which of them each is (numbers, u32)
//! ```
//! How many there are in all is known from elsewhere.
//!
//! Grade: plain.

use std::collections::HashMap;

use dazaar_log::codec::varint;

use super::{numbers, packed};
use crate::bytes::{BlockError, Reader};

const DIRECT: u8 = 0;
const DICTIONARY: u8 = 1;

const LENGTHS: &str = "lengths of text";
const BYTES: &str = "text";
const INDEXES: &str = "numbers of text";

/// Strings in one buffer.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Strings {
    /// Where each begins, and where the last one ends.
    pub(crate) offsets: Vec<i32>,
    /// All of them.
    pub(crate) bytes: Vec<u8>,
}

impl Strings {
    fn with_capacity(count: usize) -> Self {
        let mut offsets = Vec::with_capacity(count + 1);
        offsets.push(0);
        Self { offsets, bytes: Vec::new() }
    }

    pub(crate) fn get(&self, nth: usize) -> &[u8] {
        &self.bytes[self.offsets[nth] as usize..self.offsets[nth + 1] as usize]
    }

    fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.offsets.push(self.bytes.len() as i32);
    }
}

/// Appends strings: by number if at most half of them are different.
pub(crate) fn encode<'a>(strings: impl Iterator<Item = &'a [u8]> + Clone, out: &mut Vec<u8>) {
    let mut numbers = HashMap::new();
    let mut distinct = Vec::new();
    let mut indexes = Vec::new();
    for string in strings.clone() {
        let number = *numbers.entry(string).or_insert_with(|| {
            distinct.push(string);
            distinct.len() as u32 - 1
        });
        indexes.push(number);
    }
    if 2 * distinct.len() > indexes.len() {
        out.push(DIRECT);
        encode_direct(strings, out);
        return;
    }
    out.push(DICTIONARY);
    varint::encode(distinct.len() as u64, out);
    encode_direct(distinct.into_iter(), out);
    numbers::encode(&indexes, out);
}

fn encode_direct<'a>(strings: impl Iterator<Item = &'a [u8]> + Clone, out: &mut Vec<u8>) {
    let lengths: Vec<u32> = strings.clone().map(|string| string.len() as u32).collect();
    numbers::encode(&lengths, out);
    let bytes: Vec<u8> = strings.flatten().copied().collect();
    varint::encode(bytes.len() as u64, out);
    packed::encode(&bytes, out);
}

/// Reads `count` strings. They may have as many bytes together as there is `room`, which becomes less.
pub(crate) fn decode(count: usize, reader: &mut Reader<'_>, room: &mut usize) -> Result<Strings, BlockError> {
    match reader.byte(BYTES)? {
        DIRECT => decode_direct(count, reader, room),
        DICTIONARY => {
            let distinct = reader.count(count, INDEXES)?;
            let dictionary = decode_direct(distinct, reader, room)?;
            let mut strings = Strings::with_capacity(count);
            for index in numbers::decode::<u32>(count, reader, INDEXES)? {
                if index as usize >= distinct {
                    return Err(BlockError::Value { part: INDEXES, value: index.into() });
                }
                let string = dictionary.get(index as usize);
                take_room(room, string.len())?;
                strings.push(string);
            }
            Ok(strings)
        }
        tag => Err(BlockError::Unknown { part: BYTES, tag }),
    }
}

fn take_room(room: &mut usize, bytes: usize) -> Result<(), BlockError> {
    *room = room.checked_sub(bytes).ok_or(BlockError::Value { part: BYTES, value: bytes as u64 })?;
    Ok(())
}

fn decode_direct(count: usize, reader: &mut Reader<'_>, room: &mut usize) -> Result<Strings, BlockError> {
    let lengths = numbers::decode::<u32>(count, reader, LENGTHS)?;
    let total = reader.count(*room, BYTES)?;
    take_room(room, total)?;
    let mut strings = Strings::with_capacity(count);
    let mut end = 0_usize;
    for length in lengths {
        end += length as usize;
        if end > total {
            return Err(BlockError::Value { part: LENGTHS, value: end as u64 });
        }
        strings.offsets.push(end as i32);
    }
    if end != total {
        return Err(BlockError::Value { part: LENGTHS, value: end as u64 });
    }
    strings.bytes = packed::decode(total, reader, BYTES)?.into_owned();
    Ok(strings)
}
