//! A feed: a log seen under one key.
//!
//! The log's own feed has the signatures that the log stores. A re-keyed feed shows the same blocks and the same tree to one
//! buyer under a key of that buyer's own, signs on demand and stores nothing, so that it costs no space.
//!
//! A re-keyed feed only uploads, and not by a rule but by construction: [`Log::store`](crate::Log::store) takes blocks that were
//! verified under the log's own key, and a re-keyed feed can verify none.
//!
//! Grade: plain. Source: classic protocol, sections 1.4 and 6; differs in that re-keyed feeds are upload only (section 9, item 6).

use crate::key::{FeedKey, FeedKeyPair, Signature};
use crate::log::{Log, LogError};
use crate::storage::Storage;

/// A log seen under one key.
#[derive(Debug)]
pub struct Feed {
    key: FeedKey,
    /// Who signs a re-keyed feed.
    signer: Option<FeedKeyPair>,
    /// The signature made last, and for which length.
    last: Option<(u64, Signature)>,
}

impl Feed {
    /// A log under its own key.
    pub const fn own(key: FeedKey) -> Self {
        Self { key, signer: None, last: None }
    }

    /// A log under another key.
    pub fn rekeyed(pair: FeedKeyPair) -> Self {
        Self { key: pair.public(), signer: Some(pair), last: None }
    }

    /// The key under which peers verify the feed.
    pub const fn key(&self) -> FeedKey {
        self.key
    }

    /// Whether nothing can be stored through the feed.
    pub const fn is_upload_only(&self) -> bool {
        self.signer.is_some()
    }

    /// The signature of the first `length` blocks of `log` under the feed's key; `None` if there is none, or too little of
    /// the tree is here to make one. Re-keyed feeds sign the tree hash alone, and remember the last signature, so one feed
    /// goes with one log.
    ///
    /// # Errors
    /// As [`Log::tree_hash`].
    pub fn signature<S: Storage>(
        &mut self,
        log: &Log<S>,
        length: u64,
    ) -> Result<Option<Signature>, LogError> {
        let Some(signer) = &self.signer else { return log.signature(length) };
        if let Some((_, signature)) = self.last.filter(|(signed, _)| *signed == length) {
            return Ok(Some(signature));
        }
        let signature = log.tree_hash(length)?.map(|tree_hash| signer.sign(tree_hash.as_bytes()));
        self.last = signature.map(|signature| (length, signature));
        Ok(signature)
    }
}
