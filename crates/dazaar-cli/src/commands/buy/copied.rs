//! What a folder of the disk holds of a drive that is bought, remembered from one run to the next: what the seller deletes meanwhile is
//! deleted there too.

use std::collections::BTreeMap;
use std::path::{Path, absolute};
use std::sync::Arc;

use dazaar::Market;
use dazaar::database::DatabaseError;
use dazaar::log::{FeedKey, IdentityKey};
use dazaar::maps::hyperdrive::Reach;
use serde_json::{Value, json};

/// Versions that are remembered of a folder; of older ones files may stay that the drive lost.
const COPIES_MAX: usize = 16;

/// A version that was written, or at least begun, and how long the feeds were then, by what the drive calls them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) version: u64,
    /// Whether what is mounted was written too.
    pub(super) reach: Reach,
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

    /// What may be in a folder, oldest first; nothing if that was written by another version of this program.
    pub(super) fn recall(&self, folder: &Path) -> Result<Vec<Copied>, DatabaseError> {
        let setting = self.market.database().setting(&self.name(folder))?;
        let copies = setting.as_ref().and_then(Value::as_array);
        Ok(copies.into_iter().flatten().filter_map(Copied::read).collect())
    }

    /// Another version is about to be written: files of those before may be there still.
    pub(super) fn begin(&self, folder: &Path, copied: &Copied) -> Result<(), DatabaseError> {
        let mut copies = self.recall(folder)?;
        copies.retain(|other| other != copied);
        copies.push(copied.clone());
        let last = copies.len().saturating_sub(COPIES_MAX);
        self.remember(folder, copies.get(last..).unwrap_or_default())
    }

    /// Nothing is there of any version but these.
    pub(super) fn remember(&self, folder: &Path, copies: &[Copied]) -> Result<(), DatabaseError> {
        let copies: Vec<Value> = copies.iter().map(Copied::value).collect();
        self.market.database().set_setting(&self.name(folder), &copies.into())
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
        let mounts = self.reach == Reach::Mounts;
        json!({ "version": self.version, "mounts": mounts, "lengths": lengths })
    }

    fn read(value: &Value) -> Option<Self> {
        let lengths = value["lengths"].as_object()?.iter();
        let lengths = lengths.map(|(feed, length)| Some((feed.parse().ok()?, length.as_u64()?)));
        let reach = if value["mounts"].as_bool()? { Reach::Mounts } else { Reach::Drive };
        Some(Self { version: value["version"].as_u64()?, reach, lengths: lengths.collect::<Option<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_read_and_nothing_else() {
        let lengths = BTreeMap::from([(FeedKey([1; 32]), 7), (FeedKey([2; 32]), 0)]);
        for reach in [Reach::Drive, Reach::Mounts] {
            let copied = Copied { version: 5, reach, lengths: lengths.clone() };
            assert_eq!(Copied::read(&copied.value()), Some(copied));
        }
        for wrong in [
            json!(null),
            json!({ "version": 5, "mounts": true }),
            json!({ "version": 5, "lengths": {} }),
            json!({ "version": 5, "mounts": true, "lengths": { "x": 1 } }),
        ] {
            assert_eq!(Copied::read(&wrong), None);
        }
    }

    #[test]
    fn what_was_begun_is_remembered_until_all_else_is_gone() {
        let scene = tempfile::tempdir().expect("a folder");
        let market = Market::create(scene.path(), None, None).expect("a market");
        let memory = Memory::new(Arc::new(market), IdentityKey([3; 32]));
        let of = |version| Copied { version, reach: Reach::Drive, lengths: BTreeMap::new() };
        let folder = Path::new("copy");
        let known = || memory.recall(folder).expect("it can be read");
        assert_eq!(known(), []);
        for version in [5, 7, 5, 8] {
            memory.begin(folder, &of(version)).expect("it is kept");
        }
        assert_eq!(known(), [7, 5, 8].map(of), "each once");
        assert_eq!(memory.recall(Path::new("other")).expect("it can be read"), []);
        for version in 9..100 {
            memory.begin(folder, &of(version)).expect("it is kept");
        }
        assert_eq!((known().len(), known().last()), (COPIES_MAX, Some(&of(99))));
        memory.remember(folder, &[of(99)]).expect("it is kept");
        assert_eq!(known(), [of(99)]);
    }
}
