//! Maps whose blocks a stranger wrote: whatever they are, every way of reading them ends.

use std::collections::BTreeMap;

use bytes::Bytes;
use dazaar_log::FeedKey;
use dazaar_market::ImportedMarket;
use dazaar_trie::db::{Db, DbBatch, DbIterOptions};
use dazaar_trie::hypertrie::{
    Batch, DiffOptions, ExtensionMessage, IterOptions, Options, Responder, Trie, wanted_blocks,
};

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

/// A message of the extension, read and answered.
pub fn trie_extension(data: &[u8]) {
    let trie = Trie::new(crate::seeds::trie_blocks());
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
