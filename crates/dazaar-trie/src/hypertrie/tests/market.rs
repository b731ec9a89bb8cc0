//! The database of a market of npm dazaar, which is a hypertrie.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::support::below;
use crate::hypertrie::Trie;

#[derive(serde::Deserialize)]
struct Vectors {
    blocks: Vec<String>,
    entries: BTreeMap<String, serde_json::Value>,
}

#[test]
fn finds_what_hypertrie_finds() {
    let vectors = include_str!("../../../tests/vectors/tries.json");
    let Vectors { blocks, entries } = serde_json::from_str(vectors).unwrap();
    let blocks: Vec<Bytes> = blocks.iter().map(|block| hex::decode(block).unwrap().into()).collect();
    let trie = Trie::new(blocks);
    assert!(entries.len() > 70);
    let json = |value: Option<&[u8]>| {
        value.map_or(serde_json::Value::Null, |json| serde_json::from_slice(json).unwrap())
    };
    let mut found = BTreeMap::new();
    for node in trie.snapshot().iter(&below("")) {
        let node = node.unwrap();
        found.insert(node.key().to_owned(), json(node.value()));
    }
    assert_eq!(found, entries);
    for (key, value) in &entries {
        let node = trie.snapshot().get(key.as_str()).unwrap().unwrap();
        assert_eq!(json(node.value()), *value, "{key}");
    }
}
