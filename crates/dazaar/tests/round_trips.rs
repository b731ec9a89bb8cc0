//! How often a question goes there and back before it is answered: on a line on which everything takes one trip.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use dazaar::cards::{Address, Link};
use dazaar::database::Admission;
use dazaar::folder::Folder;
use dazaar::log::{FeedKeyPair, Log, LogError};
use dazaar::maps::Blocks;
use dazaar::maps::hypertrie::{ExtensionMessage, IterOptions, Options, Query, Trie};
use dazaar::peer::{FeedSet, replicate};
use dazaar::transport::{Connecting, Dialer, Listener};
use dazaar::trie::TrieFeed;
use dazaar::wire::Role;
use dazaar::wire::replication::Download;
use dazaar::{Buyer, BuyerOptions, Market, Offer, Seller, SellerOptions, SharedLog, now_ms};
use tempfile::TempDir;
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Entries of the maps.
const ENTRIES: usize = 2000;

/// Turns in which nothing was said, after which nobody has anything to say.
const QUIET_TURNS: usize = 200;

/// Bytes that either end may say at once.
const LINE_BYTES: usize = 1 << 24;

/// A line between two ends in this thread: what both say is carried to the other at once, and then what they say to that.
struct Line {
    ends: [DuplexStream; 2],
    said: [Vec<u8>; 2],
}

impl Line {
    /// The line, and what is at its ends.
    fn new() -> (Self, [DuplexStream; 2]) {
        let [(one, near), (other, far)] = [duplex(LINE_BYTES), duplex(LINE_BYTES)];
        (Self { ends: [one, other], said: Default::default() }, [near, far])
    }

    /// Lets both ends say what they have to say.
    async fn settle(&mut self) {
        let mut quiet = 0;
        while quiet < QUIET_TURNS {
            tokio::task::yield_now().await;
            quiet += 1;
            for (end, said) in self.ends.iter_mut().zip(&mut self.said) {
                let mut buffer = vec![0; 1 << 16];
                let read = std::future::poll_fn(|context| {
                    let mut filled = ReadBuf::new(&mut buffer);
                    let _ = Pin::new(&mut *end).poll_read(context, &mut filled);
                    Poll::Ready(filled.filled().len())
                });
                let read = read.await;
                if read > 0 {
                    said.extend_from_slice(&buffer[..read]);
                    quiet = 0;
                }
            }
        }
    }

    /// Carries what both said; whether that was anything.
    async fn trip(&mut self) -> bool {
        self.settle().await;
        let said = std::mem::take(&mut self.said);
        for (said, end) in said.iter().zip(self.ends.iter_mut().rev()) {
            end.write_all(said).await.unwrap();
        }
        said.iter().any(|said| !said.is_empty())
    }

    /// Trips until something is so.
    async fn trips_until(&mut self, mut is_so: impl FnMut() -> bool) -> usize {
        for trips in 0.. {
            self.settle().await;
            if is_so() {
                return trips;
            }
            assert!(self.trip().await, "nobody says anything any more");
        }
        unreachable!()
    }

    /// Lets both ends come to rest, who may work on other threads too.
    async fn rest_until(&mut self, mut is_so: impl FnMut() -> bool) {
        while !is_so() {
            self.trip().await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while self.trip().await {}
    }
}

fn key(nth: usize) -> String {
    format!("sensors/{}/{nth}", nth % 7)
}

/// Fills a map; several appends, so that its blocks lie apart.
async fn fill(map: &TrieFeed) {
    for start in (0..ENTRIES).step_by(100) {
        map.write(|batch, trie| {
            (start..start + 100)
                .try_for_each(|nth| batch.put(trie, &key(nth), Some(b"1"), Options::default()).map(drop))
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn a_lookup_and_a_list_at_a_peer_take_one_round_trip() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let pair = FeedKeyPair::from_seed(&[1; 32]);
    let public = pair.public();
    let theirs = SharedLog::new(Log::create(Folder::open(folders[0].path()).unwrap(), pair).unwrap());
    let ours = SharedLog::new(Log::create_reader(Folder::open(folders[1].path()).unwrap(), public).unwrap());
    let feeds = [FeedSet::new(), FeedSet::new()];
    let written = TrieFeed::new(theirs, &feeds[0]);
    fill(&written).await;
    let map = TrieFeed::new(Arc::clone(&ours), &feeds[1]);
    let (mut line, [near, far]) = Line::new();
    let [theirs, our_feeds] = feeds;
    tokio::spawn(async move { replicate(far, Role::Responder, &theirs).await });
    tokio::spawn(async move { replicate(near, Role::Initiator, &our_feeds).await });
    line.rest_until(|| !map_is_behind(&map, ENTRIES)).await;

    let mut held = ours.lock().downloaded();
    let mut asked_often = 0;
    for nth in [0, 1234, 17, 333, 801, 1500] {
        let asked = map.clone();
        let getting = tokio::spawn(async move { asked.get(Query::from(key(nth).as_str())).await });
        let trips = line.trips_until(|| getting.is_finished()).await;
        assert!(getting.await.unwrap().unwrap().is_some());
        // What the lookups before brought may be enough.
        assert!([0, 2].contains(&trips), "there, and back with the blocks, is 2 and not {trips}");
        asked_often += usize::from(trips == 2);
        line.rest_until(|| true).await;
        let now = ours.lock().downloaded();
        assert!(now < held + 30, "{held} blocks, then {now}: no more than are needed");
        held = now;
    }
    assert!(asked_often >= 3);
    let asked = map.clone();
    let listing = tokio::spawn(async move {
        asked.list(&IterOptions { prefix: "sensors/3", ..IterOptions::default() }).await
    });
    assert_eq!(line.trips_until(|| listing.is_finished()).await, 2);
    assert_eq!(listing.await.unwrap().unwrap().len(), (3..ENTRIES).step_by(7).count());
}

/// Whether a map is not known here as far as it was written. Asks for the newest block.
fn map_is_behind(map: &TrieFeed, entries: usize) -> bool {
    let mut update = Box::pin(map.update());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let _ = update.as_mut().poll(&mut context);
    map.version() <= entries as u64
}

/// A stream within this process.
#[derive(Debug)]
struct Pipe(Mutex<Option<DuplexStream>>);

#[derive(Debug)]
struct PipeEnd(mpsc::Receiver<DuplexStream>);

impl Dialer for Pipe {
    fn dials(&self, _: &Address) -> bool {
        true
    }

    fn dial<'a>(&'a self, _: &'a Address) -> Connecting<'a> {
        let stream = self.0.lock().unwrap().take();
        Box::pin(async { Ok(Box::new(stream.ok_or(io::ErrorKind::NotFound)?) as _) })
    }
}

impl Listener for PipeEnd {
    fn accept(&mut self) -> Connecting<'_> {
        Box::pin(async {
            match self.0.recv().await {
                Some(stream) => Ok(Box::new(stream) as _),
                None => std::future::pending().await,
            }
        })
    }
}

/// The blocks that are here of those that the seller has told of.
struct Claimed(Arc<SharedLog>);

impl Blocks for Claimed {
    fn length(&self) -> u64 {
        ENTRIES as u64 + 1
    }

    fn block(&self, seq: u64) -> Result<Option<bytes::Bytes>, LogError> {
        self.0.lock().block(seq)
    }
}

#[tokio::test]
async fn a_lookup_at_a_seller_takes_one_round_trip_and_no_block_comes_twice() {
    let folder = TempDir::new().unwrap();
    let market = Arc::new(Market::create(&folder.path().join("seller"), None, None).unwrap());
    let log = market.own_feed("map").unwrap();
    fill(&TrieFeed::new(Arc::clone(&log), &FeedSet::new())).await;
    let offer = Offer::new(log.key(), "map", market.feed_folder(&log.key()), Admission::Everybody);
    let listing = market.list(offer, now_ms()).unwrap();
    // Nothing is said meanwhile that was not asked for.
    let options = SellerOptions { validate_interval: Duration::from_secs(3600), ..SellerOptions::default() };
    let seller = Seller::new(Arc::clone(&market), listing.clone(), options).unwrap();
    let (mut line, [near, far]) = Line::new();
    let (sender, receiver) = mpsc::channel(1);
    sender.send(far).await.unwrap();
    let (server, tcp) = (seller.clone(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    tokio::spawn(async move { server.serve_also(tcp, vec![Box::new(PipeEnd(receiver))]).await });

    let buying = Market::create(&folder.path().join("buyer"), None, None).unwrap();
    buying.dial_by(vec![Arc::new(Pipe(Mutex::new(Some(near))))]);
    let link = Link { addresses: vec!["pipe:1".parse().unwrap()], ..Link::new(seller.key()) };
    let options = BuyerOptions { download: Download::Sparse, ..BuyerOptions::default() };
    let buyer = Buyer::new(Arc::new(buying), link.into(), options).unwrap();
    let running = buyer.clone();
    tokio::spawn(async move { drop(running.run().await) });
    line.rest_until(|| buyer.feed().is_some_and(|feed| feed.is_informed())).await;

    let feed = Arc::clone(buyer.feed().unwrap());
    let version = feed.progress().length;
    assert_eq!(version, ENTRIES as u64 + 1);
    let trie = Trie::new(Claimed(Arc::clone(feed.log())));
    // The header comes first, and nothing has to settle before the lookup.
    feed.want(0..1);
    line.trips_until(|| feed.log().lock().has(0)).await;
    let mut asked_often = 0;
    for nth in [5, 1234, 17, 333, 801, 1500] {
        let key = key(nth);
        let found = || trie.checkout(version).get(Query::from(key.as_str()));
        if let Err(dazaar::maps::hypertrie::TrieError::Missing { seq }) = found() {
            feed.want(seq..seq + 1);
        }
        buyer.ask_about_map(&ExtensionMessage::Get { head: version - 1, key: key.clone() });
        let trips = line.trips_until(|| found().is_ok()).await;
        assert!([0, 2].contains(&trips), "there, and back with the blocks, is 2 and not {trips}");
        asked_often += usize::from(trips == 2);
        assert!(found().unwrap().is_some());
        line.rest_until(|| true).await;
    }
    assert!(asked_often >= 3);
    let held = feed.log().lock().downloaded();
    assert!(held < 100, "{held} blocks");
    drop((buyer, feed));
    seller.close();
    let sold = || market.database().sales(&listing.feed).unwrap()[0].blocks;
    for _ in 0..1000 {
        if sold() > 0 {
            break;
        }
        line.trip().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(sold(), held as i64, "none was sent twice");
}
