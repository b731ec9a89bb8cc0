//! What the tests of drives share.

use std::collections::BTreeMap;

use bytes::Bytes;
use dazaar_log::FeedKey;

use crate::hyperdrive::*;
use crate::hypertrie::{Batch, Trie};

/// A drive in memory.
pub(super) type Memory = Trie<Vec<Bytes>>;

pub(super) const CONTENT: FeedKey = FeedKey([7; 32]);

pub(super) fn memory() -> Memory {
    let mut trie = Trie::new(Vec::new());
    let batch = Batch::with_header(&trie, &header(CONTENT));
    trie.blocks_mut().extend(batch.blocks().iter().cloned().map(Bytes::from));
    trie
}

pub(super) fn path(text: &str) -> DrivePath {
    DrivePath::new(text)
}

/// Makes a change; nothing has changed if it fails.
pub(super) fn edit<T>(
    trie: &mut Memory,
    change: impl FnOnce(&mut Edit<'_, Vec<Bytes>>) -> Result<T, DriveError>,
) -> Result<T, DriveError> {
    let mut batch = Batch::new(trie);
    let changed = change(&mut Edit::new(&mut batch, trie))?;
    let blocks: Vec<Bytes> = batch.blocks().iter().cloned().map(Bytes::from).collect();
    trie.blocks_mut().extend(blocks);
    trie.keep(batch);
    Ok(changed)
}

pub(super) fn view(trie: &Memory) -> View<'_, Memory> {
    View::new(trie, trie.version())
}

/// A file of so many bytes.
pub(super) fn file(size: u64) -> Stat {
    Stat { size, blocks: size.div_ceil(65_536), ..Stat::file(0o644) }
}

pub(super) fn put(trie: &mut Memory, text: &str, size: u64) {
    edit(trie, |edit| edit.put(&path(text), &file(size))).unwrap();
}

/// All that a list tells of.
pub(super) fn list(trie: &Memory, directory: &str, is_recursive: bool) -> Result<Vec<Entry>, DriveError> {
    let view = view(trie);
    let mut list = view.readdir(&path(directory), is_recursive)?;
    let mut entries = Vec::new();
    while let Some(entry) = list.next(&view)? {
        entries.push(entry);
    }
    Ok(entries)
}

pub(super) fn names(trie: &Memory, directory: &str, is_recursive: bool) -> Vec<String> {
    let mut names: Vec<String> =
        list(trie, directory, is_recursive).unwrap().into_iter().map(|entry| entry.path).collect();
    names.sort();
    names
}

pub(super) fn changes(trie: &Memory, older: u64, prefix: &str) -> Vec<(ChangeKind, String)> {
    let mut diff = DriveDiff::new(trie.version(), older, &path(prefix));
    let mut changes = Vec::new();
    while let Some(change) = diff.next(&view(trie)).unwrap() {
        changes.push((change.kind, change.path));
    }
    changes.sort_by(|a, b| a.1.cmp(&b.1));
    changes
}

/// Drives that may be mounted in each other.
#[derive(Debug, Default)]
pub(super) struct World(pub(super) BTreeMap<FeedKey, Memory>);

/// A number as a key.
pub(super) const fn key(nth: u8) -> FeedKey {
    FeedKey([nth; 32])
}

/// What is mounted: the newest version of a drive, or one of its versions.
pub(super) const fn mount_of(nth: u8, version: Option<u64>) -> Mount {
    Mount { key: key(nth), version, hash: None, is_feed: false }
}

impl World {
    /// Drives with the keys 0 and so on.
    pub(super) fn new(drives: u8) -> Self {
        Self((0..drives).map(|nth| (key(nth), memory())).collect())
    }

    pub(super) fn drive(&mut self, nth: u8) -> &mut Memory {
        self.0.get_mut(&key(nth)).unwrap()
    }

    pub(super) fn mount(&mut self, nth: u8, at: &str, mount: Mount) {
        edit(self.drive(nth), |edit| edit.mount(&path(at), mount, Stat::directory(0o755))).unwrap();
    }

    /// What is at a path of a drive, or wherever that leads.
    pub(super) fn stat_from(&self, key: FeedKey, text: &str) -> Result<Entry, DriveError> {
        let mut place = Place::new(key, None, path(text));
        loop {
            let drive = &self.0[&place.key];
            let view = View::new(drive, place.version.unwrap_or_else(|| drive.version()));
            if let Some(entry) = place.follow(view.stat(&place.path))? {
                return Ok(entry);
            }
        }
    }

    /// What is at a path of drive 0.
    pub(super) fn stat(&self, text: &str) -> Result<Entry, DriveError> {
        self.stat_from(key(0), text)
    }

    /// What a walk through a directory comes by, by path. A drive that is not here is left.
    pub(super) fn walk(&self, key: FeedKey, text: &str, reach: Reach) -> Result<Vec<Found>, DriveError> {
        let mut walk = Walk::new(Place::new(key, None, path(text)), &path(text), reach);
        let mut all = Vec::new();
        while let Some(place) = walk.place() {
            let Some(drive) = self.0.get(&place.key) else {
                walk.leave();
                continue;
            };
            let view = View::new(drive, place.version.unwrap_or_else(|| drive.version()));
            match walk.next(&view) {
                Ok(found) => all.extend(found),
                Err(error) => {
                    let path = walk.mount().map(str::to_owned);
                    walk.leave();
                    let Some(path) = path else { return Err(error) };
                    all.push(Found { path, entry: Err(error) });
                }
            }
        }
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    }

    /// The paths that a walk through a directory of drive 0 comes by.
    pub(super) fn paths(&self, text: &str, reach: Reach) -> Vec<String> {
        self.walk(key(0), text, reach).unwrap().into_iter().map(|found| found.path).collect()
    }
}
