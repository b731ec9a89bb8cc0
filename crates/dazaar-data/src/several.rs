//! Maps of several writers by name, link or card: entries from the disk, or from their seller.
//!
//! Which entries a key has, all writers' feeds together tell. So whoever asks the seller gets all of them, and what is here is not asked for
//! again.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dazaar::BuyerOptions;
use dazaar::hyperdb::{BoughtDb, HyperDb, HyperDbError, StoredDb};
use dazaar::log::{FeedKey, LogError};
use dazaar::maps::db::{
    Db, DbBatch, DbChange, DbDiff, DbError, DbIter, DbIterOptions, DbNode, Feeds, Version, is_header,
};
use dazaar::wire::replication::Download;

use crate::error::{MapError, OpenError, TableError};
use crate::find::{FindError, find_folder, find_seller, seller_of};
use crate::map::{Map, MapChange};
use crate::remote::Remote;
use crate::table::{Tables, snapshot};

/// How long the seller may take to tell of blocks that entries speak of.
const NEWS_TIMEOUT: Duration = Duration::from_secs(10);

/// A map, however many write it.
#[derive(Debug)]
pub enum AnyMap {
    /// Of one writer.
    One(Map),
    /// Of several.
    Several(Box<DbMap>),
}

/// A map of several writers that is being read. The connection to its seller ends with it.
#[derive(Debug)]
pub struct DbMap {
    db: Mutex<Db<Held>>,
    remote: Option<Remote>,
}

/// Where the feeds are.
#[derive(Debug)]
enum Held {
    Stored(StoredDb),
    Bought(BoughtDb),
}

impl Feeds for Held {
    fn length(&self, feed: &FeedKey) -> u64 {
        match self {
            Self::Stored(feeds) => feeds.length(feed),
            Self::Bought(feeds) => feeds.length(feed),
        }
    }

    fn block(&self, feed: &FeedKey, seq: u64) -> Result<Option<Bytes>, LogError> {
        match self {
            Self::Stored(feeds) => feeds.block(feed, seq),
            Self::Bought(feeds) => feeds.block(feed, seq),
        }
    }
}

impl Tables {
    /// Opens the map that is meant, which is found as tables are ([`Tables::open`]), however many write it. One of several writers that
    /// was bought is read as it is on the disk, unless it `is_live`, or was asked for by a link or card.
    ///
    /// # Errors
    /// Nothing is meant, it cannot be had, or it is no map.
    pub async fn open_any_map(&self, wanted: &str, is_live: bool) -> Result<AnyMap, OpenError> {
        let wanted = self.settings().names.get(wanted).map_or(wanted, String::as_str);
        let folder = match Path::new(wanted) {
            folder if HyperDb::is_in(folder) => Some(folder.to_owned()),
            folder => HyperDb::folder_of_source(folder).map(Path::to_owned),
        };
        if let Some(folder) = folder {
            return Ok(AnyMap::Several(Box::new(DbMap::in_folder(&folder)?)));
        }
        let source = self.source(wanted)?;
        let is_several = match source.length().await? {
            0 => false,
            _ => source.block(0).await?.is_some_and(|first| is_header(&first)),
        };
        if !is_several {
            return Ok(AnyMap::One(Map::new(source).await?));
        }
        let asks_seller = is_live || source.has_only_seller();
        drop(source);
        Ok(AnyMap::Several(Box::new(self.open_several(wanted, asks_seller).await?)))
    }

    async fn open_several(&self, wanted: &str, asks_seller: bool) -> Result<DbMap, OpenError> {
        if asks_seller {
            return DbMap::at_seller(self, wanted).await;
        }
        let Some(folder) = find_folder(self.market(), wanted).map_err(FindError::from)? else {
            return DbMap::at_seller(self, wanted).await;
        };
        if let Some(folder) = HyperDb::folder_of_source(&folder) {
            return DbMap::in_folder(folder);
        }
        let feed = snapshot(&folder)?.key();
        match seller_of(self.market(), &feed).map_err(FindError::from)? {
            Some(seller) => Ok(DbMap::stored(StoredDb::bought(self.market(), &seller)?)),
            None => DbMap::at_seller(self, wanted).await,
        }
    }
}

impl DbMap {
    /// The map in a folder, as it is now.
    ///
    /// # Errors
    /// There is none.
    pub fn in_folder(folder: &Path) -> Result<Self, OpenError> {
        Ok(Self::stored(StoredDb::in_folder(folder).map_err(MapError::from)?))
    }

    fn stored(feeds: StoredDb) -> Self {
        Self { db: Mutex::new(Db::new(feeds.source(), Held::Stored(feeds))), remote: None }
    }

    /// All of a map, as its seller has it now.
    async fn at_seller(tables: &Tables, wanted: &str) -> Result<Self, OpenError> {
        let order = find_seller(tables.market(), wanted, &tables.settings().addresses)?;
        let order = dazaar::Order { terms: tables.settings().terms, ..order };
        let options = BuyerOptions { download: Download::Linear, ..tables.options() };
        let remote = Remote::begin(tables, order, options)?;
        let feeds = BoughtDb::new(remote.buyer().clone());
        let name = || remote.buyer().feed_name();
        let whole = || feeds.is_whole().then(name).flatten();
        let name = remote.when(|_| whole()).await.map_err(TableError::from)?;
        let map = Self { db: Mutex::new(Db::new(name, Held::Bought(feeds.clone()))), remote: Some(remote) };
        let since = Instant::now();
        map.when(|| {
            let is_here = feeds.is_whole() && map.ask_once(|db| Ok(db.view()?.lacking().is_empty()))?;
            Ok((is_here || since.elapsed() >= NEWS_TIMEOUT).then_some(()))
        })
        .await?;
        Ok(map)
    }

    /// The newest version that is here.
    ///
    /// # Errors
    /// What is wrong with the map.
    pub async fn version(&self) -> Result<Version, MapError> {
        self.ask(|db| Ok(db.view()?.version())).await
    }

    /// Whether the entries of a version are here.
    ///
    /// # Errors
    /// [`DbError::Missing`] if one is not; what is wrong with the map.
    pub async fn check(&self, version: &Version) -> Result<(), MapError> {
        self.ask(|db| db.view()?.checkout(version).map(drop)).await
    }

    /// Waits for another version than this one. Of a map of one's own none comes.
    ///
    /// # Errors
    /// The seller gives nothing, or what is wrong with the map.
    pub async fn grown(&self, version: &Version) -> Result<Version, MapError> {
        let newer = || {
            let now = self.ask_once(|db| Ok(db.view()?.version()))?;
            Ok(Some(now).filter(|now| now != version))
        };
        match &self.remote {
            Some(_) => self.when(newer).await,
            None => std::future::pending().await,
        }
    }

    /// Whether there is a seller who may have more than is here.
    pub const fn has_seller(&self) -> bool {
        self.remote.is_some()
    }

    /// The entries of a key in a version: none, one, or several that are in conflict.
    ///
    /// # Errors
    /// A block cannot be had, or is wrong.
    pub async fn get(&self, version: &Version, key: &str) -> Result<Vec<Arc<DbNode>>, MapError> {
        self.ask(|db| db.view()?.checkout(version)?.get(key)).await
    }

    /// Hands over the entries at and below a prefix, those of one key together, until `each` fails.
    ///
    /// # Errors
    /// As [`get`](Self::get), and those of `each`.
    pub async fn list<E: From<MapError>>(
        &self,
        version: &Version,
        prefix: &str,
        mut each: impl FnMut(&[Arc<DbNode>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let options = DbIterOptions { prefix, ..DbIterOptions::default() };
        let mut iter = self.ask(|db| Ok(DbIter::new(&db.view()?.checkout(version)?, &options))).await?;
        while let Some(nodes) = self.ask(|db| iter.next(&db.view()?.checkout(version)?)).await? {
            each(&nodes)?;
        }
        Ok(())
    }

    /// Hands over what differs between two versions, at and below a prefix, until `each` fails.
    ///
    /// # Errors
    /// As [`get`](Self::get), and those of `each`.
    pub async fn diff<E: From<MapError>>(
        &self,
        (older, newer): (&Version, &Version),
        prefix: &str,
        mut each: impl FnMut(&DbChange) -> Result<(), E>,
    ) -> Result<(), E> {
        let begin = |db: &Db<Held>| {
            let view = db.view()?;
            Ok(DbDiff::new(&view.checkout(newer)?, &view.checkout(older)?, prefix))
        };
        let mut diff = self.ask(begin).await?;
        let next = |diff: &mut DbDiff, db: &Db<Held>| {
            let view = db.view()?;
            diff.next(&view.checkout(newer)?, &view.checkout(older)?)
        };
        while let Some(change) = self.ask(|db| next(&mut diff, db)).await? {
            each(&change)?;
        }
        Ok(())
    }

    /// The feed that an entry is in.
    pub fn writer_of(&self, node: &DbNode) -> FeedKey {
        self.db.lock().unwrap_or_else(PoisonError::into_inner).key_of(node.feed())
    }

    /// Makes what was downloaded survive a power cut.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn flush(&self) -> Result<(), MapError> {
        let Some(remote) = &self.remote else { return Ok(()) };
        let first = remote.buyer().feed().cloned();
        for feed in first.into_iter().chain(remote.buyer().members().into_values()) {
            feed.log().flush().await.map_err(TableError::from)?;
        }
        Ok(())
    }

    /// Asks the map; of one that comes from a seller, again until the blocks that it takes have come.
    async fn ask<T>(&self, mut ask: impl FnMut(&Db<Held>) -> Result<T, DbError>) -> Result<T, MapError> {
        match self.ask_once(&mut ask) {
            Err(MapError::Db(DbError::Missing { .. })) if self.remote.is_some() => {
                let since = Instant::now();
                self.when(|| match self.ask_once(&mut ask) {
                    Err(MapError::Db(DbError::Missing { .. })) if since.elapsed() < NEWS_TIMEOUT => Ok(None),
                    answer => answer.map(Some),
                })
                .await
            }
            answer => answer,
        }
    }

    fn ask_once<T>(&self, ask: impl FnOnce(&Db<Held>) -> Result<T, DbError>) -> Result<T, MapError> {
        Ok(ask(&self.db.lock().unwrap_or_else(PoisonError::into_inner))?)
    }

    /// Looks again whenever something may have come.
    async fn when<T>(&self, mut look: impl FnMut() -> Result<Option<T>, MapError>) -> Result<T, MapError> {
        match &self.remote {
            Some(remote) => remote.when(|_| look().transpose()).await.map_err(TableError::from)?,
            None => std::future::pending().await,
        }
    }
}

/// Makes changes to a map of one's own, all at once; how many there were. Of what happens to one key the last counts, and what is so
/// already is none, unless others wrote the key meanwhile: then it settles that.
///
/// # Errors
/// A key or value cannot be written, or the map cannot be read.
pub async fn publish_to_db(map: &HyperDb, changes: &[MapChange]) -> Result<u64, HyperDbError> {
    let newest: std::collections::BTreeMap<&str, Option<&[u8]>> =
        changes.iter().map(|change| (change.key.as_str(), change.value.as_deref())).collect();
    map.write_here(|batch: &mut DbBatch, db| {
        let mut changed = 0;
        for (&key, &value) in &newest {
            let found = batch.get(db, key)?;
            let is_so = match (value, found.as_slice()) {
                (None, []) => true,
                (Some(value), [one]) => !one.is_deleted() && one.value() == Some(value),
                _ => false,
            };
            if !is_so {
                match value {
                    Some(value) => batch.put(db, key, Some(value))?,
                    None => batch.delete(db, key)?,
                };
                changed += 1;
            }
        }
        Ok(changed)
    })
    .await
}
