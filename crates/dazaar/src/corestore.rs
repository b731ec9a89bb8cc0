//! Feeds of one master key, in a folder that npm corestore 5 opens too, all of them replicated over one connection.
//!
//! A drive is two feeds of such a folder. This is for programs that make more of them: a feed for each instrument, say, all of which grow
//! from one secret.

mod folder;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use dazaar_log::{DiscoveryKey, Feed, FeedKey};
use dazaar_wire::Role;
use dazaar_wire::replication::{Download, Options};
use tokio::io::{AsyncRead, AsyncWrite};
use zeroize::Zeroizing;

use crate::connection::ConnectionError;
use crate::peer::{FeedSet, Offers, replicate};
use crate::replicator::Replicator;
use crate::shared_log::SharedLog;

pub(crate) use folder::CoreFolder;
pub use folder::CorestoreError;

/// What npm corestore calls the feed that a folder, or a part of one, is about.
pub const DEFAULT: &str = "default";

/// Between the names of parts within each other.
const SEPARATOR: &str = ":";

/// Feeds of one master key. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Corestore(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folder: CoreFolder,
    open: Mutex<BTreeMap<FeedKey, Arc<Replicator>>>,
    feeds: Arc<FeedSet>,
}

impl Corestore {
    /// Opens the folder of our own feeds, or makes it, with a new master key.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn create(folder: &Path) -> Result<Self, CorestoreError> {
        Self::create_from(folder, &Zeroizing::new(rand::random()))
    }

    /// The same, with this master key if the folder has none yet.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn create_from(folder: &Path, master: &Zeroizing<[u8; 32]>) -> Result<Self, CorestoreError> {
        let folder = CoreFolder::create(folder, master)?;
        let shared = Arc::new(Shared { folder, open: Mutex::default(), feeds: FeedSet::new() });
        // A feed that lies here is opened when a peer has it, as npm corestore does.
        let offered = Arc::downgrade(&shared);
        shared.feeds.set_offers(Offers(Box::new(move |id| Shared::handle_offer(&offered, id))));
        Ok(Self(shared))
    }

    /// The feed of a name, which is made if it is not here; the same for the same master key.
    ///
    /// # Errors
    /// [`CorestoreError::Folder`] if another process has it open; what is wrong with it.
    pub fn named(&self, name: &str) -> Result<Arc<SharedLog>, CorestoreError> {
        // Whoever has it open already has it under its key.
        match self.0.folder.key_of_name(name) {
            Some(key) if self.0.open().contains_key(&key) => self.feed(key),
            _ => self.0.keep(|folder| folder.named(name)),
        }
    }

    /// The feed that the folder is about.
    ///
    /// # Errors
    /// As [`named`](Self::named).
    pub fn default_feed(&self) -> Result<Arc<SharedLog>, CorestoreError> {
        self.named(DEFAULT)
    }

    /// What the feed is called that a part of the folder is about, within parts from the outermost on: what npm corestore has as
    /// `store.namespace(..).default()`.
    pub fn name_of_part(parts: &[&str]) -> String {
        parts.join(SEPARATOR)
    }

    /// The feed of a key: ours, or somebody else's, of which nothing need be here.
    ///
    /// # Errors
    /// As [`named`](Self::named).
    pub fn feed(&self, key: FeedKey) -> Result<Arc<SharedLog>, CorestoreError> {
        self.0.feed(key)
    }

    /// The feeds that were begun in the folder, open or not, and their names.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Vec<(FeedKey, Option<String>)>, CorestoreError> {
        self.0.folder.list()
    }

    /// The feeds that are open, to replicate: of those of others, all blocks are fetched.
    pub fn feeds(&self) -> &Arc<FeedSet> {
        &self.0.feeds
    }

    /// Replicates all feeds that are open, those that are opened meanwhile, and those that lie here and the other side opens; at most 128
    /// at once.
    ///
    /// # Errors
    /// What the other side did wrong, or what failed here.
    pub async fn replicate<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        role: Role,
    ) -> Result<(), ConnectionError> {
        replicate(stream, role, &self.0.feeds).await
    }
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, BTreeMap<FeedKey, Arc<Replicator>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn feed(&self, key: FeedKey) -> Result<Arc<SharedLog>, CorestoreError> {
        let known = self.open().get(&key).map(|feed| Arc::clone(feed.log()));
        known.map_or_else(|| self.keep(|folder| folder.feed(key)), Ok)
    }

    /// Opens a feed, and replicates it from now on.
    fn keep(
        &self,
        open: impl FnOnce(&CoreFolder) -> Result<Arc<SharedLog>, CorestoreError>,
    ) -> Result<Arc<SharedLog>, CorestoreError> {
        let log = open(&self.folder)?;
        let key = log.key();
        let download = if log.lock().is_writable() { Download::None } else { Download::All };
        let options = Options { download, seed: rand::random() };
        let feed = Replicator::new(Arc::clone(&log), Feed::own(key), options);
        self.open().insert(key, Arc::clone(&feed));
        self.feeds.add(feed, None);
        Ok(log)
    }

    /// A peer has a feed that is not open here; whether it lies here.
    fn handle_offer(shared: &Weak<Self>, id: &DiscoveryKey) -> bool {
        let Some(shared) = shared.upgrade() else { return false };
        let Some(key) = shared.folder.key_of(id) else { return false };
        shared
            .feed(key)
            .inspect_err(|error| tracing::warn!(%key, %error, "a feed that a peer has cannot be opened"))
            .is_ok()
    }
}

#[cfg(test)]
mod tests;
