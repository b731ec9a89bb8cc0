//! The index of an entry: pointers to other entries, by the position at which those part from this one.
//!
//! Grade: plain. Several pointers of one digit are several writers, or keys of one hash.
//! Source: docs/structures.md, index of a hyperdb entry.

use dazaar_log::codec::varint;

use crate::fault::Fault;
use crate::fields::take_varint;
use crate::limits::{MAX_INDEX_BYTES, MAX_WRITERS};
use crate::path::DIGITS;

/// A pointer to an entry. Its feed is a number: the writer's on the wire, ours in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pointer {
    pub(super) position: u32,
    pub(super) digit: u8,
    pub(super) feed: u32,
    pub(super) seq: u64,
}

/// All pointers of an entry, by position and digit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Index(Vec<Pointer>);

impl Index {
    /// Reads the index of an entry that has `positions` positions.
    pub(super) fn decode(bytes: &[u8], positions: usize) -> Result<Self, Fault> {
        if bytes.len() > MAX_INDEX_BYTES {
            return Err(Fault::IndexTooLong { bytes: bytes.len() });
        }
        let mut rest = bytes;
        let mut pointers = Vec::new();
        let mut lowest = 0;
        while !rest.is_empty() {
            let position = take_varint(&mut rest)?;
            if position < lowest || position >= positions as u64 {
                return Err(Fault::Index);
            }
            lowest = position + 1;
            let digits = take_varint(&mut rest)?;
            if digits >> DIGITS != 0 {
                return Err(Fault::Index);
            }
            for digit in (0..DIGITS).filter(|digit| digits >> digit & 1 == 1) {
                let mut more = true;
                while more {
                    let feed = take_varint(&mut rest)?;
                    more = feed & 1 == 1;
                    let feed = feed >> 1;
                    let seq = take_varint(&mut rest)?;
                    if feed >= MAX_WRITERS as u64 || seq == 0 {
                        return Err(Fault::Index);
                    }
                    pointers.push(Pointer { position: position as u32, digit, feed: feed as u32, seq });
                }
            }
        }
        Ok(Self(pointers))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(6 * self.0.len());
        for bucket in self.0.chunk_by(|a, b| a.position == b.position) {
            let digits = bucket.iter().fold(0_u64, |digits, pointer| digits | 1 << pointer.digit);
            varint::encode(bucket.first().map_or(0, |first| u64::from(first.position)), &mut out);
            varint::encode(digits, &mut out);
            for slot in bucket.chunk_by(|a, b| a.digit == b.digit) {
                for (nth, pointer) in slot.iter().enumerate() {
                    let more = u64::from(nth + 1 < slot.len());
                    varint::encode(u64::from(pointer.feed) << 1 | more, &mut out);
                    varint::encode(pointer.seq, &mut out);
                }
            }
        }
        out
    }

    /// Adds a pointer behind the others of its position and digit, unless it is there.
    pub(super) fn push(&mut self, pointer: Pointer) {
        let place = (pointer.position, pointer.digit);
        let start = self.0.partition_point(|other| (other.position, other.digit) < place);
        let rest = self.0.get(start..).unwrap_or_default();
        let len = rest.partition_point(|other| (other.position, other.digit) <= place);
        if !rest.iter().take(len).any(|other| *other == pointer) {
            self.0.insert(start + len, pointer);
        }
    }

    /// The pointers from a position on.
    pub(super) fn from(&self, position: usize) -> &[Pointer] {
        let start = self.0.partition_point(|pointer| (pointer.position as usize) < position);
        self.0.get(start..).unwrap_or_default()
    }

    /// The pointers of a digit at a position.
    pub(super) fn slot(&self, position: usize, digit: u8) -> &[Pointer] {
        let place = (position, digit);
        let start = self.0.partition_point(|pointer| (pointer.position as usize, pointer.digit) < place);
        let rest = self.0.get(start..).unwrap_or_default();
        let len = rest.partition_point(|pointer| (pointer.position as usize, pointer.digit) <= place);
        rest.get(..len).unwrap_or_default()
    }

    /// The same with other numbers for feeds, without pointers to those that have none.
    pub(super) fn renumbered(&self, number: impl Fn(u32) -> Option<u32>) -> Self {
        let pointer = |pointer: &Pointer| Some(Pointer { feed: number(pointer.feed)?, ..*pointer });
        Self(self.0.iter().filter_map(pointer).collect())
    }

    /// Bytes in memory beside the structure itself.
    pub(super) const fn memory(&self) -> usize {
        self.0.capacity() * size_of::<Pointer>()
    }
}
