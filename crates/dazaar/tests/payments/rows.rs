//! Prices by the row, and for ranges of time.

use std::sync::Arc;

use dazaar::contents::{BlockRows, Contents, RowBlocks};
use dazaar::{Replicator, SharedLog};
use serde_json::{Value, json};

use super::*;

/// A block for each hour of 1970, with one row.
#[derive(Debug)]
struct Hours;

impl Contents for Hours {
    fn rows(&self, block: u64, bytes: &[u8]) -> Option<BlockRows> {
        let hour = i64::try_from(block).ok()? * 3_600_000_000_000;
        Some(BlockRows { times: Some((hour, hour + 1)), ..RowBlocks.rows(block, bytes)? })
    }

    fn has_times(&self) -> bool {
        true
    }
}

async fn scene(prices: Value, contents: fn(&SharedLog) -> Option<Arc<dyn Contents>>) -> Scene {
    let bank = Arc::new(Bank::default());
    let options = SellerOptions {
        validate_interval: Duration::from_millis(20),
        payees: vec![named(&bank, Method::Bolt11)],
        contents,
        ..SellerOptions::default()
    };
    Scene::serving(bank, options, prices, &kilobytes(20)).await
}

async fn until(feed: &Arc<Replicator>, is_so: impl Fn(&Replicator) -> bool) {
    let waiting = async {
        while !is_so(feed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, waiting).await.expect("in time");
}

/// Units delivered at each price.
fn delivered(scene: &Scene, buyer: &Customer) -> Vec<u64> {
    let (feed, key) = (scene.seller.listing().feed, buyer.market.buyer().public());
    let accounts = scene.market.database().accounts(&feed, &key).unwrap();
    accounts.iter().map(dazaar::database::Account::delivered).collect()
}

async fn until_delivered(scene: &Scene, buyer: &Customer, units: &[u64]) {
    let waiting = async {
        while delivered(scene, buyer) != units {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, waiting).await.expect("in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_paid_once_wherever_it_goes() {
    let prices = json!([{ "method": "bolt11", "currency": "SATS", "amount": "1", "per": "record" }]);
    let scene = scene(prices, |_| Some(Arc::new(RowBlocks))).await;
    let mut anna = scene.buyer("anna");
    anna.buyer.pay(&scene.terms[0], 5_000).unwrap();
    assert_eq!(anna.receipt().await.credit, json!({ "type": "records", "remaining": 5 }));
    assert_eq!(anna.bytes_until_refused().await, 5_000);
    let held: Vec<_> = anna.buyer.feed().unwrap().log().lock().have().runs(0..20).collect();
    let charged = |buyer: &Customer| {
        let (feed, key) = (scene.seller.listing().feed, buyer.market.buyer().public());
        scene.market.database().charged_rows(&feed, &key, &(0..u64::MAX)).unwrap()
    };
    assert_eq!(charged(&anna), held);
    let master = anna.market.master().as_bytes().to_owned();
    anna.running.abort();

    // Another computer of the same buyer's has none of them, and is charged for the others only.
    let dir = scene.folders.path().join("other");
    let mut other = Customer::with_master(&dir, &scene.link, &scene.bank, &master);
    other.buyer.pay(&scene.terms[0], 15_000).unwrap();
    other.receipt().await;
    other.admitted().await;
    until(other.buyer.feed().as_ref().unwrap(), Replicator::is_complete).await;
    assert_eq!(other.buyer.feed().unwrap().progress().bytes_down, 20_000);
    until_delivered(&scene, &other, &[20_000]).await;
    assert_eq!(charged(&other), [0..20]);

    // A third has them all again at the same time, though nothing is left to pay with.
    let dir = scene.folders.path().join("third");
    let mut third = Customer::with_master(&dir, &scene.link, &scene.bank, &master);
    assert_eq!(third.admitted().await["remaining"], 0);
    until(third.buyer.feed().as_ref().unwrap(), Replicator::is_complete).await;
    // What is new has to be paid.
    scene.seller.log().append(&["one more"]).unwrap();
    let is_refused =
        |notice| matches!(notice, BuyerNotice::Session(BuyerEvent::Invalid { .. })).then_some(());
    third.next(is_refused).await;
    assert_eq!(delivered(&scene, &third), [20_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_rows_is_not_sold_by_the_row_and_what_has_no_times_not_by_time() {
    let range = json!({ "method": "bolt11", "currency": "SATS", "amount": "1", "per": "range", "from": "1970", "to": "1971" });
    let row = json!({ "method": "bolt11", "currency": "SATS", "amount": "1", "per": "record" });
    for (contents, refused) in [
        ((|_| None) as fn(&SharedLog) -> Option<Arc<dyn Contents>>, 2),
        (|_| Some(Arc::new(RowBlocks)), 1),
        (|_| Some(Arc::new(Hours)), 0),
    ] {
        let scene = scene(json!([row, range]), contents).await;
        assert_eq!(scene.seller.prices_not_taken().len(), refused);
        let mut anna = scene.buyer("anna");
        anna.buyer.pay(&scene.terms[1], 1_000).unwrap();
        if refused > 0 {
            assert_eq!(anna.refusal().await.code, "price");
        } else {
            assert_eq!(anna.receipt().await.credit, json!({ "type": "range" }));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_time_is_all_that_is_sent_of_what_was_not_paid_otherwise() {
    let range = |amount: &str, from: &str, to: &str| json!({ "method": "bolt11", "currency": "SATS", "amount": amount, "per": "range", "from": from, "to": to });
    let prices = json!([
        range("5", "1970-01-01T02:00:00Z", "1970-01-01T05:00:00Z"),
        range("3", "1970-01-01T04:00:00Z", "1970-01-01T08:00:00Z"),
        { "method": "bolt11", "currency": "SATS", "amount": "1", "per": "kilobyte" },
    ]);
    let scene = scene(prices, |_| Some(Arc::new(Hours))).await;
    let mut anna = scene.buyer("anna");
    anna.buyer.pay(&scene.terms[0], 5_000).unwrap();
    assert_eq!(anna.receipt().await.credit, json!({ "type": "range" }));
    let info = anna.admitted().await;
    let named = json!([{ "from": "1970-01-01T02:00:00Z", "to": "1970-01-01T05:00:00Z" }]);
    assert_eq!((&info["type"], &info["ranges"]), (&"range".into(), &named));
    let feed = anna.buyer.feed().unwrap().clone();
    let held = |feed: &Replicator| feed.log().lock().have().runs(0..20).collect::<Vec<_>>();
    until(&feed, |feed| feed.gone() == Some(vec![0..2, 5..20])).await;
    assert_eq!(held(&feed), [2..5]);

    // Another range, of which a part is here.
    anna.buyer.pay(&scene.terms[1], 3_000).unwrap();
    anna.receipt().await;
    until(&feed, |feed| held(feed) == [2..8]).await;
    until(&feed, |feed| feed.gone() == Some(vec![0..2, 8..20])).await;

    // Everything else by the byte, and what was paid as a range is not paid again.
    anna.buyer.pay(&scene.terms[2], 20_000).unwrap();
    anna.receipt().await;
    until(&feed, Replicator::is_complete).await;
    anna.running.abort();
    until_delivered(&scene, &anna, &[5_000, 3_000, 14_000]).await;
}
