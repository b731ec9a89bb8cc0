//! How many orders are open: strangers cannot fill a shop, and nobody's money is lost for it.

use super::*;
use crate::payment::Demand;

const LIMITS: OrderLimits = OrderLimits { of_buyer: 2, of_strangers: 4, of_feed: 6 };

const MINUTE: i64 = 60_000;

/// Somebody who never paid.
fn stranger(seed: u8) -> IdentityKey {
    IdentityKey([100 + seed; 32])
}

/// Puts an order that can be paid for a week.
fn put(books: &Books, id: u8, buyer: IdentityKey, now_ms: i64) -> Result<(), DatabaseError> {
    let order = Order { buyer, expires_ms: now_ms + 7 * 24 * 60 * MINUTE, ..order(id, &sats()) };
    books.database.put_order_within(&order, LIMITS, now_ms)?;
    let demand = Demand { request: "pay".to_owned(), handle: String::new() };
    books.database.put_demand(&order.id, &demand, ("purse", order.expires_ms))
}

/// The same, with a payment.
fn put_paid(books: &Books, id: u8, buyer: IdentityKey, now_ms: i64) {
    put(books, id, buyer, now_ms).unwrap();
    books.apply(receipt(id, 0, id, 10, Finality::Final));
}

fn open_orders(books: &Books) -> Vec<u8> {
    books.database.open_orders(&FEED).unwrap().iter().map(|record| record.order.id[0]).collect()
}

fn is_refused(result: Result<(), DatabaseError>) -> bool {
    matches!(result, Err(DatabaseError::TooManyOrders))
}

#[test]
fn strangers_fill_a_quarter_of_an_hour_and_who_has_paid_orders_all_the_same() {
    let books = Books::new();
    put_paid(&books, 0, ANNA, 0);
    for seed in 1..=4 {
        put(&books, seed, stranger(seed), 0).unwrap();
    }
    assert!(is_refused(put(&books, 5, stranger(5), 0)));
    put(&books, 6, ANNA, 0).unwrap();
    assert_eq!(open_orders(&books), [0, 1, 2, 3, 4, 6]);
    // For a buyer's own limit only what is not paid counts.
    put(&books, 7, ANNA, 0).unwrap();
    assert!(is_refused(put(&books, 8, ANNA, 0)));
}

#[test]
fn the_oldest_orders_of_strangers_give_way_first() {
    let mut books = Books::new();
    put_paid(&books, 0, ANNA, 0);
    // However long strangers go on, no more than a few are looked for.
    for seed in 1..=40 {
        put(&books, seed, stranger(seed), i64::from(seed) * 15 * MINUTE).unwrap();
        books.crash();
    }
    assert_eq!(open_orders(&books), [0, 36, 37, 38, 39, 40]);
    let now_ms = 41 * 15 * MINUTE;
    put(&books, 41, ANNA, now_ms).unwrap();
    assert_eq!(open_orders(&books), [0, 37, 38, 39, 40, 41]);
    // What came counts, though nobody looked.
    assert_eq!(books.apply(receipt(99, 0, 1, 70, Finality::Final)), Applied::New);
    assert_eq!(books.database.order_payments(&[1; 16]).unwrap().len(), 1);
}

#[test]
fn a_stranger_takes_no_place_of_those_who_have_paid() {
    let books = Books::new();
    for (id, seed) in (0..6).zip(10_u8..) {
        put_paid(&books, id, stranger(seed), 0);
    }
    assert!(is_refused(put(&books, 6, stranger(1), MINUTE)));
    // Of those who have paid, the oldest gives way.
    put(&books, 7, stranger(13), MINUTE).unwrap();
    assert_eq!(open_orders(&books).len(), 6);
    assert!(open_orders(&books).contains(&7));
}

#[test]
fn an_order_that_gave_way_is_looked_for_again_when_its_buyer_asks() {
    let books = Books::new();
    for seed in 1..=7 {
        put(&books, seed, stranger(seed), i64::from(seed) * 15 * MINUTE).unwrap();
    }
    assert_eq!(open_orders(&books), [2, 3, 4, 5, 6, 7]);
    let record = books.database.order(&[1; 16]).unwrap().unwrap();
    assert!(record.closed);
    books.database.reopen_order(&record.order, LIMITS, 8 * 15 * MINUTE).unwrap();
    assert_eq!(open_orders(&books), [1, 3, 4, 5, 6, 7]);
}

#[test]
fn an_order_that_no_wallet_was_asked_about_is_not_counted_for_long() {
    let books = Books::new();
    for id in 0..6 {
        let unasked = Order { buyer: stranger(id), expires_ms: 15 * MINUTE, ..order(id, &sats()) };
        books.database.put_order_within(&unasked, OrderLimits { of_strangers: 6, ..LIMITS }, 0).unwrap();
    }
    put(&books, 7, stranger(7), 15 * MINUTE).unwrap();
    assert_eq!(open_orders(&books), [7]);
    assert!(books.database.order(&[0; 16]).unwrap().unwrap().closed);
}

#[test]
fn orders_of_another_listing_are_not_counted() {
    let books = Books::new();
    for id in 0..4 {
        let other = Order { feed: OTHER_FEED, buyer: stranger(id), ..order(id, &sats()) };
        books.database.put_order_within(&other, LIMITS, 0).unwrap();
    }
    put(&books, 5, stranger(5), 0).unwrap();
}
