//! The index: where in the feed which rows and times are.
//!
//! An index block has lists of entries, one for each level. Entries of level 0 are sealed segments; an entry of a level above
//! stands for a full list of the level below, in the index block that it names. Each index block has all that the newest one
//! needs: from the topmost level down, its lists cover every sealed row before it, in order. So whoever has the newest index block
//! goes down one block for each level, and a feed of a billion rows has three.
//!
//! ```text
//! kind (1): 3 | levels (varint) | for each level, from 0: entries (varint) | if there are any: list
//! list        first row (varint) | blocks | rows | earliest | latest | bytes (numbers, each: see column) | keys (strings)
//! keys        of each entry: hashes of four bytes, ascending: no row has a key with another. None: rows may have any key
//! hash        FNV-1a, 32 bits, little endian, of the number of the column (2, little endian) and the text
//! ```
//! Rows are consecutive, so that only the first number is there. `bytes` are those of the blocks with the rows.
//!
//! Grade: plain.

use std::collections::BTreeSet;
use std::ops::Range;

use dazaar_log::codec::varint;

use crate::bytes::{BlockError, Reader};
use crate::column::{numbers, strings};
use crate::limits::{INDEX_FAN_OUT, INDEX_LEVELS_MAX, ROWS_MAX};

mod builder;

pub(crate) use builder::IndexBuilder;

pub(crate) const INDEX: u8 = 3;

/// Different keys of a segment that the index names; with more it names none.
const KEYS_MAX: usize = 16;

/// The same above segments.
const UPPER_KEYS_MAX: usize = 64;

/// Rows that lie together, in one segment or in all below one index block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The block of the segment, or of the index.
    pub block: u64,
    /// Number of the first row.
    pub first_row: u64,
    /// Rows.
    pub rows: u64,
    /// The earliest time, in nanoseconds.
    pub earliest: i64,
    /// The latest time, in nanoseconds.
    pub latest: i64,
    /// Bytes of the blocks with the rows.
    pub bytes: u64,
    /// Hashes of all keys, if they are few; otherwise nothing.
    pub keys: BTreeSet<u32>,
}

impl Entry {
    /// Number of the row after the last.
    pub const fn end_row(&self) -> u64 {
        self.first_row + self.rows
    }

    /// Whether a row may have a time in `times`, from inclusive, to exclusive.
    pub const fn overlaps(&self, times: &Range<i64>) -> bool {
        self.earliest < times.end && times.start <= self.latest
    }

    /// Whether a row may have a key.
    pub fn may_have(&self, key: u32) -> bool {
        self.keys.is_empty() || self.keys.contains(&key)
    }

    /// What a list of entries has together, as an entry for the index block that holds it; `None` for an empty list.
    pub(crate) fn over(block: u64, list: &[Self]) -> Option<Self> {
        let (first, rest) = list.split_first()?;
        let mut over = Self { block, ..first.clone() };
        for entry in rest {
            over.rows += entry.rows;
            over.bytes = over.bytes.saturating_add(entry.bytes);
            over.earliest = over.earliest.min(entry.earliest);
            over.latest = over.latest.max(entry.latest);
            over.keys.extend(&entry.keys);
        }
        if list.iter().any(|entry| entry.keys.is_empty()) || over.keys.len() > UPPER_KEYS_MAX {
            over.keys.clear();
        }
        Some(over)
    }
}

/// The hash of a key: of a value in a key column.
pub fn key_hash(column: usize, value: &str) -> u32 {
    let column = (column as u16).to_le_bytes();
    let bytes = column.iter().chain(value.as_bytes());
    bytes.fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The keys of a segment, as an entry has them.
pub(crate) fn keys_of<'a>(values: impl Iterator<Item = (usize, &'a str)>) -> BTreeSet<u32> {
    let mut keys = BTreeSet::new();
    for (column, value) in values {
        keys.insert(key_hash(column, value));
        if keys.len() > KEYS_MAX {
            return BTreeSet::new();
        }
    }
    keys
}

/// The lists of an index block, from level 0 up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// Each list has at most [`INDEX_FAN_OUT`] entries.
    pub levels: Vec<Vec<Entry>>,
}

impl Index {
    /// The row after the last that it covers.
    pub fn end_row(&self) -> u64 {
        self.lists().last().map_or(0, Entry::end_row)
    }

    /// The latest time of all rows that it covers; `None` if there are none.
    pub fn latest(&self) -> Option<i64> {
        self.lists().map(|entry| entry.latest).max()
    }

    /// All entries in the order of their rows.
    pub(crate) fn lists(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.levels.iter().rev().flatten()
    }

    /// The index block.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut block = vec![INDEX];
        varint::encode(self.levels.len() as u64, &mut block);
        for list in &self.levels {
            varint::encode(list.len() as u64, &mut block);
            if let Some(first) = list.first() {
                varint::encode(first.first_row, &mut block);
                encode_list(list, &mut block);
            }
        }
        block
    }

    /// Reads an index block.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(block: &[u8]) -> Result<Self, BlockError> {
        const LIST: &str = "a list of the index";
        let mut reader = Reader(block);
        let tag = reader.byte("an index")?;
        if tag != INDEX {
            return Err(BlockError::Unknown { part: "a block", tag });
        }
        let count = reader.count(INDEX_LEVELS_MAX, "the number of levels")?;
        let mut levels = Vec::with_capacity(count);
        for _ in 0..count {
            let entries = reader.count(INDEX_FAN_OUT, LIST)?;
            levels.push(if entries == 0 { Vec::new() } else { decode_list(entries, &mut reader)? });
        }
        reader.finish("an index")?;
        let index = Self { levels };
        index.check()?;
        Ok(index)
    }

    /// The lists must follow each other.
    fn check(&self) -> Result<(), BlockError> {
        let mut next = None;
        for entry in self.lists() {
            if next.is_some_and(|next| next != entry.first_row) {
                return Err(BlockError::Value { part: "the first row of a list", value: entry.first_row });
            }
            next = Some(entry.end_row());
        }
        Ok(())
    }
}

fn encode_list(list: &[Entry], block: &mut Vec<u8>) {
    let numbers = |of: fn(&Entry) -> u64, block: &mut Vec<u8>| {
        numbers::encode(&list.iter().map(of).collect::<Vec<_>>(), block);
    };
    numbers(|entry| entry.block, block);
    numbers(|entry| entry.rows, block);
    numbers::encode(&list.iter().map(|entry| entry.earliest).collect::<Vec<_>>(), block);
    numbers::encode(&list.iter().map(|entry| entry.latest).collect::<Vec<_>>(), block);
    numbers(|entry| entry.bytes, block);
    let keys: Vec<Vec<u8>> =
        list.iter().map(|entry| entry.keys.iter().flat_map(|key| key.to_le_bytes()).collect()).collect();
    strings::encode(keys.iter().map(Vec::as_slice), block);
}

fn decode_list(count: usize, reader: &mut Reader<'_>) -> Result<Vec<Entry>, BlockError> {
    let mut first_row = reader.varint("the first row of a list")?;
    let blocks = numbers::decode::<u64>(count, reader, "blocks of the index")?;
    let rows = numbers::decode::<u64>(count, reader, "rows of the index")?;
    let earliest = numbers::decode::<i64>(count, reader, "times of the index")?;
    let latest = numbers::decode::<i64>(count, reader, "times of the index")?;
    let bytes = numbers::decode::<u64>(count, reader, "bytes of the index")?;
    // Twice: those of every entry, and the different ones among them if they are stored once.
    let mut room = 2 * count * UPPER_KEYS_MAX * size_of::<u32>();
    let keys = strings::decode(count, reader, &mut room)?;
    let mut list = Vec::with_capacity(count);
    for nth in 0..count {
        let value = rows[nth];
        let end = first_row.checked_add(value).filter(|&end| value > 0 && end <= ROWS_MAX);
        let end = end.ok_or(BlockError::Value { part: "the number of rows", value })?;
        if earliest[nth] > latest[nth] {
            return Err(BlockError::Times);
        }
        list.push(Entry {
            block: blocks[nth],
            first_row,
            rows: value,
            earliest: earliest[nth],
            latest: latest[nth],
            bytes: bytes[nth],
            keys: keys.get(nth).as_chunks::<4>().0.iter().map(|key| u32::from_le_bytes(*key)).collect(),
        });
        first_row = end;
    }
    Ok(list)
}

#[cfg(test)]
mod tests;
