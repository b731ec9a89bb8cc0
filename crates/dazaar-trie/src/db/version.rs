//! A version of a map: its heads, by feed and block.
//!
//! Grade: plain. Source: docs/structures.md, versions of a hyperdb.

use dazaar_log::FeedKey;
use dazaar_log::codec::varint;

use super::DbError;
use crate::fields::take_varint;
use crate::limits::MAX_WRITERS;

/// The heads of a map: the last entry of each feed, but for those that another one replaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version(pub Vec<(FeedKey, u64)>);

impl Version {
    /// Bytes that JavaScript understands.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (feed, seq) in &self.0 {
            out.extend_from_slice(&feed.0);
            varint::encode(*seq, &mut out);
        }
        out
    }

    /// Reads what [`encode`](Self::encode) or JavaScript wrote.
    ///
    /// # Errors
    /// [`DbError::Version`] if the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, DbError> {
        let mut rest = bytes;
        let mut heads = Vec::new();
        while let Some((key, after)) = rest.split_first_chunk() {
            rest = after;
            let seq = take_varint(&mut rest).map_err(|_| DbError::Version)?;
            if seq == 0 || heads.len() >= MAX_WRITERS {
                return Err(DbError::Version);
            }
            heads.push((FeedKey(*key), seq));
        }
        if rest.is_empty() { Ok(Self(heads)) } else { Err(DbError::Version) }
    }
}
