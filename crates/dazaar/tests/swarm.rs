//! Buyers of a free feed find each other through a DHT on loopback, and serve each other.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::Link;
use dazaar::database::{Admission, ListedMember, Listing};
use dazaar::discovery::{Discovery, DiscoverySettings, LanScope, Mode};
use dazaar::log::IdentityKey;
use dazaar::wire::replication::Download;
use dazaar::{Buyer, BuyerOptions, Market, Offer, Seller, SellerOptions, SharedLog, now_ms};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// Blocks of each of the two feeds that are sold.
const BLOCKS: u64 = 20;

/// A node with which the others begin.
async fn entrance() -> (Discovery, DiscoverySettings) {
    let settings = DiscoverySettings { lan: LanScope::None, ..DiscoverySettings::default() };
    let bind = Some("127.0.0.1:0".parse().unwrap());
    let node =
        Discovery::start(DiscoverySettings { dht: Some(Mode::Full), bind, ..settings.clone() }).unwrap();
    let bound = node.status().await.bound.unwrap().to_string();
    (node, DiscoverySettings { dht: Some(Mode::Client), bootstrap: vec![bound.parse().unwrap()], ..settings })
}

/// A market in a folder of its own.
fn market(settings: &DiscoverySettings) -> (TempDir, Arc<Market>) {
    let folder = TempDir::new().unwrap();
    let market = Arc::new(Market::create(folder.path(), None, None).unwrap());
    market.discover_by(settings.clone());
    (folder, market)
}

/// Lists two feeds as one free sale.
fn list(market: &Market) -> Listing {
    let [first, second] = ["first", "second"].map(|name| market.own_feed(name).unwrap());
    for log in [&first, &second] {
        let blocks: Vec<_> = (0..BLOCKS).map(|nth| format!("{nth} of {}", log.key())).collect();
        log.append(&blocks).unwrap();
    }
    let folder = |log: &SharedLog| market.feed_folder(&log.key());
    let offer = Offer::new(first.key(), "both", folder(&first), Admission::Free);
    let listing = market.draft(offer, now_ms()).unwrap();
    let member = ListedMember { feed: second.key(), folder: folder(&second) };
    market.database().put_listing_with(&listing, &[member]).unwrap();
    listing
}

async fn serve(market: &Arc<Market>, listing: &Listing) -> (Seller, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let seller = Seller::new(Arc::clone(market), listing.clone(), SellerOptions::default()).unwrap();
    let server = seller.clone();
    (seller, tokio::spawn(async move { server.serve(listener).await }))
}

/// A purchase that goes on until it is dropped.
struct Purchase {
    buyer: Buyer,
    running: JoinHandle<()>,
}

impl Purchase {
    fn new(market: &Arc<Market>, seller: IdentityKey, download: Download, shares: bool) -> Self {
        let share: Option<SocketAddr> = shares.then(|| "127.0.0.1:0".parse().unwrap());
        let options = BuyerOptions { download, share, ..BuyerOptions::default() };
        let buyer = Buyer::new(Arc::clone(market), Link::new(seller).into(), options).unwrap();
        let connection = buyer.clone();
        let running = tokio::spawn(async move { drop(connection.run().await) });
        Self { buyer, running }
    }

    /// Waits until both feeds have so many blocks here.
    async fn holds(&self, blocks: u64) {
        let changed = Arc::new(Notify::new());
        let mut notices = self.buyer.notices();
        let holding = async {
            while self.buyer.members().is_empty() {
                notices.recv().await.unwrap();
            }
            let members = self.buyer.members();
            for feed in self.buyer.feed().into_iter().chain(members.values()) {
                feed.log().listen(&changed);
                while feed.log().lock().downloaded() < blocks {
                    changed.notified().await;
                }
            }
        };
        timeout(DEADLINE, holding).await.expect("blocks in time");
    }

    /// Waits until the seller has said that both are free.
    async fn is_known(&self, market: &Market) {
        let known = async {
            while self.buyer.members().is_empty()
                || !market.database().is_purchase_free(&self.buyer.seller()).unwrap()
            {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, known).await.expect("known in time");
    }

    async fn end(self) {
        self.running.abort();
        let _ = self.running.await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn buyers_of_a_free_feed_serve_each_other_when_the_seller_is_gone() {
    let (_node, settings) = entrance().await;
    let (_seller_folder, seller_market) = market(&settings);
    let listing = list(&seller_market);
    let (seller, serving) = serve(&seller_market, &listing).await;
    let [(_a, first), (_b, second)] = [market(&settings), market(&settings)];

    let had = Purchase::new(&first, seller.key(), Download::All, true);
    had.holds(BLOCKS).await;
    // This one learns from the seller what there is, and takes nothing.
    let asked = Purchase::new(&second, seller.key(), Download::Sparse, false);
    asked.is_known(&second).await;
    asked.end().await;
    seller.close();
    timeout(DEADLINE, serving).await.expect("the seller ends in time").unwrap();

    let served = Purchase::new(&second, seller.key(), Download::All, true);
    served.holds(BLOCKS).await;
    let sales = seller_market.database().sales(&listing.feed).unwrap();
    assert_eq!(sales.len(), 2, "the seller knows its buyers, and nobody else came");
    assert!(sales.iter().any(|sale| sale.blocks == 0), "one of them took nothing from it: {sales:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_does_not_share_is_not_found() {
    let (node, settings) = entrance().await;
    let (_seller_folder, seller_market) = market(&settings);
    let listing = list(&seller_market);
    let (seller, _serving) = serve(&seller_market, &listing).await;
    let announced = seller_market.discovery().unwrap().announced(listing.feed.discovery_key());
    timeout(DEADLINE, announced).await.expect("announced in time");
    let before = node.status().await.records;
    let (_folder, market) = market(&settings);
    let purchase = Purchase::new(&market, seller.key(), Download::All, false);
    purchase.holds(BLOCKS).await;
    assert_eq!(node.status().await.records, before);
}
