//! Where the feeds of a drive are: in a folder of corestore, or wherever others keep them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dazaar_log::FeedKey;
use dazaar_log::key::KEY_BYTES;
use zeroize::Zeroizing;

use super::error::DriveAccessError;
use crate::corestore::{CoreFolder, DEFAULT};
use crate::shared_log::SharedLog;

/// The name of the metadata feed of a drive.
pub(super) const METADATA_NAME: &str = DEFAULT;

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
    folder: CoreFolder,
    /// Feeds that somebody else has open, as the drive names them.
    given: BTreeMap<FeedKey, Arc<SharedLog>>,
}

impl Store {
    /// Feeds that are open already, to read what is there.
    pub(super) fn given(home: &Path, given: BTreeMap<FeedKey, Arc<SharedLog>>) -> Self {
        Self { folder: CoreFolder::nowhere(home), given }
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
        Ok(Self::of(CoreFolder::create(folder, key)?))
    }

    /// Opens a folder that has a master key.
    pub(super) fn open(folder: &Path) -> Result<Self, DriveAccessError> {
        Ok(Self::of(CoreFolder::open(folder)?))
    }

    /// Opens a folder for reading what is there, whoever else uses it.
    pub(super) fn snapshot(folder: &Path) -> Result<Self, DriveAccessError> {
        Ok(Self::of(CoreFolder::snapshot(folder)?))
    }

    const fn of(folder: CoreFolder) -> Self {
        Self { folder, given: BTreeMap::new() }
    }

    pub(super) const fn is_snapshot(&self) -> bool {
        self.folder.is_snapshot()
    }

    /// Which folder of the disk this is.
    pub(super) fn identity(&self) -> Result<FolderId, DriveAccessError> {
        FolderId::of(self.folder.path())
    }

    /// Where this folder really is.
    pub(super) fn home(&self) -> Result<PathBuf, DriveAccessError> {
        fs::canonicalize(self.folder.path()).map_err(at(self.folder.path()))
    }

    /// Whether a folder of the disk is this one, or in it: what is there is secret, or being written.
    pub(super) fn contains(&self, folder: &Path) -> Result<bool, DriveAccessError> {
        let [own, other] = [self.folder.path(), folder].map(|path| fs::canonicalize(path).map_err(at(path)));
        Ok(other?.starts_with(own?))
    }

    /// Whether a feed of this name was begun.
    pub(super) fn has(&self, name: &str) -> bool {
        self.folder.has(name)
    }

    /// The feed of a name, which is made if it is not here.
    pub(super) fn named(&self, name: &str) -> Result<Arc<SharedLog>, DriveAccessError> {
        Ok(self.folder.named(name)?)
    }

    /// The feed of a key, which is made if it is not here. It can be written if the folder tells its name.
    pub(super) fn feed(&self, key: FeedKey) -> Result<Arc<SharedLog>, DriveAccessError> {
        match self.given.get(&key) {
            Some(log) => Ok(Arc::clone(log)),
            None => Ok(self.folder.feed(key)?),
        }
    }

    /// What drives call a feed that is open here.
    pub(super) fn name_of(&self, key: FeedKey) -> FeedKey {
        self.given.iter().find(|(_, log)| log.key() == key).map_or(key, |(name, _)| *name)
    }

    pub(super) fn no_drive(&self) -> DriveAccessError {
        self.folder.missing().into()
    }

    /// Where the feed of a key lies.
    pub(super) fn folder_of(&self, key: FeedKey) -> PathBuf {
        self.folder.folder_of(key)
    }
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
        fs::write(scene.path().join("master_key"), [5; 32]).unwrap();
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
