//! Looking at every file of a folder, and mending what the others prove.
//!
//! What can be mended is found by mending a copy in memory, so that what is promised is what is done. A folder of which
//! something is beyond repair is not touched.
//!
//! Grade: over a door. Source: classic protocol, section 3.

use std::fmt;
use std::ops::Range;

use super::error::LogError;
use crate::key::FeedKey;
use crate::storage::{FileName, Overlay, Storage};

mod compare;
mod files;
mod keys;
mod leaves;
mod treatment;

use treatment::Treatment;

/// What was found in a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The feed, if anything says which one it is.
    pub key: Option<FeedKey>,
    /// Whether the secret key is there.
    pub is_writable: bool,
    /// Blocks that are proved, once mended.
    pub length: u64,
    /// Blocks that are here, once mended.
    pub held: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing is wrong.
    pub const fn is_fine(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether all that is wrong can be mended.
    pub fn is_repairable(&self) -> bool {
        self.findings.iter().all(|finding| !matches!(finding.cure, Cure::None { .. }))
    }
}

/// Something that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: FileName,
    /// What is wrong with it.
    pub fault: Fault,
    /// What can be done.
    pub cure: Cure,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is not there, or empty.
    Missing,
    /// It lost its end.
    Truncated {
        /// Its bytes.
        bytes: u64,
        /// The bytes that it had at least.
        expected: u64,
    },
    /// Some of it is wrong.
    Damaged {
        /// The first byte of what is.
        offset: u64,
    },
    /// It belongs to another feed.
    Foreign,
}

/// What can be done about a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cure {
    /// Made anew without a loss.
    MadeAnew,
    /// `key`: from the secret key.
    FromSecretKey,
    /// `key`: from the name of the folder, which other files confirm.
    FromName,
    /// `secret_key`: from its first half.
    FromSeed,
    /// `bitfield`: from the tree, the data and the signatures.
    FromTree,
    /// `tree`: from the nodes below or above, and from the data.
    FromNodes,
    /// `signatures`: from the commit record.
    FromCommit,
    /// `signatures`: signed anew with the secret key, as the same blocks get the same signature.
    SignedAnew,
    /// A signature of an earlier length is dropped.
    Dropped,
    /// Blocks are forgotten. Only others have them now.
    Forgotten {
        /// Which.
        blocks: Vec<Range<u64>>,
    },
    /// The feed ends earlier.
    Shortened {
        /// Its length before.
        from: u64,
        /// Its length after.
        to: u64,
    },
    /// Nothing.
    None {
        /// Why, and what a person can do.
        why: &'static str,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Truncated { bytes, expected } => write!(f, "cut off: {bytes} of {expected} bytes"),
            Self::Damaged { offset } => write!(f, "damaged at byte {offset}"),
            Self::Foreign => f.write_str("another feed's"),
        }
    }
}

impl fmt::Display for Cure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MadeAnew => f.write_str("made anew; nothing is lost"),
            Self::FromSecretKey => f.write_str("derived from `secret_key`"),
            Self::FromName => f.write_str("taken from the folder's name, which other files confirm"),
            Self::FromSeed => f.write_str("derived from its first half"),
            Self::FromTree => f.write_str("rebuilt from `tree`, `data` and `signatures`"),
            Self::FromNodes => f.write_str("rebuilt from other nodes and `data`"),
            Self::FromCommit => f.write_str("taken from `commit`"),
            Self::SignedAnew => f.write_str("signed anew with `secret_key`"),
            Self::Dropped => f.write_str("dropped: only an earlier length had it"),
            Self::Forgotten { blocks } => {
                f.write_str("forgotten, and to be downloaded again: blocks ")?;
                for (nth, run) in blocks.iter().enumerate() {
                    let comma = if nth == 0 { "" } else { "," };
                    write!(f, "{comma}{}..{}", run.start, run.end)?;
                }
                Ok(())
            }
            Self::Shortened { from, to } => write!(f, "the feed ends at {to} blocks, and not at {from}"),
            Self::None { why } => f.write_str(why),
        }
    }
}

/// Looks at every file of a folder, and changes nothing. `named` is the key that the folder should have, if something
/// else says so.
///
/// # Errors
/// [`LogError::Io`].
pub fn examine<S: Storage + Sync>(storage: &S, named: Option<FeedKey>) -> Result<Report, LogError> {
    Treatment::new(Overlay::new(storage), named).run()
}

/// Mends a folder, if all that is wrong can be mended. Afterwards it opens, and an audit finds nothing. Returns what was
/// found.
///
/// # Errors
/// [`LogError::Io`].
pub fn repair<S: Storage + Sync>(storage: S, named: Option<FeedKey>) -> Result<Report, LogError> {
    let report = examine(&storage, named)?;
    if report.is_fine() || !report.is_repairable() {
        return Ok(report);
    }
    Treatment::new(storage, named).run()
}
