//! The commit record: up to which length a log is known to be whole.
//!
//! Hypercore has nothing like it and ignores the file. The file holds three slots of one record each. Appends take turns
//! in two of them, so that a torn write leaves the record before it; the third is written only once everything that it
//! speaks of has been synced, so that a power cut leaves that one.
//!
//! ```text
//! "dazaar-commit 1" 0a | sequence (8) | length (8) | bytes (8) | tree hash (32) | signature (64) | checksum (32)
//! ```
//! Integers are big endian. The checksum is the BLAKE2b of everything before it, keyed with the feed's key, so that the
//! record of another log is none. A signature of zeros stands for a log without one.
//!
//! Grade: plain.

use crate::hash::Hash;
use crate::key::{FeedKey, KEY_BYTES, Signature, keyed_hash};
use crate::sleep::decode_signature;

const MAGIC: [u8; 16] = *b"dazaar-commit 1\n";
const CHECKED_BYTES: usize = MAGIC.len() + 3 * size_of::<u64>() + Hash::BYTES + Signature::BYTES;

/// Bytes of a record.
pub(crate) const COMMIT_BYTES: usize = CHECKED_BYTES + KEY_BYTES;

/// A place in the file for one record. No two share a sector of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// For what has been synced.
    Synced,
    /// For even sequence numbers.
    Even,
    /// For odd sequence numbers.
    Odd,
}

impl Slot {
    /// Every slot.
    pub(crate) const ALL: [Self; 3] = [Self::Synced, Self::Even, Self::Odd];

    /// The slot whose turn it is.
    pub(crate) const fn of(sequence: u64) -> Self {
        if sequence.is_multiple_of(2) { Self::Even } else { Self::Odd }
    }

    /// Where the record starts in the file.
    pub(crate) const fn offset(self) -> u64 {
        match self {
            Self::Synced => 0,
            Self::Even => 4096,
            Self::Odd => 8192,
        }
    }
}

/// A length of the log at which everything was in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Counts up with every record of this log.
    pub(crate) sequence: u64,
    /// Blocks.
    pub(crate) length: u64,
    /// Bytes of all blocks.
    pub(crate) byte_length: u64,
    /// The hash over the roots.
    pub(crate) tree_hash: Hash,
    /// The feed's signature at this length, if it has one.
    pub(crate) signature: Option<Signature>,
}

impl Commit {
    /// The record in the log of `key`.
    pub(crate) fn encode(&self, key: &FeedKey) -> [u8; COMMIT_BYTES] {
        let mut record = [0; COMMIT_BYTES];
        let signature = self.signature.map_or([0; Signature::BYTES], |signature| signature.0);
        let fields: [&[u8]; 6] = [
            &MAGIC,
            &self.sequence.to_be_bytes(),
            &self.length.to_be_bytes(),
            &self.byte_length.to_be_bytes(),
            &self.tree_hash.0,
            &signature,
        ];
        let mut rest = record.as_mut_slice();
        for field in fields {
            let (place, after) = rest.split_at_mut(field.len());
            place.copy_from_slice(field);
            rest = after;
        }
        rest.copy_from_slice(&keyed_hash(&key.0, &fields));
        record
    }

    /// Reads a record of the log of `key`; `None` if it is torn, empty, or another log's.
    pub(crate) fn decode(record: &[u8; COMMIT_BYTES], key: &FeedKey) -> Option<Self> {
        let (checked, checksum) = record.split_first_chunk::<CHECKED_BYTES>()?;
        if checksum != keyed_hash(&key.0, &[checked]) {
            return None;
        }
        let mut rest = checked.strip_prefix(&MAGIC)?;
        Some(Self {
            sequence: u64::from_be_bytes(*take(&mut rest)?),
            length: u64::from_be_bytes(*take(&mut rest)?),
            byte_length: u64::from_be_bytes(*take(&mut rest)?),
            tree_hash: Hash(*take(&mut rest)?),
            signature: decode_signature(take(&mut rest)?),
        })
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (field, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: FeedKey = FeedKey([7; 32]);

    fn commit(signature: Option<Signature>) -> Commit {
        Commit { sequence: 9, length: 5, byte_length: 15, tree_hash: Hash([3; 32]), signature }
    }

    #[test]
    fn a_record_survives_the_file() {
        for signature in [None, Some(Signature([4; 64]))] {
            let commit = commit(signature);
            assert_eq!(Commit::decode(&commit.encode(&KEY), &KEY), Some(commit));
        }
    }

    #[test]
    fn any_flipped_bit_and_any_other_log_is_refused() {
        let record = commit(None).encode(&KEY);
        for bit in 0..8 * COMMIT_BYTES {
            let mut torn = record;
            torn[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Commit::decode(&torn, &KEY), None, "bit {bit}");
        }
        assert_eq!(Commit::decode(&record, &FeedKey([8; 32])), None);
        assert_eq!(Commit::decode(&[0; COMMIT_BYTES], &KEY), None);
    }

    #[test]
    fn appends_take_turns() {
        assert_ne!(Slot::of(0), Slot::of(1));
        assert_eq!(Slot::of(0), Slot::of(2));
        assert!(Slot::ALL.iter().all(|slot| slot.offset() % 4096 == 0));
    }
}
