//! Hypertrie: a map of texts to bytes, written as a log.
//!
//! Grade: plain. Block 0 says what the log is; every other block is one entry with a piece of an index. Whoever has
//! all blocks needs no index: the last value of each key wins. Only a trie from which nothing was ever deleted can be
//! read this way; the market of the reference, for which this is made, never deletes.
//! Source: classic protocol, section 7.6.

use std::collections::BTreeMap;

use dazaar_log::codec::protobuf::{ProtobufError, Reader, Value};

/// What block 0 calls the log.
const TYPE: &[u8] = b"hypertrie";

/// The flag of entries that listings leave out: they have their own name space.
const FLAG_HIDDEN: u64 = 1;

/// One entry of a trie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node<'a> {
    /// Its key, components separated by `/`.
    pub key: &'a str,
    /// Its value; none is how JSON's `null` is written.
    pub value: Option<&'a [u8]>,
    /// The index of its block, if it says so.
    pub seq: Option<u64>,
    /// Whether it belongs to the hidden entries.
    pub is_hidden: bool,
}

/// Reads block 0.
///
/// # Errors
/// [`HypertrieError::NotATrie`] if the log is something else.
pub fn decode_header(block: &[u8]) -> Result<(), HypertrieError> {
    let mut found = None;
    for field in Reader::new(block) {
        if let (1, value) = field.map_err(|error| HypertrieError::Protobuf { block: 0, error })? {
            found = value.bytes();
        }
    }
    if found == Some(TYPE) { Ok(()) } else { Err(HypertrieError::NotATrie) }
}

/// Reads `block`, which is not the first, at index `index`.
///
/// # Errors
/// The rule that is broken.
pub fn decode_node(index: u64, block: &[u8]) -> Result<Node<'_>, HypertrieError> {
    let (mut key, mut value, mut seq, mut flags) = (None, None, None, 0);
    for field in Reader::new(block) {
        match field.map_err(|error| HypertrieError::Protobuf { block: index, error })? {
            (1, Value::Bytes(bytes)) => key = Some(bytes),
            (2, Value::Bytes(bytes)) => value = Some(bytes),
            (4, Value::Varint(integer)) => seq = Some(integer),
            (5, Value::Varint(integer)) => flags = integer,
            (field @ (1 | 2 | 4 | 5), _) => return Err(HypertrieError::FieldType { block: index, field }),
            _ => {}
        }
    }
    if let Some(seq) = seq.filter(|seq| *seq != index) {
        return Err(HypertrieError::Sequence { block: index, seq });
    }
    let key = key.ok_or(HypertrieError::NoKey { block: index })?;
    let key = std::str::from_utf8(key).map_err(|_| HypertrieError::KeyNotUtf8 { block: index })?;
    Ok(Node { key, value, seq, is_hidden: flags & FLAG_HIDDEN != 0 })
}

/// The last value of every key in `blocks`, which are all blocks of a trie from the first on. No blocks are an empty
/// trie. Hidden entries are left out.
///
/// # Errors
/// The first rule that a block breaks.
pub fn latest_entries<B: AsRef<[u8]>>(
    blocks: impl IntoIterator<Item = B>,
) -> Result<BTreeMap<String, Option<Vec<u8>>>, HypertrieError> {
    let mut entries = BTreeMap::new();
    for (index, block) in (0..).zip(blocks) {
        if index == 0 {
            decode_header(block.as_ref())?;
            continue;
        }
        let node = decode_node(index, block.as_ref())?;
        if !node.is_hidden {
            entries.insert(node.key.to_owned(), node.value.map(<[u8]>::to_vec));
        }
    }
    Ok(entries)
}

/// Why blocks are not a trie.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HypertrieError {
    /// Block 0 does not say `hypertrie`.
    #[error("the first block does not say that this is a hypertrie")]
    NotATrie,
    /// A block is no message.
    #[error("block {block}: {error}")]
    Protobuf {
        /// Index of the block.
        block: u64,
        /// What is wrong.
        error: ProtobufError,
    },
    /// A field is a number instead of bytes, or the reverse.
    #[error("block {block}: field {field} is of the wrong type")]
    FieldType {
        /// Index of the block.
        block: u64,
        /// Number of the field.
        field: u64,
    },
    /// An entry without a key.
    #[error("block {block} has no key")]
    NoKey {
        /// Index of the block.
        block: u64,
    },
    /// A key that is no text.
    #[error("the key of block {block} is not UTF-8")]
    KeyNotUtf8 {
        /// Index of the block.
        block: u64,
    },
    /// An entry that was written at another place.
    #[error("block {block} says that it is block {seq}")]
    Sequence {
        /// Index of the block.
        block: u64,
        /// What it says.
        seq: u64,
    },
}

#[cfg(test)]
mod tests;
