//! Sets of feeds behind one gate: as large as they may be, and growing while they are sold.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::limits::MEMBERS_MAX;
use dazaar::cards::{BuyerEvent, Link};
use dazaar::database::{Admission, Listing};
use dazaar::log::FeedKey;
use dazaar::wire::replication::Download;
use dazaar::{Buyer, BuyerNotice, BuyerOptions, Market, Offer, Seller, SellerOptions, StoredFeed, now_ms};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

fn market() -> (TempDir, Arc<Market>) {
    let folder = TempDir::new().unwrap();
    let market = Arc::new(Market::create(folder.path(), None, None).unwrap());
    (folder, market)
}

/// A feed with one block, which says what it is called.
fn feed(market: &Market, name: &str) -> StoredFeed {
    let log = market.own_feed(name).unwrap();
    log.append(&[name]).unwrap();
    StoredFeed { feed: log.key(), folder: market.feed_folder(&log.key()), log }
}

/// Lists feeds as one sale, and says what the first is called.
fn list(market: &Market, feeds: &[StoredFeed], admission: Admission) -> Listing {
    let offer = Offer::new(feeds[0].feed, "set", feeds[0].folder.clone(), admission);
    let listing = market.draft(offer, now_ms()).unwrap();
    let members: Vec<_> = feeds.iter().map(StoredFeed::listed).collect();
    market.database().put_listing_with(&listing, &members).unwrap();
    listing
}

/// A seller who serves until this is dropped.
struct Serving {
    seller: Seller,
    address: String,
    task: JoinHandle<()>,
}

impl Serving {
    async fn new(market: &Arc<Market>, listing: &Listing) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let options =
            SellerOptions { validate_interval: Duration::from_millis(10), ..SellerOptions::default() };
        let seller = Seller::new(Arc::clone(market), listing.clone(), options).unwrap();
        let server = seller.clone();
        Self { seller, address, task: tokio::spawn(async move { server.serve(listener).await }) }
    }

    async fn end(self) {
        self.seller.close();
        timeout(DEADLINE, self.task).await.expect("the seller ends in time").unwrap();
    }
}

/// A purchase that goes on until it is dropped.
struct Purchase {
    buyer: Buyer,
    running: JoinHandle<()>,
}

impl Purchase {
    fn new(market: &Arc<Market>, serving: &Serving) -> Self {
        let mut link = Link::new(serving.seller.key());
        link.addresses = vec![serving.address.parse().unwrap()];
        let options = BuyerOptions { download: Download::All, ..BuyerOptions::default() };
        let buyer = Buyer::new(Arc::clone(market), link.into(), options).unwrap();
        let connection = buyer.clone();
        Self { buyer, running: tokio::spawn(async move { drop(connection.run().await) }) }
    }

    /// Waits until the block of a feed is here that the data calls so.
    async fn has(&self, feed: &FeedKey) {
        let holding = async {
            loop {
                let members = self.buyer.members();
                let first = self.buyer.feed().filter(|_| self.buyer.feed_name() == Some(*feed));
                if first.or_else(|| members.get(feed)).is_some_and(|feed| feed.log().lock().has(0)) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(DEADLINE, holding).await.expect("a block in time");
    }

    async fn end(self) {
        self.running.abort();
        let _ = self.running.await;
    }
}

async fn until(purchase: &Purchase, is_it: impl Fn(&BuyerEvent) -> bool) {
    let mut notices = purchase.buyer.notices();
    let waiting = async {
        loop {
            if matches!(notices.recv().await.unwrap(), BuyerNotice::Session(event) if is_it(&event)) {
                return;
            }
        }
    };
    timeout(DEADLINE, waiting).await.expect("it is said in time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_is_as_large_as_it_may_be_and_no_larger() {
    let (_folder, selling) = market();
    let feeds: Vec<_> = (0..=MEMBERS_MAX).map(|nth| feed(&selling, &nth.to_string())).collect();
    let (last, first) = feeds.split_last().unwrap();
    let listing = list(&selling, first, Admission::Everybody);
    let serving = Serving::new(&selling, &listing).await;
    let (_buying_folder, buying) = market();
    let purchase = Purchase::new(&buying, &serving);
    for feed in first {
        purchase.has(&feed.feed).await;
    }
    assert_eq!(purchase.buyer.members().len(), MEMBERS_MAX - 1);

    serving.seller.add_member(last).unwrap();
    purchase.has(&last.feed).await;
    let one_more = feed(&selling, "one more");
    assert!(serving.seller.add_member(&one_more).is_err());
    serving.seller.add_member(last).unwrap();
    let on_record = selling.database().listing_members(&listing.feed).unwrap();
    assert_eq!(on_record.len(), MEMBERS_MAX + 1, "the name of the first is not counted");
    let names: Vec<_> = purchase.buyer.members().into_iter().map(|(name, feed)| (name, feed.key())).collect();
    assert!(names.iter().all(|(name, key)| name != key), "each has a key of this buyer's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_gate_holds_for_feeds_that_were_added_and_they_come_again() {
    let (_folder, selling) = market();
    let feeds = ["first", "second", "third", "fourth"].map(|name| feed(&selling, name));
    let listing = list(&selling, &feeds[..2], Admission::Granted);
    let serving = Serving::new(&selling, &listing).await;
    let (_buying_folder, buying) = market();
    let me = buying.buyer().public();
    let grant = |id: &str| selling.database().grant(id, &listing.feed, &me, None, now_ms()).unwrap();
    grant("one");
    let purchase = Purchase::new(&buying, &serving);
    purchase.has(&feeds[1].feed).await;
    serving.seller.add_member(&feeds[2]).unwrap();
    purchase.has(&feeds[2].feed).await;

    selling.database().revoke(&listing.feed, &me, now_ms()).unwrap();
    until(&purchase, |event| matches!(event, BuyerEvent::Invalid { .. })).await;
    serving.seller.add_member(&feeds[3]).unwrap();
    for feed in &feeds {
        feed.log.append(&["more"]).unwrap();
    }
    until(
        &purchase,
        |event| matches!(event, BuyerEvent::MemberOpened(member) if member.feed == feeds[3].feed),
    )
    .await;
    let members = || purchase.buyer.members();
    assert!(!members()[&feeds[3].feed].log().lock().has(0), "it is named, and nothing of it is sent");
    assert!(members().values().all(|feed| !feed.log().lock().has(1)));
    grant("two");
    purchase.has(&feeds[3].feed).await;

    // Both begin anew, and know of all.
    let keys = |buyer: &Buyer| -> Vec<_> {
        buyer.members().into_iter().map(|(name, feed)| (name, feed.key())).collect()
    };
    let before = (purchase.buyer.feed_name(), keys(&purchase.buyer));
    assert_eq!(before.0, Some(listing.feed), "the data calls it by its own key");
    purchase.end().await;
    serving.end().await;
    let serving = Serving::new(&selling, &listing).await;
    let again = Purchase::new(&buying, &serving);
    assert_eq!((again.buyer.feed_name(), keys(&again.buyer)), before);
    feeds[3].log.append(&["late"]).unwrap();
    let late = async {
        while !again.buyer.members()[&feeds[3].feed].log().lock().has(2) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(DEADLINE, late).await.expect("it goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn feeds_are_added_to_what_is_free() {
    let (_folder, selling) = market();
    let feeds = ["first", "second"].map(|name| feed(&selling, name));
    let listing = list(&selling, &feeds[..1], Admission::Free);
    let serving = Serving::new(&selling, &listing).await;
    let (_buying_folder, buying) = market();
    let purchase = Purchase::new(&buying, &serving);
    purchase.has(&feeds[0].feed).await;
    serving.seller.add_member(&feeds[1]).unwrap();
    purchase.has(&feeds[1].feed).await;
    assert_eq!(purchase.buyer.members()[&feeds[1].feed].key(), feeds[1].feed);
    assert_eq!(buying.database().purchase_members(&serving.seller.key()).unwrap().len(), 1);
}
