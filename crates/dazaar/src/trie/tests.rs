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

/// A peer who serves a log, and what they do about questions.
#[derive(Debug)]
struct Server {
    core: Core,
    asked: std::sync::atomic::AtomicUsize,
    is_mute: bool,
}

impl FeedExtension for Server {
    fn name(&self) -> &'static str {
        EXTENSION
    }

    fn handle_asked(&self, _: &[u8]) {}

    fn react(&self, payload: &[u8]) -> Reaction {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if self.is_mute {
            return Reaction::default();
        }
        // Before it was asked it gives nothing.
        self.core.replicator.set_uploading(true);
        self.core.react(payload)
    }
}

impl Server {
    fn new(log: &Arc<SharedLog>, is_mute: bool) -> (Arc<Self>, Arc<FeedSet>) {
        let options = replication::Options { download: Download::None, seed: 0 };
        let replicator = Replicator::new(Arc::clone(log), Feed::own(log.key()), options);
        let server = Arc::new(Self { core: Core::new(&replicator), asked: Default::default(), is_mute });
        let feeds = FeedSet::new();
        feeds.add(replicator, Some(Arc::clone(&server) as Arc<dyn FeedExtension>));
        (server, feeds)
    }

    fn asked(&self) -> usize {
        self.asked.load(std::sync::atomic::Ordering::SeqCst)
    }
}

/// Connects two; what both are doing.
fn connect(theirs: &Arc<FeedSet>, ours: &Arc<FeedSet>) -> [tokio::task::JoinHandle<()>; 2] {
    let (near, far) = tokio::io::duplex(1 << 16);
    let (theirs, ours) = (Arc::clone(theirs), Arc::clone(ours));
    [
        tokio::spawn(async move { drop(peer::replicate(near, dazaar_wire::Role::Responder, &theirs).await) }),
        tokio::spawn(async move { drop(peer::replicate(far, dazaar_wire::Role::Initiator, &ours).await) }),
    ]
}

/// A trie with some entries, and a reader of it who has nothing.
async fn written_and_read(
    folders: &[TempDir; 2],
) -> (Arc<SharedLog>, Arc<SharedLog>, TrieFeed, Arc<FeedSet>) {
    let (log, written) = writer(&folders[0]);
    for start in (0..1000).step_by(50) {
        let put = |batch: &mut Batch, trie: &Trie<FeedBlocks>| {
            (start..start + 50).try_for_each(|nth| {
                batch.put(trie, &format!("a/{nth}"), Some(b"v"), Options::default()).map(drop)
            })
        };
        written.write(put).await.unwrap();
    }
    let reader = Log::create_reader(Folder::open(folders[1].path()).unwrap(), log.key()).unwrap();
    let (reader, feeds) = (SharedLog::new(reader), FeedSet::new());
    let trie = TrieFeed::new(Arc::clone(&reader), &feeds);
    (log, reader, trie, feeds)
}

#[tokio::test]
async fn one_of_several_is_asked_and_no_block_comes_from_two() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let (log, reader, trie, feeds) = written_and_read(&folders).await;
    let servers = [(); 2].map(|()| Server::new(&log, false));
    let lines = servers.each_ref().map(|(_, theirs)| connect(theirs, &feeds));
    timeout(DEADLINE, trie.update()).await.unwrap();
    while lines.len() > trie.core.replicator.peers() {
        tokio::task::yield_now().await;
    }
    for nth in (0..1000).step_by(37) {
        assert!(timeout(DEADLINE, value(&trie, &format!("a/{nth}"))).await.unwrap().is_some());
    }
    for [theirs, ours] in lines {
        ours.abort();
        // What was said before is heard.
        theirs.await.unwrap();
    }
    let sent = servers.each_ref().map(|(server, _)| server.core.replicator.take_uploaded().blocks);
    assert_eq!(sent.iter().sum::<u64>(), reader.lock().downloaded(), "{sent:?}");
    assert!(servers.iter().any(|(server, _)| server.asked() > 0));
}

#[tokio::test]
async fn who_does_not_answer_is_not_waited_for() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let (log, _, trie, feeds) = written_and_read(&folders).await;
    let (mute, silent) = Server::new(&log, true);
    let _line = connect(&silent, &feeds);
    timeout(DEADLINE, trie.update()).await.unwrap();
    mute.core.replicator.set_uploading(false);
    let asking = trie.clone();
    let getting = tokio::spawn(async move { value(&asking, "a/500").await });
    while mute.asked() == 0 {
        tokio::task::yield_now().await;
    }
    let (other, theirs) = Server::new(&log, false);
    other.core.replicator.set_uploading(false);
    let _other = connect(&theirs, &feeds);
    assert!(timeout(DEADLINE, getting).await.expect("another is asked").unwrap().is_some());
    assert!(other.asked() > 0);
}
