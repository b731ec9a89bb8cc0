//! A map of several writers, one of whom is npm hyperdb, over a connection.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dazaar::hyperdb::HyperDb;
use dazaar::log::FeedKey;
use dazaar::peer::replicate;
use dazaar::wire::Role;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::node::Node;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// Asks JavaScript until it answers as expected.
async fn until(node: &Arc<Mutex<Node>>, command: &'static str, event: &'static str, expected: Value) {
    let node = Arc::clone(node);
    let asking = tokio::task::spawn_blocking(move || {
        let end = Instant::now() + DEADLINE;
        loop {
            let told = node.lock().unwrap().ask(command, event);
            let field = if event == "authorized" { "is" } else { "nodes" };
            if told[field] == expected {
                return;
            }
            assert!(Instant::now() < end, "{told} instead of {expected}");
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    asking.await.unwrap();
}

async fn tell(node: &Arc<Mutex<Node>>, command: &'static str, event: &'static str) {
    let node = Arc::clone(node);
    tokio::task::spawn_blocking(move || node.lock().unwrap().ask(command, event)).await.unwrap();
}

/// Waits until we read these values of a key.
async fn read(db: &HyperDb, key: &str, expected: &[&str]) {
    let is_so = db.until(|view| {
        let nodes = view.get(key)?;
        let mut values: Vec<_> = nodes.iter().filter_map(|node| node.value()).collect();
        values.sort_unstable();
        Ok(values.iter().copied().eq(expected.iter().map(|value| value.as_bytes())))
    });
    timeout(DEADLINE, is_so).await.unwrap().unwrap();
}

#[tokio::test]
async fn javascript_writes_a_map_of_ours_as_long_as_it_may() {
    let folder = TempDir::new().unwrap();
    let db = HyperDb::open(folder.path(), None).unwrap();
    db.put("greeting", Some(b"hello")).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, key) = (listener.local_addr().unwrap().port().to_string(), db.key().to_string());
    let feeds = Arc::clone(db.feeds());
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        replicate(stream, Role::Responder, &feeds).await
    });
    let node = Node::start("hyperdb-peer.js", &["--port", &port, "--key", &key]);
    let node = Arc::new(Mutex::new(node));
    let starting = Arc::clone(&node);
    let connected = tokio::task::spawn_blocking(move || starting.lock().unwrap().wait_for("connected"));
    let local: FeedKey = connected.await.unwrap()["local"].as_str().unwrap().parse().unwrap();
    until(&node, "get greeting", "got", json!([["greeting", "hello"]])).await;

    db.authorize(local).await.unwrap();
    until(&node, "authorized", "authorized", json!(true)).await;
    tell(&node, "put answer hi", "put").await;
    read(&db, "answer", &["hi"]).await;
    db.put("answer", Some(b"bye")).await.unwrap();
    until(&node, "get answer", "got", json!([["answer", "bye"]])).await;
    tell(&node, "del greeting", "deleted").await;
    read(&db, "greeting", &[]).await;
    until(&node, "list", "listed", json!([[["answer", "bye"]]])).await;

    db.revoke(local).await.unwrap();
    tell(&node, "put answer again", "put").await;
    db.until(|view| Ok(view.heads().len() == 1)).await.unwrap();
    read(&db, "answer", &["bye"]).await;
    task.abort();
}
