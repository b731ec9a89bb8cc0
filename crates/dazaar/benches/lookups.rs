//! Single keys of a large map that lies far away, by readers who hold nothing of it: `cargo bench -p dazaar --bench lookups`.
//! `DAZAAR_BENCH_ENTRIES` says how large the map is, `DAZAAR_BENCH_MS` how long the way there takes, `DAZAAR_BENCH_KEYS` how many keys are
//! looked up.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dazaar::cards::{Address, Link};
use dazaar::database::Admission;
use dazaar::folder::Folder;
use dazaar::log::{Log, LogError};
use dazaar::maps::Blocks;
use dazaar::maps::hypertrie::{ExtensionMessage, Options, Query, Trie, TrieError};
use dazaar::peer::{FeedSet, replicate};
use dazaar::trie::TrieFeed;
use dazaar::wire::Role;
use dazaar::wire::replication::Download;
use dazaar::{Buyer, BuyerOptions, Market, Offer, Replicator, Seller, SellerOptions, SharedLog, now_ms};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

/// Entries of one append.
const BATCH_ENTRIES: usize = 10_000;

/// Bytes that the line takes at once, and how often before the first of them arrive: 3 GB/s at 20 ms.
const CHUNK_BYTES: usize = 64 * 1024;
const CHUNKS_MAX: usize = 1024;

/// What one block on the way costs at most, before something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What is measured.
#[derive(Debug, Clone, Copy)]
struct Case {
    entries: usize,
    keys: usize,
    /// From one end of the line to the other.
    delay: Duration,
}

/// What one reader took to get keys.
#[derive(Debug, Default)]
struct Taken {
    /// From dialling to the value of the first key.
    from_dialling: Vec<Duration>,
    /// Of the first key of a reader who is connected, and holds no block but those that connecting brings.
    first: Vec<Duration>,
    /// Of further keys of the same reader, who holds the blocks of keys before.
    further: Vec<Duration>,
    /// Blocks that a reader holds after the first key.
    blocks: Vec<u64>,
}

fn main() -> Outcome<()> {
    let number = |name: &str, usual: usize| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(usual)
    };
    let case = Case {
        entries: number("DAZAAR_BENCH_ENTRIES", 1_000_000).max(1),
        keys: number("DAZAAR_BENCH_KEYS", 20).max(1),
        delay: Duration::from_millis(number("DAZAAR_BENCH_MS", 20) as u64),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(case))
}

async fn measure(case: Case) -> Outcome<()> {
    let scene = tempfile::tempdir()?;
    let market = Arc::new(Market::create(&scene.path().join("seller"), None, None)?);
    let log = market.own_feed("map")?;
    let feeds = FeedSet::new();
    let map = TrieFeed::new(Arc::clone(&log), &feeds);
    let began = Instant::now();
    for start in (0..case.entries).step_by(BATCH_ENTRIES) {
        let nths = start..(start + BATCH_ENTRIES).min(case.entries);
        map.write(|batch, trie| {
            nths.clone().try_for_each(|nth| {
                batch.put(trie, &key(nth), Some(&value(nth)), Options::default()).map(drop)
            })
        })
        .await?;
    }
    println!("{} entries written in {:.1} s", case.entries, began.elapsed().as_secs_f64());
    let round_trip = 2 * case.delay;
    println!(
        "{:56} {:>14} {:>16} {:>14}",
        format!("a round trip of {} ms", round_trip.as_millis()),
        "median",
        "of round trips",
        "slowest"
    );
    let peers = far_peers(case, scene.path(), &log, &feeds).await?;
    report("feeds of peers", round_trip, peers);
    let buyers = far_buyers(case, scene.path(), &market, &log).await?;
    report("a sale", round_trip, buyers);
    Ok(())
}

fn report(name: &str, round_trip: Duration, taken: Taken) {
    let Taken { from_dialling, first, further, mut blocks } = taken;
    for (what, mut times) in [
        ("a key, connected and holding nothing", first),
        ("further keys, one after the other", further),
        ("a key, from dialling on", from_dialling),
    ] {
        times.sort_unstable();
        let (Some(&median), Some(slowest)) = (times.get(times.len() / 2), times.last()) else { continue };
        let trips = |time: Duration| time.as_secs_f64() / round_trip.as_secs_f64().max(f64::EPSILON);
        println!(
            "{:56} {:>11.1} ms {:>16.2} {:>11.1} ms",
            format!("{name}: {what}"),
            1e3 * median.as_secs_f64(),
            trips(median),
            1e3 * slowest.as_secs_f64()
        );
    }
    blocks.sort_unstable();
    println!("{name}: {} blocks for one key (median)", blocks.get(blocks.len() / 2).copied().unwrap_or(0));
}

fn key(nth: usize) -> String {
    format!("dir{}/key{nth}", nth % 100)
}

fn value(nth: usize) -> Vec<u8> {
    format!("value {nth:04}").into_bytes()
}

impl Case {
    /// The nth key that is looked up: all over the map, none twice.
    const fn looked_up(&self, nth: usize) -> usize {
        nth.wrapping_mul(7_919) % self.entries
    }
}

/// Readers who replicate the feed itself, each a new one.
async fn far_peers(case: Case, scene: &Path, log: &SharedLog, feeds: &Arc<FeedSet>) -> Outcome<Taken> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let far = line(listener.local_addr()?, case.delay).await?;
    let served = Arc::clone(feeds);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let feeds = Arc::clone(&served);
            tokio::spawn(async move {
                stream.set_nodelay(true)?;
                replicate(stream, Role::Responder, &feeds).await
            });
        }
    });
    let (public, mut taken) = (log.key(), Taken::default());
    for nth in 0..case.keys {
        let folder = Folder::open(&scene.join(format!("reader{nth}")))?;
        let ours = SharedLog::new(Log::create_reader(folder, public)?);
        let feeds = FeedSet::new();
        let map = TrieFeed::new(Arc::clone(&ours), &feeds);
        let began = Instant::now();
        let stream = TcpStream::connect(far).await?;
        stream.set_nodelay(true)?;
        let connection = tokio::spawn(async move { replicate(stream, Role::Initiator, &feeds).await });
        map.update().await;
        let get = async |nth: usize| -> Outcome<Duration> {
            let (began, key) = (Instant::now(), key(nth));
            let node = tokio::time::timeout(PATIENCE, map.get(Query::from(key.as_str()))).await??;
            check(node.as_deref().and_then(|node| node.value()), nth)?;
            Ok(began.elapsed())
        };
        taken.first.push(get(case.looked_up(nth)).await?);
        taken.from_dialling.push(began.elapsed());
        taken.blocks.push(ours.lock().downloaded());
        if nth == 0 {
            for further in case.keys..2 * case.keys {
                taken.further.push(get(case.looked_up(further)).await?);
            }
        }
        connection.abort();
    }
    Ok(taken)
}

/// Buyers, each a new one, who are admitted and get feeds of their own.
async fn far_buyers(case: Case, scene: &Path, market: &Arc<Market>, log: &SharedLog) -> Outcome<Taken> {
    let offer = Offer::new(log.key(), "map", market.feed_folder(&log.key()), Admission::Everybody);
    let seller = Seller::new(Arc::clone(market), market.list(offer, now_ms())?, SellerOptions::default())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let far = line(listener.local_addr()?, case.delay).await?;
    let server = seller.clone();
    tokio::spawn(async move { server.serve_also(listener, Vec::new()).await });
    let mut taken = Taken::default();
    for nth in 0..case.keys {
        let buying = Arc::new(Market::create(&scene.join(format!("buyer{nth}")), None, None)?);
        let address: Address = format!("{far}").parse()?;
        let link = Link { addresses: vec![address], ..Link::new(seller.key()) };
        let options = BuyerOptions { download: Download::Sparse, ..BuyerOptions::default() };
        let buyer = Buyer::new(buying, link.into(), options)?;
        let began = Instant::now();
        let running = buyer.clone();
        let connection = tokio::spawn(async move { drop(running.run().await) });
        let feed = informed(&buyer).await?;
        let trie = Trie::new(Claimed { length: feed.progress().length, feed: Arc::clone(&feed) });
        taken.first.push(bought(&buyer, &trie, case.looked_up(nth)).await?);
        taken.from_dialling.push(began.elapsed());
        taken.blocks.push(feed.log().lock().downloaded());
        if nth == 0 {
            for further in case.keys..2 * case.keys {
                taken.further.push(bought(&buyer, &trie, case.looked_up(further)).await?);
            }
        }
        connection.abort();
    }
    seller.close();
    Ok(taken)
}

/// Waits until the seller has told what there is.
async fn informed(buyer: &Buyer) -> Outcome<Arc<Replicator>> {
    let began = Instant::now();
    loop {
        if let Some(feed) = buyer.feed().filter(|feed| feed.is_informed()) {
            return Ok(Arc::clone(feed));
        }
        if began.elapsed() > PATIENCE {
            return Err("the seller tells nothing".into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// How long it takes to get a key from the seller.
async fn bought(buyer: &Buyer, trie: &Trie<Claimed>, nth: usize) -> Outcome<Duration> {
    let (began, key, version) = (Instant::now(), key(nth), trie.version());
    let feed = &trie.blocks().feed;
    let changed = Arc::new(Notify::new());
    feed.log().listen(&changed);
    let mut is_asked = false;
    loop {
        match trie.checkout(version).get(Query::from(key.as_str())) {
            Err(TrieError::Missing { seq }) => {
                feed.want(seq..seq + 1);
                if !std::mem::replace(&mut is_asked, true) {
                    buyer.ask_about_map(&ExtensionMessage::Get { head: version - 1, key: key.clone() });
                }
                tokio::time::timeout(PATIENCE, changed.notified()).await?;
            }
            found => {
                check(found?.as_deref().and_then(|node| node.value()), nth)?;
                return Ok(began.elapsed());
            }
        }
    }
}

fn check(found: Option<&[u8]>, nth: usize) -> Outcome<()> {
    if found == Some(&*value(nth)) { Ok(()) } else { Err(format!("key {nth} has another value").into()) }
}

/// The blocks that are here of those that the seller has told of.
struct Claimed {
    feed: Arc<Replicator>,
    length: u64,
}

impl Blocks for Claimed {
    fn length(&self) -> u64 {
        self.length
    }

    fn block(&self, seq: u64) -> Result<Option<bytes::Bytes>, LogError> {
        self.feed.log().lock().block(seq)
    }
}

/// A line to `there`, on which everything takes `delay` from one end to the other, connecting too. Returns its near end.
async fn line(there: SocketAddr, delay: Duration) -> Outcome<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let here = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            tokio::spawn(async move {
                // The system has answered whoever connects, which the other end of such a line could not have done yet.
                tokio::time::sleep(2 * delay).await;
                let far = TcpStream::connect(there).await?;
                near.set_nodelay(true)?;
                far.set_nodelay(true)?;
                let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                carry(from_near, to_far, delay);
                carry(from_far, to_near, delay);
                Ok::<_, std::io::Error>(())
            });
        }
    });
    Ok(here)
}

/// Carries bytes one way until either end is gone.
fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (departed, mut arriving) = mpsc::channel::<(tokio::time::Instant, Vec<u8>)>(CHUNKS_MAX);
    tokio::spawn(async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            let due = tokio::time::Instant::now() + delay;
            if departed.send((due, chunk[..length].to_vec())).await.is_err() {
                break;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((due, bytes)) = arriving.recv().await {
            if due > tokio::time::Instant::now() {
                tokio::time::sleep_until(due).await;
            }
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
    });
}
