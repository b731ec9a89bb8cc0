//! Drives that are mounted in others.
//!
//! Grade: over a door. A mount is two entries: a visible one with a flag, and a hidden one, the record, which says what is mounted. Only
//! both together are a mount.
//! Source: docs/structures.md, mounts.

use dazaar_log::FeedKey;
use dazaar_log::codec::protobuf::{Reader, encode_bytes, encode_varint};

use super::edit::Edit;
use super::error::DriveError;
use super::path::DrivePath;
use super::stat::{Mount, Stat, number, text};
use super::view::View;
use crate::blocks::Blocks;
use crate::fault::Fault;
use crate::fields;
use crate::hypertrie::{Iter, IterOptions, Node, Nodes, Options, Query};

/// The user's flags of both entries of a mount.
const FLAG_MOUNT: u32 = 1;

/// Where records are.
const PREFIX: &str = "mounts";

/// Another drive, and where it is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPoint {
    /// Where it is seen, in the drive that mounts it.
    pub path: DrivePath,
    /// The other drive.
    pub key: FeedKey,
    /// Its version; none for the newest.
    pub version: Option<u64>,
    /// The directory of it that is seen: mostly the root.
    pub remote: DrivePath,
}

impl MountPoint {
    fn key_of(path: &DrivePath) -> String {
        format!("{PREFIX}/{}", path.as_str())
    }

    /// The value of a record.
    fn encode(path: &DrivePath, mount: &Mount) -> Vec<u8> {
        let mut out = Vec::new();
        encode_bytes(1, mount.key.as_bytes(), &mut out);
        encode_bytes(2, path.as_str().as_bytes(), &mut out);
        if let Some(version) = mount.version {
            encode_varint(3, version, &mut out);
        }
        out
    }

    /// Reads the record of a path. Field 2 repeats the path, and is not looked at.
    fn decode(path: &DrivePath, value: &[u8]) -> Result<Self, Fault> {
        let (mut key, mut version, mut remote) = (None, None, DrivePath::default());
        for field in Reader::new(value) {
            match field? {
                (1, value) => {
                    let bytes = fields::bytes(1, value)?.try_into().map_err(|_| Fault::Key { field: 1 })?;
                    key = Some(FeedKey(bytes));
                }
                (3, value) => version = Some(number(3, value)?).filter(|&version| version > 0),
                (4, value) => remote = DrivePath::new(&text(4, value)?),
                _ => {}
            }
        }
        let key = key.ok_or(Fault::NoField { field: 1 })?;
        Ok(Self { path: path.clone(), key, version, remote })
    }
}

/// Whether an entry is one of the two of a mount. Npm hyperdrive compares for equality too when it reads.
pub(super) fn is_flagged(node: &Node) -> bool {
    node.flags() == u64::from(FLAG_MOUNT)
}

#[expect(private_bounds, reason = "only the tries of this crate are sources of nodes")]
impl<N: Nodes> View<'_, N> {
    /// Which drive is mounted at a path.
    ///
    /// # Errors
    /// [`DriveError::NotMounted`] if none is, or nothing says which; what is wrong with a block.
    pub fn mount_point(&self, path: &DrivePath) -> Result<MountPoint, DriveError> {
        let record = if self.is_mount(path)? { self.hidden(&MountPoint::key_of(path))? } else { None };
        let record = record.filter(|record| is_flagged(record));
        let record = record.ok_or_else(|| DriveError::NotMounted { path: path.clone() })?;
        MountPoint::decode(path, record.value().unwrap_or_default()).map_err(|fault| DriveError::Stat {
            path: path.as_str().to_owned(),
            seq: record.seq(),
            fault,
        })
    }

    /// All drives that are mounted, those within them left out. What cannot be read is left out too.
    ///
    /// # Errors
    /// What is wrong with a block.
    pub fn mounts(&self) -> Result<Vec<MountPoint>, DriveError> {
        let options =
            IterOptions { prefix: PREFIX, is_hidden: true, is_below_only: true, ..IterOptions::default() };
        let mut iter = Iter::new(self.version, &options);
        let mut mounts = Vec::new();
        while let Some(record) = iter.next(self.nodes)? {
            let key = record.key().get(PREFIX.len() + 1..).unwrap_or_default();
            let path = DrivePath::new(key);
            if path.as_str() != key {
                continue;
            }
            match self.mount_point(&path) {
                Ok(mount) => mounts.push(mount),
                Err(DriveError::NotMounted { .. } | DriveError::Stat { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(mounts)
    }

    /// Whether the entry of a path says that another drive is mounted there.
    fn is_mount(&self, path: &DrivePath) -> Result<bool, DriveError> {
        Ok(self.node(path)?.is_some_and(|node| is_flagged(&node)))
    }
}

impl<B: Blocks> Edit<'_, B> {
    /// Mounts another drive at a path where nothing is, or lets a feed be seen there as a file. `stat` is a directory's or a file's.
    ///
    /// # Errors
    /// [`DriveError::Exists`] if there is anything; as [`put`](Self::put).
    pub fn mount(&mut self, path: &DrivePath, mount: Mount, stat: Stat) -> Result<u64, DriveError> {
        self.check_free(path)?;
        if mount.is_feed {
            return self.write(path, &Stat { mount: Some(mount), ..stat });
        }
        let record = MountPoint::encode(path, &mount);
        let options = |is_hidden| Options { is_hidden, flags: FLAG_MOUNT };
        self.batch.put(self.trie, &MountPoint::key_of(path), Some(&record), options(true))?;
        let value = Stat { mount: Some(mount), ..stat }.encode();
        Ok(self.batch.put(self.trie, path.as_str(), Some(&value), options(false))?)
    }

    /// Ends a mount of a drive, whether or not anything says which, or of a feed.
    ///
    /// # Errors
    /// [`DriveError::NotMounted`]; as [`unlink`](Self::unlink).
    pub fn unmount(&mut self, path: &DrivePath) -> Result<(), DriveError> {
        self.check_way(path)?;
        if self.ask(|view| view.is_mount(path))? {
            let key = MountPoint::key_of(path);
            self.batch.delete(self.trie, Query { key: &key, is_hidden: true })?;
        } else if self.ask(|view| view.entry(path))?.is_none_or(|entry| entry.feed().is_none()) {
            return Err(DriveError::NotMounted { path: path.clone() });
        }
        self.delete(path.as_str())
    }
}
