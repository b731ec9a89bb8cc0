//! Terms of use, and what a buyer signs to accept them.
//!
//! Grade: plain. Terms are compared without the white space around them, as the reference compares them.
//! Source: classic protocol, section 7.5, step 2; the hash and the acceptance are ours.

mod acceptance;
mod gate;

use std::fmt;
use std::str::FromStr;

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest as _};
use dazaar_log::KeyError;
use dazaar_log::key::KEY_BYTES;

pub use acceptance::{Acceptance, AcceptanceError, VerifiedAcceptance};
pub use gate::{PeerKind, TermsAccepted, UnsignedTerms};

use crate::limits::TERMS_BYTES_MAX;

/// A seller's terms of use: some text that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    text: String,
    hash: TermsHash,
}

impl Terms {
    /// The terms with this text; none if it is blank, because that is how a seller says that there are none.
    ///
    /// # Errors
    /// [`TermsError::TooLong`].
    pub fn new(text: &str) -> Result<Option<Self>, TermsError> {
        if text.len() > TERMS_BYTES_MAX {
            return Err(TermsError::TooLong { bytes: text.len(), max: TERMS_BYTES_MAX });
        }
        let hash = TermsHash::of(text);
        Ok((!trim(text).is_empty()).then(|| Self { text: text.to_owned(), hash }))
    }

    /// The text as the seller wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What a buyer's acceptance names.
    pub const fn hash(&self) -> TermsHash {
        self.hash
    }
}

/// BLAKE2b-256 of the trimmed text: what `b2sum -l 256` prints for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TermsHash(pub [u8; KEY_BYTES]);

impl TermsHash {
    /// The hash of the terms with this text.
    pub fn of(text: &str) -> Self {
        Self(Blake2b::<U32>::digest(trim(text).as_bytes()).into())
    }
}

impl fmt::Display for TermsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TermsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TermsHash({}..)", hex::encode(&self.0[..3]))
    }
}

impl FromStr for TermsHash {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut bytes = [0; KEY_BYTES];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyError::NotHex { digits: text.len() })?;
        Ok(Self(bytes))
    }
}

/// White space as JavaScript's `trim` sees it: the byte order mark is, and U+0085 is not.
fn trim(text: &str) -> &str {
    text.trim_matches(|char: char| char == '\u{feff}' || (char.is_whitespace() && char != '\u{85}'))
}

/// Why text cannot be terms of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TermsError {
    /// More bytes than a peer takes.
    #[error("terms of use have at most {max} bytes, these have {bytes}")]
    TooLong {
        /// Bytes of the text.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
}

#[cfg(test)]
mod tests;
