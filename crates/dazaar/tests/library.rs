//! The library as a program uses it: a seller and a buyer in one process, on loopback.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dazaar::buyer::BuyerEnd;
use dazaar::cards::{
    Address, BuyerEvent, Card, CardSignature, IrohAddress, Link, MasterKey, SellerEvent, VoucherCode,
};
use dazaar::database::{Admission, Credit, Listing, Retention, Voucher};
use dazaar::log::IdentityKey;
use dazaar::maps::hypertrie::{Batch, ExtensionMessage, Options, Trie};
use dazaar::peer::FeedSet;
use dazaar::trie::{FeedBlocks, TrieFeed};
use dazaar::wire::replication::Download;
use dazaar::{
    Buyer, BuyerNotice, BuyerOptions, Market, Offer, Replicator, Seller, SellerNotice, SellerOptions,
    SharedLog, now_ms,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// A seller that serves, and a buyer who has not begun.
struct Scene {
    _folders: TempDir,
    log: Arc<SharedLog>,
    seller: Seller,
    buyer: Buyer,
    serving: JoinHandle<()>,
    buyer_key: IdentityKey,
    market: Arc<Market>,
    listing: Listing,
    address: Address,
}

impl Scene {
    async fn new(admission: Admission) -> Self {
        Self::asking_every(Duration::from_millis(20), admission).await
    }

    async fn asking_every(validate_interval: Duration, admission: Admission) -> Self {
        let folders = TempDir::new().unwrap();
        let market = market(&folders.path().join("seller"));
        let log = market.own_feed("ticks").unwrap();
        log.append(&["one", "two", "three"]).unwrap();
        let listing = market.list(offer(&market, &log, admission), now_ms()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: Address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let link = market.link(&listing, vec![address.clone()]);
        let options = SellerOptions { validate_interval, ..SellerOptions::default() };
        let seller = Seller::new(Arc::clone(&market), listing.clone(), options).unwrap();
        let server = seller.clone();
        let serving = tokio::spawn(async move { server.serve(listener).await });
        let (buyer, buyer_key, _) = buyer(&folders.path().join("buyer"), link);
        Self { _folders: folders, log, seller, buyer, serving, buyer_key, market, listing, address }
    }
}

impl Scene {
    fn link(&self) -> Link {
        self.market.link(&self.listing, vec![self.address.clone()])
    }
}

fn market(dir: &Path) -> Arc<Market> {
    Arc::new(Market::create(dir, None, None).unwrap())
}

fn offer(market: &Market, log: &SharedLog, admission: Admission) -> Offer {
    Offer::new(log.key(), "ticks", market.feed_folder(&log.key()), admission)
}

fn buyer_master() -> MasterKey {
    MasterKey::new(&[8; 32])
}

/// A buyer that runs, always the same one, whatever the folder.
fn buyer(dir: &Path, link: Link) -> (Buyer, IdentityKey, JoinHandle<BuyerEnd>) {
    let market = Arc::new(Market::create(dir, Some(buyer_master()), None).unwrap());
    let key = market.buyer().public();
    let buyer = Buyer::new(market, link.into(), BuyerOptions::default()).unwrap();
    let connection = buyer.clone();
    let running = tokio::spawn(async move { connection.run().await });
    (buyer, key, running)
}

/// The next notice that `wanted` makes something of.
async fn next<N: Clone, T>(notices: &mut broadcast::Receiver<N>, wanted: impl Fn(N) -> Option<T>) -> T {
    let waiting = async {
        loop {
            if let Some(found) = wanted(notices.recv().await.unwrap()) {
                return found;
            }
        }
    };
    timeout(DEADLINE, waiting).await.expect("in time")
}

/// Waits until the buyer holds so many blocks.
async fn held(buyer: &Buyer, blocks: u64) -> Arc<Replicator> {
    let mut notices = buyer.notices();
    let changed = Arc::new(Notify::new());
    let waiting = async {
        while buyer.feed().is_none() {
            notices.recv().await.unwrap();
        }
        let feed = Arc::clone(buyer.feed().unwrap());
        feed.log().listen(&changed);
        while feed.log().lock().downloaded() < blocks {
            changed.notified().await;
        }
        feed
    };
    timeout(DEADLINE, waiting).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn history_and_what_is_appended_later_arrive() {
    let scene = Scene::new(Admission::Everybody).await;
    let feed = held(&scene.buyer, 3).await;
    scene.log.append(&["four"]).unwrap();
    held(&scene.buyer, 4).await;
    let block = feed.log().lock().block(3).unwrap().unwrap();
    assert_eq!(block, "four");
    assert_ne!(feed.key(), scene.log.key(), "every buyer has a feed of their own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_and_a_revocation_reach_an_open_connection() {
    let scene = Scene::new(Admission::Granted).await;
    let mut notices = scene.buyer.notices();
    let refused = |notice| match notice {
        BuyerNotice::Session(BuyerEvent::Invalid { reason }) => Some(reason),
        _ => None,
    };
    let database = scene.market.database();
    // The first refusal may have come before anybody listened: grant, revoke, and look at the second.
    database.grant("first", &scene.listing.feed, &scene.buyer_key, Some(3_600_000), now_ms()).unwrap();
    held(&scene.buyer, 3).await;
    database.revoke(&scene.listing.feed, &scene.buyer_key, now_ms()).unwrap();
    while next(&mut notices, refused).await != "no time left on this subscription" {}
    scene.log.append(&["four"]).unwrap();
    database.grant("second", &scene.listing.feed, &scene.buyer_key, None, now_ms()).unwrap();
    held(&scene.buyer, 4).await;
    let sale = database.sale(&scene.listing.feed, &scene.buyer_key).unwrap().unwrap();
    assert_eq!(sale.unique_feed, scene.buyer.feed().unwrap().key());
}

#[tokio::test]
async fn an_endpoint_is_on_a_card_once() {
    let folder = TempDir::new().unwrap();
    let market = market(folder.path());
    let log = market.own_feed("ticks").unwrap();
    let mut listing = market.list(offer(&market, &log, Admission::Everybody), now_ms()).unwrap();
    let endpoint =
        |port: u16| IrohAddress::new([7; 32], &[format!("h:{port}").parse().unwrap()], &[]).unwrap();
    assert!(market.advertise(&mut listing, endpoint(1)).unwrap());
    assert!(!market.advertise(&mut listing, endpoint(1)).unwrap());
    assert!(market.advertise(&mut listing, endpoint(2)).unwrap());
    let card = Card::parse(listing.card.as_bytes()).unwrap();
    assert_eq!(card.addresses, [Address::Iroh(endpoint(2))]);
    assert_eq!(card.verify(), CardSignature::Valid);
}

/// Redeems a voucher of one hour, and waits until the buyer is served; how long that took.
async fn redeem(scene: &Scene, seed: u8) -> Duration {
    let code = VoucherCode::new([seed; 16]);
    let voucher = Voucher {
        hash: code.hash(),
        feed: scene.listing.feed,
        amount_ms: Some(3_600_000),
        made_ms: 0,
        expires_ms: None,
        revoked_ms: None,
        buyer: None,
        used_ms: None,
    };
    scene.market.database().put_vouchers(&[voucher]).unwrap();
    let mut notices = scene.buyer.notices();
    let began = Instant::now();
    scene.buyer.redeem(&code);
    let receipt = next(&mut notices, |notice| match notice {
        BuyerNotice::Paid(receipt) => Some(receipt),
        _ => None,
    });
    assert_eq!(receipt.await.units, Some(3_600_000));
    assert!(!scene.buyer.is_paying());
    let is_valid = |notice| matches!(notice, BuyerNotice::Session(BuyerEvent::Valid { .. })).then_some(());
    next(&mut notices, is_valid).await;
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voucher_opens_the_gate_before_the_next_question() {
    let interval = Duration::from_secs(1);
    let scene = Scene::asking_every(interval, Admission::Granted).await;
    let mut notices = scene.seller.notices();
    let is_refused = |notice| {
        matches!(notice, SellerNotice::Session { event: SellerEvent::Refused { .. }, .. }).then_some(())
    };
    // A busy machine may make one of them late, but not all.
    for attempt in 0..10 {
        // When a refusal has just been said, the next question is furthest away.
        next(&mut notices, is_refused).await;
        let opened = redeem(&scene, attempt).await;
        if opened < interval / 2 {
            println!("the gate was open after {opened:?}");
            held(&scene.buyer, 3).await;
            return;
        }
        scene.market.database().revoke(&scene.listing.feed, &scene.buyer_key, now_ms()).unwrap();
    }
    panic!("no voucher opened the gate at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_both_ways() {
    let scene = Scene::new(Admission::Everybody).await;
    let (mut to_seller, mut to_buyer) = (scene.seller.notices(), scene.buyer.notices());
    held(&scene.buyer, 3).await;
    assert!(scene.buyer.send("ping", &json!({ "n": 1 })));
    let received = next(&mut to_seller, |notice| match notice {
        SellerNotice::Session { buyer, event: SellerEvent::UserMessage { name, message } } => {
            Some((buyer, name, message))
        }
        _ => None,
    });
    assert_eq!(received.await, (scene.buyer_key, "ping".to_owned(), json!({ "n": 1 })));
    assert!(scene.seller.send(&scene.buyer_key, "pong", &Value::Null));
    let received = next(&mut to_buyer, |notice| match notice {
        BuyerNotice::Session(BuyerEvent::UserMessage { name, .. }) => Some(name),
        _ => None,
    });
    assert_eq!(received.await, "pong");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_that_closes_records_what_was_delivered() {
    let scene = Scene::new(Admission::Everybody).await;
    held(&scene.buyer, 3).await;
    scene.seller.close();
    timeout(DEADLINE, scene.serving).await.expect("in time").unwrap();
    let sale = scene.market.database().sale(&scene.listing.feed, &scene.buyer_key).unwrap().unwrap();
    assert_eq!((sale.blocks, sale.bytes), (3, 11));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_connections_of_one_buyer_time_is_charged_once() {
    let scene = Scene::new(Admission::Granted).await;
    let (database, feed) = (scene.market.database(), scene.listing.feed);
    let hour_ms = 3_600_000;
    let mut notices = scene.buyer.notices();
    let began = Instant::now();
    database.grant("first", &feed, &scene.buyer_key, Some(hour_ms), now_ms()).unwrap();
    // The blocks may be here before the seller's meter runs. It does once something was charged.
    let charged = |notice| match notice {
        BuyerNotice::Session(BuyerEvent::Valid { info }) => {
            info["remaining"].as_i64().filter(|ms| *ms < hour_ms)
        }
        _ => None,
    };
    next(&mut notices, charged).await;
    let metered = Instant::now();
    let again = || {
        let folders = TempDir::new().unwrap();
        let (buyer, _, running) = buyer(folders.path(), scene.link());
        (folders, buyer, running)
    };
    // The same buyer has a second connection all the time, and connects again and again for one block only.
    let (_second_folders, second, _) = again();
    held(&second, 3).await;
    for _ in 0..20 {
        let (_folders, buyer, running) = again();
        held(&buyer, 3).await;
        running.abort();
    }
    let ran = metered.elapsed();
    scene.seller.close();
    timeout(DEADLINE, scene.serving).await.expect("in time").unwrap();
    let whole = began.elapsed();
    let Some(Credit::Time { left_ms }) = database.credit(&feed, &scene.buyer_key, now_ms()).unwrap() else {
        panic!("time was granted");
    };
    let charged = Duration::from_millis((hour_ms - left_ms).unsigned_abs());
    // The meter ran longer than `ran`, and only the last fraction of a millisecond is not charged.
    assert!(charged + Duration::from_millis(1) >= ran, "{charged:?} were charged of {ran:?}");
    assert!(charged <= whole, "{charged:?} were charged in {whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_no_longer_gives_its_space_back_and_buyers_get_the_rest() {
    let scene = Scene::new(Admission::Everybody).await;
    let early = held(&scene.buyer, 3).await;
    let block = vec![0x41; 1 << 20];
    scene.log.append(&[block.as_slice(); 8]).unwrap();
    held(&scene.buyer, 11).await;
    scene.log.flush().await.unwrap();
    let data = scene.market.feed_folder(&scene.log.key()).join("data");
    let space = || std::fs::metadata(&data).unwrap().blocks() * 512;
    let before = space();

    let listing = Listing { keep: Retention { age_ms: Some(1000), bytes: None }, ..scene.listing.clone() };
    let forget = |listing: &Listing, now_ms| scene.market.forget_past(listing, &scene.log, now_ms).unwrap();
    assert_eq!(forget(&listing, 5000), 0, "nothing is known to be old");
    scene.log.append(&["twelve"]).unwrap();
    assert_eq!(forget(&listing, 6000), 11, "what was there a second ago goes");
    assert!(space() + (7 << 20) < before, "{} of {before} bytes are left", space());
    assert_eq!(forget(&listing, 9000), 11, "the last block stays");

    let (late, ..) = buyer(&scene._folders.path().join("late"), scene.link());
    let late = held(&late, 2).await;
    assert_eq!(late.log().lock().block(11).unwrap().unwrap(), "twelve");
    let gone: Vec<_> = late.gone().unwrap().into_iter().flatten().collect();
    assert_eq!(gone, Vec::from_iter(1..11), "the first block stays");
    held(&scene.buyer, 12).await;
    assert_eq!(early.log().lock().block(0).unwrap().unwrap(), "one", "what a buyer has is theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_blocks_go_when_there_are_too_many_bytes() {
    let scene = Scene::new(Admission::Everybody).await;
    for (bytes, first) in [(100, 0), (11, 0), (10, 1), (8, 1), (7, 2), (0, 2)] {
        let listing =
            Listing { keep: Retention { age_ms: None, bytes: Some(bytes) }, ..scene.listing.clone() };
        let kept = scene.market.forget_past(&listing, &scene.log, 0).unwrap();
        assert_eq!(kept, first, "of one, two, three, {bytes} bytes are kept");
        let log = scene.log.lock();
        assert!(log.has(0), "the first block stays");
        assert_eq!(log.have().next_set(1), Some(first.max(1)));
    }
}

#[tokio::test]
async fn a_seller_names_the_blocks_that_a_question_about_a_map_needs() {
    let folders = TempDir::new().unwrap();
    let market = market(&folders.path().join("seller"));
    let log = market.own_feed("ticks").unwrap();
    let map = TrieFeed::new(Arc::clone(&log), &FeedSet::new());
    let put_all = |batch: &mut Batch, trie: &Trie<_>| {
        (0..1000).try_for_each(|nth| {
            batch.put(trie, &format!("key{nth}"), Some(b"value"), Options::default()).map(drop)
        })
    };
    map.write(put_all).await.unwrap();
    let listing = market.list(offer(&market, &log, Admission::Everybody), now_ms()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = market.link(&listing, vec![listener.local_addr().unwrap().to_string().parse().unwrap()]);
    let seller = Seller::new(Arc::clone(&market), listing, SellerOptions::default()).unwrap();
    tokio::spawn(async move { seller.serve(listener).await });

    let market = Arc::new(Market::create(&folders.path().join("buyer"), None, None).unwrap());
    let options = BuyerOptions { download: Download::Sparse, ..BuyerOptions::default() };
    let buyer = Buyer::new(market, link.into(), options).unwrap();
    let running = buyer.clone();
    tokio::spawn(async move { running.run().await });
    let replicator = timeout(DEADLINE, async {
        loop {
            match buyer.feed().filter(|feed| feed.is_informed()) {
                Some(feed) => break Arc::clone(feed),
                None => tokio::task::yield_now().await,
            }
        }
    });
    let replicator = replicator.await.unwrap();
    // Nothing is wanted but what the seller names: the way to the key is here, and little else.
    buyer.ask_about_map(&ExtensionMessage::Get { head: 1000, key: "key7".to_owned() });
    let copy = Trie::new(FeedBlocks::new(Arc::clone(replicator.log())));
    let (changed, mut found) = (Arc::new(Notify::new()), None);
    replicator.log().listen(&changed);
    while found.is_none() {
        found = copy.checkout(1001).get("key7").ok();
        if found.is_none() {
            timeout(DEADLINE, changed.notified()).await.unwrap();
        }
    }
    let node = found.flatten().unwrap();
    assert_eq!(node.value(), Some(&b"value"[..]));
    let held = replicator.log().lock().downloaded();
    assert!(held < 32, "{held} blocks came");
}
