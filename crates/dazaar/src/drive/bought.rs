//! Drives that were bought: the feeds are among those of the market, under keys that the drive does not name.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use dazaar_log::{FeedKey, IdentityKey, Log};
use dazaar_trie::hyperdrive::{DriveError, DrivePath, Entry, View, content_key};
use dazaar_trie::hypertrie::{Header, Trie};

use super::store::Store;
use super::{Drive, DriveAccessError};
use crate::folder::Folder;
use crate::market::{Market, MarketError};
use crate::shared_log::SharedLog;
use crate::trie::FeedBlocks;

impl Drive {
    /// The content feed that a drive names in the first block of its metadata; `None` if that is the first block of something else.
    pub fn content_named_in(first: &[u8]) -> Option<FeedKey> {
        content_key(&Header::decode(first).ok()?).ok()
    }

    /// How many blocks of content the files of a drive need, all of whose metadata is here, in the newest version.
    ///
    /// # Errors
    /// What is wrong with a block.
    pub fn content_needed(metadata: &Arc<SharedLog>) -> Result<u64, DriveError> {
        let trie = Trie::new(FeedBlocks::new(Arc::clone(metadata)));
        let view = View::new(&trie, trie.version());
        let mut list = view.readdir(&DrivePath::default(), true)?;
        let mut needed = 0;
        loop {
            match list.next(&view) {
                Ok(Some(entry)) if entry.is_mount || entry.feed().is_some() => {}
                Ok(Some(Entry { stat, .. })) if stat.blocks > 0 => {
                    needed = needed.max(stat.offset.saturating_add(stat.blocks));
                }
                Ok(Some(_)) | Err(DriveError::Stat { .. }) => {}
                Ok(None) => return Ok(needed),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads a drive whose feeds are open already: `metadata`, and others by the keys that the drive calls them. Nothing is fetched,
    /// and what comes meanwhile is seen. Nothing is exported into the folder `home`.
    ///
    /// # Errors
    /// [`DriveAccessError::Drive`] if it is no drive.
    pub async fn of_feeds(
        home: &Path,
        metadata: Arc<SharedLog>,
        others: BTreeMap<FeedKey, Arc<SharedLog>>,
    ) -> Result<Self, DriveAccessError> {
        Self::begin(Store::given(home, others), metadata).await
    }

    /// The same drive with what is mounted in it as it was when the feeds had so many blocks, by the keys that the drive calls them. What is
    /// not among them is as if it were not here.
    #[must_use]
    pub fn with_lengths(self, lengths: BTreeMap<FeedKey, u64>) -> Self {
        Self { lengths: Some(lengths), ..self }
    }

    /// Reads the drive that I bought from a seller, as it is on the disk now.
    ///
    /// # Errors
    /// [`DriveAccessError::Empty`] if the seller has given nothing yet; what is wrong with the records or a feed.
    pub async fn bought(market: &Market, seller: &IdentityKey) -> Result<Self, DriveAccessError> {
        let database = market.database();
        let purchase = database.purchase(seller).map_err(MarketError::from)?;
        let feed = purchase.and_then(|purchase| purchase.feed).ok_or(DriveAccessError::Empty)?;
        let metadata = snapshot(market, feed)?;
        let mut others = BTreeMap::new();
        for member in database.purchase_members(seller).map_err(MarketError::from)? {
            others.insert(member.feed, snapshot(market, member.key)?);
        }
        Self::of_feeds(market.dir(), metadata, others).await
    }
}

fn snapshot(market: &Market, feed: FeedKey) -> Result<Arc<SharedLog>, DriveAccessError> {
    let folder = market.purchase_folder(&feed);
    let storage = Folder::snapshot(&folder).map_err(super::store::at(&folder))?;
    Ok(SharedLog::new(Log::open(storage).map_err(|source| DriveAccessError::Feed { feed, source })?))
}
