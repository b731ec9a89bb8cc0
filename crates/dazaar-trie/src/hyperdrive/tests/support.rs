//! What the tests of drives share.

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
