//! Rows that are charged once, and ranges of time.

use std::ops::Range;

use dazaar_market::price::TimeRange;

use super::*;

fn records() -> Price {
    let rate = Rate::new(Decimal::new(2, 0), 0, 1).unwrap();
    Price::new(Asset::Bitcoin, Kind::Records { rate })
}

fn range(text: &str) -> TimeRange {
    text.parse().unwrap()
}

fn rows(rows: &[Range<u64>]) -> Used {
    Used { bytes: 1, rows: rows.to_vec(), ..Used::default() }
}

/// What somebody has who paid for nothing but ranges.
fn in_range(ranges: &[TimeRange]) -> Standing {
    Standing { credit: Credit::Ranges, ranges: ranges.to_vec(), counts_rows: false, has_rows: false }
}

impl Books {
    /// Pays for a price.
    fn pay(&self, id: u8, price: &Price, units: u64) {
        self.order(id, price);
        self.apply(receipt(id, 0, id, units, Finality::Final));
    }

    fn charge(&self, used: &Used) -> Standing {
        self.database.charge(&FEED, &ANNA, used, &at(1)).unwrap().unwrap()
    }
}

/// Pays for rows and a range, and uses some of both.
pub(super) fn pay_for_all_kinds(books: &Books) {
    let range = range("2024 to 2025");
    books.pay(101, &records(), 100);
    books.pay(102, &Price::new(Asset::Bitcoin, Kind::Range { units: 100, range }), 100);
    for run in [0..10, 20..30, 5..25] {
        let used = Used { ranges: vec![range], ..rows(&[run]) };
        books.database.charge(&FEED, &ANNA, &used, &at(1)).unwrap();
    }
    books.database.charged_rows(&FEED, &ANNA, &(0..u64::MAX)).unwrap();
}

#[test]
fn a_row_is_charged_once_whatever_it_comes_in() {
    let mut books = Books::new();
    books.pay(1, &records(), 100);
    assert_eq!(books.charge(&rows(&[0..10])).credit, Credit::Records { left: 40 });
    assert_eq!(books.charge(&rows(&[5..12, 0..3])).credit, Credit::Records { left: 38 });
    assert_eq!(books.charge(&rows(&[20..30])).credit, Credit::Records { left: 28 });
    books.crash();
    assert_eq!(books.charge(&rows(&[11..21])).credit, Credit::Records { left: 20 });
    assert_eq!(books.database.charged_rows(&FEED, &ANNA, &(0..u64::MAX)).unwrap(), [0..30]);
    // What a block has beyond the balance is owed, and opens again when it is made up for.
    assert_eq!(books.charge(&rows(&[100..130])).credit, Credit::Records { left: 0 });
    assert!(!books.charge(&Used::default()).has_rows, "20 units are owed");
    books.apply(receipt(8, 0, 1, 20, Finality::Final));
    let standing = books.charge(&Used::default());
    assert_eq!(
        (standing.credit, standing.has_rows),
        (Credit::Records { left: 0 }, true),
        "and may be fetched again"
    );
    books.apply(receipt(9, 0, 1, 80, Finality::Final));
    assert_eq!(books.charge(&rows(&[100..131])).credit, Credit::Records { left: 39 });
    let account = books.account(&ANNA, &records());
    assert_eq!((account.delivered(), account.short, account.paid), (122, 0, 200));
}

#[test]
fn rows_are_not_counted_for_who_pays_otherwise() {
    let books = Books::new();
    books.pay(1, &sats(), 100);
    books.charge(&rows(&[0..10]));
    assert!(books.database.charged_rows(&FEED, &ANNA, &(0..u64::MAX)).unwrap().is_empty());
}

#[test]
fn a_range_is_charged_once_and_pays_for_nothing_else() {
    let books = Books::new();
    let [first, second] = [range("2024 to 2025"), range("2025 to 2026")];
    let price = |range| Price::new(Asset::Bitcoin, Kind::Range { units: 100, range });
    books.pay(1, &price(first), 100);
    let used = Used { ranges: vec![first], ..Used::default() };
    assert_eq!(books.charge(&Used::default()), in_range(&[first]));
    assert_eq!(books.account(&ANNA, &price(first)).delivered(), 0, "it can be given back");
    for _ in 0..2 {
        assert_eq!(books.charge(&used), in_range(&[first]));
        assert_eq!(books.account(&ANNA, &price(first)).delivered(), 100);
    }
    // One that is not paid in full opens nothing.
    books.pay(2, &price(second), 99);
    assert_eq!(books.charge(&Used::default()).ranges, [first]);
    // Time beside it is charged to time.
    books.pay(3, &time_price(1, 1, Clock::Open), 100);
    assert_eq!(books.charge(&Used { time_ms: 30, ..used }).credit, Credit::Time { left_ms: 70 });
    assert_eq!(books.charge(&time(70)), in_range(&[first]));
    books.database.revoke(&FEED, &ANNA, 0).unwrap();
    assert_eq!(
        books.charge(&Used::default()),
        Standing { credit: Credit::Time { left_ms: 0 }, ..in_range(&[]) }
    );
}

#[test]
fn beyond_the_cap_rows_are_counted_and_cost_nothing() {
    let books = Books::new();
    let capped = Price { cap: Some(30), ..records() };
    books.pay(1, &capped, 30);
    let standing = books.charge(&Used::default());
    assert_eq!((standing.credit, standing.counts_rows), (Credit::Forever, true));
    books.charge(&rows(&[0..10]));
    assert_eq!(books.account(&ANNA, &capped).delivered(), 20);
    books.charge(&rows(&[0..1000]));
    let account = books.account(&ANNA, &capped);
    assert_eq!((account.delivered(), account.meter.balance, account.short), (30, 0, 0));
}

#[test]
fn a_range_that_is_bought_at_two_prices_is_charged_at_one() {
    let books = Books::new();
    let range = range("2024 to 2025");
    let price = |units| Price::new(Asset::Bitcoin, Kind::Range { units, range });
    for (id, units) in [(1, 50), (2, 70)] {
        books.pay(id, &price(units), units);
        for _ in 0..2 {
            books.charge(&Used { ranges: vec![range], ..Used::default() });
        }
    }
    assert_eq!(
        (books.account(&ANNA, &price(50)).delivered(), books.account(&ANNA, &price(70)).delivered()),
        (50, 0)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn charged_rows_are_a_set(runs in prop::collection::vec((0..60_u64, 0..12_u64), 0..40)) {
        let books = Books::new();
        let mut model = BTreeSet::new();
        for (start, length) in runs {
            let run = start..start + length;
            let new = run.clone().filter(|row| model.insert(*row)).count() as u64;
            let found = super::super::rows::charge(&books.database.connection(), &FEED, &ANNA, &run).unwrap();
            prop_assert_eq!(found, new);
        }
        let charged = books.database.charged_rows(&FEED, &ANNA, &(0..u64::MAX)).unwrap();
        prop_assert!(charged.is_sorted_by(|before, after| before.end < after.start));
        prop_assert_eq!(charged.into_iter().flatten().collect::<BTreeSet<_>>(), model);
    }
}

#[test]
fn the_rows_within_a_range_are_found_among_very_many() {
    let books = Books::new();
    let sql = "WITH RECURSIVE run (nth) AS (SELECT 0 UNION ALL SELECT nth + 1 FROM run WHERE nth < 99999)
        INSERT INTO charged_rows SELECT ?1, ?2, nth * 4, nth * 4 + 2 FROM run";
    let row = rusqlite::params![FEED.as_bytes(), ANNA.as_bytes()];
    books.database.connection().execute(sql, row).unwrap();
    let found = |within| books.database.charged_rows(&FEED, &ANNA, &within).unwrap();
    assert_eq!(found(200_001..200_009), [200_000..200_002, 200_004..200_006, 200_008..200_010]);
    assert_eq!(found(200_002..200_004), []);
    assert_eq!(found(399_999..u64::MAX), []);
    assert_eq!(found(0..1), [0..2]);
    assert!(books.database.charged_rows(&FEED, &BERT, &(0..u64::MAX)).unwrap().is_empty());
}
