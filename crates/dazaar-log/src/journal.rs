//! The journal: blocks that were appended since the other files were synced, so that one sync of this file is enough.
//!
//! Hypercore knows no such file and ignores it. Records follow each other from where the commit record says; what lies
//! behind the last of them is left from earlier days, and does not continue it.
//!
//! ```text
//! head (128) | size of each block (4) | the blocks | checksum (32)
//! head     sequence (8) | first block (8) | its byte offset (8) | blocks (4) | bytes (4) | tree hash (32) | signature (64)
//! ```
//! Integers are big endian. Tree hash and signature are those of the log with the record's blocks. The checksum is the
//! BLAKE2b of "dazaar-journal 1" 0a and everything before, keyed with the feed's key.
//!
//! Grade: plain.

use crate::hash::Hash;
use crate::key::{FeedKey, KEY_BYTES, Signature, keyed_hash};
use crate::limits::MAX_JOURNAL_RECORD_BYTES;

const MAGIC: [u8; 17] = *b"dazaar-journal 1\n";
const SIZE_BYTES: usize = size_of::<u32>();

/// Bytes of a record's head.
pub(crate) const HEAD_BYTES: usize = 3 * 8 + 2 * SIZE_BYTES + Hash::BYTES + Signature::BYTES;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JournalHead {
    /// The number of the commit that the record is.
    pub(crate) sequence: u64,
    /// The first block.
    pub(crate) first: u64,
    /// Where it starts within the whole log.
    pub(crate) byte_offset: u64,
    /// How many blocks there are.
    pub(crate) blocks: u32,
    /// Bytes of the blocks.
    pub(crate) bytes: u32,
    /// The hash over the roots of the log with the blocks.
    pub(crate) tree_hash: Hash,
    /// Its signature.
    pub(crate) signature: Signature,
}

impl JournalHead {
    /// Reads a head, if a record may have it.
    pub(crate) fn decode(head: &[u8; HEAD_BYTES]) -> Option<Self> {
        let mut rest = head.as_slice();
        let head = Self {
            sequence: u64::from_be_bytes(take(&mut rest)?),
            first: u64::from_be_bytes(take(&mut rest)?),
            byte_offset: u64::from_be_bytes(take(&mut rest)?),
            blocks: u32::from_be_bytes(take(&mut rest)?),
            bytes: u32::from_be_bytes(take(&mut rest)?),
            tree_hash: Hash(take(&mut rest)?),
            signature: Signature(take(&mut rest)?),
        };
        (head.blocks > 0 && head.record_bytes() <= MAX_JOURNAL_RECORD_BYTES).then_some(head)
    }

    /// Bytes of the whole record.
    pub(crate) fn record_bytes(&self) -> u64 {
        record_bytes(u64::from(self.blocks), u64::from(self.bytes))
    }
}

/// Bytes of a record with so many blocks, of so many bytes together.
pub(crate) const fn record_bytes(blocks: u64, bytes: u64) -> u64 {
    (HEAD_BYTES + KEY_BYTES) as u64 + SIZE_BYTES as u64 * blocks + bytes
}

/// Writes a record of the log of `key` into the empty `buffer`. The blocks are those that `head` counts.
pub(crate) fn encode<B: AsRef<[u8]>>(head: &JournalHead, blocks: &[B], key: &FeedKey, buffer: &mut Vec<u8>) {
    buffer.extend_from_slice(&head.sequence.to_be_bytes());
    buffer.extend_from_slice(&head.first.to_be_bytes());
    buffer.extend_from_slice(&head.byte_offset.to_be_bytes());
    buffer.extend_from_slice(&head.blocks.to_be_bytes());
    buffer.extend_from_slice(&head.bytes.to_be_bytes());
    buffer.extend_from_slice(&head.tree_hash.0);
    buffer.extend_from_slice(&head.signature.0);
    for block in blocks {
        buffer.extend_from_slice(&(block.as_ref().len() as u32).to_be_bytes());
    }
    blocks.iter().for_each(|block| buffer.extend_from_slice(block.as_ref()));
    let checksum = keyed_hash(&key.0, &[&MAGIC, buffer]);
    buffer.extend_from_slice(&checksum);
}

/// The blocks of a whole record of the log of `key`; `None` if it is torn or another log's.
pub(crate) fn decode_blocks<'a>(
    head: &JournalHead,
    record: &'a [u8],
    key: &FeedKey,
) -> Option<Vec<&'a [u8]>> {
    let (checked, checksum) = record.split_last_chunk::<KEY_BYTES>()?;
    if *checksum != keyed_hash(&key.0, &[&MAGIC, checked]) {
        return None;
    }
    let (sizes, mut data) = checked.get(HEAD_BYTES..)?.split_at_checked(head.blocks as usize * SIZE_BYTES)?;
    let mut blocks = Vec::with_capacity(head.blocks as usize);
    for size in sizes.as_chunks::<SIZE_BYTES>().0 {
        let (block, after) = data.split_at_checked(u32::from_be_bytes(*size) as usize)?;
        blocks.push(block);
        data = after;
    }
    data.is_empty().then_some(blocks)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (field, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*field)
}

#[cfg(test)]
mod tests;
