//! A folder of a hypertrie that both sides write.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use dazaar::SharedLog;
use dazaar::folder::Folder;
use dazaar::log::{FeedKeyPair, Log};
use dazaar::maps::hypertrie::{Batch, DiffOptions, IterOptions, Options, Query, Trie};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::node::Node;

/// One change, as the JavaScript peer reads it too.
#[derive(Debug, Clone)]
struct Op {
    is_put: bool,
    key: String,
    value: Option<String>,
    hidden: bool,
    flags: u32,
}

impl Op {
    fn json(&self) -> Value {
        let kind = if self.is_put { "put" } else { "del" };
        json!({ "type": kind, "key": self.key, "value": self.value, "hidden": self.hidden, "flags": self.flags })
    }
}

fn op(words: &'static [&'static str], deletes: u32) -> impl Strategy<Value = Op> {
    let key = prop::collection::vec(prop::sample::select(words), 1..4).prop_map(|words| words.join("/"));
    let is_put = prop_oneof![7 => Just(true), deletes => Just(false)];
    let value = prop::option::of("[a-z]{0,4}");
    (key, is_put, value, any::<bool>(), 0..3_u32).prop_map(|(key, is_put, value, hidden, flags)| Op {
        is_put,
        key,
        value,
        hidden,
        flags,
    })
}

const WORDS: &[&str] = &["a", "b", "c", "dir", "\u{e9}", "long-name", "x y", "0"];
const TWINS: &[&str] = &["a", "b", "idgcmnmna", "mpomeiehc"];

fn open(folder: &Path) -> Log<Folder> {
    let storage = Folder::open(folder).unwrap();
    if Folder::is_begun(folder) {
        Log::open(storage).unwrap()
    } else {
        Log::create(storage, FeedKeyPair::from_seed(&[1; 32])).unwrap()
    }
}

fn write(folder: &Path, ops: &[Op], batch_len: usize) {
    let mut trie = Trie::new(open(folder));
    for ops in ops.chunks(batch_len) {
        let mut batch = Batch::new(&trie);
        for Op { is_put, key, value, hidden: is_hidden, flags } in ops {
            if *is_put {
                let options = Options { is_hidden: *is_hidden, flags: *flags };
                batch.put(&trie, key, value.as_deref().map(str::as_bytes), options).unwrap();
            } else {
                batch.delete(&trie, Query { key, is_hidden: *is_hidden }).unwrap();
            }
        }
        let blocks = batch.blocks().to_vec();
        trie.blocks_mut().append(&blocks).unwrap();
        trie.keep(batch);
    }
}

/// Has JavaScript make changes in a folder, and tell about it.
fn javascript(folder: &Path, ops: &[Op], batch: usize, keys: &[String], prefix: &str, since: u64) -> Value {
    let scratch = TempDir::new().unwrap();
    let file = |name: &str, content: Value| {
        let path = scratch.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ops = file("ops", ops.iter().map(Op::json).collect());
    let keys = file("keys", json!(keys));
    let (batch, since) = (batch.to_string(), since.to_string());
    let folder = folder.to_str().unwrap();
    let mut node = Node::start(
        "trie.js",
        &[
            "--dir", folder, "--ops", &ops, "--keys", &keys, "--batch", &batch, "--prefix", prefix,
            "--since", &since,
        ],
    );
    let told = node.wait_for("trie");
    node.succeed();
    told
}

/// What JavaScript should have told of a folder, by what we read in it.
fn expected(folder: &Path, keys: &[String], prefix: &str, since: u64) -> Value {
    let trie = Trie::new(open(folder));
    let row = |node: &dazaar::maps::hypertrie::Node| {
        let value = node.value().map(|value| String::from_utf8(value.to_vec()).unwrap());
        json!([node.key(), value, node.seq()])
    };
    let snapshot = trie.snapshot();
    let get = |key: &str, is_hidden| {
        snapshot.get(Query { key, is_hidden }).unwrap().map_or(Value::Null, |node| row(&node))
    };
    let options = IterOptions { prefix, ..IterOptions::default() };
    let list = |options: &IterOptions<'_>| -> Value {
        snapshot.iter(options).map(|node| row(&node.unwrap())).collect()
    };
    let side = |node: &Option<Arc<_>>| node.as_deref().map_or(Value::Null, row);
    let diff = snapshot.diff(since, &DiffOptions { prefix, ..DiffOptions::default() });
    let diff = diff.map(Result::unwrap).map(|change| json!([side(&change.newer), side(&change.older)]));
    json!({
        "event": "trie",
        "key": trie.blocks().key().to_string(),
        "version": trie.version().max(1),
        "gets": keys.iter().map(|key| json!([get(key, false), get(key, true)])).collect::<Value>(),
        "list": list(&options),
        "reverse": list(&IterOptions { is_reverse: true, ..options }),
        "hidden": list(&IterOptions { is_hidden: true, ..options }),
        "children": list(&IterOptions { is_recursive: false, is_below_only: true, ..options }),
        "diff": diff.collect::<Value>(),
        "history": snapshot.history().map(|node| row(&node.unwrap())).collect::<Value>(),
    })
}

/// Two programs may order the differences otherwise.
fn sorted(mut told: Value) -> Value {
    told["diff"].as_array_mut().unwrap().sort_by_key(Value::to_string);
    told
}

fn keys(ops: &[&[Op]]) -> Vec<String> {
    let mut keys: Vec<String> = ops.iter().copied().flatten().map(|op| op.key.clone()).collect();
    keys.push("nothing/here".to_owned());
    keys
}

fn blocks(folder: &Path) -> Vec<Vec<u8>> {
    let log = open(folder);
    (0..log.length()).map(|block| log.block(block).unwrap().unwrap().to_vec()).collect()
}

/// What the changes come to.
fn model(ops: &[&[Op]]) -> BTreeMap<String, Option<String>> {
    let mut model = BTreeMap::new();
    for op in ops.iter().copied().flatten().filter(|op| !op.hidden) {
        if op.is_put {
            model.insert(op.key.clone(), op.value.clone());
        } else {
            model.remove(&op.key);
        }
    }
    model
}

fn listed(told: &Value) -> BTreeMap<String, Option<String>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    told["list"].as_array().unwrap().iter().map(|row| (text(&row[0]).unwrap(), text(&row[1]))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn one_goes_on_where_the_other_stopped(
        first in prop::collection::vec(op(WORDS, 3), 1..60),
        second in prop::collection::vec(op(WORDS, 3), 1..60),
        third in prop::collection::vec(op(WORDS, 3), 1..30),
        batch_len in 1..6_usize,
        ours_first: bool,
        prefix in prop::sample::select(vec!["", "a", "dir/b"]),
    ) {
        let scene = TempDir::new().unwrap();
        let (shared, ours) = (scene.path().join("shared"), scene.path().join("ours"));
        let keys = keys(&[&first, &second, &third]);
        if ours_first {
            write(&shared, &first, batch_len);
        } else {
            javascript(&shared, &first, batch_len, &[], "", 1);
        }
        let since = open(&shared).length();
        let told = javascript(&shared, &second, batch_len, &keys, prefix, since);
        // An npm history ends where the last entry was deleted.
        let had_reset = blocks(&shared).iter().skip(1).any(|block| block.starts_with(b"\x0a\x00"));
        if !had_reset {
            prop_assert_eq!(sorted(told.clone()), sorted(expected(&shared, &keys, prefix, since)));
        }
        if prefix.is_empty() {
            prop_assert_eq!(listed(&told), model(&[&first, &second]));
        }
        write(&shared, &third, batch_len);
        let told = javascript(&shared, &[], 1, &keys, prefix, since);
        if !had_reset && !blocks(&shared).iter().skip(1).any(|block| block.starts_with(b"\x0a\x00")) {
            prop_assert_eq!(sorted(told), sorted(expected(&shared, &keys, prefix, since)));
        }
        // We alone would have written the same.
        for ops in [&first, &second, &third] {
            write(&ours, ops, 7);
        }
        prop_assert_eq!(blocks(&shared), blocks(&ours));
    }

    #[test]
    fn javascript_reads_what_we_deleted_among_keys_of_one_hash(
        first in prop::collection::vec(op(TWINS, 5), 1..60),
        second in prop::collection::vec(op(TWINS, 0), 1..20),
    ) {
        let scene = TempDir::new().unwrap();
        let shared = scene.path().join("shared");
        let keys = keys(&[&first, &second]);
        write(&shared, &first, 3);
        let told = javascript(&shared, &[], 1, &keys, "", 1);
        prop_assert_eq!(listed(&told), model(&[&first]));
        let told = javascript(&shared, &second, 1, &keys, "", 1);
        prop_assert_eq!(listed(&told), model(&[&first, &second]));
        let ours = expected(&shared, &keys, "", 1);
        for what in ["gets", "list", "hidden"] {
            prop_assert_eq!(&told[what], &ours[what]);
        }
    }
}

#[test]
fn a_folder_that_is_shared_reads_the_same() {
    let scene = TempDir::new().unwrap();
    write(
        scene.path(),
        &[Op { is_put: true, key: "a".into(), value: Some("1".into()), hidden: false, flags: 0 }],
        1,
    );
    let log = SharedLog::new(open(scene.path()));
    let feeds = dazaar::peer::FeedSet::new();
    let feed = dazaar::trie::TrieFeed::new(log, &feeds);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        feed.put("b", Some(b"2"), Options::default()).await.unwrap();
        let found = feed.get("b".into()).await.unwrap().unwrap();
        assert_eq!(found.value(), Some(&b"2"[..]));
        assert_eq!(feed.delete("a".into()).await.unwrap(), Some(3));
        assert_eq!(feed.list(&IterOptions::default()).await.unwrap().len(), 1);
    });
}

#[test]
fn the_database_of_a_market_of_npm_dazaar_is_read() {
    let scene = TempDir::new().unwrap();
    let folder = scene.path().join("market");
    let mut node = Node::start("make-market.js", &["--dir", folder.to_str().unwrap()]);
    let made = node.wait_for("market");
    node.succeed();
    let market = dazaar::read_legacy(&folder).unwrap();
    let feeds = |list: &str| -> Vec<String> {
        let mut feeds: Vec<String> = made[list]
            .as_array()
            .unwrap()
            .iter()
            .map(|sale| sale["feed"].as_str().unwrap().to_owned())
            .collect();
        feeds.sort();
        feeds
    };
    let mut sold: Vec<String> = market.sales.keys().map(ToString::to_string).collect();
    sold.sort();
    assert_eq!(sold, feeds("sales"));
    let bought: Vec<String> = market.buys.values().map(ToString::to_string).collect();
    assert_eq!(bought, feeds("buys"));
    assert!(market.config.contains_key("colour"));
}
