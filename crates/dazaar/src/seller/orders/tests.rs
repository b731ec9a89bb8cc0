use std::sync::atomic::{AtomicU32, Ordering};

use dazaar_market::{Asset, Card};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::database::{Admission, Receipt};
use crate::market::{Market, Offer};
use crate::payment::{Answer, Demand, Payee};
use crate::seller::{Seller, SellerOptions};

const ANNA: IdentityKey = IdentityKey([1; 32]);
const EVE: IdentityKey = IdentityKey([2; 32]);

/// Makes invoices, which nobody pays.
#[derive(Debug, Default)]
struct Till(AtomicU32);

impl Payee for Till {
    fn method(&self) -> Method {
        Method::Bolt11
    }

    fn takes(&self, asset: &Asset) -> bool {
        *asset == Asset::Bitcoin
    }

    fn demand<'a>(&'a self, _: &'a Bill) -> Answer<'a, Demand> {
        let request = self.0.fetch_add(1, Ordering::Relaxed).to_string();
        Box::pin(async { Ok(Demand { handle: request.clone(), request }) })
    }

    fn look_up<'a>(&'a self, _: &'a Bill, _: &'a Demand) -> Answer<'a, Vec<Receipt>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// A seller who asks 1 sat a second.
fn seller(folder: &TempDir) -> (Seller, PriceTerms) {
    let market = Arc::new(Market::create(folder.path(), None, None).unwrap());
    let log = market.own_feed("ticks").unwrap();
    let prices =
        json!([{ "method": "bolt11", "currency": "SATS", "amount": "1", "per": "second", "min": "2" }]);
    let card = json!({ "name": "ticks", "prices": prices }).as_object().cloned();
    let offer = Offer::new(log.key(), "ticks", market.feed_folder(&log.key()), Admission::Granted);
    let listing = market.list(Offer { card, ..offer }, now_ms()).unwrap();
    let terms = Card::parse(listing.card.as_bytes()).unwrap().offers().remove(0).terms.unwrap();
    let options = SellerOptions {
        payees: vec![NamedPayee::new("till", Arc::new(Till::default()))],
        ..SellerOptions::default()
    };
    (Seller::new(market, listing, options).unwrap(), terms)
}

fn order(number: u32, terms: &PriceTerms) -> pay::Order {
    pay::Order {
        order: format!("{number:032x}"),
        method: "bolt11".to_owned(),
        price: terms.price.to_json(),
        units: 5_000,
    }
}

#[tokio::test]
async fn asking_twice_is_asking_once_and_asking_often_is_refused() {
    let folder = TempDir::new().unwrap();
    let (seller, terms) = seller(&folder);
    for number in 0..4 {
        let first = seller.0.demand(ANNA, &order(number, &terms)).await.unwrap();
        let again = seller.0.demand(ANNA, &order(number, &terms)).await.unwrap();
        assert_eq!(first.demand, again.demand);
    }
    let refusal = seller.0.demand(ANNA, &order(4, &terms)).await.unwrap_err();
    assert_eq!(refusal.code, "too-many");
    assert!(seller.0.demand(EVE, &order(5, &terms)).await.is_ok(), "others can still order");
}

#[tokio::test]
async fn an_order_of_somebody_else_or_of_something_else_is_refused() {
    let folder = TempDir::new().unwrap();
    let (seller, terms) = seller(&folder);
    seller.0.demand(ANNA, &order(0, &terms)).await.unwrap();
    let theirs = seller.0.demand(EVE, &order(0, &terms)).await.unwrap_err();
    assert_eq!(theirs.code, "order");
    let more = pay::Order { units: 6_000, ..order(0, &terms) };
    assert_eq!(seller.0.demand(ANNA, &more).await.unwrap_err().code, "order");
}

#[tokio::test]
async fn nonsense_is_refused_and_makes_no_invoice() {
    let folder = TempDir::new().unwrap();
    let (seller, terms) = seller(&folder);
    let good = order(0, &terms);
    for (message, code) in [
        (pay::Order { order: "x".to_owned(), ..good.clone() }, "malformed"),
        (pay::Order { method: "eos".to_owned(), ..good.clone() }, "price"),
        (pay::Order { method: "credit".to_owned(), ..good.clone() }, "price"),
        (pay::Order { price: json!({}), ..good.clone() }, "price"),
        (pay::Order { units: 0, ..good.clone() }, "amount"),
        (pay::Order { units: 1_999, ..good.clone() }, "amount"),
        (pay::Order { units: u64::MAX, ..good }, "amount"),
    ] {
        let refusal = seller.0.demand(ANNA, &message).await.unwrap_err();
        assert_eq!(refusal.code, code, "{message:?}");
    }
    assert!(seller.0.market.database().open_orders(&seller.0.feed()).unwrap().is_empty());
}
