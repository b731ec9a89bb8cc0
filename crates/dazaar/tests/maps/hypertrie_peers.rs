//! A hypertrie over a connection: sparse readers of either side at writers of the other, and the extension that names the blocks
//! which a search will need.

use std::sync::Arc;
use std::time::Duration;

use dazaar::SharedLog;
use dazaar::folder::Folder;
use dazaar::log::{FeedKey, FeedKeyPair, Log};
use dazaar::maps::hypertrie::{Batch, IterOptions, Options, Watch};
use dazaar::peer::{FeedSet, replicate};
use dazaar::trie::TrieFeed;
use dazaar::wire::Role;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::node::Node;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

const ENTRIES: usize = 500;

/// A trie of ours as `trie-peer.js --serve` makes it.
async fn writer(folder: &TempDir, feeds: &Arc<FeedSet>) -> TrieFeed {
    let log = Log::create(Folder::open(folder.path()).unwrap(), FeedKeyPair::from_seed(&[1; 32])).unwrap();
    let trie = TrieFeed::new(SharedLog::new(log), feeds);
    let fill = |batch: &mut Batch, trie: &_| {
        for nth in 0..ENTRIES {
            let key = format!("dir{}/key{nth}", nth % 10);
            batch.put(trie, &key, Some(nth.to_string().as_bytes()), Options::default())?;
        }
        Ok(())
    };
    // Whether one batch or many, the blocks are the same.
    trie.write(fill).await.unwrap();
    trie
}

fn reader(folder: &TempDir, key: FeedKey, feeds: &Arc<FeedSet>) -> TrieFeed {
    let log = Log::create_reader(Folder::open(folder.path()).unwrap(), key).unwrap();
    TrieFeed::new(SharedLog::new(log), feeds)
}

/// Looks entries up in a trie of which nothing is here yet, and tells how many blocks that took.
async fn read(trie: &TrieFeed, log: &TempDir) -> u64 {
    assert_eq!(trie.update().await, ENTRIES as u64 + 1);
    let found = trie.get("dir3/key203".into()).await.unwrap().unwrap();
    assert_eq!(found.value(), Some(&b"203"[..]));
    assert!(trie.get("dir3/nothing".into()).await.unwrap().is_none());
    let held = Log::open(Folder::snapshot(log.path()).unwrap()).unwrap().downloaded();
    let listed = trie.list(&IterOptions { prefix: "dir7", ..IterOptions::default() }).await.unwrap();
    assert_eq!(listed.len(), ENTRIES / 10);
    held
}

#[tokio::test]
async fn we_read_sparsely_from_javascript() {
    let mut node = Node::start("trie-peer.js", &["--serve", &ENTRIES.to_string()]);
    let listening = node.wait_for("listening");
    let key: FeedKey = listening["key"].as_str().unwrap().parse().unwrap();
    let address = format!("127.0.0.1:{}", listening["port"]);
    let (folder, feeds) = (TempDir::new().unwrap(), FeedSet::new());
    let trie = reader(&folder, key, &feeds);
    let connection = Arc::clone(&feeds);
    let task = tokio::spawn(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        replicate(stream, Role::Initiator, &connection).await
    });
    let held = timeout(DEADLINE, read(&trie, &folder)).await.unwrap();
    assert!(held < 60, "{held} blocks for two searches");
    let asked = node.ask("asked", "asked");
    let kinds: Vec<_> =
        asked["asked"].as_array().unwrap().iter().map(|question| question[0].as_str().unwrap()).collect();
    assert!(kinds.contains(&"get") && kinds.contains(&"iterator"), "{asked}");
    task.abort();
}

#[tokio::test]
async fn javascript_reads_sparsely_from_us() {
    let (folder, feeds) = (TempDir::new().unwrap(), FeedSet::new());
    let trie = writer(&folder, &feeds).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let key = trie.key().to_string();
    let server = Arc::clone(&feeds);
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        replicate(stream, Role::Responder, &server).await
    });
    let talk = tokio::task::spawn_blocking(move || {
        let mut node = Node::start("trie-peer.js", &["--port", &port, "--key", &key]);
        assert_eq!(node.ask("update", "updated")["version"], ENTRIES + 1);
        let got = node.ask("get dir3/key203", "got");
        assert_eq!(got["node"][1], "203");
        assert!(got["downloaded"].as_u64().unwrap() < 60, "{got}");
        assert_eq!(node.ask("list dir7", "listed")["nodes"].as_array().unwrap().len(), ENTRIES / 10);
    });
    timeout(DEADLINE, talk).await.unwrap().unwrap();
    task.abort();
}

#[tokio::test]
async fn we_read_sparsely_from_each_other_and_hear_of_changes() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let (serving, reading) = (FeedSet::new(), FeedSet::new());
    let ours = writer(&folders[0], &serving).await;
    let theirs = reader(&folders[1], ours.key(), &reading);
    let (left, right) = tokio::io::duplex(1 << 16);
    let (server, client) = (Arc::clone(&serving), Arc::clone(&reading));
    let tasks = [
        tokio::spawn(async move { replicate(left, Role::Responder, &server).await }),
        tokio::spawn(async move { replicate(right, Role::Initiator, &client).await }),
    ];
    timeout(DEADLINE, read(&theirs, &folders[1])).await.unwrap();

    let version = theirs.version();
    let mut watch = theirs.ask(|trie| Watch::new(trie, version, "dir1")).await.unwrap();
    ours.put("dir1/new", Some(b"1"), Options::default()).await.unwrap();
    timeout(DEADLINE, theirs.changed(&mut watch)).await.unwrap().unwrap();
    let found = timeout(DEADLINE, theirs.get("dir1/new".into())).await.unwrap().unwrap();
    assert_eq!(found.unwrap().value(), Some(&b"1"[..]));
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_list_of_more_than_one_answer_comes_from_javascript() {
    let count = 5_000;
    let mut node = Node::start("trie-peer.js", &["--serve", &count.to_string()]);
    let listening = node.wait_for("listening");
    let key: FeedKey = listening["key"].as_str().unwrap().parse().unwrap();
    let address = format!("127.0.0.1:{}", listening["port"]);
    let (folder, feeds) = (TempDir::new().unwrap(), FeedSet::new());
    let trie = reader(&folder, key, &feeds);
    let connection = Arc::clone(&feeds);
    let task = tokio::spawn(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        replicate(stream, Role::Initiator, &connection).await
    });
    timeout(DEADLINE, trie.update()).await.unwrap();
    let listed = timeout(DEADLINE, trie.list(&IterOptions::default())).await.unwrap().unwrap();
    assert_eq!(listed.len(), count);
    let asked = node.ask("asked", "asked");
    assert!((2..6).contains(&asked["asked"].as_array().unwrap().len()), "{asked}");
    task.abort();
}
