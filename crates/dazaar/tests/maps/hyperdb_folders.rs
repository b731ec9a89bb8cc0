//! Maps of several writers in folders that both sides write.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dazaar::hyperdb::{HyperDb, HyperDbError};
use dazaar::log::{FeedKey, FeedKeyPair};
use dazaar::maps::db::{DbIterOptions, DbNode, Feeds as _};
use dazaar::peer::replicate;
use dazaar::wire::Role;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::node::Node;

const PEERS: u8 = 3;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
enum Step {
    Put(u8, String, String),
    Delete(u8, String),
    Sync(u8, u8),
    Authorize(u8, u8),
}

impl Step {
    fn json(&self) -> Value {
        match self {
            Self::Put(peer, key, value) => json!([peer, "put", key, value]),
            Self::Delete(peer, key) => json!([peer, "del", key]),
            Self::Sync(a, b) => json!([a, "sync", b]),
            Self::Authorize(peer, other) => json!([peer, "authorize", other]),
        }
    }
}

fn key() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["a", "b", "dir", "\u{e9}"]);
    prop::collection::vec(word, 1..3).prop_map(|words| words.join("/"))
}

fn step() -> impl Strategy<Value = Step> {
    let peer = || 1..=PEERS;
    prop_oneof![
        8 => (peer(), key(), "[a-z]{1,3}").prop_map(|(peer, key, value)| Step::Put(peer, key, value)),
        3 => (peer(), key()).prop_map(|(peer, key)| Step::Delete(peer, key)),
        1 => (peer(), peer()).prop_filter("two peers", |(a, b)| a != b).prop_map(|(a, b)| Step::Sync(a, b)),
    ]
}

/// Lets everybody in.
fn beginning() -> Vec<Step> {
    let init = Step::Put(1, "init".to_owned(), "0".to_owned());
    vec![init, Step::Authorize(1, 2), Step::Authorize(1, 3), Step::Sync(1, 2), Step::Sync(1, 3)]
}

/// Lets everybody know everything.
fn ending() -> Vec<Step> {
    vec![Step::Sync(1, 2), Step::Sync(2, 3), Step::Sync(1, 3), Step::Sync(1, 2)]
}

fn feed(peer: u8) -> FeedKey {
    FeedKeyPair::from_seed(&[peer; 32]).public()
}

fn javascript(folder: &Path, steps: &[Step], keys: &BTreeSet<String>, read: u8) -> Value {
    let scratch = TempDir::new().unwrap();
    let file = |name: &str, content: Value| {
        let path = scratch.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let steps = file("steps", steps.iter().map(Step::json).collect());
    let keys = file("keys", json!(keys));
    let (folder, read) = (folder.to_str().unwrap(), read.to_string());
    let mut node =
        Node::start("hyperdb.js", &["--dir", folder, "--steps", &steps, "--keys", &keys, "--read", &read]);
    let told = node.wait_for("db");
    node.succeed();
    told
}

/// The same steps by us, in the same folders.
struct Ours(Vec<HyperDb>);

impl Ours {
    async fn open(folder: &Path) -> Self {
        let mut peers = Vec::new();
        while peers.len() < usize::from(PEERS) {
            match HyperDb::open(&folder.join((peers.len() + 1).to_string()), Some(feed(1))) {
                Ok(peer) => peers.push(peer),
                // A checkpoint of whoever had it open before may still be under way.
                Err(HyperDbError::Folder { source, .. }) if source.kind() == ErrorKind::WouldBlock => {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
        Self(peers)
    }

    fn peer(&self, peer: u8) -> &HyperDb {
        &self.0[usize::from(peer) - 1]
    }

    async fn take(&self, step: &Step) {
        match step {
            Step::Put(peer, key, value) => {
                self.peer(*peer).put(key, Some(value.as_bytes())).await.unwrap();
            }
            Step::Delete(peer, key) => {
                self.peer(*peer).delete(key).await.unwrap();
            }
            Step::Sync(a, b) => self.sync(*a, *b).await,
            Step::Authorize(peer, other) => {
                let other = self.peer(*other).own_key();
                self.peer(*peer).authorize(other).await.unwrap();
            }
        }
    }

    async fn sync(&self, a: u8, b: u8) {
        let (a, b) = (self.peer(a), self.peer(b));
        let (left, right) = tokio::io::duplex(1 << 16);
        let (one, other) = (Arc::clone(a.feeds()), Arc::clone(b.feeds()));
        let tasks = [
            tokio::spawn(async move { replicate(left, Role::Responder, &one).await.unwrap() }),
            tokio::spawn(async move { replicate(right, Role::Initiator, &other).await.unwrap() }),
        ];
        let same = async {
            loop {
                let (ours, theirs) = (state(a).await, state(b).await);
                if ours == theirs {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(DEADLINE, same).await.unwrap();
        for task in tasks {
            task.abort();
            // What it had open is closed once it has ended, by this or because the other one has.
            let _ = task.await;
        }
    }
}

/// How much is known of each writer, once all of it is here.
async fn state(db: &HyperDb) -> BTreeMap<FeedKey, u64> {
    let lengths = db.ask(|db| {
        let view = db.view()?;
        view.history().try_for_each(|node| node.map(|_| ()))?;
        Ok(view.writers().keys().map(|key| (key, db.feeds().length(&key))).collect())
    });
    lengths.await.unwrap()
}

/// Feed, block and value.
type Row = (String, u64, Option<String>);

fn row(keys: &[FeedKey], node: &DbNode) -> Row {
    let value = node.value().filter(|_| !node.is_deleted());
    let value = value.map(|value| String::from_utf8(value.to_vec()).unwrap());
    (keys[node.feed()].to_string(), node.seq(), value)
}

/// Compares what JavaScript told with what we read in the same folder.
async fn compare(db: &HyperDb, told: &Value, keys: &BTreeSet<String>) {
    let names: Vec<FeedKey> = db
        .ask(|db| {
            db.view()?;
            Ok((0..usize::from(PEERS)).map(|number| db.key_of(number)).collect())
        })
        .await
        .unwrap();
    let version = db.ask(|db| Ok(db.view()?.version())).await.unwrap();
    let theirs: BTreeSet<_> =
        told["version"].as_str().unwrap().as_bytes().chunks(66).map(<[u8]>::to_vec).collect();
    let ours = hex_text(&version.encode());
    assert_eq!(theirs, ours.as_bytes().chunks(66).map(<[u8]>::to_vec).collect(), "heads");

    for (key, rows) in keys.iter().zip(told["gets"].as_array().unwrap()) {
        let theirs: BTreeSet<Row> =
            serde_json::from_value::<Vec<Row>>(rows.clone()).unwrap().into_iter().collect();
        let nodes = db.get(key).await.unwrap();
        let ours: BTreeSet<Row> = nodes.iter().map(|node| row(&names, node)).collect();
        // JavaScript may return values beside that others replaced.
        let known = db.ask(|db| db.view()?.history().collect::<Result<Vec<_>, _>>()).await.unwrap();
        let newest = |place: &Row| {
            let node = known.iter().find(|node| row(&names, node) == *place).unwrap();
            let same_key = known.iter().filter(|other| other.key() == node.key());
            !same_key.into_iter().any(|other| other.replaces(node))
        };
        let newest: BTreeSet<Row> = theirs.iter().filter(|place| newest(place)).cloned().collect();
        if newest.iter().any(|(_, _, value)| value.is_some()) || !ours.is_empty() {
            assert_eq!(ours, newest, "{key}");
        }
    }

    let entries = db.list(&DbIterOptions::default()).await.unwrap();
    let ours: Vec<&str> = entries.iter().map(|nodes| nodes[0].key()).collect();
    let theirs = told["list"].as_array().unwrap();
    let theirs: Vec<&str> = theirs.iter().map(|entry| entry[0].as_str().unwrap()).collect();
    // JavaScript may list keys that were deleted.
    let live: Vec<&str> = theirs.iter().copied().filter(|key| ours.contains(key)).collect();
    assert_eq!(ours, live, "the same keys in the same order");
    let history = db.ask(|db| Ok(db.view()?.history().count())).await.unwrap();
    assert_eq!(history, told["history"].as_array().unwrap().len());
}

fn hex_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    #[test]
    fn one_goes_on_where_the_other_stopped(
        first in prop::collection::vec(step(), 1..30),
        second in prop::collection::vec(step(), 1..30),
        third in prop::collection::vec(step(), 1..20),
        ours_first: bool,
        read in 1..=PEERS,
    ) {
        let scene = TempDir::new().unwrap();
        let folder = scene.path();
        let mut keys: BTreeSet<String> = BTreeSet::new();
        for step in [&first, &second, &third].into_iter().flatten() {
            if let Step::Put(_, key, _) | Step::Delete(_, key) = step {
                keys.insert(key.clone());
            }
        }
        keys.insert("nothing".to_owned());
        let first = [beginning(), first].concat();
        let third = [third, ending()].concat();
        // JavaScript makes the folders, so that everybody has the key that the steps expect. Only the owner can read yet.
        javascript(folder, &[], &keys, 1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ours = |steps: &[Step], told: Option<&Value>| runtime.block_on(async {
            let ours = timeout(DEADLINE, Ours::open(folder)).await.unwrap();
            for step in steps {
                ours.take(step).await;
            }
            if let Some(told) = told {
                compare(ours.peer(read), told, &keys).await;
            }
        });
        for (nth, steps) in [&first, &second, &third].into_iter().enumerate() {
            if (nth % 2 == 0) == ours_first {
                ours(steps, None);
            } else {
                javascript(folder, steps, &keys, read);
            }
            let told = javascript(folder, &[], &keys, read);
            ours(&[], Some(&told));
        }
    }
}
