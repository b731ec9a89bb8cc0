//! Orders from end to end: asked for, paid at a bank, counted once; with restarts and a bank that fails.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bank;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dazaar::cards::pay::{self, Refusal};
use dazaar::cards::{Asset, BuyerEvent, Link, Method, PriceTerms};
use dazaar::database::{Admission, Budget, DatabaseError, SpendingState};
use dazaar::{Buyer, BuyerNotice, BuyerOptions, Market, MarketError, Offer, Seller, SellerOptions, now_ms};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use bank::{Bank, Wallet};

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// A seller at work, who takes 1 sat a second in two ways, and a bank.
struct Scene {
    folders: TempDir,
    bank: Arc<Bank>,
    market: Arc<Market>,
    seller: Seller,
    link: Link,
    terms: Vec<PriceTerms>,
}

impl Scene {
    async fn new() -> Self {
        let folders = TempDir::new().unwrap();
        let market = Arc::new(Market::create(&folders.path().join("seller"), None, None).unwrap());
        let log = market.own_feed("ticks").unwrap();
        log.append(&["one", "two", "three"]).unwrap();
        let prices = json!([
            { "method": "bolt11", "currency": "SATS", "amount": "1", "per": "second", "min": "2" },
            { "method": "cashu", "currency": "SATS", "amount": "1", "per": "second" },
        ]);
        let card = json!({ "name": "ticks", "prices": prices }).as_object().cloned();
        let offer = Offer {
            card,
            ..Offer::new(log.key(), "ticks", market.feed_folder(&log.key()), Admission::Granted)
        };
        let listing = market.list(offer, now_ms()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let link = market.link(&listing, vec![listener.local_addr().unwrap().to_string().parse().unwrap()]);
        let bank = Arc::new(Bank::default());
        let options = SellerOptions {
            validate_interval: Duration::from_millis(20),
            payees: vec![
                Arc::new(Wallet(Arc::clone(&bank), Method::Bolt11)),
                Arc::new(Wallet(Arc::clone(&bank), Method::Cashu)),
            ],
            ..SellerOptions::default()
        };
        let card = dazaar::cards::Card::parse(listing.card.as_bytes()).unwrap();
        let terms = card.offers().into_iter().map(|offer| offer.terms.unwrap()).collect();
        let seller = Seller::new(Arc::clone(&market), listing, options).unwrap();
        let server = seller.clone();
        tokio::spawn(async move { server.serve(listener).await });
        Self { folders, bank, market, seller, link, terms }
    }

    fn buyer(&self, name: &str) -> Customer {
        Customer::new(&self.folders.path().join(name), &self.link, &self.bank)
    }

    /// What the ledger has of a buyer: units paid, and payments.
    fn paid(&self, buyer: &Customer) -> (u64, usize) {
        let (feed, key) = (self.seller.listing().feed, buyer.market.buyer().public());
        let accounts = self.market.database().accounts(&feed, &key).unwrap();
        let lines = self.market.database().ledger(0, i64::MAX).unwrap();
        let credits = lines.iter().filter(|line| line.kind == "credit" && line.buyer == Some(key)).count();
        (accounts.iter().map(|account| account.paid).sum(), credits)
    }
}

/// A buyer who runs.
struct Customer {
    market: Arc<Market>,
    buyer: Buyer,
    notices: broadcast::Receiver<BuyerNotice>,
    running: JoinHandle<()>,
}

impl Customer {
    fn new(dir: &Path, link: &Link, bank: &Arc<Bank>) -> Self {
        let market = if dir.exists() {
            Market::open(dir, None).unwrap()
        } else {
            Market::create(dir, None, None).unwrap()
        };
        let market = Arc::new(market);
        let options = BuyerOptions {
            payers: vec![
                Arc::new(Wallet(Arc::clone(bank), Method::Bolt11)),
                Arc::new(Wallet(Arc::clone(bank), Method::Cashu)),
            ],
            ..BuyerOptions::default()
        };
        let buyer = Buyer::new(Arc::clone(&market), link.clone().into(), options).unwrap();
        let notices = buyer.notices();
        let runner = buyer.clone();
        let running = tokio::spawn(async move { drop(runner.run().await) });
        Self { market, buyer, notices, running }
    }

    async fn next<T>(&mut self, wanted: impl Fn(BuyerNotice) -> Option<T>) -> T {
        let waiting = async {
            loop {
                if let Some(found) = wanted(self.notices.recv().await.unwrap()) {
                    return found;
                }
            }
        };
        timeout(DEADLINE, waiting).await.expect("in time")
    }

    async fn receipt(&mut self) -> pay::Receipt {
        self.next(|notice| match notice {
            BuyerNotice::Paid(receipt) => Some(receipt),
            _ => None,
        })
        .await
    }

    async fn refusal(&mut self) -> Refusal {
        self.next(|notice| match notice {
            BuyerNotice::PaymentRefused(refusal) => Some(refusal),
            _ => None,
        })
        .await
    }

    async fn admitted(&mut self) -> Value {
        self.next(|notice| match notice {
            BuyerNotice::Session(BuyerEvent::Valid { info }) => Some(info),
            _ => None,
        })
        .await
    }

    fn states(&self) -> Vec<SpendingState> {
        self.market.database().spendings(None).unwrap().iter().map(|spending| spending.state).collect()
    }
}

/// B12: one payment that is reported again and again counts once.
#[tokio::test(flavor = "multi_thread")]
async fn b12_what_is_ordered_and_paid_admits_and_counts_once() {
    let scene = Scene::new().await;
    for (index, name) in ["bolt11", "cashu"].into_iter().enumerate() {
        let mut anna = scene.buyer(name);
        anna.buyer.pay(&scene.terms[index], 3_600_000).unwrap();
        let receipt = anna.receipt().await;
        assert_eq!((receipt.method.as_str(), receipt.units), (name, Some(3_600_000)));
        assert_eq!(anna.admitted().await["type"], "time");
        assert_eq!(scene.paid(&anna), (3_600_000, 1));
        assert_eq!(anna.states(), [SpendingState::Done]);
        assert!(!anna.buyer.is_paying());
        let kept = anna.market.database().receipts().unwrap();
        assert_eq!(kept.len(), 1, "the receipt is kept");
    }
    assert_eq!(scene.bank.transfers.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_who_restarts_before_the_proof_is_handed_over_loses_nothing() {
    let scene = Scene::new().await;
    let anna = scene.buyer("anna");
    // The wallet pays and does not say so; then the buyer is gone.
    scene.bank.is_mute.store(true, Ordering::Relaxed);
    anna.buyer.pay(&scene.terms[1], 7_000).unwrap();
    while scene.bank.transfers.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    anna.running.abort();
    assert_eq!(anna.states(), [SpendingState::Open]);
    drop(anna);
    scene.bank.is_mute.store(false, Ordering::Relaxed);
    let mut anna = scene.buyer("anna");
    assert_eq!(anna.receipt().await.units, Some(7_000));
    assert_eq!(scene.paid(&anna), (7_000, 1));
    assert_eq!(scene.bank.transfers.load(Ordering::Relaxed), 1, "it was paid once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_is_closed_for_a_while_costs_nobody_anything() {
    let scene = Scene::new().await;
    let mut anna = scene.buyer("anna");
    scene.bank.is_closed.store(true, Ordering::Relaxed);
    anna.buyer.pay(&scene.terms[0], 9_000).unwrap();
    assert_eq!(anna.refusal().await.code, pay::UNAVAILABLE);
    assert!(anna.buyer.is_paying());
    scene.bank.is_closed.store(false, Ordering::Relaxed);
    assert_eq!(anna.receipt().await.units, Some(9_000));
    assert_eq!(scene.bank.transfers.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_who_did_not_see_a_payment_before_a_restart_finds_it() {
    let scene = Scene::new().await;
    let mut anna = scene.buyer("anna");
    scene.bank.is_mute.store(true, Ordering::Relaxed);
    anna.buyer.pay(&scene.terms[0], 4_000).unwrap();
    // The buyer's wallet never answers; the seller's sees the payment all the same.
    assert_eq!(anna.receipt().await.units, Some(4_000));
    assert_eq!(anna.states(), [SpendingState::Done]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_kept() {
    let scene = Scene::new().await;
    let mut anna = scene.buyer("anna");
    let budget =
        Budget { asset: Asset::Bitcoin, for_order: Some(6_000), for_seller: None, for_day: Some(10_000) };
    anna.market.database().put_budget(&budget).unwrap();
    let beyond = |result: Result<(), MarketError>| {
        matches!(result, Err(MarketError::Database(DatabaseError::Budget(_))))
    };
    assert!(beyond(anna.buyer.pay(&scene.terms[0], 6_001)));
    anna.buyer.pay(&scene.terms[0], 6_000).unwrap();
    anna.receipt().await;
    assert!(beyond(anna.buyer.pay(&scene.terms[0], 4_001)));
    anna.buyer.pay(&scene.terms[0], 4_000).unwrap();
    anna.receipt().await;
    assert!(beyond(anna.buyer.pay(&scene.terms[0], 2_000)));
    assert_eq!(scene.bank.transfers.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_card_does_not_ask_cannot_be_ordered() {
    let scene = Scene::new().await;
    let mut anna = scene.buyer("anna");
    let mut cheap = scene.terms[0].clone();
    cheap.price.minimum = 0;
    anna.buyer.pay(&cheap, 5_000).unwrap();
    assert_eq!(anna.refusal().await.code, "price");
    anna.buyer.pay(&scene.terms[0], 1_999).unwrap();
    assert_eq!(anna.refusal().await.code, "amount");
    assert_eq!(anna.states(), [SpendingState::Failed; 2]);
    assert_eq!(scene.bank.transfers.load(Ordering::Relaxed), 0);
}
