//! A node: one entry of a trie, with its share of the index.
//!
//! Grade: plain. Position 0 of a node is whether it is hidden, so that hidden entries have a tree of their own; then come the
//! digits of its key, and the end mark.
//! Source: docs/structures.md, hypertrie nodes.

use dazaar_log::codec::protobuf::{Reader, encode_bytes, encode_varint};

use super::TrieError;
use super::pointers::{Pointer, Pointers};
use crate::cache::Memory;
use crate::fault::Fault;
use crate::fields;
use crate::path::{COMPONENT_DIGITS, Path};

/// The flag of hidden entries.
const FLAG_HIDDEN: u64 = 1;

/// Where the user's flags begin.
const USER_FLAGS_SHIFT: u32 = 8;

/// One entry of a trie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub(super) seq: u64,
    pub(super) path: Path,
    pub(super) value: Option<Box<[u8]>>,
    pub(super) flags: u64,
    pub(super) pointers: Pointers,
}

impl Node {
    /// A node without pointers.
    pub(super) fn new(path: Path, value: Option<Box<[u8]>>, flags: u64) -> Self {
        Self { seq: 0, path, value, flags, pointers: Pointers::default() }
    }

    /// The flags of a block.
    pub(super) fn raw_flags(is_hidden: bool, flags: u32) -> u64 {
        u64::from(flags) << USER_FLAGS_SHIFT | u64::from(is_hidden)
    }

    /// Its key, components with `/` between them.
    pub fn key(&self) -> &str {
        self.path.text()
    }

    /// Its value, if it has one. JSON's `null` is written as none.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// The block that it is in.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Whether it belongs to the hidden entries, which have a tree of their own.
    pub const fn is_hidden(&self) -> bool {
        self.flags & FLAG_HIDDEN != 0
    }

    /// The user's flags.
    pub const fn flags(&self) -> u64 {
        self.flags >> USER_FLAGS_SHIFT
    }

    /// Reads block `seq`.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn decode(seq: u64, block: &[u8]) -> Result<Self, Fault> {
        let (mut key, mut value, mut index, mut flags) = (None, None, &[][..], 0);
        for field in Reader::new(block) {
            match field? {
                (1, found) => key = Some(fields::bytes(1, found)?),
                (2, found) => value = Some(fields::bytes(2, found)?),
                (3, found) => index = fields::bytes(3, found)?,
                // Field 4 repeats the index of the block; nobody needs it, and JavaScript does not look at it.
                (5, found) => flags = fields::integer(5, found)?,
                _ => {}
            }
        }
        let path = fields::key(key)?;
        let pointers = Pointers::decode(index, seq, positions(&path))?;
        Ok(Self { seq, path, value: value.map(Into::into), flags, pointers })
    }

    /// The block.
    pub(super) fn encode(&self) -> Result<Vec<u8>, TrieError> {
        let index = self.pointers.encode();
        if index.len() > crate::limits::MAX_INDEX_BYTES {
            return Err(TrieError::IndexTooLong { key: self.key().to_owned(), bytes: index.len() });
        }
        let value = self.value.as_deref();
        let mut block =
            Vec::with_capacity(self.key().len() + value.map_or(0, <[u8]>::len) + index.len() + 32);
        encode_bytes(1, self.key().as_bytes(), &mut block);
        if let Some(value) = value {
            encode_bytes(2, value, &mut block);
        }
        encode_bytes(3, &index, &mut block);
        encode_varint(4, self.seq, &mut block);
        encode_varint(5, self.flags, &mut block);
        Ok(block)
    }

    /// Whether this is a reset: from here on the trie is empty.
    pub(super) fn is_reset(&self) -> bool {
        self.path.text().is_empty()
    }

    /// How many positions it has, the end mark included.
    pub(super) fn positions(&self) -> usize {
        positions(&self.path)
    }

    pub(super) fn digit(&self, position: usize) -> u8 {
        match position.checked_sub(1) {
            None => u8::from(self.is_hidden()),
            Some(index) => self.path.digit(index),
        }
    }

    /// The first position from `from` on at which the two part: by their digit, or, where a component ends, by its text. None if
    /// they have the same components.
    pub(super) fn parting(&self, other: &Self, from: usize) -> Option<usize> {
        if from == 0 && self.is_hidden() != other.is_hidden() {
            return Some(0);
        }
        let first = from.saturating_sub(1);
        let difference = self.path.first_difference(&other.path, first);
        let same = difference.map_or(usize::MAX, |digit| digit / COMPONENT_DIGITS);
        match self.path.first_collision(&other.path, first / COMPONENT_DIGITS, same) {
            Some(component) => Some((component + 1) * COMPONENT_DIGITS),
            None => difference.map(|digit| digit + 1),
        }
    }

    /// The slots of this node in which to look for the one with which `wanted` goes on, if it parts from this one at `position`.
    pub(super) fn ways(&self, position: usize, wanted: &Self) -> impl Iterator<Item = Pointer> {
        let digit = wanted.digit(position);
        let all = is_component_end(position);
        let bucket = self.pointers.bucket(position).iter().copied();
        bucket.filter(move |pointer| pointer.slot == digit || all && pointer.digit() == digit)
    }
}

impl Memory for Node {
    fn memory(&self) -> usize {
        size_of::<Self>()
            + self.path.memory()
            + self.pointers.memory()
            + self.value.as_ref().map_or(0, |value| value.len())
    }
}

/// Where the last digit of a component is, at which texts have to be compared.
pub(super) const fn is_component_end(position: usize) -> bool {
    position > 0 && position.is_multiple_of(COMPONENT_DIGITS)
}

fn positions(path: &Path) -> usize {
    path.digits() + 2
}
