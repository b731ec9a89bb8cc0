//! Drives: folders and files in two feeds, in a folder that npm hyperdrive 10 opens too.
//!
//! The metadata feed is a hypertrie; the content feed holds the bytes of the files. Of a drive that is not our own only those blocks
//! are fetched that a question or a file needs. Paths may lead into other drives, which are mounted.

mod bought;
mod clear;
mod content;
mod destination;
mod error;
mod export;
mod import;
mod mounts;
mod notice;
mod prune;
mod reader;
mod sold;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use dazaar_log::FeedKey;
use dazaar_log::key::KEY_BYTES;
use dazaar_trie::hyperdrive::{
    DriveError, DrivePath, Edit, Entry, Extent, Kind, Reach, Stat, View, content_key, header,
};
use dazaar_trie::hypertrie::{Header, Trie, TrieError};
use tokio::io::AsyncRead;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::peer::FeedSet;
use crate::shared_log::SharedLog;
use crate::stored_feed::StoredFeed;
use crate::trie::{FeedBlocks, TrieFeed};

pub use error::DriveAccessError;
pub use mounts::Located;
pub use notice::{FileNotice, Summary};
pub use reader::FileReader;
pub use sold::MountedFeeds;

use content::Content;
use mounts::Mounted;
use store::{METADATA_NAME, Store, content_name};

/// What a drive is read from.
pub type DriveTrie = Trie<FeedBlocks>;

/// A version of a drive, to be shown.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The drive.
    pub drive: Arc<Drive>,
    /// Which version of it.
    pub version: u64,
}

/// A drive in a folder.
#[derive(Debug)]
pub struct Drive {
    store: Arc<Store>,
    /// What other drives call it that mount it: its key, or the key of what it is a copy of under another key.
    name: FeedKey,
    metadata: TrieFeed,
    metadata_log: Arc<SharedLog>,
    /// Known once the header of the metadata is here.
    content: OnceCell<Arc<Content>>,
    feeds: Arc<FeedSet>,
    mounted: Mounted,
    /// How many blocks are read of what is mounted; if none, all that there are.
    lengths: Option<BTreeMap<FeedKey, u64>>,
    /// Held while a file is written, so that its blocks lie one after the other.
    writing: tokio::sync::Mutex<()>,
}

impl Drive {
    /// Opens our own drive in a folder, or makes one.
    ///
    /// # Errors
    /// [`DriveAccessError::Folder`] if the folder cannot be used, or another process has it open; what is wrong with a feed.
    pub async fn create(folder: &Path) -> Result<Self, DriveAccessError> {
        let store = Store::create(folder)?;
        let metadata = store.named(METADATA_NAME)?;
        Self::begin(store, metadata).await
    }

    /// The same, with keys that follow from this one, if the folder has no master key yet.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub async fn create_from(
        folder: &Path,
        master: &Zeroizing<[u8; KEY_BYTES]>,
    ) -> Result<Self, DriveAccessError> {
        let store = Store::create_from(folder, master)?;
        let metadata = store.named(METADATA_NAME)?;
        Self::begin(store, metadata).await
    }

    /// Whether there is a drive of our own in a folder.
    pub fn is_in(folder: &Path) -> bool {
        Store::snapshot(folder).is_ok_and(|store| store.has(METADATA_NAME))
    }

    /// The folder of the drive of which this is the folder of a feed.
    pub fn folder_of_part(folder: &Path) -> Option<&Path> {
        folder.ancestors().nth(3).filter(|folder| Self::is_in(folder))
    }

    /// Opens the drive in a folder: our own, or with `key` somebody else's, of which the folder may be empty yet.
    ///
    /// # Errors
    /// [`DriveAccessError::NoDrive`] if there is none and no key is given; as [`create`](Self::create).
    pub async fn open(folder: &Path, key: Option<FeedKey>) -> Result<Self, DriveAccessError> {
        let store = if key.is_some() { Store::create(folder)? } else { Store::open(folder)? };
        let metadata = match key {
            Some(key) => store.feed(key)?,
            // Somebody else's drive may be here, and no drive of ours.
            None if !store.has(METADATA_NAME) => return Err(store.no_drive()),
            None => store.named(METADATA_NAME)?,
        };
        Self::begin(store, metadata).await
    }

    /// Opens the drive in a folder to read what is there now, whether or not somebody else is writing. Nothing is fetched.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn snapshot(folder: &Path, key: Option<FeedKey>) -> Result<Self, DriveAccessError> {
        let store = Store::snapshot(folder)?;
        let metadata = match key {
            Some(key) => store.feed(key)?,
            None => store.named(METADATA_NAME)?,
        };
        Self::begin(store, metadata).await
    }

    async fn begin(store: Store, metadata: Arc<SharedLog>) -> Result<Self, DriveAccessError> {
        let is_begun = metadata.lock().length() > 0;
        let drive = Self::of(Arc::new(store), metadata, FeedSet::new());
        if !is_begun && drive.is_writable() {
            // The content feed first, so that the header never names one whose key is lost.
            let content = drive.store.named(&content_name(drive.key()))?;
            let header = header(content.key());
            let content = Arc::new(Content::new(content, &drive.feeds, false));
            drive.metadata.write_as(&header, |_, _| Ok::<(), DriveError>(())).await?;
            drive.content.set(content).ok();
        } else {
            drive.open_content().await?;
        }
        Ok(drive)
    }

    /// The drive in a feed, with what else is in the store.
    fn of(store: Arc<Store>, metadata_log: Arc<SharedLog>, feeds: Arc<FeedSet>) -> Self {
        Self {
            name: store.name_of(metadata_log.key()),
            store,
            metadata: TrieFeed::new(Arc::clone(&metadata_log), &feeds),
            metadata_log,
            content: OnceCell::new(),
            feeds,
            mounted: Mounted::default(),
            lengths: None,
            writing: tokio::sync::Mutex::default(),
        }
    }

    /// Opens the content feed if it is known: whoever replicates the drive asks for both feeds.
    async fn open_content(&self) -> Result<(), DriveAccessError> {
        if self.metadata_log.lock().has(0) && !self.store.is_snapshot() {
            self.content().await?;
        }
        Ok(())
    }

    /// The key of the drive: that of its metadata feed.
    pub fn key(&self) -> FeedKey {
        self.metadata.key()
    }

    /// The key of the content feed.
    ///
    /// # Errors
    /// [`DriveAccessError::Empty`] if nothing is here yet; as [`ask`](Self::ask).
    pub async fn content_key(&self) -> Result<FeedKey, DriveAccessError> {
        let header = self.header().await?.ok_or(DriveAccessError::Empty)?;
        Ok(content_key(&header)?)
    }

    /// The version that is here: the length of the metadata feed.
    pub fn version(&self) -> u64 {
        self.metadata.version()
    }

    /// The feeds of the drive, to replicate.
    pub const fn feeds(&self) -> &Arc<FeedSet> {
        &self.feeds
    }

    /// The two feeds of a drive of our own, to be sold: the metadata, and the content. What is mounted may be somebody else's.
    ///
    /// # Errors
    /// As [`content_key`](Self::content_key).
    pub async fn parts(&self) -> Result<[StoredFeed; 2], DriveAccessError> {
        let content = self.content().await?.log();
        let part = |log: &Arc<SharedLog>| StoredFeed {
            feed: log.key(),
            folder: self.store.folder_of(log.key()),
            log: Arc::clone(log),
        };
        Ok([part(&self.metadata_log), part(content)])
    }

    /// Blocks of the metadata and of the content that are here.
    pub async fn held(&self) -> (u64, u64) {
        let content = match self.content().await {
            Ok(content) => content.log().lock().downloaded(),
            Err(_) => 0,
        };
        (self.metadata_log.lock().downloaded(), content)
    }

    /// The same, with the blocks of what is mounted, as far as that is here.
    pub async fn held_with_mounts(&self) -> (u64, u64) {
        let mut held = self.held().await;
        let mounts = self.open_mounts().await.unwrap_or_default();
        let keys: BTreeSet<FeedKey> = mounts.iter().map(|(_, mount)| mount.key).collect();
        for key in keys {
            if let Ok(drive) = self.mounted_drive(key) {
                let more = drive.held().await;
                held = (held.0 + more.0, held.1 + more.1);
            }
        }
        held
    }

    /// Waits until a peer has told what there is, and returns the newest version.
    pub async fn update(&self) -> u64 {
        self.metadata.update().await
    }

    /// Whether files can be written.
    pub fn is_writable(&self) -> bool {
        !self.store.is_snapshot() && self.metadata_log.lock().is_writable()
    }

    /// Asks the drive as it is now, fetching each block of the metadata that is missing. Waits for as long as nobody has one.
    ///
    /// # Errors
    /// Those of the question; [`DriveError::Trie`] with the missing block if this is a snapshot.
    pub async fn ask<T>(
        &self,
        ask: impl FnMut(&View<'_, DriveTrie>) -> Result<T, DriveError>,
    ) -> Result<T, DriveAccessError> {
        self.ask_at(self.version(), ask).await
    }

    /// Asks an older version of the drive.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); [`DriveAccessError::Version`] if there is no such version yet.
    pub async fn ask_at<T>(
        &self,
        version: u64,
        mut ask: impl FnMut(&View<'_, DriveTrie>) -> Result<T, DriveError>,
    ) -> Result<T, DriveAccessError> {
        let newest = self.version();
        if version > newest {
            return Err(DriveAccessError::Version { version, newest });
        }
        let mut ask = |trie: &DriveTrie| ask(&View::new(trie, version));
        let answer = if self.store.is_snapshot() {
            self.metadata.ask_here(ask)
        } else {
            self.metadata.ask_of(&mut ask).await
        };
        Ok(answer?)
    }

    /// What is in a directory of a version, or below it, by path. What cannot be read is left out.
    ///
    /// # Errors
    /// As [`ask_at`](Self::ask_at); [`DriveAccessError::Within`] if the directory is in another drive.
    pub async fn list(
        &self,
        version: u64,
        directory: &DrivePath,
        reach: Reach,
    ) -> Result<Vec<Entry>, DriveAccessError> {
        let mut walk = self.walk(version, directory, reach);
        let mut entries = Vec::new();
        while let Some(step) = self.step(&mut walk).await? {
            if let Ok((_, entry)) = step.found {
                entries.push(Entry { path: step.path, ..entry });
            }
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }

    /// Makes changes of the metadata and appends them at once; they survive the end of this process.
    ///
    /// # Errors
    /// What `change` returns, or why nothing was appended.
    pub async fn write<T>(
        &self,
        mut change: impl FnMut(&mut Edit<'_, FeedBlocks>) -> Result<T, DriveError>,
    ) -> Result<T, DriveAccessError> {
        if !self.is_writable() {
            return Err(DriveAccessError::ReadOnly);
        }
        let header = Header::default();
        Ok(self.metadata.write_as(&header, |batch, trie| change(&mut Edit::new(batch, trie))).await?)
    }

    /// Writes a file from a stream. Of `stat` everything is kept but its size and its place. Returns what was written.
    ///
    /// # Errors
    /// As [`write`](Self::write); [`DriveAccessError::Read`] if the stream fails: the file stays as it was.
    pub async fn write_file(
        &self,
        path: &DrivePath,
        stream: &mut (impl AsyncRead + Unpin),
        stat: Stat,
    ) -> Result<Stat, DriveAccessError> {
        self.write(|edit| edit.check_place(path)).await?;
        let _one_at_a_time = self.writing.lock().await;
        let content = self.content().await?;
        let stat = content.append(stream, stat, |_| {}).await?;
        // Or else a power cut could leave an entry whose blocks are those of the next file.
        content.flush().await?;
        self.write(|edit| edit.put(path, &stat)).await?;
        Ok(stat)
    }

    /// Reads a file, or that to which a link leads, in a version, also if that is in another drive.
    ///
    /// # Errors
    /// As [`ask_at`](Self::ask_at); [`DriveError::IsADirectory`], [`DriveError::NotAFile`]; [`DriveAccessError::Extent`] if the
    /// metadata claims what cannot be; [`DriveAccessError::Within`].
    pub async fn read(
        &self,
        version: u64,
        path: &DrivePath,
        range: std::ops::Range<u64>,
    ) -> Result<FileReader, DriveAccessError> {
        let (drive, entry) = self.ask_through(version, path, |view, path| view.stat(path)).await?;
        self.read_entry(drive.as_deref().unwrap_or(self), path, &entry, range).await
    }

    /// Reads the file of an entry of a drive, this one or one that is mounted.
    async fn read_entry(
        &self,
        drive: &Self,
        path: &DrivePath,
        entry: &Entry,
        range: std::ops::Range<u64>,
    ) -> Result<FileReader, DriveAccessError> {
        match entry.stat.kind() {
            Kind::File if !entry.is_mount => {}
            Kind::File | Kind::Directory => {
                return Err(DriveError::IsADirectory { path: path.clone() }.into());
            }
            _ => return Err(DriveError::NotAFile { path: path.clone() }.into()),
        }
        let (content, stat) = match entry.feed() {
            Some(mount) => self.feed_file(mount, &entry.stat).await?,
            None => (Arc::clone(drive.content().await?), entry.stat.clone()),
        };
        content.reach(stat.offset, stat.blocks).await?;
        let extent = Extent::of(&stat, content.length())
            .map_err(|fault| DriveAccessError::Extent { path: path.clone(), fault })?;
        let entry = Entry { path: path.as_str().to_owned(), stat, ..*entry };
        FileReader::open(content, entry, &extent, range).await
    }

    /// Makes everything that was written survive a power cut.
    ///
    /// # Errors
    /// That of the disk.
    pub async fn flush(&self) -> Result<(), DriveAccessError> {
        if let Some(content) = self.content.get() {
            // What the metadata speaks of has to be there first.
            content.flush().await?;
        }
        Ok(self.metadata_log.flush().await?)
    }

    async fn content(&self) -> Result<&Arc<Content>, DriveAccessError> {
        let open = async || {
            let header = self.header().await?.ok_or(DriveAccessError::Empty)?;
            let log = self.store.feed(content_key(&header)?).map_err(|error| match error {
                // The metadata is here, and nothing of the content yet.
                DriveAccessError::NoDrive { .. } => DriveAccessError::Missing { block: 0 },
                error => error,
            })?;
            Ok(Arc::new(Content::new(log, &self.feeds, self.store.is_snapshot())))
        };
        self.content.get_or_try_init(open).await
    }

    async fn header(&self) -> Result<Option<Header>, TrieError> {
        if self.store.is_snapshot() {
            self.metadata.ask_here(Trie::header)
        } else {
            self.metadata.ask(Trie::header).await
        }
    }
}
