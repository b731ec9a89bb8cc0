//! Maps of several writers as they are on the disk: of one's own, whoever else uses it, and those that were bought.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use dazaar_log::{FeedKey, IdentityKey, Log, LogError};
use dazaar_trie::db::{Feeds, is_header};

use super::{HyperDbError, LOCAL, PEERS, SOURCE, whole};
use crate::buyer::Buyer;
use crate::folder::Folder;
use crate::market::{Market, MarketError};
use crate::replicator::Replicator;
use crate::shared_log::SharedLog;

/// The feeds of a map as they were when each was first asked for. Nothing is fetched, and nothing is locked.
#[derive(Debug)]
pub struct StoredDb {
    source: FeedKey,
    own: Option<FeedKey>,
    folders: Folders,
    logs: Mutex<BTreeMap<FeedKey, Option<Log<Folder>>>>,
}

/// Where the feeds are.
#[derive(Debug)]
enum Folders {
    /// As npm hyperdb has them.
    Map(PathBuf),
    /// Each in a folder of its own, by the name that the data has for it.
    Named(BTreeMap<FeedKey, PathBuf>),
}

impl StoredDb {
    /// The map in a folder.
    ///
    /// # Errors
    /// There is none, or a feed cannot be read.
    pub fn in_folder(folder: &Path) -> Result<Self, HyperDbError> {
        let source = snapshot(&folder.join(SOURCE))?;
        let mut logs = BTreeMap::new();
        let key = source.key();
        let mut own = source.is_writable().then_some(key);
        logs.insert(key, Some(source));
        let local = folder.join(LOCAL);
        if own.is_none() && Folder::is_feed(&local) {
            let local = snapshot(&local)?;
            own = Some(local.key());
            logs.insert(local.key(), Some(local));
        }
        Ok(Self { source: key, own, folders: Folders::Map(folder.to_owned()), logs: Mutex::new(logs) })
    }

    /// The map that I bought from a seller.
    ///
    /// # Errors
    /// Nothing was bought; what is wrong with the records.
    pub fn bought(market: &Market, seller: &IdentityKey) -> Result<Self, MarketError> {
        let database = market.database();
        let first = database.purchase(seller)?.and_then(|purchase| purchase.feed);
        let mut folders = BTreeMap::new();
        let mut source = None;
        for member in database.purchase_members(seller)? {
            if Some(member.key) == first {
                source = Some(member.feed);
            }
            folders.insert(member.feed, market.purchase_folder(&member.key));
        }
        // What is free goes by its own name.
        let source = source.or(first).unwrap_or(FeedKey([0; 32]));
        if let Some(first) = first {
            folders.insert(source, market.purchase_folder(&first));
        }
        Ok(Self { source, own: None, folders: Folders::Named(folders), logs: Mutex::default() })
    }

    /// What the data calls the owner's feed.
    pub const fn source(&self) -> FeedKey {
        self.source
    }

    /// The feed that is written here, if any is.
    pub const fn own(&self) -> Option<FeedKey> {
        self.own
    }

    fn folder_of(&self, feed: &FeedKey) -> Option<PathBuf> {
        match &self.folders {
            Folders::Map(folder) => Some(folder.join(PEERS).join(feed.discovery_key().to_string())),
            Folders::Named(folders) => folders.get(feed).cloned(),
        }
    }

    fn with_log<T>(&self, feed: &FeedKey, ask: impl FnOnce(Option<&Log<Folder>>) -> T) -> T {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let log = logs.entry(*feed).or_insert_with(|| {
            let opened =
                self.folder_of(feed).filter(|folder| Folder::is_feed(folder)).map(|folder| snapshot(&folder));
            // Others can be read without it.
            opened?.inspect_err(|error| tracing::warn!(%feed, %error, "a writer's feed cannot be read")).ok()
        });
        ask(log.as_ref())
    }
}

impl Feeds for StoredDb {
    fn length(&self, feed: &FeedKey) -> u64 {
        self.with_log(feed, |log| log.map_or(0, whole))
    }

    fn block(&self, feed: &FeedKey, seq: u64) -> Result<Option<Bytes>, LogError> {
        self.with_log(feed, |log| log.map_or(Ok(None), |log| log.block(seq)))
    }
}

/// The feeds of a map that is being bought: what comes meanwhile is seen.
#[derive(Debug, Clone)]
pub struct BoughtDb(Buyer);

impl BoughtDb {
    /// The map that this buyer buys.
    pub const fn new(buyer: Buyer) -> Self {
        Self(buyer)
    }

    /// Whether a feed begins as that of a map of several writers does; none if its first block is not here.
    ///
    /// # Errors
    /// The feed cannot be read.
    pub fn is_db(first: &Replicator) -> Result<Option<bool>, LogError> {
        Ok(first.log().lock().block(0)?.map(|first| is_header(&first)))
    }

    /// Whether all is here that the seller has told of.
    pub fn is_whole(&self) -> bool {
        // Of an empty feed nobody can say that all of it is here.
        let is_empty = |feed: &Replicator| feed.is_informed() && feed.progress().length == 0;
        let is_here = |feed: &Replicator| feed.gone().is_some() || is_empty(feed);
        !self.0.is_opening()
            && self.0.feed().is_some_and(|first| is_here(first))
            && self.0.members().values().all(|feed| is_here(feed))
    }

    fn log(&self, feed: &FeedKey) -> Option<Arc<SharedLog>> {
        let first = self.0.feed().filter(|_| self.0.feed_name() == Some(*feed)).map(Arc::clone);
        Some(Arc::clone(first.or_else(|| self.0.members().remove(feed))?.log()))
    }
}

impl Feeds for BoughtDb {
    fn length(&self, feed: &FeedKey) -> u64 {
        self.log(feed).map_or(0, |log| whole(&log.lock()))
    }

    fn block(&self, feed: &FeedKey, seq: u64) -> Result<Option<Bytes>, LogError> {
        self.log(feed).map_or(Ok(None), |log| log.lock().block(seq))
    }
}

fn snapshot(folder: &Path) -> Result<Log<Folder>, HyperDbError> {
    let at = |source| HyperDbError::Folder { folder: folder.to_owned(), source };
    Ok(Log::open(Folder::snapshot(folder).map_err(at)?)?)
}
