//! The header of the metadata feed, which names the content feed.
//!
//! Grade: plain. Source: docs/structures.md, feeds of a drive.

use dazaar_log::FeedKey;

use super::error::DriveError;
use crate::hypertrie::Header;

/// What the header says is in the trie.
const SUBTYPE: &str = "hyperdrive";

/// The header of a drive whose bytes are in the feed `content`.
pub fn header(content: FeedKey) -> Header {
    Header { metadata: Some(content.as_bytes().to_vec()), subtype: Some(SUBTYPE.to_owned()) }
}

/// The content feed that a header names. What it says is in the trie is not looked at: npm hyperdrive lets its users choose.
///
/// # Errors
/// [`DriveError::NotADrive`] if it names none.
pub fn content_key(header: &Header) -> Result<FeedKey, DriveError> {
    let key = header.metadata.as_deref().and_then(|key| key.try_into().ok());
    key.map(FeedKey).ok_or(DriveError::NotADrive)
}
