//! Maps of several writers in a folder: `source` is the owner's feed, `local` ours if we are not the owner, and `peers` has those of
//! the other writers. Npm hyperdb opens the same folder.

mod sold;
mod stored;
mod sync;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use dazaar_log::{Feed, FeedKey, FeedKeyPair, FileName, Log, LogError, Storage as _};
use dazaar_trie::db::{Db, DbBatch, DbError, DbIter, DbIterOptions, DbNode, Feeds, View, is_header};
use dazaar_wire::replication::{self, Download};
use tokio::sync::Notify;

use crate::folder::Folder;
use crate::peer::FeedSet;
use crate::replicator::Replicator;
use crate::shared_log::SharedLog;
use crate::stored_feed::StoredFeed;

pub use sold::SellAlongError;
pub use stored::{BoughtDb, StoredDb};
pub use sync::{SyncError, SyncOptions};

/// The folder of the owner's feed.
const SOURCE: &str = "source";

/// The folder of our own feed, if that is another one.
const LOCAL: &str = "local";

/// The folders of the feeds of others, by discovery key.
const PEERS: &str = "peers";

/// A map of several writers in a folder. All writers' feeds are replicated by the connections that replicate [`HyperDb::feeds`].
#[derive(Debug)]
pub struct HyperDb {
    shelf: Arc<Shelf>,
    own: FeedKey,
    db: Mutex<Db<Arc<Shelf>>>,
    /// Held while a batch is made and appended.
    writing: tokio::sync::Mutex<()>,
}

/// The feeds of a map, each in a folder of its own.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    logs: Mutex<BTreeMap<FeedKey, Arc<Replicator>>>,
    feeds: Arc<FeedSet>,
    /// Woken at every change of any feed.
    listeners: Mutex<Vec<Weak<Notify>>>,
    /// Held while a feed is opened, which is done once.
    opening: Mutex<()>,
}

impl Feeds for Shelf {
    fn length(&self, feed: &FeedKey) -> u64 {
        self.log(feed).map_or(0, |log| whole(&log.lock()))
    }

    fn block(&self, feed: &FeedKey, seq: u64) -> Result<Option<Bytes>, LogError> {
        self.log(feed).map_or(Ok(None), |log| log.lock().block(seq))
    }
}

/// Blocks of somebody's feed before the first that is not here, so that what a writer keeps back holds up nobody; all of our own.
fn whole(log: &Log<Folder>) -> u64 {
    if log.is_writable() { log.length() } else { log.length().min(log.have().next_clear(0)) }
}

impl Shelf {
    fn logs(&self) -> MutexGuard<'_, BTreeMap<FeedKey, Arc<Replicator>>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, feed: &FeedKey) -> Option<Arc<SharedLog>> {
        self.logs().get(feed).map(|replicator| Arc::clone(replicator.log()))
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Weak<Notify>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is woken at every change of any feed, for as long as it exists.
    fn listen(&self) -> Arc<Notify> {
        let changed = Arc::new(Notify::new());
        let mut listeners = self.listeners();
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Arc::downgrade(&changed));
        drop(listeners);
        self.logs().values().for_each(|replicator| replicator.log().listen(&changed));
        changed
    }

    /// Takes a feed that is open into the map, and replicates it.
    fn add(&self, log: Log<Folder>) {
        let download = if log.is_writable() { Download::None } else { Download::Linear };
        let log = SharedLog::new(log);
        self.listeners().iter().filter_map(Weak::upgrade).for_each(|listener| log.listen(&listener));
        let options = replication::Options { download, seed: 0 };
        let replicator = Replicator::new(Arc::clone(&log), Feed::own(log.key()), options);
        self.logs().insert(log.key(), Arc::clone(&replicator));
        self.feeds.add(replicator, None);
    }

    fn folder_of_peer(&self, key: FeedKey) -> PathBuf {
        self.folder.join(PEERS).join(key.discovery_key().to_string())
    }

    /// Opens the feed of a writer, which is made if it is not here.
    fn add_writer(&self, key: FeedKey) -> Result<(), HyperDbError> {
        let _one_at_a_time = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if self.log(&key).is_none() {
            self.add(open(&self.folder_of_peer(key), Some(key))?);
        }
        Ok(())
    }
}

/// Opens a feed, or makes it: a reader's if its key is known, otherwise one of our own.
fn open(folder: &Path, key: Option<FeedKey>) -> Result<Log<Folder>, HyperDbError> {
    let storage =
        Folder::open(folder).map_err(|source| HyperDbError::Folder { folder: folder.to_owned(), source })?;
    // Hyperdb makes folders of feeds that have a key and nothing else yet.
    if storage.len(FileName::Tree).unwrap_or(0) > 0 {
        return Ok(Log::open(storage)?);
    }
    Ok(match key {
        Some(key) => Log::create_reader(storage, key)?,
        None => Log::create(storage, FeedKeyPair::from_seed(&rand::random()))?,
    })
}

impl HyperDb {
    /// Opens a map, or makes one. Without `source` it is our own; with it, somebody else's, which we can read, and write once a writer
    /// has authorised [`own_key`](Self::own_key).
    ///
    /// # Errors
    /// [`HyperDbError::Folder`] if another process has it open; what is wrong with a feed.
    pub fn open(folder: &Path, source: Option<FeedKey>) -> Result<Self, HyperDbError> {
        let shelf = Arc::new(Shelf {
            folder: folder.to_owned(),
            logs: Mutex::default(),
            feeds: FeedSet::new(),
            listeners: Mutex::default(),
            opening: Mutex::default(),
        });
        let first = open(&folder.join(SOURCE), source)?;
        let source = first.key();
        let mut own = source;
        if !first.is_writable() {
            let local = open(&folder.join(LOCAL), None)?;
            own = local.key();
            shelf.add(local);
        }
        shelf.add(first);
        let db = Mutex::new(Db::new(source, Arc::clone(&shelf)));
        let map = Self { shelf, own, db, writing: tokio::sync::Mutex::default() };
        map.add_writers()?;
        Ok(map)
    }

    /// Whether a folder is that of a map of several writers.
    pub fn is_in(folder: &Path) -> bool {
        let source = folder.join(SOURCE);
        if Folder::is_feed(folder) || !Folder::is_feed(&source) {
            return false;
        }
        let log = Folder::snapshot(&source).ok().and_then(|storage| Log::open(storage).ok());
        // A map that was joined may be empty yet.
        log.is_some_and(|log| match log.block(0) {
            Ok(Some(first)) => is_header(&first),
            Ok(None) => true,
            Err(_) => false,
        })
    }

    /// The folder of the map of which this is the folder of the owner's feed.
    pub fn folder_of_source(folder: &Path) -> Option<&Path> {
        let map = folder.parent().filter(|_| folder.file_name().is_some_and(|name| name == SOURCE))?;
        Self::is_in(map).then_some(map)
    }

    /// The key of the map: that of the owner's feed.
    pub fn key(&self) -> FeedKey {
        self.db().source()
    }

    /// The key of the feed that we write, to be authorised by a writer.
    pub const fn own_key(&self) -> FeedKey {
        self.own
    }

    /// The writers' feeds, to replicate.
    pub fn feeds(&self) -> &Arc<FeedSet> {
        &self.shelf.feeds
    }

    /// Asks the map as it is now, waiting for each block that is missing.
    ///
    /// # Errors
    /// Those of the question, but for missing blocks.
    pub async fn ask<T>(
        &self,
        mut ask: impl FnMut(&Db<Arc<Shelf>>) -> Result<T, DbError>,
    ) -> Result<T, HyperDbError> {
        let mut listener = None;
        loop {
            self.add_writers()?;
            let answer = ask(&self.db());
            match answer {
                // Every feed is fetched as a whole, so it will come, if anybody has it.
                Err(DbError::Missing { .. }) => match &listener {
                    // What came before somebody listened is looked at once more.
                    None => listener = Some(self.shelf.listen()),
                    Some(changed) => changed.notified().await,
                },
                answer => return Ok(answer?),
            }
        }
    }

    /// The entries of a key: none, one, or several that are in conflict.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn get(&self, key: &str) -> Result<Vec<Arc<DbNode>>, HyperDbError> {
        self.ask(|db| db.view()?.get(key)).await
    }

    /// The entries at and below a prefix, those of one key together.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn list(&self, options: &DbIterOptions<'_>) -> Result<Vec<Vec<Arc<DbNode>>>, HyperDbError> {
        let begin = |db: &Db<_>| {
            let view = db.view()?;
            Ok((view.version(), DbIter::new(&view, options)))
        };
        let (version, mut iter) = self.ask(begin).await?;
        let mut entries = Vec::new();
        // It goes on where it was after each block that was missing.
        self.ask(|db| {
            let view = db.view()?.checkout(&version)?;
            while let Some(nodes) = iter.next(&view)? {
                entries.push(nodes);
            }
            Ok(())
        })
        .await?;
        Ok(entries)
    }

    /// Asks the map once, whether or not every block that it takes is here.
    ///
    /// # Errors
    /// Those of the question, [`DbError::Missing`] too.
    pub fn ask_here<T>(
        &self,
        ask: impl FnOnce(&Db<Arc<Shelf>>) -> Result<T, DbError>,
    ) -> Result<T, HyperDbError> {
        self.add_writers()?;
        Ok(ask(&self.db())?)
    }

    /// Makes changes and appends them at once; they survive the end of this process.
    ///
    /// # Errors
    /// What `change` returns, or why nothing was appended.
    pub async fn write<T>(
        &self,
        mut change: impl FnMut(&mut DbBatch, &Db<Arc<Shelf>>) -> Result<T, DbError>,
    ) -> Result<T, HyperDbError> {
        let _one_at_a_time = self.writing.lock().await;
        let made = self
            .ask(|db| {
                let mut batch = DbBatch::new(db, self.own)?;
                let changed = change(&mut batch, db)?;
                Ok((batch, changed))
            })
            .await?;
        self.append(made)
    }

    /// The same, if every block that it takes is here.
    ///
    /// # Errors
    /// As [`write`](Self::write), and [`DbError::Missing`].
    pub async fn write_here<T>(
        &self,
        change: impl FnOnce(&mut DbBatch, &Db<Arc<Shelf>>) -> Result<T, DbError>,
    ) -> Result<T, HyperDbError> {
        let _one_at_a_time = self.writing.lock().await;
        let made = self.ask_here(|db| {
            let mut batch = DbBatch::new(db, self.own)?;
            let changed = change(&mut batch, db)?;
            Ok((batch, changed))
        })?;
        self.append(made)
    }

    fn append<T>(&self, (batch, changed): (DbBatch, T)) -> Result<T, HyperDbError> {
        if let Some(log) = self.shelf.log(&self.own) {
            log.append(batch.blocks())?;
        }
        self.db().keep(batch);
        self.add_writers()?;
        // Who may write may have changed.
        self.shelf.feeds.tell_changed();
        Ok(changed)
    }

    /// Writes one entry, and returns its block.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn put(&self, key: &str, value: Option<&[u8]>) -> Result<u64, HyperDbError> {
        self.write(|batch, db| batch.put(db, key, value)).await
    }

    /// Deletes the entries of a key.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn delete(&self, key: &str) -> Result<u64, HyperDbError> {
        self.write(|batch, db| batch.delete(db, key)).await
    }

    /// Lets the writer of a feed write.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn authorize(&self, feed: FeedKey) -> Result<u64, HyperDbError> {
        self.write(|batch, db| batch.authorize(db, feed)).await
    }

    /// Ends a writer's rights. Only the owner can.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn revoke(&self, feed: FeedKey) -> Result<u64, HyperDbError> {
        self.write(|batch, db| batch.revoke(db, feed)).await
    }

    /// Waits until `is_so`, looking again at every change of any feed.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn until(
        &self,
        mut is_so: impl FnMut(&View<'_, Arc<Shelf>>) -> Result<bool, DbError>,
    ) -> Result<(), HyperDbError> {
        let changed = self.shelf.listen();
        while !self.ask(|db| is_so(&db.view()?)).await? {
            changed.notified().await;
        }
        Ok(())
    }

    /// The keys of all who write or did once, as far as they are known, the owner's first.
    fn known_writers(&self) -> Result<Vec<FeedKey>, HyperDbError> {
        self.add_writers()?;
        // Asked first: the view holds what this asks.
        let source = self.key();
        match self.db().view() {
            Ok(view) => Ok(view.writers().keys().collect()),
            Err(DbError::Missing { .. }) => Ok(vec![source]),
            Err(error) => Err(error.into()),
        }
    }

    /// The feeds of all who write or did once, as far as they are known, the owner's first.
    ///
    /// # Errors
    /// What is wrong with the map.
    pub fn parts(&self) -> Result<Vec<StoredFeed>, HyperDbError> {
        let keys = self.known_writers()?;
        let part = |feed| {
            let folder = match feed {
                feed if feed == self.key() => self.shelf.folder.join(SOURCE),
                feed if feed == self.own => self.shelf.folder.join(LOCAL),
                feed => self.shelf.folder_of_peer(feed),
            };
            Some(StoredFeed { feed, folder, log: self.shelf.log(&feed)? })
        };
        Ok(keys.into_iter().filter_map(part).collect())
    }

    /// Makes what is here survive a power cut.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn flush(&self) -> Result<(), HyperDbError> {
        let logs: Vec<_> = self.shelf.logs().values().map(|feed| Arc::clone(feed.log())).collect();
        for log in logs {
            log.flush().await?;
        }
        Ok(())
    }

    /// Opens the feeds of writers that became known.
    fn add_writers(&self) -> Result<(), HyperDbError> {
        loop {
            let keys: Vec<FeedKey> = match self.db().view() {
                Ok(view) => view.writers().keys().collect(),
                // Lists that are not here yet tell of nobody.
                Err(DbError::Missing { .. }) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let unknown: Vec<FeedKey> =
                keys.into_iter().filter(|key| self.shelf.log(key).is_none()).collect();
            if unknown.is_empty() {
                return Ok(());
            }
            unknown.into_iter().try_for_each(|key| self.shelf.add_writer(key))?;
        }
    }

    /// The map, for a question. Never hold it across an `await`.
    fn db(&self) -> MutexGuard<'_, Db<Arc<Shelf>>> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a map was not opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HyperDbError {
    /// A folder cannot be used.
    #[error("{}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A feed cannot be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The folder has no secret key of ours.
    #[error("the map has no feed of ours that can be written")]
    ReadOnly,
    /// The map is wrong, or the change.
    #[error(transparent)]
    Db(#[from] DbError),
}

#[cfg(test)]
mod tests;
