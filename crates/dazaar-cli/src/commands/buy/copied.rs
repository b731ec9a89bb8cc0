//! What a folder of the disk holds of a drive that is bought, remembered from one run to the next: what the seller deletes meanwhile is
//! deleted there too.

use std::collections::BTreeMap;
use std::path::{Path, absolute};
use std::sync::Arc;

use dazaar::Market;
use dazaar::database::DatabaseError;
use dazaar::log::{FeedKey, IdentityKey};
use serde_json::{Value, json};

/// The version that was written last, and how long the feeds were then, by what the drive calls them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) version: u64,
    pub(super) lengths: BTreeMap<FeedKey, u64>,
}

/// Where that is remembered of one seller.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    market: Arc<Market>,
    seller: IdentityKey,
}

impl Memory {
    pub(super) const fn new(market: Arc<Market>, seller: IdentityKey) -> Self {
        Self { market, seller }
    }

    /// What was written into a folder; none if nothing was, or that was written by another version of this program.
    pub(super) fn recall(&self, folder: &Path) -> Result<Option<Copied>, DatabaseError> {
        Ok(self.market.database().setting(&self.name(folder))?.as_ref().and_then(Copied::read))
    }

    pub(super) fn remember(&self, folder: &Path, copied: &Copied) -> Result<(), DatabaseError> {
        self.market.database().set_setting(&self.name(folder), &copied.value())
    }

    fn name(&self, folder: &Path) -> String {
        let folder = absolute(folder).unwrap_or_else(|_| folder.to_owned());
        format!("copied/{}/{}", self.seller, folder.to_string_lossy())
    }
}

impl Copied {
    fn value(&self) -> Value {
        let lengths: BTreeMap<String, u64> =
            self.lengths.iter().map(|(feed, length)| (feed.to_string(), *length)).collect();
        json!({ "version": self.version, "lengths": lengths })
    }

    fn read(value: &Value) -> Option<Self> {
        let lengths = value["lengths"].as_object()?.iter();
        let lengths = lengths.map(|(feed, length)| Some((feed.parse().ok()?, length.as_u64()?)));
        Some(Self { version: value["version"].as_u64()?, lengths: lengths.collect::<Option<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_read_and_nothing_else() {
        let lengths = BTreeMap::from([(FeedKey([1; 32]), 7), (FeedKey([2; 32]), 0)]);
        let copied = Copied { version: 5, lengths };
        assert_eq!(Copied::read(&copied.value()), Some(copied));
        for wrong in [json!(null), json!({ "version": 5 }), json!({ "version": 5, "lengths": { "x": 1 } })] {
            assert_eq!(Copied::read(&wrong), None);
        }
    }
}
