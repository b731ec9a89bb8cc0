//! Feeds behind one gate: which feeds a buyer gets beside the first.
//!
//! Grade: plain. A drive is two feeds, and its first one names the other; a database names the feeds of all who write. Each buyer gets
//! every feed under a key of their own, so the seller says which key stands for which name. A database names its first feed too, so
//! that one may be among the members: it is no further feed then, but a name. More may come while a session lasts.
//! Source: docs/protocol.md, sets of feeds.

use dazaar_log::FeedKey;
use serde_json::{Value, json};

use crate::extension::Extension;
use crate::limits::MEMBERS_MAX;
use crate::session::PeerFault;

/// A feed that is sold together with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its own key, by which the data names it.
    pub feed: FeedKey,
    /// The key under which this buyer gets it; the same, if it is free.
    pub key: FeedKey,
}

impl Member {
    /// A feed that everybody gets under its own key.
    pub const fn free(feed: FeedKey) -> Self {
        Self { feed, key: feed }
    }

    fn from_json(value: &Value) -> Option<Self> {
        let key = |name| value.get(name)?.as_str()?.parse().ok();
        Some(Self { feed: key("feed")?, key: key("key")? })
    }
}

/// The payload of [`Extension::Feeds`].
pub(crate) fn encode(members: &[Member]) -> Vec<u8> {
    let feeds: Vec<_> = members
        .iter()
        .map(|Member { feed, key }| json!({ "feed": feed.to_string(), "key": key.to_string() }))
        .collect();
    json!({ "feeds": feeds }).to_string().into_bytes()
}

/// What an [`Extension::Feeds`] says; what is no pair of keys is skipped.
pub(crate) fn decode(payload: &[u8]) -> Result<Vec<Member>, PeerFault> {
    let object = Extension::Feeds.decode_object(payload)?.unwrap_or_default();
    let Some(Value::Array(feeds)) = object.get("feeds") else { return Ok(Vec::new()) };
    // The first feed may be named along.
    if feeds.len() > MEMBERS_MAX + 1 {
        return Err(PeerFault::TooManyFeeds { max: MEMBERS_MAX });
    }
    Ok(feeds.iter().filter_map(Member::from_json).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let members =
            [Member { feed: FeedKey([1; 32]), key: FeedKey([2; 32]) }, Member::free(FeedKey([3; 32]))];
        assert_eq!(decode(&encode(&members)), Ok(members.to_vec()));
    }

    #[test]
    fn what_is_no_pair_of_keys_is_skipped() {
        let key = "01".repeat(32);
        let text = format!(
            r#"{{"feeds":[1,null,{{"feed":"{key}"}},{{"feed":"{key}","key":"{}"}},{{"feed":"{key}","key":"{key}","more":1}}]}}"#,
            &key[1..]
        );
        assert_eq!(decode(text.as_bytes()), Ok(vec![Member::free(FeedKey([1; 32]))]));
        for other in ["null", "[]", "{}", r#"{"feeds":{}}"#, "\u{7f}"] {
            assert_eq!(decode(other.as_bytes()), Ok(vec![]));
        }
    }

    #[test]
    fn there_are_not_too_many() {
        let members = |count| encode(&vec![Member::free(FeedKey([1; 32])); count]);
        assert_eq!(decode(&members(MEMBERS_MAX + 1)).unwrap().len(), MEMBERS_MAX + 1);
        assert_eq!(decode(&members(MEMBERS_MAX + 2)), Err(PeerFault::TooManyFeeds { max: MEMBERS_MAX }));
    }
}
