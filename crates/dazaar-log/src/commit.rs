//! The commit record: up to which length a log is known to be whole.
//!
//! Hypercore has nothing like it and ignores the file. The file holds three slots of one record each, in sectors of
//! their own. Appends take turns in two of them, so that a torn write leaves the record before it; what they write only
//! claims. The third is written only once everything that it speaks of has been synced, so that a power cut leaves that
//! one; it also says which blocks were there, and where the journal goes on.
//!
//! ```text
//! claim    "dazaar-commit 1" 0a | commit | checksum (32)
//! synced   "dazaar-commit 2" 0a | commit | journal (8) | 20 times: first block (8), end (8) | checksum (32)
//! commit   sequence (8) | length (8) | bytes (8) | tree hash (32) | signature (64)
//! ```
//! Integers are big endian. The checksum is the BLAKE2b of everything before it, keyed with the feed's key, so that the
//! record of another log is none. A signature of zeros stands for a log without one. A synced record may have the form
//! of a claim: then all blocks of its length that are held were synced.
//!
//! Grade: plain.

use std::ops::Range;

use crate::hash::Hash;
use crate::have::HaveMap;
use crate::key::{FeedKey, KEY_BYTES, Signature, keyed_hash};
use crate::sleep::decode_signature;

const CLAIM: [u8; 16] = *b"dazaar-commit 1\n";
const SYNCED: [u8; 16] = *b"dazaar-commit 2\n";
const COMMIT_BYTES: usize = 3 * size_of::<u64>() + Hash::BYTES + Signature::BYTES;

/// Runs of blocks that a synced record can name.
const RUNS: usize = 20;

/// Bytes of a claim.
pub(crate) const CLAIM_BYTES: usize = CLAIM.len() + COMMIT_BYTES + KEY_BYTES;

/// Bytes of a synced record. It fits in a sector of a disk, which is written whole or not at all.
pub(crate) const SYNCED_BYTES: usize = CLAIM_BYTES + (1 + 2 * RUNS) * size_of::<u64>();

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
    /// Those that only claim.
    pub(crate) const CLAIMS: [Self; 2] = [Self::Even, Self::Odd];

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
    /// The record of a claim in the log of `key`.
    pub(crate) fn encode(&self, key: &FeedKey) -> [u8; CLAIM_BYTES] {
        seal(key, &[&CLAIM, &self.to_bytes()])
    }

    /// Reads a claim in the log of `key`; `None` if it is torn, empty, or another log's.
    pub(crate) fn decode(record: &[u8; CLAIM_BYTES], key: &FeedKey) -> Option<Self> {
        Self::from_bytes(&mut unseal(record, key)?.strip_prefix(&CLAIM)?)
    }

    fn to_bytes(self) -> [u8; COMMIT_BYTES] {
        let signature = self.signature.map_or([0; Signature::BYTES], |signature| signature.0);
        concat(&[
            &self.sequence.to_be_bytes(),
            &self.length.to_be_bytes(),
            &self.byte_length.to_be_bytes(),
            &self.tree_hash.0,
            &signature,
        ])
    }

    fn from_bytes(rest: &mut &[u8]) -> Option<Self> {
        Some(Self {
            sequence: u64::from_be_bytes(*take(rest)?),
            length: u64::from_be_bytes(*take(rest)?),
            byte_length: u64::from_be_bytes(*take(rest)?),
            tree_hash: Hash(*take(rest)?),
            signature: decode_signature(take(rest)?),
        })
    }
}

/// What was synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Synced {
    /// The length.
    pub(crate) commit: Commit,
    /// Where the journal's records that follow begin.
    pub(crate) journal: u64,
    /// Blocks that were there, in order: all of them, or the longest runs if there are more than fit.
    pub(crate) runs: Vec<Range<u64>>,
}

impl Synced {
    /// A log of `commit` that holds the blocks of `have`.
    pub(crate) fn new(commit: Commit, journal: u64, have: &HaveMap) -> Self {
        let mut runs: Vec<_> = have.runs(0..commit.length).collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.end - run.start));
        runs.truncate(RUNS);
        runs.sort_by_key(|run| run.start);
        Self { commit, journal, runs }
    }

    /// A record of the first form, which named no runs.
    pub(crate) fn from_claim(commit: Commit) -> Self {
        let all = 0..commit.length;
        Self { commit, journal: 0, runs: Vec::from([all]) }
    }

    /// Whether every block of the log was there.
    pub(crate) fn is_full(&self) -> bool {
        self.runs.first() == Some(&(0..self.commit.length))
    }

    /// Blocks below `end` that may have changed since.
    pub(crate) fn gaps(&self, end: u64) -> impl Iterator<Item = Range<u64>> {
        let starts = std::iter::once(0).chain(self.runs.iter().map(|run| run.end));
        let ends = self.runs.iter().map(|run| run.start).chain([end]);
        starts.zip(ends).map(move |(start, gap_end)| start..gap_end.min(end)).filter(|gap| !gap.is_empty())
    }

    /// The record in the log of `key`.
    pub(crate) fn encode(&self, key: &FeedKey) -> [u8; SYNCED_BYTES] {
        let mut runs = [[0; 2 * size_of::<u64>()]; RUNS];
        for (place, run) in runs.iter_mut().zip(&self.runs) {
            *place = concat(&[&run.start.to_be_bytes(), &run.end.to_be_bytes()]);
        }
        seal(key, &[&SYNCED, &self.commit.to_bytes(), &self.journal.to_be_bytes(), runs.as_flattened()])
    }

    /// Reads a record in the log of `key`; `None` if it is torn, empty, or another log's.
    pub(crate) fn decode(record: &[u8; SYNCED_BYTES], key: &FeedKey) -> Option<Self> {
        let mut rest = unseal(record, key)?.strip_prefix(&SYNCED)?;
        let commit = Commit::from_bytes(&mut rest)?;
        let journal = u64::from_be_bytes(*take(&mut rest)?);
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let run = u64::from_be_bytes(*take(&mut rest)?)..u64::from_be_bytes(*take(&mut rest)?);
            runs.extend((!run.is_empty()).then_some(run));
        }
        Some(Self { commit, journal, runs })
    }
}

/// The parts and the checksum over them.
fn seal<const N: usize>(key: &FeedKey, parts: &[&[u8]]) -> [u8; N] {
    concat(&[parts, &[&keyed_hash(&key.0, parts)]].concat())
}

/// What the checksum is over, if it fits.
fn unseal<'a>(record: &'a [u8], key: &FeedKey) -> Option<&'a [u8]> {
    let (checked, checksum) = record.split_last_chunk::<KEY_BYTES>()?;
    (*checksum == keyed_hash(&key.0, &[checked])).then_some(checked)
}

/// The parts, one after the other, which have `N` bytes together.
fn concat<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut bytes = [0; N];
    let mut rest = bytes.as_mut_slice();
    for part in parts {
        let (place, after) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = after;
    }
    bytes
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (field, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(field)
}

#[cfg(test)]
mod tests;
