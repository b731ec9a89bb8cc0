//! The folder of npm corestore 5: a master key, and each feed in a folder named after its discovery key.
//!
//! The key pair of a feed with a name follows from the master key and the name, which lies in a file beside the feed. Npm corestore
//! keeps no secret key then; we write it, where npm corestore does not look as long as there is a name.
//! Source: docs/structures.md, corestore.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dazaar_log::codec::varint;
use dazaar_log::key::{KEY_BYTES, derive_seed};
use dazaar_log::{DiscoveryKey, FeedKey, FeedKeyPair, FileName, Log, LogError, Storage as _};
use zeroize::Zeroizing;

use crate::folder::Folder;
use crate::keystore::{KeystoreError, write_once};
use crate::shared_log::SharedLog;

const MASTER_KEY: &str = "master_key";
const NAMESPACE: &str = "corestore";
const NAME: &str = "name";

/// Bytes of a name, and of its length.
const NAME_FILE_BYTES: u64 = 1024;

/// Why a feed of a folder cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorestoreError {
    /// A file or a folder on the disk cannot be used.
    #[error("{}: {source}", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder has no master key, or not this feed.
    #[error("there is no such feed in {}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// A feed cannot be read or written.
    #[error("the feed {feed}: {source}")]
    Feed {
        /// The feed.
        feed: FeedKey,
        /// What is wrong.
        source: LogError,
    },
    /// A name that npm corestore could not read back.
    #[error("the name of a feed has 1 to {max} bytes")]
    Name {
        /// How many it may have.
        max: u64,
    },
}

/// A folder, and how it is used.
#[derive(Debug)]
pub(crate) struct CoreFolder {
    path: PathBuf,
    master: Option<Zeroizing<[u8; KEY_BYTES]>>,
    is_snapshot: bool,
}

impl CoreFolder {
    /// Opens a folder, and makes it if it is missing, with this master key if there is none yet.
    pub(crate) fn create(path: &Path, key: &Zeroizing<[u8; KEY_BYTES]>) -> Result<Self, CorestoreError> {
        fs::create_dir_all(path).map_err(at(path))?;
        let file = path.join(MASTER_KEY);
        match write_once(&file, &**key) {
            // The first one stays.
            Ok(()) | Err(KeystoreError::Exists { .. }) => Self::open(path),
            Err(error) => Err(at(&file)(io::Error::other(error))),
        }
    }

    /// Opens a folder that has a master key.
    pub(crate) fn open(path: &Path) -> Result<Self, CorestoreError> {
        let folder = Self::read(path)?;
        if folder.master.is_none() {
            return Err(folder.missing());
        }
        Ok(folder)
    }

    /// Opens a folder for reading what is there, whoever else uses it.
    pub(crate) fn snapshot(path: &Path) -> Result<Self, CorestoreError> {
        Ok(Self { is_snapshot: true, ..Self::read(path)? })
    }

    /// A place for feeds that others have open: nothing is in it.
    pub(crate) fn nowhere(path: &Path) -> Self {
        Self { path: path.to_owned(), master: None, is_snapshot: true }
    }

    fn read(path: &Path) -> Result<Self, CorestoreError> {
        let file = path.join(MASTER_KEY);
        let master = match fs::read(&file) {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                let key = bytes.get(..KEY_BYTES).and_then(|key| key.try_into().ok());
                key.map(Zeroizing::new)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(at(&file)(error)),
        };
        Ok(Self { path: path.to_owned(), master, is_snapshot: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) const fn is_snapshot(&self) -> bool {
        self.is_snapshot
    }

    /// Whether a feed of this name was begun.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.pair(name).is_some_and(|pair| Folder::is_begun(&self.folder_of(pair.public())))
    }

    /// The key of the feed of a name.
    pub(crate) fn key_of_name(&self, name: &str) -> Option<FeedKey> {
        Some(self.pair(name)?.public())
    }

    /// The feed of a name, which is made if it is not here.
    pub(crate) fn named(&self, name: &str) -> Result<Arc<SharedLog>, CorestoreError> {
        let pair = self.pair(name).ok_or_else(|| self.missing())?;
        let folder = self.folder_of(pair.public());
        if self.is_snapshot {
            return self.open_snapshot(&folder, pair.public());
        }
        let mut bytes = Vec::new();
        varint::encode(name.len() as u64, &mut bytes);
        bytes.extend_from_slice(name.as_bytes());
        if name.is_empty() || bytes.len() as u64 > NAME_FILE_BYTES {
            return Err(CorestoreError::Name { max: NAME_FILE_BYTES - 2 });
        }
        let storage = Folder::open(&folder).map_err(at(&folder))?;
        let file = folder.join(NAME);
        if read_name(&file).is_none() {
            fs::write(&file, bytes).map_err(at(&file))?;
        }
        open_own(storage, &folder, pair).map(SharedLog::new)
    }

    /// The feed of a key, which is made if it is not here. It can be written if the folder tells its name.
    pub(crate) fn feed(&self, key: FeedKey) -> Result<Arc<SharedLog>, CorestoreError> {
        let folder = self.folder_of(key);
        if self.is_snapshot {
            return self.open_snapshot(&folder, key);
        }
        let storage = Folder::open(&folder).map_err(at(&folder))?;
        let pair = read_name(&folder.join(NAME)).and_then(|name| self.pair(&name));
        if let Some(pair) = pair.filter(|pair| pair.public() == key) {
            return open_own(storage, &folder, pair).map(SharedLog::new);
        }
        let log =
            if Folder::is_begun(&folder) { Log::open(storage) } else { Log::create_reader(storage, key) };
        log.map(SharedLog::new).map_err(|source| CorestoreError::Feed { feed: key, source })
    }

    /// The key of a feed that was begun here, by what peers call it.
    pub(crate) fn key_of(&self, id: &DiscoveryKey) -> Option<FeedKey> {
        let folder = self.folder_named(&id.to_string());
        let key = fs::read(folder.join(FileName::Key.as_str())).ok()?;
        let key = FeedKey::try_from(key.get(..KEY_BYTES)?).ok()?;
        (key.discovery_key() == *id).then_some(key)
    }

    /// The feeds that were begun here, and their names.
    pub(crate) fn list(&self) -> Result<Vec<(FeedKey, Option<String>)>, CorestoreError> {
        let folders = |folder: &Path| -> Result<Vec<PathBuf>, CorestoreError> {
            let entries = fs::read_dir(folder).map_err(at(folder))?;
            let mut folders = Vec::new();
            for entry in entries {
                let path = entry.map_err(at(folder))?.path();
                if path.is_dir() {
                    folders.push(path);
                }
            }
            folders.sort();
            Ok(folders)
        };
        let mut found = Vec::new();
        for first in folders(&self.path)? {
            for second in folders(&first)? {
                for folder in folders(&second)? {
                    let id = folder.file_name().and_then(|name| name.to_str()?.parse().ok());
                    let key = id.and_then(|id| self.key_of(&id));
                    // Other folders may lie here too.
                    found.extend(key.map(|key| (key, read_name(&folder.join(NAME)))));
                }
            }
        }
        Ok(found)
    }

    fn open_snapshot(&self, folder: &Path, key: FeedKey) -> Result<Arc<SharedLog>, CorestoreError> {
        let storage = Folder::snapshot(folder).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.missing(),
            _ => at(folder)(error),
        })?;
        Log::open(storage).map(SharedLog::new).map_err(|source| CorestoreError::Feed { feed: key, source })
    }

    pub(crate) fn missing(&self) -> CorestoreError {
        CorestoreError::Missing { path: self.path.clone() }
    }

    fn pair(&self, name: &str) -> Option<FeedKeyPair> {
        Some(FeedKeyPair::from_seed(&derive_seed(NAMESPACE, self.master.as_deref()?, name)))
    }

    /// Where the feed of a key lies.
    pub(crate) fn folder_of(&self, key: FeedKey) -> PathBuf {
        self.folder_named(&key.discovery_key().to_string())
    }

    fn folder_named(&self, id: &str) -> PathBuf {
        let (first, second) = (id.get(..2).unwrap_or_default(), id.get(2..4).unwrap_or_default());
        self.path.join(first).join(second).join(id)
    }
}

/// Opens a feed whose key pair is known, or makes it.
fn open_own(mut storage: Folder, folder: &Path, pair: FeedKeyPair) -> Result<Log<Folder>, CorestoreError> {
    let feed = pair.public();
    let fault = |source| CorestoreError::Feed { feed, source };
    if !Folder::is_begun(folder) {
        return Log::create(storage, pair).map_err(fault);
    }
    let file = FileName::SecretKey;
    let path = folder.join(file.as_str());
    if storage.len(file).map_err(at(&path))? == 0 {
        storage.write(file, 0, pair.to_secret_bytes().as_slice()).map_err(at(&path))?;
        storage.sync(file).map_err(at(&path))?;
    }
    Log::open(storage).map_err(fault)
}

/// The name of a feed, if it has one that is text.
fn read_name(path: &Path) -> Option<String> {
    if path.metadata().ok()?.len() > NAME_FILE_BYTES {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    let (length, start) = varint::decode(&bytes).ok()??;
    let name = bytes.get(start..).filter(|name| name.len() as u64 == length)?;
    String::from_utf8(name.to_vec()).ok()
}

/// Says at which file or folder the system refused.
fn at(path: &Path) -> impl Fn(io::Error) -> CorestoreError {
    move |source| CorestoreError::Folder { path: path.to_owned(), source }
}
