//! Writing next to others, and peers who claim too much.

use std::time::Duration;

use dazaar_log::{FeedKeyPair, Log};
use dazaar_wire::replication::Transfer;
use dazaar_wire::{Have, Message};
use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::folder::Folder;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(30);

fn writer(folder: &TempDir) -> (Arc<SharedLog>, TrieFeed) {
    let log = Log::create(Folder::open(folder.path()).unwrap(), FeedKeyPair::from_seed(&[1; 32])).unwrap();
    let log = SharedLog::new(log);
    (Arc::clone(&log), TrieFeed::new(log, &FeedSet::new()))
}

async fn value(trie: &TrieFeed, key: &str) -> Option<Vec<u8>> {
    trie.get(key.into()).await.unwrap()?.value().map(<[u8]>::to_vec)
}

#[tokio::test]
async fn a_change_that_is_tried_again_begins_anew() {
    let folder = TempDir::new().unwrap();
    let (_, trie) = writer(&folder);
    trie.put("first", None, Options::default()).await.unwrap();
    let mut tries = 0;
    let written = trie.write(|batch, trie| {
        tries += 1;
        batch.put(trie, &format!("try{tries}"), Some(b"v"), Options::default())?;
        if tries == 1 { Err(TrieError::Missing { seq: 0 }) } else { Ok(()) }
    });
    written.await.unwrap();
    assert_eq!(trie.version(), 3);
    assert_eq!((value(&trie, "try1").await, value(&trie, "try2").await), (None, Some(b"v".to_vec())));
}

#[tokio::test]
async fn what_somebody_else_appends_meanwhile_stays() {
    let folder = TempDir::new().unwrap();
    let (log, trie) = writer(&folder);
    trie.put("first", Some(b"0"), Options::default()).await.unwrap();
    let mut tries = 0;
    let written = trie.write(|batch, trie| {
        tries += 1;
        if tries == 1 {
            let mut theirs = Batch::new(trie);
            theirs.put(trie, "theirs", Some(b"1"), Options::default())?;
            log.append(theirs.blocks())?;
        }
        batch.put(trie, "ours", Some(b"2"), Options::default())
    });
    assert_eq!(written.await.unwrap(), 3);
    for (key, expected) in [("first", b"0"), ("theirs", b"1"), ("ours", b"2")] {
        assert_eq!(value(&trie, key).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_length_that_was_never_proved_is_forgotten_with_its_peer() {
    let folder = TempDir::new().unwrap();
    let key = FeedKeyPair::from_seed(&[1; 32]).public();
    let log = SharedLog::new(Log::create_reader(Folder::open(folder.path()).unwrap(), key).unwrap());
    let trie = TrieFeed::new(log, &FeedSet::new());
    let replicator = &trie.core.replicator;
    let peer = replicator.add_peer(&Arc::new(Notify::new()), Transfer::Blocks, false);
    replicator
        .handle_message(
            peer,
            Message::Have(Have { start: (1 << 40) - 1, length: 1, bitfield: None, ack: false }),
        )
        .unwrap();
    let mut update = std::pin::pin!(trie.update());
    let waiting =
        std::future::poll_fn(|context| std::task::Poll::Ready(update.as_mut().poll(context).is_pending()));
    assert!(waiting.await);
    replicator.remove_peer(peer);
    assert_eq!(timeout(DEADLINE, update).await.unwrap(), 0);
}
