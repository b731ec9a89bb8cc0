//! Maps whose blocks a stranger wrote: whatever they are, every way of reading them ends.

use std::collections::BTreeMap;

use bytes::Bytes;
use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::ImportedMarket;
use dazaar_trie::db::{Db, DbBatch, DbIterOptions, Said};
use dazaar_trie::hyperdrive::{
    DriveDiff, DriveError, DrivePath, Edit, Extent, Place, Reach, Stat, View, Walk, content_key,
};
use dazaar_trie::hypertrie::{
    Along, Batch, DiffOptions, ExtensionMessage, IterOptions, Options, Responder, Trie, wanted_blocks,
};
use dazaar_trie::limits::MAX_MOUNTS_ENTERED;

/// More entries than an input of that many blocks can have.
const ENTRIES_MAX: usize = 10_000;

/// Each block is a byte with its length, then so many bytes.
fn blocks(data: &[u8]) -> Vec<Bytes> {
    let mut blocks = Vec::new();
    let mut rest = data;
    while let Some((length, after)) = rest.split_first() {
        let (block, after) = after.split_at(usize::from(*length).min(after.len()));
        blocks.push(Bytes::copy_from_slice(block));
        rest = after;
    }
    blocks
}

/// A hypertrie, read and written in every way; also as the database of a market of npm `dazaar`.
pub fn hypertrie(data: &[u8]) {
    let trie = Trie::new(blocks(data));
    let mut entries = BTreeMap::new();
    for (nth, node) in trie.snapshot().iter(&IterOptions::default()).enumerate() {
        assert!(nth < ENTRIES_MAX, "no entry comes twice");
        let Ok(node) = node else { break };
        assert!(trie.snapshot().get(node.key()).is_ok());
        entries.insert(node.key().to_owned(), node.value().map(<[u8]>::to_vec));
    }
    // Any answer will do, as long as there is one.
    let _ = ImportedMarket::read(&entries);
    let _ = trie.header();
    assert!(
        trie.snapshot().diff(trie.version() / 2, &DiffOptions::default()).take(ENTRIES_MAX).count()
            < ENTRIES_MAX
    );
    assert!(trie.snapshot().history().take(ENTRIES_MAX).count() < ENTRIES_MAX);
    let mut batch = Batch::new(&trie);
    let written = batch.put(&trie, "sales/x", Some(b"1"), Options::default());
    if written.is_ok() {
        assert!(matches!(batch.get(&trie, "sales/x"), Ok(Some(_))), "what was put is there");
        let _ = batch.delete(&trie, "sales/x");
    }
}

/// The metadata of a drive, read and written in every way.
pub fn hyperdrive(data: &[u8]) {
    let trie = Trie::new(blocks(data));
    let view = View::new(&trie, trie.version());
    let _ = trie.header().map(|header| header.map(|header| content_key(&header)));
    let _ = view.tags();
    for is_recursive in [false, true] {
        let Ok(mut list) = view.readdir(&DrivePath::default(), is_recursive) else { continue };
        for nth in 0.. {
            assert!(nth < ENTRIES_MAX, "no entry comes twice");
            match list.next(&view) {
                Ok(Some(entry)) => {
                    let path = DrivePath::new(&entry.path);
                    let _ = view.stat(&path);
                    if let Ok(extent) = Extent::of(&entry.stat, 1000) {
                        let part = extent.clamp(7..u64::MAX);
                        assert!(extent.bytes.start <= part.start && part.end <= extent.bytes.end);
                        assert!(extent.blocks.end <= 1000);
                    }
                    assert_eq!(Stat::decode(&entry.stat.encode()).as_ref(), Ok(&entry.stat));
                }
                Ok(None) | Err(DriveError::Trie(_)) => break,
                Err(_) => {}
            }
        }
    }
    walk_mounts(&trie);
    let mut diff = DriveDiff::new(trie.version(), trie.version() / 2, &DrivePath::default());
    let mut changes = 0;
    while let Ok(Some(_)) = diff.next(&view) {
        changes += 1;
        assert!(changes < ENTRIES_MAX);
    }
    let mut batch = Batch::new(&trie);
    let mut edit = Edit::new(&mut batch, &trie);
    let (file, moved) = (DrivePath::new("dir/fuzz"), DrivePath::new("moved"));
    if edit.put(&file, &Stat::file(0o644)).is_ok() {
        assert!(edit.ask(|view| view.lstat(&file)).is_ok(), "what was put is there");
        if edit.rename(&file, &moved).is_ok() {
            assert!(edit.ask(|view| view.lstat(&moved)).is_ok(), "what was moved is there");
        }
        let _ = edit.remove(&DrivePath::new("dir"), 10);
    }
    let mounts = View::new(&trie, trie.version()).mounts().unwrap_or_default();
    for mount in mounts {
        let _ = edit.unmount(&mount.path);
    }
}

/// Walks through a drive in which every mount is of the drive itself.
fn walk_mounts(trie: &Trie<Vec<Bytes>>) {
    let root = DrivePath::default();
    let mut walk = Walk::new(Place::new(FeedKey([9; 32]), None, root.clone()), &root, Reach::Mounts);
    let mut steps = 0;
    while let Some(place) = walk.place() {
        steps += 1;
        assert!(steps < ENTRIES_MAX * MAX_MOUNTS_ENTERED, "a walk ends");
        let version = place.version.unwrap_or(u64::MAX).min(trie.version());
        let mut place = place.clone();
        let view = View::new(trie, version);
        match walk.next(&view) {
            Ok(found) => {
                let Some(Ok(entry)) = found.map(|found| found.entry) else { continue };
                place.path = DrivePath::new(&entry.path);
                while let Ok(None) = place.follow(view.stat(&place.path)) {}
            }
            Err(_) => walk.leave(),
        }
    }
}

/// A message of the extension, read and answered.
pub fn trie_extension(data: &[u8]) {
    let trie = Trie::new(crate::seeds::trie_blocks());
    if let Ok(along) = Along::decode(data) {
        let mut payload = Vec::new();
        along.append_to(&mut payload);
        assert_eq!(Along::decode(&payload), Ok(along), "what we encode decodes");
    }
    let Ok(Some(message)) = ExtensionMessage::decode(data) else { return };
    let again = ExtensionMessage::decode(&message.encode());
    assert_eq!(again, Ok(Some(message.clone())), "what we encode decodes");
    for answer in Responder::new(&trie).answer(&message) {
        let wanted = wanted_blocks(answer, trie.version());
        assert!(wanted.iter().all(|block| *block > 0 && *block < trie.version()));
    }
}

/// The feeds of a map with three writers, one block of each in turn.
pub fn hyperdb(data: &[u8]) {
    let keys = [1, 2, 3].map(|byte| FeedKey([byte; 32]));
    let mut feeds: BTreeMap<FeedKey, Vec<Bytes>> = BTreeMap::new();
    for (nth, block) in blocks(data).into_iter().enumerate() {
        feeds.entry(keys[nth % keys.len()]).or_default().push(block);
    }
    let db = Db::new(keys[0], feeds);
    if let Ok(view) = db.view() {
        for (nth, nodes) in view.iter(&DbIterOptions::default()).enumerate() {
            assert!(nth < ENTRIES_MAX, "no entry comes twice");
            let Ok(nodes) = nodes else { break };
            assert!(!nodes.is_empty());
            let _ = view.key_history(nodes[0].key()).take(10).count();
        }
        assert!(view.history().take(ENTRIES_MAX).count() < ENTRIES_MAX);
    }
    if let Ok(mut batch) = DbBatch::new(&db, keys[1])
        && batch.put(&db, "a/b", Some(b"1")).is_ok()
    {
        let _ = batch.get(&db, "a/b");
    }
}

/// What another writer of a map says.
pub fn db_talk(data: &[u8]) {
    let Ok(Some(said)) = Said::decode(data) else { return };
    assert_eq!(Said::decode(&said.encode()), Ok(Some(said.clone())));
    let [one, other] = [1, 2].map(|seed| IdentityKey([seed; 32]));
    assert_eq!(said.proves(&one, &other), None, "nobody has signed that");
}
