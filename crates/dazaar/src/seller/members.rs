//! The feeds that are sold together with the first. There may be more while they are sold: whoever is served hears of each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dazaar_log::FeedKey;
use tokio::sync::watch;

use crate::database::Listing;
use crate::market::{Market, MarketError};
use crate::shared_log::SharedLog;

/// The feeds of a listing besides its own.
#[derive(Debug)]
pub(super) struct Members {
    logs: Mutex<BTreeMap<FeedKey, Arc<SharedLog>>>,
    grown: watch::Sender<()>,
    /// Whether buyers are told what the data calls the listing's own.
    names_first: bool,
}

impl Members {
    /// Those on record.
    pub(super) fn of(market: &Market, listing: &Listing) -> Result<Self, MarketError> {
        let (mut logs, mut names_first) = (BTreeMap::new(), false);
        for member in market.database().listing_members(&listing.feed)? {
            if member.feed == listing.feed {
                names_first = true;
            } else {
                logs.insert(member.feed, market.log(&member.folder)?);
            }
        }
        Ok(Self { logs: Mutex::new(logs), grown: watch::Sender::new(()), names_first })
    }

    pub(super) const fn names_first(&self) -> bool {
        self.names_first
    }

    /// Those that there are now.
    pub(super) fn all(&self) -> BTreeMap<FeedKey, Arc<SharedLog>> {
        self.logs().clone()
    }

    pub(super) fn get(&self, feed: &FeedKey) -> Option<Arc<SharedLog>> {
        self.logs().get(feed).cloned()
    }

    pub(super) fn add(&self, feed: FeedKey, log: &Arc<SharedLog>) {
        self.logs().insert(feed, Arc::clone(log));
        self.grown.send_replace(());
    }

    /// Hears of those that are added from now on.
    pub(super) fn growing(&self) -> watch::Receiver<()> {
        self.grown.subscribe()
    }

    fn logs(&self) -> MutexGuard<'_, BTreeMap<FeedKey, Arc<SharedLog>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
