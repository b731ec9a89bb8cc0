//! Payments that nobody ordered.

use dazaar::database::Order;
use dazaar_log::IdentityKey;

use super::letterbox::Letterboxes;
use super::*;

/// A seller of something for 1 sat an hour, who looks into letterboxes.
struct Shop {
    folders: TempDir,
    boxes: Arc<Letterboxes>,
    market: Arc<Market>,
    listing: dazaar::database::Listing,
}

/// A run of the seller.
struct Run {
    seller: Seller,
    link: Link,
    serving: JoinHandle<()>,
}

impl Shop {
    fn new() -> Self {
        let folders = TempDir::new().unwrap();
        let market = Arc::new(Market::create(&folders.path().join("seller"), None, None).unwrap());
        let log = market.own_feed("ticks").unwrap();
        log.append(&["one"]).unwrap();
        let prices = json!([
            { "method": "bolt11", "currency": "SATS", "amount": "1", "per": "hour" },
        ]);
        let card = json!({ "name": "ticks", "prices": prices }).as_object().cloned();
        let folder = market.feed_folder(&log.key());
        let offer = Offer { card, ..Offer::new(log.key(), "ticks", folder, Admission::Granted) };
        let listing = market.list(offer, now_ms()).unwrap();
        Self { folders, boxes: Arc::new(Letterboxes::new()), market, listing }
    }

    async fn run(&self) -> Run {
        let payee = NamedPayee::new("boxes", Arc::clone(&self.boxes) as _);
        let validate_interval = Duration::from_millis(20);
        let options = SellerOptions { validate_interval, payees: vec![payee], ..SellerOptions::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let link = self.market.link(&self.listing, vec![address]);
        let seller = Seller::new(Arc::clone(&self.market), self.listing.clone(), options).unwrap();
        let server = seller.clone();
        Run { seller, link, serving: tokio::spawn(async move { server.serve(listener).await }) }
    }

    fn buyer(&self, name: &str, run: &Run) -> Customer {
        let dir = self.folders.path().join(name);
        let market = if dir.exists() { Market::open(&dir, None) } else { Market::create(&dir, None, None) };
        Customer::paying(market.unwrap(), &run.link, [])
    }

    /// Waits until somebody's box was looked into so often from now on.
    async fn looks(&self, buyer: IdentityKey, times: usize) {
        let mut looks = self.boxes.looks.subscribe();
        let count = |looks: &std::collections::BTreeMap<IdentityKey, usize>| looks.get(&buyer).copied();
        let before = count(&looks.borrow()).unwrap_or(0);
        let waiting = looks.wait_for(|looks| count(looks).unwrap_or(0) >= before + times);
        timeout(DEADLINE, waiting).await.expect("in time").unwrap();
    }

    /// What was paid and is left, by account, and how many payments count.
    fn books(&self, buyer: IdentityKey) -> (Vec<u64>, usize) {
        let accounts = self.market.database().accounts(&self.listing.feed, &buyer).unwrap();
        let lines = self.market.database().ledger(0, i64::MAX).unwrap();
        let credits = lines.iter().filter(|line| line.kind == "credit" && line.buyer == Some(buyer)).count();
        (accounts.iter().map(|account| account.paid).collect(), credits)
    }
}

impl Run {
    async fn end(self) {
        self.seller.close();
        timeout(DEADLINE, self.serving).await.expect("in time").unwrap();
    }
}

/// Ends a buyer, so that their folders are free.
async fn leave(buyer: Customer) {
    buyer.running.abort();
    let _ = buyer.running.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_ordered_admits_and_counts_once_whatever_restarts() {
    let shop = Shop::new();
    let run = shop.run().await;
    let mut anna = shop.buyer("anna", &run);
    let key = anna.market.buyer().public();
    shop.looks(key, 1).await;
    assert_eq!(shop.books(key), (vec![], 0), "nothing is on record of who pays nothing");
    shop.boxes.put(key, "first", 9_000, Finality::Seen);
    shop.looks(key, 2).await;
    assert_eq!(shop.books(key).1, 0, "it may still go away");
    shop.boxes.put(key, "first", 9_000, Finality::Final);
    let info = anna.admitted().await;
    assert_eq!(info["type"], "time");
    let remaining = info["remaining"].as_i64().unwrap();
    assert!((32_000_000..=32_400_000).contains(&remaining), "nine hours: {remaining}");
    assert_eq!(shop.books(key), (vec![9_000], 1));
    leave(anna).await;
    run.end().await;

    let run = shop.run().await;
    let mut anna = shop.buyer("anna", &run);
    anna.admitted().await;
    shop.boxes.put(key, "second", 1_000, Finality::Final);
    shop.looks(key, 3).await;
    assert_eq!(shop.books(key), (vec![10_000], 2));
    // What goes away again is taken back.
    shop.boxes.put(key, "second", 1_000, Finality::Reversed);
    shop.looks(key, 2).await;
    assert_eq!(shop.books(key).0, [9_000]);
    assert_eq!(shop.boxes.orders(), 1, "it has one name in all runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_the_seller_is_away_is_found_as_soon_as_it_is_back() {
    let shop = Shop::new();
    let run = shop.run().await;
    let anna = shop.buyer("anna", &run);
    let key = anna.market.buyer().public();
    shop.looks(key, 1).await;
    leave(anna).await;
    run.end().await;
    shop.boxes.put(key, "first", 9_000, Finality::Final);
    // The buyer is not there either.
    let run = shop.run().await;
    shop.looks(key, 2).await;
    assert_eq!(shop.books(key), (vec![9_000], 1));
    run.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_open_takes_what_comes_to_the_same_place() {
    let shop = Shop::new();
    let run = shop.run().await;
    let anna = shop.buyer("anna", &run);
    let key = anna.market.buyer().public();
    shop.looks(key, 1).await;
    // An order at an older price, of which the wallet was asked and does not tell: so whoever looks first finds the money without it.
    let database = shop.market.database();
    let price =
        dazaar::cards::Price { minimum: 7, ..run.seller.prices_taken()[0].terms.clone().unwrap().price };
    let (id, feed, method) = ([7; 16], shop.listing.feed, "bolt11".to_owned());
    let expires_ms = now_ms() + 3_600_000;
    let order = Order { id, feed, buyer: key, price, method, units: 9_000, memo: String::new(), expires_ms };
    database.put_order(&order, now_ms()).unwrap();
    let demand = dazaar::payment::Demand { request: "pay".to_owned(), handle: "here".to_owned() };
    database.put_demand(&id, &demand, ("boxes", expires_ms)).unwrap();
    shop.boxes.put(key, "first", 9_000, Finality::Final);
    shop.looks(key, 2).await;
    assert_eq!(shop.books(key).1, 1);
    assert_eq!(database.order_payments(&id).unwrap().len(), 1);
    assert!(database.order(&id).unwrap().unwrap().closed, "it is paid");
    // What comes after it is nobody's order again.
    shop.boxes.put(key, "second", 1_000, Finality::Final);
    shop.looks(key, 2).await;
    assert_eq!(shop.books(key).1, 2);
    assert_eq!(database.order_payments(&id).unwrap().len(), 1);
    run.end().await;
}
