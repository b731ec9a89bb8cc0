use std::collections::{BTreeMap, BTreeSet};

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::meter::Moment;
use dazaar_market::price::{Clock, Kind};
use dazaar_market::voucher::VoucherCode;
use dazaar_market::{Asset, Decimal, Price, Rate};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::database::{Admission, Database, DatabaseError, Listing, Retention};

mod model;
mod orders;
mod portable;
mod rows;
mod unordered;

const FEED: FeedKey = FeedKey([1; 32]);
const OTHER_FEED: FeedKey = FeedKey([2; 32]);
const ANNA: IdentityKey = IdentityKey([3; 32]);
const BERT: IdentityKey = IdentityKey([4; 32]);

/// A refund with this name.
fn chain(reference: &[u8]) -> RefundName<'_> {
    RefundName { method: "chain", reference, wallet: "purse", to: "" }
}

struct Books {
    folder: TempDir,
    database: Database,
}

impl Books {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let database = open(&folder);
        for (feed, name) in [(FEED, "one"), (OTHER_FEED, "two")] {
            let listing = Listing {
                feed,
                name: name.to_owned(),
                folder: "/feeds".into(),
                seller_secret: None,
                card: "{}".to_owned(),
                terms: None,
                unsigned_terms: false,
                admission: Admission::Granted,
                listen: None,
                created_ms: 0,
                keep: Retention::default(),
            };
            database.put_listing(&listing).unwrap();
        }
        Self { folder, database }
    }

    /// What a crash leaves: whatever was committed.
    fn crash(&mut self) {
        self.database = open(&self.folder);
    }

    fn account(&self, buyer: &IdentityKey, price: &Price) -> Account {
        let accounts = self.database.accounts(&FEED, buyer).unwrap();
        accounts.into_iter().find(|account| account.price == *price).unwrap()
    }

    /// What is left when so much was charged.
    fn charged(&self, used: Used, now: &Moment) -> Option<Credit> {
        self.database.charge(&FEED, &ANNA, &used, now).unwrap().map(|standing| standing.credit)
    }

    fn order(&self, id: u8, price: &Price) {
        self.database.put_order(&order(id, price), 0).unwrap();
    }

    fn apply(&self, receipt: Receipt) -> Applied {
        self.database.apply("chain", &[receipt], None, 5).unwrap().remove(0)
    }
}

/// Power cuts are not what is tested here, and waiting for the disk takes most of the time.
fn open(folder: &TempDir) -> Database {
    let database = Database::open(&folder.path().join("market.db")).unwrap();
    database.connection().pragma_update(None, "synchronous", "OFF").unwrap();
    database.connection().trace(Some(portable::record));
    database.charges().connection.trace(Some(portable::record));
    database
}

fn time_price(amount: u64, per_ms: u64, clock: Clock) -> Price {
    let rate = Rate::new(Decimal::new(amount.into(), 0), 0, per_ms).unwrap();
    Price::new(Asset::Bitcoin, Kind::Time { rate, clock })
}

fn sats() -> Price {
    time_price(3, 7, Clock::Open)
}

fn order(id: u8, price: &Price) -> Order {
    Order {
        id: [id; 16],
        feed: FEED,
        buyer: ANNA,
        price: price.clone(),
        method: "chain".to_owned(),
        units: 100,
        memo: String::new(),
        expires_ms: 1000,
    }
}

fn receipt(reference: u8, block: u8, order: u8, units: u64, finality: Finality) -> Receipt {
    let evidence = b"proof".to_vec();
    Receipt {
        reference: vec![reference],
        block: vec![block],
        order: Some([order; 16]),
        units,
        finality,
        evidence,
    }
}

fn time(time_ms: u64) -> Used {
    Used { time_ms, ..Used::default() }
}

fn at(ms: u64) -> Moment {
    Moment { run: 1, running_ms: ms, wall_ms: 1_000_000 + i64::try_from(ms).unwrap() }
}

#[test]
fn b12_a_payment_that_is_reported_twice_counts_once_and_for_what_was_paid() {
    let mut books = Books::new();
    books.order(1, &sats());
    let paid = receipt(1, 0, 1, 70, Finality::Final);
    assert_eq!(books.apply(paid.clone()), Applied::New);
    books.crash();
    assert_eq!(books.apply(paid), Applied::Again);
    assert_eq!(books.account(&ANNA, &sats()).meter.balance, 70, "100 were asked, 70 came");
    assert_eq!(books.apply(receipt(2, 0, 1, 90, Finality::Final)), Applied::New, "and the rest, and more");
    assert_eq!(books.account(&ANNA, &sats()).meter.balance, 160);
}

#[test]
fn b07_two_payments_in_one_block_are_two() {
    let books = Books::new();
    books.order(1, &sats());
    let block = [receipt(1, 9, 1, 10, Finality::Final), receipt(2, 9, 1, 10, Finality::Final)];
    let applied = books.database.apply("chain", &block, Some(b"9"), 5).unwrap();
    assert_eq!(applied, [Applied::New, Applied::New]);
    assert_eq!(books.account(&ANNA, &sats()).paid, 20);
    assert_eq!(books.database.cursor("chain").unwrap().as_deref(), Some(&b"9"[..]));
    assert_eq!(books.database.cursor("other").unwrap(), None);
}

#[test]
fn what_is_only_seen_counts_for_nothing() {
    let books = Books::new();
    books.order(1, &sats());
    books.apply(receipt(1, 0, 1, 10, Finality::Seen));
    assert_eq!(books.account(&ANNA, &sats()).paid, 0);
    books.apply(receipt(1, 0, 1, 10, Finality::Final));
    assert_eq!(books.account(&ANNA, &sats()).paid, 10);
}

#[test]
fn a_payment_that_is_reversed_and_mined_again_counts_once() {
    let books = Books::new();
    books.order(1, &sats());
    books.apply(receipt(1, 1, 1, 100, Finality::Final));
    books.charged(time(140), &at(0));
    assert_eq!(books.account(&ANNA, &sats()).meter.balance, 40);
    for _ in 0..2 {
        books.apply(receipt(1, 1, 1, 100, Finality::Reversed));
        let account = books.account(&ANNA, &sats());
        assert_eq!((account.paid, account.meter.balance, account.short), (0, 0, 60));
    }
    books.apply(receipt(1, 2, 1, 100, Finality::Final));
    let account = books.account(&ANNA, &sats());
    assert_eq!(
        (account.paid, account.meter.balance, account.short),
        (100, 40, 0),
        "as if nothing had happened"
    );
    // Nobody told us that it left the second block, but it cannot be in both.
    books.apply(receipt(1, 3, 1, 100, Finality::Final));
    assert_eq!(books.account(&ANNA, &sats()).paid, 100);
    // What was never credited is taken from nobody, and counts once it comes.
    books.apply(receipt(2, 4, 1, 50, Finality::Reversed));
    assert_eq!(books.apply(receipt(2, 4, 1, 50, Finality::Final)), Applied::New);
    assert_eq!(books.account(&ANNA, &sats()).paid, 150);
}

#[test]
fn a_payment_whose_block_comes_back_counts_again_and_a_repeat_does_not() {
    let mut books = Books::new();
    books.order(1, &sats());
    let report = |books: &Books, block, finality| books.apply(receipt(1, block, 1, 100, finality));
    for _ in 0..3 {
        for finality in [Finality::Final, Finality::Reversed] {
            assert_eq!(report(&books, 7, finality), Applied::New);
            books.crash();
            assert_eq!(report(&books, 7, finality), Applied::Again);
            let paid = if finality == Finality::Final { 100 } else { 0 };
            assert_eq!(books.account(&ANNA, &sats()).paid, paid);
        }
    }
    // From one block to another and back, and nobody says that it left.
    for block in [7, 8, 7, 7, 8] {
        report(&books, block, Finality::Final);
        assert_eq!(books.account(&ANNA, &sats()).paid, 100);
    }
    report(&books, 7, Finality::Reversed);
    assert_eq!(books.account(&ANNA, &sats()).paid, 100, "it was not there any more");
    report(&books, 8, Finality::Reversed);
    assert_eq!(books.account(&ANNA, &sats()).paid, 0);
}

#[test]
fn a_payment_that_nobody_claimed_and_that_changed_its_block_is_claimed_once() {
    let books = Books::new();
    books.order(1, &sats());
    let account = books.account(&ANNA, &sats());
    let claim = || books.database.claim("chain", &[1], &account, 7).unwrap();
    for block in [1, 2] {
        assert_eq!(books.apply(receipt(1, block, 9, 100, Finality::Final)), Applied::Unclaimed);
    }
    assert_eq!((claim(), books.account(&ANNA, &sats()).paid), (Applied::New, 100));
    assert_eq!((claim(), books.account(&ANNA, &sats()).paid), (Applied::Again, 100));
    books.apply(receipt(1, 1, 9, 100, Finality::Reversed));
    assert_eq!(books.account(&ANNA, &sats()).paid, 100, "it is in the second block");
    books.apply(receipt(1, 2, 9, 100, Finality::Reversed));
    assert_eq!((claim(), books.account(&ANNA, &sats()).paid), (Applied::Reversed, 0));
}

#[test]
fn a_payment_for_nobody_knows_what_waits_to_be_claimed() {
    let books = Books::new();
    let lost = receipt(1, 0, 9, 80, Finality::Final);
    assert_eq!(books.apply(lost.clone()), Applied::Unclaimed);
    books.order(1, &sats());
    let account = books.account(&ANNA, &sats());
    let claim = |reference| books.database.claim("chain", reference, &account, 7);
    assert!(matches!(claim(&[2]), Err(DatabaseError::NothingUnclaimed)));
    assert_eq!(claim(&[1]).unwrap(), Applied::New);
    assert_eq!(claim(&[1]).unwrap(), Applied::Again);
    assert_eq!(books.apply(lost), Applied::Again);
    assert_eq!(books.account(&ANNA, &sats()).paid, 80);
    books.apply(receipt(1, 0, 9, 80, Finality::Reversed));
    assert_eq!(books.account(&ANNA, &sats()).paid, 0);
    // More than can be counted is nobody's, but not lost.
    assert_eq!(books.apply(receipt(3, 0, 1, u64::MAX, Finality::Final)), Applied::Unclaimed);
}

#[test]
fn an_order_is_recorded_once_and_only_as_it_was() {
    let books = Books::new();
    books.order(1, &sats());
    books.order(1, &sats());
    let other = Order { units: 99, ..order(1, &sats()) };
    assert!(matches!(books.database.put_order(&other, 0), Err(DatabaseError::OrderDiffers)));
    let dearer = Order { price: time_price(4, 7, Clock::Open), ..order(1, &sats()) };
    assert!(matches!(books.database.put_order(&dearer, 0), Err(DatabaseError::OrderDiffers)));
    assert_eq!(books.database.accounts(&FEED, &ANNA).unwrap().len(), 1, "nothing of it stays");
}

#[test]
fn a_payment_that_comes_late_counts() {
    let books = Books::new();
    books.order(1, &sats());
    let late = [receipt(1, 0, 1, 100, Finality::Final)];
    let applied = books.database.apply("chain", &late, None, order(1, &sats()).expires_ms + 1).unwrap();
    assert_eq!((applied[0], books.account(&ANNA, &sats()).paid), (Applied::New, 100));
}

#[test]
fn what_was_bought_keeps_its_price() {
    let books = Books::new();
    let (old, new) = (time_price(1, 1, Clock::Open), time_price(10, 1, Clock::Open));
    books.order(1, &old);
    books.apply(receipt(1, 0, 1, 100, Finality::Final));
    books.database.put_order(&order(2, &new), 9).unwrap();
    books.apply(receipt(2, 0, 2, 100, Finality::Final));
    let left = |used| books.charged(time(used), &at(0));
    assert_eq!(left(0), Some(Credit::Time { left_ms: 110 }));
    assert_eq!(left(50), Some(Credit::Time { left_ms: 60 }), "the old price is used up first");
    assert_eq!(left(55), Some(Credit::Time { left_ms: 5 }));
    assert_eq!((books.account(&ANNA, &old).delivered(), books.account(&ANNA, &new).delivered()), (100, 50));
}

#[test]
fn who_bought_everything_pays_for_nothing_else() {
    let books = Books::new();
    books.order(1, &sats());
    books.apply(receipt(1, 0, 1, 30, Finality::Final));
    let once = Price::new(Asset::Bitcoin, Kind::Once { units: 40 });
    books.database.put_order(&order(2, &once), 9).unwrap();
    books.apply(receipt(2, 0, 2, 45, Finality::Final));
    for _ in 0..2 {
        let credit = books.charged(time(1000), &at(0));
        assert_eq!(credit, Some(Credit::Forever));
    }
    assert_eq!(
        (books.account(&ANNA, &sats()).meter.balance, books.account(&ANNA, &once).meter.balance),
        (30, 5)
    );
    books.apply(receipt(2, 0, 2, 45, Finality::Reversed));
    let credit = books.database.credit(&FEED, &ANNA, 0).unwrap();
    assert_eq!(credit, Some(Credit::Time { left_ms: 70 }), "not for a payment that is gone");
}

#[test]
fn time_by_the_clock_runs_from_the_first_delivery_whoever_is_away() {
    let books = Books::new();
    let price = time_price(1, 1, Clock::Wall);
    books.order(1, &price);
    books.apply(receipt(1, 0, 1, 1000, Finality::Final));
    let left = |used, now: Moment| match books.charged(time(used), &now) {
        Some(Credit::Time { left_ms }) => left_ms,
        other => panic!("{other:?}"),
    };
    assert_eq!(left(0, at(500)), 1000, "nothing was delivered yet");
    assert_eq!(left(10, at(600)), 990);
    assert_eq!(left(0, at(700)), 890, "nobody was there");
    let later = |run, wall_ms| Moment { run, running_ms: 0, wall_ms };
    assert_eq!(left(0, later(2, 1_000_750)), 840, "the seller was away");
    assert_eq!(left(0, later(3, 0)), 840, "the clock went back");
    assert_eq!(left(0, later(4, i64::MAX / 2)), 840, "the clock went far ahead");
    assert_eq!(left(900, Moment { run: 4, running_ms: 2000, wall_ms: 0 }), 0);
    // What passes while nothing is left is not charged later.
    books.order(2, &price);
    books.apply(receipt(2, 0, 2, 100, Finality::Final));
    assert_eq!(left(0, Moment { run: 4, running_ms: 9000, wall_ms: 0 }), 100);
}

#[test]
fn what_counts_is_how_long_the_program_was_away_and_not_the_buyer() {
    let books = Books::new();
    let (price, day_ms) = (time_price(1, 1, Clock::Wall), 86_400_000_u64);
    books.order(1, &price);
    books.apply(receipt(1, 0, 1, 100 * day_ms, Finality::Final));
    books.charged(time(day_ms), &at(0));
    let days_left = |now: Moment| {
        books.charged(Used::default(), &now);
        price_at(&books, 0).meter.balance / day_ms
    };
    let day = i64::try_from(day_ms).unwrap();
    // Nobody is there for twenty days; then the program starts again, and once more on the next day.
    books.database.alive(&at(20 * day_ms)).unwrap();
    let later = |run, days: i64| Moment { run, running_ms: 0, wall_ms: 1_000_000 + days * day };
    books.database.alive(&later(2, 21)).unwrap();
    assert_eq!(days_left(later(3, 22)), 100 - 1 - 22);
    // Eight days without the program are not believed, nor charged later.
    assert_eq!(days_left(later(4, 30)), 100 - 1 - 22);
    assert_eq!(days_left(later(5, 31)), 100 - 1 - 23);
    // Of two that ask at once the later may be served first.
    books.database.alive(&Moment { run: 5, running_ms: 2 * day_ms, wall_ms: 0 }).unwrap();
    books.database.alive(&Moment { run: 5, running_ms: day_ms, wall_ms: 0 }).unwrap();
    assert_eq!(days_left(Moment { run: 5, running_ms: 2 * day_ms, wall_ms: 0 }), 100 - 1 - 25);
}

#[test]
fn one_delivery_is_charged_to_one_account() {
    let books = Books::new();
    let rate = Rate::new(Decimal::new(1, 0), 0, 1).unwrap();
    let bytes = Price::new(Asset::Bitcoin, Kind::Bytes { rate });
    let (first, second) = (time_price(1, 1, Clock::Wall), time_price(2, 1, Clock::Wall));
    for (id, price, units) in [(1, &bytes, 100), (2, &first, 500), (3, &second, 1000)] {
        books.database.put_order(&order(id, price), id.into()).unwrap();
        books.apply(receipt(id, 0, id, units, Finality::Final));
    }
    let charge = |time_ms, bytes, now| {
        let used = Used { time_ms, bytes, ..Used::default() };
        books.charged(used, &at(now));
        [&price_at(&books, 0), &price_at(&books, 1), &price_at(&books, 2)]
            .map(|account| account.meter.balance)
    };
    assert_eq!(charge(10, 60, 10), [40, 500, 1000], "bytes pay for it, and time does not");
    assert_eq!(charge(10, 80, 20), [0, 495, 1000], "and half of it");
    assert_eq!(charge(0, 0, 120), [0, 395, 1000], "one clock runs");
    books.apply(receipt(4, 0, 1, 100, Finality::Final));
    assert_eq!(charge(5, 50, 125), [50, 395, 1000], "and stops for what was opened before it");
    assert_eq!(charge(0, 0, 500), [50, 395, 1000]);
    assert_eq!(charge(10, 100, 600), [0, 390, 1000], "it runs from the delivery on that it pays for");
    assert_eq!(
        charge(400, 0, 1000),
        [0, 0, 980],
        "400 ms passed, and one in forty of what was delivered is left to pay"
    );
    assert_eq!(charge(0, 0, 1010), [0, 0, 960]);
}

fn price_at(books: &Books, place: usize) -> Account {
    books.database.accounts(&FEED, &ANNA).unwrap().swap_remove(place)
}

#[test]
fn a_clock_stands_still_while_nothing_is_left_though_nobody_looks() {
    let books = Books::new();
    let price = time_price(1, 1, Clock::Wall);
    books.order(1, &price);
    books.apply(receipt(1, 0, 1, 1000, Finality::Final));
    books.charged(time(10), &at(10));
    books.database.refund((&FEED, &ANNA, &price), u64::MAX, chain(b"a"), 0).unwrap();
    books.apply(receipt(2, 0, 1, 100, Finality::Final));
    books.charged(time(0), &at(5000));
    assert_eq!(price_at(&books, 0).meter.balance, 100);
}

#[test]
fn a_clock_runs_on_while_a_payment_changes_its_block() {
    let books = Books::new();
    let price = time_price(1, 1, Clock::Wall);
    books.order(1, &price);
    books.apply(receipt(1, 0, 1, 100, Finality::Final));
    books.apply(receipt(2, 0, 1, 100, Finality::Final));
    books.charged(time(100), &at(100));
    // All that is left is what moves.
    books.apply(receipt(1, 1, 1, 100, Finality::Final));
    books.charged(time(0), &at(150));
    assert_eq!(price_at(&books, 0).meter.balance, 50);
}

#[test]
fn a_clock_stands_still_while_the_buyer_is_admitted_for_good() {
    let books = Books::new();
    let price = time_price(1, 1, Clock::Wall);
    books.order(1, &price);
    books.apply(receipt(1, 0, 1, 1000, Finality::Final));
    let charge = |used, now| {
        books.charged(time(used), &at(now));
        price_at(&books, 0).meter.balance
    };
    assert_eq!(charge(10, 10), 990);
    books.database.grant("good", &FEED, &ANNA, None, 0).unwrap();
    assert_eq!((charge(90, 100), charge(0, 500)), (990, 990));
    books.database.revoke(&FEED, &ANNA, 0).unwrap();
    books.apply(receipt(2, 0, 1, 1000, Finality::Final));
    assert_eq!((charge(0, 600), charge(10, 700), charge(0, 800)), (1000, 990, 890));
}

#[test]
fn a_refund_is_off_the_balance_before_it_is_sent() {
    let mut books = Books::new();
    books.order(1, &sats());
    books.apply(receipt(1, 0, 1, 100, Finality::Final));
    let refund = |books: &Books, most, name: &[u8]| {
        books.database.refund((&FEED, &ANNA, &sats()), most, chain(name), 5).unwrap()
    };
    assert_eq!(refund(&books, 30, b"a"), Refunded::New { units: 30 });
    books.crash();
    assert_eq!(refund(&books, 99, b"a"), Refunded::Again { units: 30 });
    assert_eq!(refund(&books, u64::MAX, b"b"), Refunded::New { units: 70 });
    assert_eq!(refund(&books, 1, b"c"), Refunded::New { units: 0 }, "nothing is left");
    assert!(books.database.refund_failed("chain", b"b", 6).unwrap());
    assert!(!books.database.refund_failed("chain", b"b", 6).unwrap(), "once");
    assert_eq!(refund(&books, 99, b"b"), Refunded::Failed { units: 70 }, "nothing is to be sent");
    let dearer = time_price(9, 1, Clock::Open);
    let other = books.database.refund((&FEED, &ANNA, &dearer), 1, chain(b"a"), 5);
    assert!(matches!(other, Err(DatabaseError::RefundDiffers)));
    assert_eq!(books.database.accounts(&FEED, &ANNA).unwrap().len(), 1, "nothing of it stays");
    let from_another = RefundName { wallet: "till", ..chain(b"a") };
    let other = books.database.refund((&FEED, &ANNA, &sats()), 1, from_another, 5);
    assert!(matches!(other, Err(DatabaseError::RefundDiffers)), "one wallet gives it");
    let record = books.database.refund_on_record("chain", b"a").unwrap().unwrap();
    assert_eq!((record.wallet.as_str(), &record.outcome), ("purse", &Refunded::Again { units: 30 }));
    let waiting = ["purse", "till"].map(|wallet| books.database.refunds_waiting(wallet).unwrap());
    assert_eq!(waiting, [1, 0], "one of the two was not sent: {:?}", books.database.ledger(0, i64::MAX));
    assert!(!books.database.refund_failed("chain", b"x", 6).unwrap(), "no such refund");
    let account = books.account(&ANNA, &sats());
    assert_eq!((account.paid, account.refunded, account.meter.balance), (100, 30, 70));
}

#[test]
fn what_is_revoked_is_closed_until_the_next_payment() {
    let rate = Rate::new(Decimal::new(1, 0), 0, 1).unwrap();
    let bytes = Price::new(Asset::Bitcoin, Kind::Bytes { rate });
    let free = Some(dazaar_market::price::FreeQuota { quantity: 10, every_ms: 1000 });
    for price in [
        Price::new(Asset::Bitcoin, Kind::Once { units: 40 }),
        Price { cap: Some(40), ..bytes.clone() },
        Price { trial: 500, ..bytes.clone() },
        Price { free, ..bytes },
    ] {
        let books = Books::new();
        books.order(1, &price);
        books.apply(receipt(1, 0, 1, 40, Finality::Final));
        let used = Used { bytes: 40, ..Used::default() };
        books.charged(used.clone(), &at(0));
        let is_open = |now_ms| books.account(&ANNA, &price).left(now_ms).is_open();
        assert!(is_open(2_000_000), "{price:?}");
        books.database.revoke(&FEED, &ANNA, 0).unwrap();
        assert!(!is_open(0) && !is_open(2_000_000), "{price:?}");
        books.charged(used, &at(1));
        assert!(!is_open(2_000_000));
        books.apply(receipt(2, 0, 1, 40, Finality::Final));
        assert!(is_open(2_000_000), "{price:?}");
    }
}

fn voucher(seed: u8, amount_ms: Option<i64>, expires_ms: Option<i64>) -> Voucher {
    let hash = VoucherCode::new([seed; 16]).hash();
    let feed = FEED;
    Voucher { hash, feed, amount_ms, made_ms: 1, expires_ms, revoked_ms: None, buyer: None, used_ms: None }
}

#[test]
fn a_voucher_is_burnt_once() {
    let mut books = Books::new();
    let vouchers = [voucher(1, Some(500), None), voucher(2, None, Some(100)), voucher(3, Some(5), None)];
    books.database.put_vouchers(&vouchers).unwrap();
    let redeem = |books: &Books, feed, buyer, seed, now_ms| {
        books.database.redeem(feed, buyer, &voucher(seed, None, None).hash, now_ms).map_err(|error| {
            match error {
                DatabaseError::Voucher(error) => error,
                error => panic!("{error}"),
            }
        })
    };
    let good =
        Redeemed { amount_ms: Some(500), again: false, time_ms: 50, credit: Credit::Time { left_ms: 500 } };
    assert_eq!(redeem(&books, &OTHER_FEED, &ANNA, 1, 50), Err(VoucherError::Unknown), "another listing's");
    assert_eq!(redeem(&books, &FEED, &ANNA, 1, 50), Ok(good));
    books.crash();
    assert_eq!(redeem(&books, &FEED, &ANNA, 1, 60), Ok(Redeemed { again: true, ..good }));
    assert_eq!(redeem(&books, &FEED, &BERT, 1, 50), Err(VoucherError::Used));
    assert_eq!(redeem(&books, &FEED, &BERT, 9, 50), Err(VoucherError::Unknown));
    assert_eq!(redeem(&books, &FEED, &BERT, 2, 100), Err(VoucherError::Expired));
    assert_eq!(redeem(&books, &FEED, &BERT, 2, 99).unwrap().credit, Credit::Forever);
    assert!(redeem(&books, &FEED, &BERT, 2, 100).unwrap().again, "whoever had it in time has it");
    let revoked = books.database.revoke_voucher(&vouchers[2].hash, 60).unwrap().unwrap();
    assert_eq!(revoked.revoked_ms, Some(60));
    assert_eq!(redeem(&books, &FEED, &ANNA, 3, 70), Err(VoucherError::Revoked));
    let used = books.database.revoke_voucher(&vouchers[0].hash, 60).unwrap().unwrap();
    assert_eq!((used.revoked_ms, used.buyer, used.used_ms), (None, Some(ANNA), Some(50)), "too late");
    assert_eq!(books.database.vouchers(&FEED).unwrap().len(), 3);
}

#[test]
fn of_many_who_redeem_one_voucher_at_once_one_has_it() {
    let books = Books::new();
    let one = voucher(1, Some(500), None);
    books.database.put_vouchers(std::slice::from_ref(&one)).unwrap();
    let path = books.folder.path().join("market.db");
    let attempts: Vec<_> = (0..8_u8)
        .map(|who| {
            let (path, hash) = (path.clone(), one.hash);
            std::thread::spawn(move || {
                let database = Database::open(&path).unwrap();
                database.redeem(&FEED, &IdentityKey([who + 10; 32]), &hash, 5).is_ok()
            })
        })
        .collect();
    let redeemed = attempts.into_iter().map(|attempt| attempt.join().unwrap());
    assert_eq!(redeemed.filter(|redeemed| *redeemed).count(), 1);
}

#[test]
fn the_report_adds_up_to_the_accounts() {
    let books = Books::new();
    books.order(1, &sats());
    books.apply(receipt(1, 0, 1, 100, Finality::Final));
    books.apply(receipt(2, 0, 9, 7, Finality::Final));
    books.charged(time(70), &at(0));
    books.charged(time(70), &at(1));
    books.database.refund((&FEED, &ANNA, &sats()), 10, chain(b"a"), 2_000_000).unwrap();
    let lines = books.database.ledger(i64::MIN, i64::MAX).unwrap();
    let kinds: Vec<_> = lines.iter().map(|line| (line.kind.as_str(), line.change())).collect();
    assert_eq!(kinds, [("delivery", -60), ("credit", 100), ("credit", 0), ("refund", -10)]);
    assert_eq!(lines[2].feed, None, "nobody knows whose");
    assert_eq!(books.database.ledger(1, 2_000_000).unwrap().len(), 2);
    let total = books.database.ledger_totals().unwrap().remove(0);
    assert_eq!((total.paid, total.delivered, total.refunded, total.left), (100, 60, 10, 30));
    assert_eq!(total.left, lines.iter().map(LedgerLine::change).sum::<i64>());
}

#[test]
fn more_than_can_be_summed_up_is_refused() {
    let books = Books::new();
    let years_ms = 31_557_600_000_000;
    let grant = |id, ms| books.database.grant(id, &FEED, &ANNA, Some(ms), 0);
    assert!(matches!(grant("a", years_ms + 1), Err(DatabaseError::TooMuch { .. })));
    grant("a", years_ms).unwrap();
    let vouchers = [voucher(1, Some(years_ms), None), voucher(2, Some(years_ms + 1), None)];
    assert!(matches!(books.database.put_vouchers(&vouchers), Err(DatabaseError::TooMuch { .. })));
    books.database.put_vouchers(&vouchers[..1]).unwrap();
    books.order(1, &sats());
    assert_eq!(books.apply(receipt(1, 0, 1, (1 << 53) + 1, Finality::Final)), Applied::Unclaimed);
    for buyer in 10..110 {
        let order = Order { id: [buyer; 16], buyer: IdentityKey([buyer; 32]), ..order(1, &sats()) };
        books.database.put_order(&order, 0).unwrap();
        assert_eq!(books.apply(receipt(2 + buyer, 0, buyer, 1 << 53, Finality::Final)), Applied::New);
    }
    let totals = books.database.ledger_totals().unwrap();
    assert!(totals.iter().any(|total| total.paid == 100 << 53), "{totals:?}");
}

#[test]
fn b05_the_five_hundred_and_first_buyer_is_as_good_as_the_first() {
    let books = Books::new();
    let buyer = |index: u16| {
        let mut key = [0; 32];
        key[..2].copy_from_slice(&index.to_be_bytes());
        IdentityKey(key)
    };
    for index in 0..600 {
        books.database.grant(&index.to_string(), &FEED, &buyer(index), Some(100), 0).unwrap();
    }
    for index in 0..600 {
        let left =
            books.database.charge(&FEED, &buyer(index), &time(u64::from(index) % 100), &at(0)).unwrap();
        assert_eq!(left.unwrap().credit, Credit::Time { left_ms: 100 - i64::from(index) % 100 });
    }
}
