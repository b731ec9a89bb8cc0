//! What the tests of the trie share.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use dazaar_log::LogError;

use crate::Blocks;
use crate::hypertrie::*;

/// A trie in memory.
pub(super) type Memory = Trie<Vec<Bytes>>;

/// Two keys of one hash.
pub(super) const TWINS: [&str; 2] = ["idgcmnmna", "mpomeiehc"];

/// One change of a trie.
#[derive(Debug, Clone)]
pub(super) enum Op {
    Put { key: String, value: Option<String>, options: Options },
    Delete { key: String, is_hidden: bool },
}

pub(super) fn memory() -> Memory {
    Trie::new(Vec::new())
}

/// Appends what is in a batch.
pub(super) fn append(trie: &mut Memory, batch: Batch) {
    let blocks: Vec<Bytes> = batch.blocks().iter().cloned().map(Bytes::from).collect();
    trie.blocks_mut().extend(blocks);
    trie.keep(batch);
}

pub(super) fn apply(batch: &mut Batch, trie: &Memory, change: &Op) {
    match change {
        Op::Put { key, value, options } => {
            batch.put(trie, key, value.as_deref().map(str::as_bytes), *options).unwrap();
        }
        Op::Delete { key, is_hidden } => {
            batch.delete(trie, Query { key, is_hidden: *is_hidden }).unwrap();
        }
    }
}

/// Makes changes in batches of so many.
pub(super) fn write(trie: &mut Memory, changes: &[Op], batch_len: usize) {
    for changes in changes.chunks(batch_len) {
        let mut batch = Batch::new(trie);
        changes.iter().for_each(|change| apply(&mut batch, trie, change));
        append(trie, batch);
    }
}

pub(super) fn put(trie: &mut Memory, key: &str, value: &str) {
    write(
        trie,
        &[Op::Put { key: key.to_owned(), value: Some(value.to_owned()), options: Options::default() }],
        1,
    );
}

pub(super) fn delete(trie: &mut Memory, key: &str) {
    write(trie, &[Op::Delete { key: key.to_owned(), is_hidden: false }], 1);
}

pub(super) fn text(node: &Node) -> Option<String> {
    node.value().map(|value| String::from_utf8(value.to_vec()).unwrap())
}

pub(super) fn value(trie: &Memory, key: &str) -> Option<String> {
    trie.snapshot().get(key).unwrap().and_then(|node| text(&node))
}

/// Key, value and block of each entry.
pub(super) type Rows = Vec<(String, Option<String>, u64)>;

pub(super) fn row(node: &Arc<Node>) -> (String, Option<String>, u64) {
    (node.key().to_owned(), text(node), node.seq())
}

pub(super) fn list(trie: &Memory, options: &IterOptions<'_>) -> Rows {
    trie.snapshot().iter(options).map(|node| row(&node.unwrap())).collect()
}

pub(super) fn keys(trie: &Memory, options: &IterOptions<'_>) -> Vec<String> {
    list(trie, options).into_iter().map(|(key, _, _)| key).collect()
}

pub(super) fn below(prefix: &str) -> IterOptions<'_> {
    IterOptions { prefix, ..IterOptions::default() }
}

/// Blocks of which some are not here.
#[derive(Debug)]
pub(super) struct Sparse {
    pub(super) all: Vec<Bytes>,
    pub(super) here: BTreeSet<u64>,
}

impl Blocks for Sparse {
    fn length(&self) -> u64 {
        self.all.len() as u64
    }

    fn block(&self, seq: u64) -> Result<Option<Bytes>, LogError> {
        if self.here.contains(&seq) { self.all.block(seq) } else { Ok(None) }
    }
}

/// Asks again and again, fetching each missing block; the answer, and what was fetched.
pub(super) fn fetching<T>(
    trie: &mut Trie<Sparse>,
    mut ask: impl FnMut(&Trie<Sparse>) -> Result<T, TrieError>,
) -> (T, Vec<u64>) {
    let mut fetched = Vec::new();
    loop {
        match ask(trie) {
            Ok(answer) => return (answer, fetched),
            Err(TrieError::Missing { seq }) => {
                assert!(trie.blocks_mut().here.insert(seq), "block {seq} is here");
                fetched.push(seq);
            }
            Err(error) => panic!("{error}"),
        }
    }
}
