//! Payments without an order: they count once, at the price of the day, and strangers cannot fill the records.

use super::*;

/// The buyer's place at a wallet.
fn place(buyer: &IdentityKey) -> (&FeedKey, &IdentityKey, &'static str) {
    (&FEED, buyer, "old")
}

/// The order under which Anna's payments count.
fn standing(price: &Price) -> Order {
    Order { units: 0, ..order(9, price) }
}

#[test]
fn what_was_not_ordered_counts_once_and_at_the_price_of_the_day() {
    let mut books = Books::new();
    books.database.put_unordered(place(&ANNA), "here", 9, 1).unwrap();
    books.database.put_unordered(place(&ANNA), "elsewhere", 9, 1).unwrap();
    let known = books.database.unordered(place(&ANNA)).unwrap().unwrap();
    assert_eq!(known, Unordered { handle: "here".to_owned(), has_paid: false }, "the first answer stays");
    for _ in 0..2 {
        books.database.book_unordered(&standing(&sats()), "old", 5).unwrap();
        books.apply(receipt(1, 0, 9, 70, Finality::Final));
        books.crash();
    }
    assert!(books.database.unordered(place(&ANNA)).unwrap().unwrap().has_paid);
    // The price has changed. What was paid before stays where it is, and what was paid then is not moved.
    let dearer = time_price(30, 7, Clock::Open);
    books.database.book_unordered(&standing(&dearer), "old", 6).unwrap();
    assert_eq!(books.apply(receipt(1, 0, 9, 70, Finality::Final)), Applied::Again);
    assert_eq!(books.apply(receipt(2, 0, 9, 60, Finality::Final)), Applied::New);
    assert_eq!([&sats(), &dearer].map(|price| books.account(&ANNA, price).meter.balance), [70, 60]);
    // It is taken back from where it was.
    books.apply(receipt(1, 0, 9, 70, Finality::Reversed));
    assert_eq!([&sats(), &dearer].map(|price| books.account(&ANNA, price).meter.balance), [0, 60]);
    assert_eq!(books.database.open_orders(&FEED).unwrap(), [], "nobody looks for it as for an order");
}

#[test]
fn what_moves_to_another_block_stays_whose_it_was() {
    let books = Books::new();
    books.order(1, &sats());
    books.database.book_unordered(&standing(&sats()), "old", 5).unwrap();
    books.apply(receipt(1, 1, 9, 70, Finality::Final));
    // Meanwhile the price has changed, and an order waits at the same place.
    let dearer = time_price(30, 7, Clock::Open);
    books.order(2, &dearer);
    books.database.book_unordered(&standing(&dearer), "old", 6).unwrap();
    let balances = |books: &Books| [&sats(), &dearer].map(|price| books.account(&ANNA, price).meter.balance);
    for (block, order) in [(2, 9), (3, 2), (1, 2)] {
        assert_eq!(books.apply(receipt(1, block, order, 70, Finality::Final)), Applied::New);
        assert_eq!(balances(&books), [70, 0]);
    }
    books.apply(receipt(1, 1, 2, 70, Finality::Reversed));
    assert_eq!(balances(&books), [0, 0]);
    books.apply(receipt(1, 4, 2, 70, Finality::Final));
    assert_eq!(balances(&books), [70, 0]);
    assert_eq!(books.database.order_payments(&[2; 16]).unwrap(), []);
}

#[test]
fn news_is_what_does_not_count_yet_or_no_longer() {
    let books = Books::new();
    books.order(1, &sats());
    books.apply(receipt(1, 1, 1, 70, Finality::Final));
    books.apply(receipt(2, 1, 1, 70, Finality::Final));
    books.apply(receipt(2, 1, 1, 70, Finality::Reversed));
    let [counts, gone] = [receipt(1, 1, 1, 70, Finality::Final), receipt(2, 1, 1, 70, Finality::Reversed)];
    let news = |receipts: &[Receipt]| books.database.news("chain", receipts).unwrap();
    assert_eq!(news(&[counts.clone(), gone.clone()]), []);
    let (moved, back) = (receipt(1, 2, 1, 70, Finality::Final), receipt(2, 1, 1, 70, Finality::Final));
    let other = receipt(3, 1, 1, 70, Finality::Final);
    assert_eq!(news(&[counts.clone(), other.clone()]), [other]);
    // All that is said of one payment stays together, in its order.
    assert_eq!(news(&[moved.clone(), counts.clone(), gone.clone()]), [moved, counts]);
    assert_eq!(news(&[gone.clone(), back.clone()]), [gone, back]);
}

#[test]
fn what_is_found_without_an_order_is_not_counted_for_an_order_too() {
    let books = Books::new();
    books.order(1, &sats());
    books.database.book_unordered(&standing(&sats()), "old", 5).unwrap();
    assert_eq!(books.apply(receipt(1, 0, 9, 70, Finality::Final)), Applied::New);
    assert_eq!(books.apply(receipt(1, 0, 1, 70, Finality::Final)), Applied::Again);
    assert_eq!(books.account(&ANNA, &sats()).meter.balance, 70);
}

#[test]
fn the_order_that_waits_at_a_wallet_is_the_newest_that_is_open() {
    let books = Books::new();
    let demand = crate::payment::Demand { request: "pay".to_owned(), handle: String::new() };
    for (id, wallet) in [(1, "old"), (2, "old"), (3, "other")] {
        let order = Order { expires_ms: 1000, ..order(id, &sats()) };
        books.database.put_order(&order, i64::from(id)).unwrap();
        books.database.put_demand(&order.id, &demand, (wallet, 1000)).unwrap();
    }
    let open = |books: &Books| {
        books.database.open_order_at(&FEED, &ANNA, "old").unwrap().map(|open| open.order.id[0])
    };
    assert_eq!(open(&books), Some(2));
    books.database.close_order(&[2; 16]).unwrap();
    assert_eq!(open(&books), Some(1));
    books.database.close_order(&[1; 16]).unwrap();
    assert_eq!(open(&books), None);
    assert!(books.database.open_order_at(&FEED, &BERT, "other").unwrap().is_none());
}

#[test]
fn strangers_give_way_to_those_who_were_here_since_and_nobody_who_has_paid_does() {
    let mut books = Books::new();
    let stranger = |seed: u8| IdentityKey([100 + seed; 32]);
    books.database.put_unordered(place(&ANNA), "", 3, 0).unwrap();
    books.database.book_unordered(&standing(&sats()), "old", 0).unwrap();
    for seed in 1..=3 {
        books.database.put_unordered(place(&stranger(seed)), "", 3, i64::from(seed)).unwrap();
    }
    books.database.see_unordered(place(&stranger(1)), 5).unwrap();
    books.database.see_unordered(place(&stranger(2)), 100_000).unwrap();
    books.database.put_unordered(place(&stranger(4)), "", 3, 100_001).unwrap();
    books.crash();
    let known = |has_paid, since_ms| {
        let buyers = books.database.unordered_buyers((&FEED, "old"), has_paid, since_ms).unwrap();
        buyers.into_iter().map(|buyer| buyer.as_bytes()[0]).collect::<Vec<_>>()
    };
    // That somebody is still here is written down once a minute.
    assert_eq!(known(false, 0), [104, 102, 103]);
    assert_eq!(known(false, 100_001), [104]);
    assert_eq!(known(true, 0), [3]);
}
