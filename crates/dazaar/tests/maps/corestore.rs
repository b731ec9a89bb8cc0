//! Folders of npm corestore: feeds of one master key, made and written by either side, and all of them over one connection.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dazaar::SharedLog;
use dazaar::corestore::{Corestore, CorestoreError};
use dazaar::wire::Role;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::node::Node;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// Names of feeds; those with a slash are of parts.
const NAMES: [&str; 4] = ["default", "prices", "part/", "part/inner"];

fn start(folder: &TempDir, more: &[&str]) -> Node {
    let mut node =
        Node::start("corestore-peer.js", &[&["--dir", folder.path().to_str().unwrap()], more].concat());
    node.wait_for("ready");
    node
}

/// What we call it.
fn ours(name: &str) -> String {
    Corestore::name_of_part(&name.trim_end_matches('/').split('/').collect::<Vec<_>>())
}

fn blocks(log: &SharedLog) -> Vec<String> {
    let blocks = log.lock().blocks(0..u64::MAX).unwrap();
    blocks.iter().map(|block| String::from_utf8(block.to_vec()).unwrap()).collect()
}

/// Opens a feed, once whoever had it open before has let go of it.
fn named(store: &Corestore, name: &str) -> Arc<SharedLog> {
    let end = Instant::now() + DEADLINE;
    loop {
        match store.named(name) {
            Err(CorestoreError::Folder { source, .. })
                if source.kind() == ErrorKind::WouldBlock && Instant::now() < end => {}
            log => return log.unwrap(),
        }
    }
}

#[tokio::test]
async fn one_goes_on_where_the_other_stopped() {
    let folder = TempDir::new().unwrap();
    let mut node = start(&folder, &[]);
    let keys: Vec<Value> = NAMES
        .iter()
        .map(|name| node.ask(&format!("append {name} theirs"), "appended")["key"].clone())
        .collect();
    node.ask("end", "ended");

    let store = Corestore::create(folder.path()).unwrap();
    let listed = store.list().unwrap();
    for (name, key) in NAMES.iter().zip(&keys) {
        let log = named(&store, &ours(name));
        assert_eq!(json!(log.key().to_string()), *key, "{name}");
        assert!(listed.contains(&(log.key(), Some(ours(name)))), "{listed:?}");
        assert_eq!(blocks(&log), ["theirs"]);
        log.append(&["ours"]).unwrap();
    }
    let new = {
        let log = named(&store, "new");
        log.append(&["ours"]).unwrap();
        log.key().to_string()
    };
    drop(store);

    let mut node = start(&folder, &[]);
    for (name, key) in NAMES.iter().zip(&keys) {
        let told = node.ask(&format!("read {name}"), "read");
        assert_eq!((&told["key"], &told["blocks"]), (key, &json!(["theirs", "ours"])), "{name}");
        assert_eq!(node.ask(&format!("append {name} again"), "appended")["length"], 3);
    }
    let told = node.ask(&format!("read {new}"), "read");
    assert_eq!((&told["blocks"], &told["writable"]), (&json!(["ours"]), &json!(true)), "it knows the name");
    node.ask("end", "ended");
    let store = Corestore::create(folder.path()).unwrap();
    assert_eq!(blocks(&named(&store, "prices")), ["theirs", "ours", "again"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_feeds_go_over_one_connection() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let store = Corestore::create(folders[0].path()).unwrap();
    let names = ["default", "one", "two"];
    let logs = names.map(|name| store.named(name).unwrap());
    for (log, name) in logs.iter().zip(names) {
        log.append(&[name]).unwrap();
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let replicating = store.clone();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        replicating.replicate(stream, Role::Responder).await
    });
    let keys = logs.each_ref().map(|log| log.key().to_string());
    let [_, folder] = folders;
    let asking = tokio::task::spawn_blocking(move || {
        let mut node = start(&folder, &["--port", &port]);
        let end = Instant::now() + DEADLINE;
        for (key, name) in keys.iter().zip(names) {
            while node.ask(&format!("read {key}"), "read")["blocks"] != json!([name]) {
                assert!(Instant::now() < end, "no block of `{name}` in time");
            }
        }
        let theirs = node.ask("append theirs hello", "appended")["key"].as_str().unwrap().to_owned();
        (node, folder, theirs)
    });
    let (_node, _folder, theirs) = asking.await.unwrap();
    // Offered before anybody here wanted it.
    let log = store.feed(theirs.parse().unwrap()).unwrap();
    let changed = Arc::new(Notify::new());
    log.listen(&changed);
    let arrived = async {
        while !log.lock().has(0) {
            changed.notified().await;
        }
    };
    timeout(DEADLINE, arrived).await.expect("a block in time");
    assert_eq!(blocks(&log), ["hello"]);
}
