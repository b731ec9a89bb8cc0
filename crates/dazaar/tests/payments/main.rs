//! Orders from end to end: asked for, paid at a bank, counted once; with restarts and a bank that fails.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bank;
mod letterbox;
mod rows;
mod unordered;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dazaar::cards::pay::{self, Refusal};
use dazaar::cards::{Asset, BuyerEvent, Link, MasterKey, Method, PriceTerms};
use dazaar::database::{Admission, Budget, DatabaseError, Finality, Receipt, Spending, SpendingState};
use dazaar::{
    Buyer, BuyerNotice, BuyerOptions, Market, MarketError, NamedPayee, NamedPayer, Offer, Seller,
    SellerOptions, now_ms,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use bank::{Bank, Till, Wallet};

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
        let prices = json!([
            { "method": "bolt11", "currency": "SATS", "amount": "1", "per": "second", "min": "2" },
            { "method": "cashu", "currency": "SATS", "amount": "1", "per": "second" },
        ]);
        Self::asking(prices, &["one", "two", "three"].map(str::to_owned)).await
    }

    async fn asking(prices: Value, blocks: &[String]) -> Self {
        Self::asking_every(Duration::from_millis(20), prices, blocks).await
    }

    async fn asking_every(validate_interval: Duration, prices: Value, blocks: &[String]) -> Self {
        let bank = Arc::new(Bank::default());
        let payees = [Method::Bolt11, Method::Cashu].map(|method| named(&bank, method)).to_vec();
        let options = SellerOptions { validate_interval, payees, ..SellerOptions::default() };
        Self::serving(bank, options, prices, blocks).await
    }

    async fn serving(bank: Arc<Bank>, options: SellerOptions, prices: Value, blocks: &[String]) -> Self {
        let folders = TempDir::new().unwrap();
        let market = Arc::new(Market::create(&folders.path().join("seller"), None, None).unwrap());
        let log = market.own_feed("ticks").unwrap();
        log.append(blocks).unwrap();
        let card = json!({ "name": "ticks", "prices": prices }).as_object().cloned();
        let offer = Offer {
            card,
            ..Offer::new(log.key(), "ticks", market.feed_folder(&log.key()), Admission::Granted)
        };
        let listing = market.list(offer, now_ms()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let link = market.link(&listing, vec![listener.local_addr().unwrap().to_string().parse().unwrap()]);
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

fn named(bank: &Arc<Bank>, method: Method) -> NamedPayee {
    NamedPayee::new(method.to_string(), Arc::new(Wallet(Arc::clone(bank), method)))
}

fn payer(name: &str, bank: &Arc<Bank>, method: Method) -> NamedPayer {
    NamedPayer { name: format!("{name}-{method}"), payer: Arc::new(Wallet(Arc::clone(bank), method)) }
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
        let market = if dir.exists() { Market::open(dir, None) } else { Market::create(dir, None, None) };
        Self::of(market.unwrap(), link, bank)
    }

    /// Another folder of a buyer who is there already.
    fn with_master(dir: &Path, link: &Link, bank: &Arc<Bank>, master: &[u8; 32]) -> Self {
        Self::of(Market::create(dir, Some(MasterKey::new(master)), None).unwrap(), link, bank)
    }

    fn of(market: Market, link: &Link, bank: &Arc<Bank>) -> Self {
        Self::paying(market, link, [Method::Bolt11, Method::Cashu].map(|method| payer("purse", bank, method)))
    }

    fn paying<const N: usize>(market: Market, link: &Link, payers: [NamedPayer; N]) -> Self {
        let market = Arc::new(market);
        let options = BuyerOptions { payers: payers.to_vec(), ..BuyerOptions::default() };
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

    /// Bytes that arrived, once the seller has said that nothing is left.
    async fn bytes_until_refused(&mut self) -> u64 {
        self.next(|notice| match notice {
            BuyerNotice::Session(BuyerEvent::Invalid { reason }) => {
                (reason == "nothing left of what was paid").then_some(())
            }
            _ => None,
        })
        .await;
        self.buyer.feed().map_or(0, |feed| feed.progress().bytes_down)
    }

    fn spendings(&self) -> Vec<Spending> {
        self.market.database().spendings(None).unwrap()
    }

    fn states(&self) -> Vec<SpendingState> {
        self.spendings().iter().map(|spending| spending.state).collect()
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
async fn a_payment_of_which_the_buyers_wallet_says_nothing_counts() {
    let scene = Scene::new().await;
    let mut anna = scene.buyer("anna");
    scene.bank.is_mute.store(true, Ordering::Relaxed);
    anna.buyer.pay(&scene.terms[0], 4_000).unwrap();
    // The buyer's wallet never answers; the seller's sees the payment all the same.
    assert_eq!(anna.receipt().await.units, Some(4_000));
    assert_eq!(anna.states(), [SpendingState::Done]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_the_wallet_denies_counts_when_it_comes() {
    let scene = Scene::new().await;
    let mut anna = scene.buyer("anna");
    scene.bank.is_confused.store(true, Ordering::Relaxed);
    anna.buyer.pay(&scene.terms[0], 4_000).unwrap();
    let done = async {
        while anna.states() != [SpendingState::Done] {
            anna.notices.recv().await.unwrap();
        }
    };
    timeout(DEADLINE, done).await.expect("in time");
}

/// Coins that the seller's wallet was handed in person: nobody is told.
fn coins(scene: &Scene, order: [u8; 16], name: &str, units: u64) {
    let receipt = Receipt {
        reference: name.as_bytes().to_vec(),
        block: Vec::new(),
        order: Some(order),
        units,
        finality: Finality::Final,
        evidence: Vec::new(),
    };
    scene.market.database().apply("cashu", &[receipt], None, now_ms()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_it_was_given_up_is_told_to_the_buyer_on_the_next_connection() {
    let scene = Scene::new().await;
    let mut anna = scene.buyer("anna");
    scene.bank.is_confused.store(true, Ordering::Relaxed);
    anna.buyer.pay(&scene.terms[1], 4_000).unwrap();
    assert_eq!(anna.refusal().await.code, "wallet");
    assert_eq!(anna.states(), [SpendingState::Failed]);
    anna.running.abort();
    let order = anna.spendings()[0].order;
    drop(anna);
    // A part of it comes while the buyer is away and nobody looks any more.
    scene.market.database().close_order(&order).unwrap();
    coins(&scene, order, "first", 3_000);
    let mut anna = scene.buyer("anna");
    assert_eq!(anna.receipt().await.units, Some(3_000));
    assert_eq!(anna.states(), [SpendingState::Done]);
    assert_eq!(anna.spendings()[0].came_to(), 3_000, "what was paid, not what was ordered");
    assert_eq!(anna.market.database().receipts().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_who_was_never_paid_what_was_given_up_says_nothing_that_anybody_hears() {
    let scene = Scene::new().await;
    let mut anna = scene.buyer("anna");
    scene.bank.is_confused.store(true, Ordering::Relaxed);
    anna.buyer.pay(&scene.terms[1], 4_000).unwrap();
    anna.refusal().await;
    anna.running.abort();
    drop(anna);
    scene.bank.is_confused.store(false, Ordering::Relaxed);
    let mut anna = scene.buyer("anna");
    anna.buyer.pay(&scene.terms[1], 5_000).unwrap();
    assert_eq!(anna.receipt().await.units, Some(5_000));
    assert_eq!(anna.states(), [SpendingState::Failed, SpendingState::Done]);
    assert_eq!(scene.paid(&anna), (5_000, 1), "it is not paid after all");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_wallets_the_one_that_may_pays_and_gives_back() {
    let bank = Arc::new(Bank::default());
    let wallet = Wallet(Arc::clone(&bank), Method::Bolt11);
    let till = NamedPayee::new("till", Arc::new(Till(wallet.clone())));
    let options = SellerOptions {
        validate_interval: Duration::from_millis(20),
        payees: vec![till.clone(), named(&bank, Method::Bolt11)],
        ..SellerOptions::default()
    };
    let prices = json!([{ "method": "bolt11", "currency": "SATS", "amount": "1", "per": "hour" }]);
    let scene = Scene::serving(bank, options, prices, &["one".to_owned()]).await;
    let unable = NamedPayer { name: "till".to_owned(), payer: Arc::new(Till(wallet)) };
    let able = payer("purse", &scene.bank, Method::Bolt11);
    let market = |name: &str| Market::create(&scene.folders.path().join(name), None, None).unwrap();
    let mut anna = Customer::paying(market("anna"), &scene.link, [unable.clone(), able]);
    anna.buyer.pay(&scene.terms[0], 9_000).unwrap();
    assert_eq!(anna.receipt().await.units, Some(9_000));
    assert_eq!(anna.spendings()[0].request.as_ref().unwrap().wallet, "purse-bolt11");
    let left = refund(&mut anna, json!({ "refund": "ab".repeat(16) })).await;
    assert_eq!(left["balances"][0]["methods"], json!(["bolt11"]));
    let question = json!({ "refund": "cd".repeat(16), "method": "bolt11", "to": "anna" });
    assert!(refund(&mut anna, question).await["refunded"]["units"].as_u64() > Some(8_000));
    // One that can only receive says so.
    let mut bert = Customer::paying(market("bert"), &scene.link, [unable]);
    bert.buyer.pay(&scene.terms[0], 9_000).unwrap();
    assert_eq!(bert.refusal().await.error, "it can only receive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_gone_on_with_by_the_wallet_that_began_it() {
    let scene = Scene::new().await;
    let other = Arc::new(Bank::default());
    let [mine, new] =
        [("a", &scene.bank), ("b", &other)].map(|(name, bank)| payer(name, bank, Method::Cashu));
    let dir = scene.folders.path().join("anna");
    // The wallet pays and does not say so; then the buyer is gone.
    scene.bank.is_mute.store(true, Ordering::Relaxed);
    let anna = Customer::paying(Market::create(&dir, None, None).unwrap(), &scene.link, [mine.clone()]);
    anna.buyer.pay(&scene.terms[1], 4_000).unwrap();
    while scene.bank.transfers.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    anna.running.abort();
    drop(anna);
    scene.bank.is_mute.store(false, Ordering::Relaxed);
    // Without that wallet the payment waits.
    let anna = Customer::paying(Market::open(&dir, None).unwrap(), &scene.link, [new.clone()]);
    assert!(!anna.buyer.is_paying());
    anna.running.abort();
    drop(anna);
    let mut anna = Customer::paying(Market::open(&dir, None).unwrap(), &scene.link, [new, mine]);
    assert_eq!(anna.receipt().await.units, Some(4_000));
    assert_eq!(scene.paid(&anna), (4_000, 1));
    assert_eq!(other.transfers.load(Ordering::Relaxed), 0);
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
    anna.buyer.pay(&scene.terms[0], 1_000).unwrap();
    assert_eq!(anna.refusal().await.code, "amount");
    assert_eq!(anna.states(), [SpendingState::Failed; 2]);
    assert_eq!(scene.bank.transfers.load(Ordering::Relaxed), 0);
}

/// A thousand bytes each.
fn kilobytes(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{index:01000}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_served_as_far_as_they_are_paid() {
    let prices = json!([{ "method": "bolt11", "currency": "SATS", "amount": "2", "per": "kilobyte" }]);
    let scene = Scene::asking(prices, &kilobytes(200)).await;
    let mut anna = scene.buyer("anna");
    // 20.5 kB: half a block more is the seller's loss.
    anna.buyer.pay(&scene.terms[0], 41_000).unwrap();
    assert_eq!(anna.receipt().await.credit, json!({ "type": "bytes", "remaining": 20_500 }));
    assert_eq!(anna.bytes_until_refused().await, 21_000);
    let feed = scene.seller.listing().feed;
    let account = scene.market.database().accounts(&feed, &anna.market.buyer().public()).unwrap().remove(0);
    assert_eq!((account.paid, account.delivered(), account.meter.balance), (41_000, 41_000, 0));
    // The rest, and nothing of what is here already.
    anna.buyer.pay(&scene.terms[0], 1_000_000).unwrap();
    anna.receipt().await;
    let feed = anna.buyer.feed().unwrap().clone();
    let complete = async {
        while !feed.is_complete() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, complete).await.expect("in time");
    assert_eq!(feed.progress().bytes_down, 200_000);
}

/// A buyer who opens many sessions with one key gets no more than they paid for, but for what is on its way in each.
#[tokio::test(flavor = "multi_thread")]
async fn many_sessions_share_what_was_paid() {
    let prices = json!([{ "method": "bolt11", "currency": "SATS", "amount": "1", "per": "kilobyte" }]);
    let scene = Scene::asking(prices, &kilobytes(400)).await;
    let mut first = scene.buyer("anna");
    let words = first.market.master().as_bytes().to_owned();
    let mut others = Vec::new();
    for name in ["one", "two", "three"] {
        others.push(Customer::with_master(
            &scene.folders.path().join(name),
            &scene.link,
            &scene.bank,
            &words,
        ));
    }
    first.buyer.pay(&scene.terms[0], 40_000).unwrap();
    first.receipt().await;
    // Whoever is refused first knows only that the others were sent the rest, not that it has arrived.
    others.push(first);
    for customer in &mut others {
        customer.bytes_until_refused().await;
    }
    let feeds: Vec<_> = others.iter().filter_map(|customer| customer.buyer.feed()).collect();
    let sum = || feeds.iter().map(|feed| feed.progress().bytes_down).sum::<u64>();
    let arrived = async {
        while sum() < 40_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, arrived).await.expect("in time");
    let bytes = sum();
    assert!(bytes <= 44_000, "{bytes} bytes for 40,000 that were paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_comes_before_anything_is_paid_and_once() {
    let entry = |method: &str| json!({ "method": method, "currency": "SATS", "amount": "1", "per": "kilobyte", "trial": { "bytes": 5_000 } });
    let scene = Scene::asking(json!([entry("bolt11"), { "method": "cashu", "currency": "SATS", "amount": "2", "per": "kilobyte", "trial": { "bytes": 5_000 } }]), &kilobytes(100)).await;
    let mut anna = scene.buyer("anna");
    assert_eq!(anna.bytes_until_refused().await, 5_000);
    // Another price has another account, and no second trial.
    anna.buyer.pay(&scene.terms[1], 20_000).unwrap();
    assert_eq!(anna.receipt().await.credit, json!({ "type": "bytes", "remaining": 10_000 }));
    assert_eq!(anna.bytes_until_refused().await, 15_000);
}

/// Asks the seller for a refund, and waits for the answer.
async fn refund(anna: &mut Customer, question: Value) -> Value {
    anna.buyer.send(pay::refund::NAME, &question);
    anna.next(|notice| match notice {
        BuyerNotice::Session(BuyerEvent::UserMessage { name, message }) => {
            (name == pay::refund::NAME).then_some(message)
        }
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_used_comes_back_once() {
    let prices = json!([{ "method": "bolt11", "currency": "SATS", "amount": "1", "per": "kilobyte" }]);
    let scene = Scene::asking(prices, &kilobytes(10)).await;
    let mut anna = scene.buyer("anna");
    anna.buyer.pay(&scene.terms[0], 50_000).unwrap();
    anna.receipt().await;
    let feed = scene.seller.listing().feed;
    let key = anna.market.buyer().public();
    let account = || scene.market.database().accounts(&feed, &key).unwrap().remove(0);
    let all_delivered = async {
        while account().delivered() < 10_000 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, all_delivered).await.expect("in time");
    let left = refund(&mut anna, json!({ "refund": "" })).await;
    assert_eq!(
        left["balances"],
        json!([{ "asset": "btc", "units": 40_000, "methods": ["bolt11", "cashu"] }])
    );
    let name = "ab".repeat(16);
    // What cannot leave stays hers; a bank that is closed may be asked again.
    let nowhere = json!({ "refund": "cd".repeat(16), "method": "bolt11", "to": "nowhere" });
    assert_eq!(refund(&mut anna, nowhere).await["error"], "there is no such account");
    assert_eq!(account().meter.balance, 40_000);
    let question = json!({ "refund": name, "method": "bolt11", "units": 30_000, "to": "anna" });
    scene.bank.is_closed.store(true, Ordering::Relaxed);
    assert!(refund(&mut anna, question.clone()).await["pending"].is_string());
    assert_eq!(account().meter.balance, 10_000, "it is off the balance before it leaves");
    scene.bank.is_closed.store(false, Ordering::Relaxed);
    for _ in 0..2 {
        let answer = refund(&mut anna, question.clone()).await;
        assert_eq!(answer["refunded"], json!({ "asset": "btc", "units": 30_000, "proof": "30000 to anna" }));
    }
    assert_eq!(scene.bank.refunds.lock().unwrap().values().sum::<u64>(), 30_000);
    let account = account();
    assert_eq!(
        (account.paid, account.delivered(), account.refunded, account.meter.balance),
        (50_000, 10_000, 30_000, 10_000)
    );
    // What was sent is not sent elsewhere under the same name, and does not come back to the balance.
    let elsewhere = json!({ "refund": name, "method": "bolt11", "units": 30_000, "to": "nowhere" });
    assert_eq!(refund(&mut anna, elsewhere).await["error"], "another refund has this name");
    assert_eq!(scene.market.database().accounts(&feed, &key).unwrap()[0].meter.balance, 10_000);
    // Nobody else gets it.
    let mut eve = scene.buyer("eve");
    let stolen = json!({ "refund": name, "method": "bolt11", "to": "eve" });
    assert!(refund(&mut eve, stolen).await["error"].is_string());
    assert_eq!(scene.bank.refunds.lock().unwrap().len(), 1);
}

/// Everything is delivered within one interval of charging: it is paid for all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_does_not_come_back() {
    let prices = json!([{ "method": "bolt11", "currency": "SATS", "amount": "50", "per": "once" }]);
    let scene = Scene::asking_every(Duration::from_secs(3600), prices, &kilobytes(10)).await;
    let mut anna = scene.buyer("anna");
    anna.buyer.pay(&scene.terms[0], 50_000).unwrap();
    anna.receipt().await;
    let complete = async {
        while !anna.buyer.feed().is_some_and(|feed| feed.is_complete()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, complete).await.expect("in time");
    let question = json!({ "refund": "ab".repeat(16), "method": "bolt11", "to": "anna" });
    assert_eq!(refund(&mut anna, question).await["error"], "nothing is left to give back");
}

/// A seller that is away while the money comes tells a buyer who still waits for the wallet.
#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_who_waits_for_the_wallet_asks_again_on_the_next_connection() {
    let scene = Scene::new().await;
    let mut anna = scene.buyer("anna");
    scene.bank.is_mute.store(true, Ordering::Relaxed);
    anna.buyer.pay(&scene.terms[1], 7_000).unwrap();
    while scene.bank.transfers.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    let feed = scene.seller.listing().feed;
    let record = scene.market.database().open_orders(&feed).unwrap().remove(0);
    coins(&scene, record.order.id, "cash", 7_000);
    anna.running.abort();
    let runner = anna.buyer.clone();
    anna.running = tokio::spawn(async move { drop(runner.run().await) });
    assert_eq!(anna.receipt().await.units, Some(7_000));
    assert!(!anna.buyer.is_paying());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_payments_on_one_connection_are_as_good_as_the_first() {
    let scene = Scene::new().await;
    let mut anna = scene.buyer("anna");
    for payment in 1..=25 {
        anna.buyer.pay(&scene.terms[1], 2_000).unwrap();
        anna.receipt().await;
        assert_eq!(scene.paid(&anna).1, payment);
    }
}
