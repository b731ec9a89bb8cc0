//! What is sold with a drive: the drives and feeds that are mounted in it, and in each other, as far as they are ours to sell.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dazaar_log::FeedKey;
use dazaar_market::limits::MEMBERS_MAX;
use dazaar_trie::hyperdrive::{DriveError, DrivePath, View};
use dazaar_trie::hypertrie::Trie;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::{Drive, DriveAccessError};
use crate::database::{DatabaseError, Listing};
use crate::folder::Folder;
use crate::market::{Market, MarketError};
use crate::seller::Seller;
use crate::shared_log::SharedLog;
use crate::stored_feed::StoredFeed;
use crate::trie::FeedBlocks;

/// The shortest time from one look at what is mounted to the next; looking takes at most a tenth of the time.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What is mounted in a drive.
#[derive(Debug, Default)]
pub struct MountedFeeds {
    /// Feeds that can be sold with it, each once.
    pub feeds: Vec<StoredFeed>,
    /// Drives and feeds that cannot, and where they are mounted in the drive that mounts them.
    pub missing: Vec<(DrivePath, FeedKey)>,
    /// Of those that could be sold if more were ours, what is.
    partial: Vec<(Found, Vec<FeedKey>)>,
}

/// What is mounted somewhere.
#[derive(Debug)]
struct Found {
    path: DrivePath,
    key: FeedKey,
    is_drive: bool,
    /// Whether we write the drive that mounts it. What others mount does not make us sell what we sell for itself.
    is_by_us: bool,
}

impl Drive {
    /// Finds the feeds of all that is mounted in the drive, and in that, however deep: those that lie in the drive's folder, and those of
    /// listings for which `may_give` says that they may go along, and only where we write the drive that mounts them: they may be for sale at
    /// another price. What was bought from others is theirs to sell.
    ///
    /// # Errors
    /// The records or the drive itself cannot be read.
    pub async fn mounted_feeds(
        &self,
        market: &Market,
        may_give: impl Fn(&Listing) -> bool,
    ) -> Result<MountedFeeds, DriveAccessError> {
        let [own, content] = self.parts().await?;
        let mut known = BTreeSet::from([own.feed, content.feed]);
        let (mut waiting, mut found) = (vec![own.log], MountedFeeds::default());
        while let Some(drive) = waiting.pop() {
            for mount in mounts_of(&drive)? {
                if known.contains(&mount.key) {
                    continue;
                }
                let mut feeds = self.parts_to_sell(market, &mount, &may_give)?;
                let is_whole = feeds.len() == if mount.is_drive { 2 } else { 1 };
                if !is_whole || found.feeds.len() + feeds.len() >= MEMBERS_MAX {
                    found.missing.push((mount.path.clone(), mount.key));
                    if !is_whole {
                        let ours = feeds.iter().map(|feed| feed.feed).collect();
                        found.partial.push((mount, ours));
                    }
                    continue;
                }
                if mount.is_drive {
                    waiting.extend(feeds.first().map(|feed| Arc::clone(&feed.log)));
                }
                feeds.retain(|feed| known.insert(feed.feed));
                found.feeds.extend(feeds);
            }
        }
        // Another drive that mounts it may be ours.
        found.missing.retain(|(_, key)| !known.contains(key));
        Ok(found)
    }

    /// Has the market use both feeds of the drive, which are open here.
    ///
    /// # Errors
    /// As [`parts`](Self::parts).
    pub async fn lend_to(&self, market: &Market) -> Result<(), DriveAccessError> {
        self.parts().await?.iter().for_each(|part| market.adopt(&part.folder, &part.log));
        Ok(())
    }

    /// Sells along what is mounted in the drive from now on, and in that, as soon as it is known here that it is mounted and ours to sell.
    /// Each feed that is added is told.
    ///
    /// # Errors
    /// As [`mounted_feeds`](Self::mounted_feeds). Feeds beyond those that can be sold along are left out.
    pub async fn sell_along(
        &self,
        market: &Market,
        seller: &Seller,
        may_give: impl Fn(&Listing) -> bool,
        mut tell: impl FnMut(FeedKey),
    ) -> Result<Infallible, DriveAccessError> {
        let changed = Arc::new(Notify::new());
        self.metadata_log.listen(&changed);
        let (mut listening, mut left_out) = (BTreeSet::new(), BTreeSet::new());
        loop {
            let began = Instant::now();
            let found = self.mounted_feeds(market, &may_give).await?;
            for feed in &found.feeds {
                if listening.insert(feed.feed) {
                    feed.log.listen(&changed);
                }
                match seller.add_member(feed) {
                    Ok(true) => tell(feed.feed),
                    Ok(false) => {}
                    Err(MarketError::Database(DatabaseError::TooManyMembers { max })) => {
                        if left_out.insert(feed.feed) {
                            tracing::warn!(feed = %feed.feed, max, "a feed is not sold along: there are too many");
                        }
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            // Looking through a large drive takes time.
            sleep(LOOK_INTERVAL.max(began.elapsed() * 9)).await;
            let is_waiting = !found.partial.is_empty();
            loop {
                tokio::select! {
                    () = changed.notified() => break,
                    () = sleep(LOOK_INTERVAL), if is_waiting => {}
                }
                let has_changed = |(mount, ours): &(Found, Vec<FeedKey>)| {
                    let now = self.parts_to_sell(market, mount, &may_give);
                    // What cannot be read now may be later.
                    now.is_ok_and(|now| !now.iter().map(|feed| &feed.feed).eq(ours))
                };
                if found.partial.iter().any(has_changed) {
                    break;
                }
            }
        }
    }

    /// The feeds of a mount that are ours to sell: its own, and of a drive the content too.
    fn parts_to_sell(
        &self,
        market: &Market,
        mount: &Found,
        may_give: impl Fn(&Listing) -> bool,
    ) -> Result<Vec<StoredFeed>, DriveAccessError> {
        let may_give = |listing: &Listing| mount.is_by_us && may_give(listing);
        let mut feeds = Vec::from_iter(self.to_sell(market, mount.key, may_give)?);
        let named = match feeds.first() {
            Some(feed) if mount.is_drive => {
                let first = feed.log.lock().block(0).ok().flatten();
                first.and_then(|first| Self::content_named_in(&first))
            }
            _ => None,
        };
        if let Some(named) = named {
            feeds.extend(self.to_sell(market, named, may_give)?);
        }
        Ok(feeds)
    }

    /// A feed that is ours to sell: here, or among what the market sells.
    fn to_sell(
        &self,
        market: &Market,
        feed: FeedKey,
        may_give: impl Fn(&Listing) -> bool,
    ) -> Result<Option<StoredFeed>, DriveAccessError> {
        let folder = self.store.folder_of(feed);
        if Folder::is_begun(&folder) {
            let log = match self.store.feed(feed) {
                Ok(log) => log,
                // The market may have it open.
                Err(error) => market.log(&folder).map_err(|_| error)?,
            };
            return Ok(Some(StoredFeed { feed, folder, log }));
        }
        let listed = market.listed(&feed).map_err(MarketError::from)?;
        let given = listed.into_iter().find(|(listing, _)| may_give(listing));
        // One that somebody else is using now cannot be sold by us.
        Ok(given.and_then(|(_, folder)| Some(StoredFeed { feed, log: market.log(&folder).ok()?, folder })))
    }
}

/// What is mounted in the newest version of a drive that is here.
fn mounts_of(metadata: &Arc<SharedLog>) -> Result<Vec<Found>, DriveError> {
    let trie = Trie::new(FeedBlocks::new(Arc::clone(metadata)));
    let view = View::new(&trie, trie.version());
    let is_by_us = metadata.lock().is_writable();
    let mut list = view.readdir(&DrivePath::default(), true)?;
    let mut found = Vec::new();
    loop {
        match list.next(&view) {
            Ok(Some(entry)) => {
                let path = DrivePath::new(&entry.path);
                if let Some(feed) = entry.feed() {
                    found.push(Found { path, key: feed.key, is_drive: false, is_by_us });
                } else if entry.is_mount
                    && let Ok(mount) = view.mount_point(&path)
                {
                    found.push(Found { path, key: mount.key, is_drive: true, is_by_us });
                }
            }
            Err(DriveError::Stat { .. }) => {}
            // What cannot be read is not sold, and no reason not to sell the rest.
            Ok(None) | Err(_) => return Ok(found),
        }
    }
}
