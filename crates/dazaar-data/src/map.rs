//! Maps by name, link or card: entries from the disk, and from their seller where the disk has none.

mod publish;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use dazaar::log::LogError;
use dazaar::maps::Blocks;
use dazaar::maps::hypertrie::{
    Change, Diff, DiffOptions, ExtensionMessage, Iter, IterOptions, Node, Query, Trie, TrieError,
};
use dazaar::maps::limits::MAX_EXTENSION_BLOCKS;

pub(crate) use publish::is_map;
pub use publish::{MapChange, MapPublisher, RowsTaken};

use crate::error::{MapError, OpenError};
use crate::source::Source;
use crate::table::{Tables, snapshot};

/// A map that is being read: a hypertrie in a feed. Cheap to clone; the connection to its seller ends with the last clone.
#[derive(Debug, Clone)]
pub struct Map(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    source: Arc<Source>,
    trie: Mutex<Trie<Held>>,
}

/// The blocks that are here.
#[derive(Debug)]
struct Held {
    source: Arc<Source>,
    /// How many there are, here or at the seller, as far as is known.
    length: AtomicU64,
}

impl Blocks for Held {
    fn length(&self) -> u64 {
        self.length.load(Ordering::Relaxed)
    }

    fn block(&self, seq: u64) -> Result<Option<Bytes>, LogError> {
        self.source.held(seq)
    }
}

impl Tables {
    /// Opens the map that is meant, which is found as tables are ([`Tables::open`]).
    ///
    /// # Errors
    /// Nothing is meant, it cannot be had, or it is no map.
    pub async fn open_map(&self, wanted: &str) -> Result<Map, OpenError> {
        Map::new(self.source(wanted)?).await
    }
}

impl Map {
    /// Opens the map in a folder, as it is now. Nobody is asked for what is not there.
    ///
    /// # Errors
    /// There is no feed, or no map in it.
    pub async fn in_folder(folder: &Path) -> Result<Self, OpenError> {
        Self::new(Source::new(Some(snapshot(folder)?), None)).await
    }

    pub(crate) async fn new(source: Source) -> Result<Self, OpenError> {
        let source = Arc::new(source);
        let held = Held { source: Arc::clone(&source), length: AtomicU64::new(0) };
        let map = Self(Arc::new(Shared { source, trie: Mutex::new(Trie::new(held)) }));
        if map.update().await? > 0 {
            map.ask(|trie| trie.header().map(drop)).await?;
        }
        Ok(map)
    }

    /// Blocks of the feed, as far as is known: what the newest version is called.
    pub fn version(&self) -> u64 {
        self.trie(|trie| trie.version())
    }

    /// Asks how many blocks there are now, and returns that.
    ///
    /// # Errors
    /// The seller gives nothing.
    pub async fn update(&self) -> Result<u64, MapError> {
        let length = self.0.source.length().await?;
        self.trie(|trie| trie.blocks().length.fetch_max(length, Ordering::Relaxed));
        Ok(self.version())
    }

    /// Waits for a version beyond `version`. Of a map of one's own none comes.
    ///
    /// # Errors
    /// The seller gives nothing.
    pub async fn grown(&self, version: u64) -> Result<u64, MapError> {
        let length = self.0.source.grown(version).await?;
        self.trie(|trie| trie.blocks().length.fetch_max(length, Ordering::Relaxed));
        Ok(self.version())
    }

    /// The entry of a key, in a version.
    ///
    /// # Errors
    /// A block cannot be had, or is wrong.
    pub async fn get(&self, version: u64, key: &str) -> Result<Option<Arc<Node>>, MapError> {
        let question = version.checked_sub(1).map(|head| ExtensionMessage::Get { head, key: key.to_owned() });
        self.ask_seller(&mut { question }, |trie| trie.checkout(version).get(Query::from(key))).await
    }

    /// Hands over the entries at and below a prefix, in the order of their hashes, until `each` fails.
    ///
    /// # Errors
    /// As [`get`](Self::get), and those of `each`.
    pub async fn list<E: From<MapError>>(
        &self,
        version: u64,
        prefix: &str,
        mut each: impl FnMut(&Node) -> Result<(), E>,
    ) -> Result<(), E> {
        let options = IterOptions { prefix, ..IterOptions::default() };
        let mut iter = Iter::new(version, &options);
        let head = version.saturating_sub(1);
        let mut question = Some(ExtensionMessage::iterator(head, &options));
        let mut listed = 0_usize;
        while let Some(node) = self.ask_seller(&mut question, |trie| iter.next(trie)).await? {
            each(&node)?;
            listed += 1;
            if listed.is_multiple_of(MAX_EXTENSION_BLOCKS) {
                question = Some(ExtensionMessage::rest_of(&iter, head));
            }
        }
        Ok(())
    }

    /// Hands over what differs between two versions, at and below a prefix, until `each` fails.
    ///
    /// # Errors
    /// As [`get`](Self::get), and those of `each`.
    pub async fn diff<E: From<MapError>>(
        &self,
        (older, newer): (u64, u64),
        prefix: &str,
        mut each: impl FnMut(&Change) -> Result<(), E>,
    ) -> Result<(), E> {
        if newer.saturating_sub(older) <= MAX_EXTENSION_BLOCKS as u64 {
            // Most of what was written since is compared, so it is asked for together.
            self.0.source.want(older..newer).map_err(MapError::from)?;
        }
        let mut diff = Diff::new(newer, older, &DiffOptions { prefix, ..DiffOptions::default() });
        while let Some(change) = self.ask(|trie| diff.next(trie)).await? {
            each(&change)?;
        }
        Ok(())
    }

    /// Whether there is a seller who may have more than is here.
    pub fn has_seller(&self) -> bool {
        self.0.source.has_seller()
    }

    /// Bytes of blocks that came from the seller since the map was opened.
    pub fn downloaded(&self) -> u64 {
        self.0.source.downloaded()
    }

    /// Makes what was downloaded survive a power cut.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn flush(&self) -> Result<(), MapError> {
        Ok(self.0.source.flush().await?)
    }

    /// Asks the trie, and again after each block that was missing.
    async fn ask<T>(&self, mut ask: impl FnMut(&Trie<Held>) -> Result<T, TrieError>) -> Result<T, MapError> {
        loop {
            match self.trie(&mut ask) {
                Err(TrieError::Missing { seq }) => {
                    self.0.source.block(seq).await?.ok_or(MapError::Gone { block: seq })?;
                }
                answer => return Ok(answer?),
            }
        }
    }

    /// The same. If a block is missing, `question` goes to the seller, who names all that will be needed.
    async fn ask_seller<T>(
        &self,
        question: &mut Option<ExtensionMessage>,
        mut ask: impl FnMut(&Trie<Held>) -> Result<T, TrieError>,
    ) -> Result<T, MapError> {
        match self.trie(&mut ask) {
            Err(TrieError::Missing { seq }) => {
                if let Some(question) = question.take() {
                    // Wanted before, so that it does not come along as well.
                    self.0.source.want(std::iter::once(seq))?;
                    self.0.source.ask(&question)?;
                }
                self.ask(ask).await
            }
            answer => Ok(answer?),
        }
    }

    /// The trie, for a question that waits for nothing.
    fn trie<T>(&self, ask: impl FnOnce(&Trie<Held>) -> T) -> T {
        ask(&self.0.trie.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
