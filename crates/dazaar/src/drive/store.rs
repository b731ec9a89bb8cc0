//! Where the feeds of a drive are: in a folder, or wherever others keep them.
//!
//! The folder is laid out as npm corestore 5 does: a master key, and each feed in a folder named after its discovery key.
//!
//! The key pair of a feed with a name follows from the master key and the name, which lies in a file beside the feed. Npm corestore
//! keeps no secret key then; we write it, where npm corestore does not look as long as there is a name.
//! Source: docs/structures.md, folder of a drive.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dazaar_log::codec::varint;
use dazaar_log::key::{KEY_BYTES, derive_seed};
use dazaar_log::{FeedKey, FeedKeyPair, FileName, Log, Storage as _};
use zeroize::Zeroizing;

use super::error::DriveAccessError;
use crate::folder::Folder;
use crate::keystore::{KeystoreError, write_once};
use crate::shared_log::SharedLog;

/// What npm corestore calls the first feed of a folder, which is the metadata of a drive.
pub(super) const METADATA_NAME: &str = "default";

const MASTER_KEY: &str = "master_key";
const NAMESPACE: &str = "corestore";
const NAME: &str = "name";

/// Bytes of a name, and of its length.
const NAME_FILE_BYTES: u64 = 1024;

/// The name of the content feed of a drive.
pub(super) fn content_name(drive: FeedKey) -> String {
    format!("{drive}-content")
}

/// A folder of the disk, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FolderId(u64, u64);

impl FolderId {
    pub(super) fn of(path: &Path) -> Result<Self, DriveAccessError> {
        fs::metadata(path).map(|metadata| Self::of_metadata(&metadata)).map_err(at(path))
    }

    pub(super) fn of_metadata(metadata: &fs::Metadata) -> Self {
        Self::new(metadata.dev(), metadata.ino())
    }

    pub(super) const fn new(device: u64, number: u64) -> Self {
        Self(device, number)
    }
}

/// The feeds of drives.
#[derive(Debug)]
pub(super) struct Store {
    /// Nothing in it is exported to, or imported.
    folder: PathBuf,
    master: Option<Zeroizing<[u8; KEY_BYTES]>>,
    /// Feeds that somebody else has open, as the drive names them.
    given: BTreeMap<FeedKey, Arc<SharedLog>>,
    is_snapshot: bool,
}

impl Store {
    /// Feeds that are open already, to read what is there.
    pub(super) fn given(home: &Path, given: BTreeMap<FeedKey, Arc<SharedLog>>) -> Self {
        Self { folder: home.to_owned(), master: None, given, is_snapshot: true }
    }

    /// Opens a folder, and makes it if it is missing.
    pub(super) fn create(folder: &Path) -> Result<Self, DriveAccessError> {
        Self::create_from(folder, &Zeroizing::new(rand::random()))
    }

    /// The same, with a master key if there is none yet.
    pub(super) fn create_from(
        folder: &Path,
        key: &Zeroizing<[u8; KEY_BYTES]>,
    ) -> Result<Self, DriveAccessError> {
        fs::create_dir_all(folder).map_err(at(folder))?;
        let path = folder.join(MASTER_KEY);
        match write_once(&path, &**key) {
            // The first one stays.
            Ok(()) | Err(KeystoreError::Exists { .. }) => Self::open(folder),
            Err(error) => Err(at(&path)(io::Error::other(error))),
        }
    }

    /// Opens a folder that has a master key.
    pub(super) fn open(folder: &Path) -> Result<Self, DriveAccessError> {
        let store = Self::read(folder)?;
        if store.master.is_none() {
            return Err(DriveAccessError::NoDrive { path: folder.to_owned() });
        }
        Ok(store)
    }

    /// Opens a folder for reading what is there, whoever else uses it.
    pub(super) fn snapshot(folder: &Path) -> Result<Self, DriveAccessError> {
        Ok(Self { is_snapshot: true, ..Self::read(folder)? })
    }

    fn read(folder: &Path) -> Result<Self, DriveAccessError> {
        let path = folder.join(MASTER_KEY);
        let master = match fs::read(&path) {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                let key = bytes.get(..KEY_BYTES).and_then(|key| key.try_into().ok());
                key.map(Zeroizing::new)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(at(&path)(error)),
        };
        Ok(Self { folder: folder.to_owned(), master, given: BTreeMap::new(), is_snapshot: false })
    }

    pub(super) const fn is_snapshot(&self) -> bool {
        self.is_snapshot
    }

    /// Which folder of the disk this is.
    pub(super) fn identity(&self) -> Result<FolderId, DriveAccessError> {
        FolderId::of(&self.folder)
    }

    /// Where this folder really is.
    pub(super) fn home(&self) -> Result<PathBuf, DriveAccessError> {
        fs::canonicalize(&self.folder).map_err(at(&self.folder))
    }

    /// Whether a folder of the disk is this one, or in it: what is there is secret, or being written.
    pub(super) fn contains(&self, folder: &Path) -> Result<bool, DriveAccessError> {
        let [own, other] = [&self.folder, folder].map(|path| fs::canonicalize(path).map_err(at(path)));
        Ok(other?.starts_with(own?))
    }

    /// Whether a feed of this name was begun.
    pub(super) fn has(&self, name: &str) -> bool {
        self.pair(name).is_some_and(|pair| Folder::is_begun(&self.folder_of(pair.public())))
    }

    /// The feed of a name, which is made if it is not here.
    pub(super) fn named(&self, name: &str) -> Result<Arc<SharedLog>, DriveAccessError> {
        let pair = self.pair(name).ok_or_else(|| self.no_drive())?;
        let folder = self.folder_of(pair.public());
        if self.is_snapshot {
            return self.open_snapshot(&folder, pair.public());
        }
        let storage = Folder::open(&folder).map_err(at(&folder))?;
        let file = folder.join(NAME);
        if read_name(&file).is_none() {
            let mut bytes = Vec::new();
            varint::encode(name.len() as u64, &mut bytes);
            bytes.extend_from_slice(name.as_bytes());
            fs::write(&file, bytes).map_err(at(&file))?;
        }
        open_own(storage, &folder, pair).map(SharedLog::new)
    }

    /// The feed of a key, which is made if it is not here. It can be written if the folder tells its name.
    pub(super) fn feed(&self, key: FeedKey) -> Result<Arc<SharedLog>, DriveAccessError> {
        if let Some(log) = self.given.get(&key) {
            return Ok(Arc::clone(log));
        }
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
        log.map(SharedLog::new).map_err(|source| DriveAccessError::Feed { feed: key, source })
    }

    fn open_snapshot(&self, folder: &Path, key: FeedKey) -> Result<Arc<SharedLog>, DriveAccessError> {
        let storage = Folder::snapshot(folder).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.no_drive(),
            _ => at(folder)(error),
        })?;
        Log::open(storage).map(SharedLog::new).map_err(|source| DriveAccessError::Feed { feed: key, source })
    }

    pub(super) fn no_drive(&self) -> DriveAccessError {
        DriveAccessError::NoDrive { path: self.folder.clone() }
    }

    fn pair(&self, name: &str) -> Option<FeedKeyPair> {
        Some(FeedKeyPair::from_seed(&derive_seed(NAMESPACE, self.master.as_deref()?, name)))
    }

    /// Where the feed of a key lies.
    pub(super) fn folder_of(&self, key: FeedKey) -> PathBuf {
        let id = key.discovery_key().to_string();
        let (first, second) = (id.get(..2).unwrap_or_default(), id.get(2..4).unwrap_or_default());
        self.folder.join(first).join(second).join(&id)
    }
}

/// Opens a feed whose key pair is known, or makes it.
fn open_own(mut storage: Folder, folder: &Path, pair: FeedKeyPair) -> Result<Log<Folder>, DriveAccessError> {
    let feed = pair.public();
    let fault = |source| DriveAccessError::Feed { feed, source };
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
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> DriveAccessError {
    move |source| DriveAccessError::Folder { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feeds_are_where_corestore_looks_for_them() {
        let scene = tempfile::tempdir().unwrap();
        fs::write(scene.path().join(MASTER_KEY), [5; 32]).unwrap();
        let store = Store::open(scene.path()).unwrap();
        let drive = store.named(METADATA_NAME).unwrap();
        let id = "5d87a49e93a5362882d7f9500b7aa8c2626d8238fcbbd87aa8c9215b7e00b9ae";
        assert_eq!(
            drive.key().to_string(),
            "3018d822bef22e7db21b19d548eae26a3275108ca0d709ab616d23cf9192505b"
        );
        let folder = scene.path().join("5d").join("87").join(id);
        assert_eq!(fs::read(folder.join("name")).unwrap(), b"\x07default");
        let content = store.named(&content_name(drive.key())).unwrap();
        assert_eq!(
            content.key().to_string(),
            "79854ca3c4d8b4aa99faa141210d647c349b36a346a30e00cecec362517cf8d0"
        );
        let key = content.key();
        drop((drive, content));
        // A folder of npm corestore has no secret key.
        let secret = store.folder_of(key).join("secret_key");
        fs::remove_file(&secret).unwrap();
        assert!(store.feed(key).unwrap().lock().is_writable());
        assert!(secret.exists());
        // Without a name it is somebody else's.
        fs::remove_file(&secret).unwrap();
        fs::remove_file(store.folder_of(key).join("name")).unwrap();
        assert!(!store.feed(key).unwrap().lock().is_writable());
    }

    #[test]
    fn a_folder_without_a_master_key_is_no_drive() {
        let scene = tempfile::tempdir().unwrap();
        assert!(matches!(Store::open(scene.path()), Err(DriveAccessError::NoDrive { .. })));
        let store = Store::snapshot(scene.path()).unwrap();
        assert!(matches!(store.named(METADATA_NAME), Err(DriveAccessError::NoDrive { .. })));
        assert!(matches!(store.feed(FeedKey([1; 32])), Err(DriveAccessError::NoDrive { .. })));
        assert_eq!(fs::read_dir(scene.path()).unwrap().count(), 0, "looking makes nothing");
        Store::create(scene.path()).unwrap();
        Store::open(scene.path()).unwrap();
    }
}
