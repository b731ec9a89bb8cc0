use std::path::PathBuf;

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::Member;
use dazaar_market::meter::Moment;

use super::*;

const FEED: FeedKey = FeedKey([1; 32]);
const BUYER: IdentityKey = IdentityKey([2; 32]);

fn database(dir: &tempfile::TempDir) -> Database {
    Database::open(&dir.path().join("market.db")).unwrap()
}

fn listing(feed: FeedKey, name: &str) -> Listing {
    Listing {
        feed,
        name: name.to_owned(),
        folder: PathBuf::from("/feeds/1"),
        seller_secret: None,
        card: "{}".to_owned(),
        terms: Some("be nice".to_owned()),
        unsigned_terms: false,
        admission: Admission::Command { command: vec!["true".to_owned()] },
        listen: Some("127.0.0.1:0".to_owned()),
        created_ms: 5,
        keep: Retention { age_ms: Some(90), bytes: None },
    }
}

#[test]
fn listings_are_found_again_and_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let listed = listing(FEED, "flights");
    database(&dir).put_listing(&listed).unwrap();
    let again = database(&dir);
    assert_eq!(again.listing(&FEED).unwrap(), Some(listed.clone()));
    assert_eq!(again.listing_named("flights").unwrap(), Some(listed.clone()));

    let renamed = Listing { name: "planes".to_owned(), admission: Admission::Free, ..listed };
    again.put_listing(&renamed).unwrap();
    assert_eq!(again.listings().unwrap(), [renamed]);
}

#[test]
fn two_listings_cannot_have_one_name() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    database.put_listing(&listing(FEED, "flights")).unwrap();
    let error = database.put_listing(&listing(FeedKey([9; 32]), "flights")).unwrap_err();
    assert!(matches!(error, DatabaseError::NameTaken { name } if name == "flights"));
}

#[test]
fn the_first_record_of_a_sale_stays_and_deliveries_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    database.put_listing(&listing(FEED, "flights")).unwrap();
    let sale = Sale {
        feed: FEED,
        buyer: BUYER,
        unique_feed: FeedKey([3; 32]),
        secret: Some([4; 64]),
        since_ms: 10,
        seen_ms: 10,
        blocks: 0,
        bytes: 0,
    };
    database.put_sale(&sale).unwrap();
    database.put_sale(&Sale { unique_feed: FeedKey([8; 32]), ..sale.clone() }).unwrap();
    let at = |wall_ms| Moment { run: 1, running_ms: 0, wall_ms };
    database.add_delivery(&FEED, &BUYER, 3, 300, &at(20)).unwrap();
    database.add_delivery(&FEED, &BUYER, 1, 50, &at(30)).unwrap();
    let expected = Sale { seen_ms: 30, blocks: 4, bytes: 350, ..sale };
    assert_eq!(database.sale(&FEED, &BUYER).unwrap(), Some(expected.clone()));
    assert_eq!(database.sales(&FEED).unwrap(), [expected]);
}

#[test]
fn a_purchase_keeps_its_feed_whatever_comes_later() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    let purchase = Purchase {
        seller: BUYER,
        feed: None,
        name: Some("flights".to_owned()),
        card: None,
        addresses: vec!["127.0.0.1:1".to_owned()],
        terms_hash: Some([5; 32]),
        since_ms: 1,
    };
    database.put_purchase(&purchase).unwrap();
    database.set_purchase_feed(&BUYER, &FEED).unwrap();
    database.set_purchase_feed(&BUYER, &FeedKey([9; 32])).unwrap();
    let silent = Purchase { name: None, addresses: Vec::new(), terms_hash: None, ..purchase.clone() };
    database.put_purchase(&silent).unwrap();
    let expected = Purchase { feed: Some(FEED), ..purchase };
    assert_eq!(database.purchase(&BUYER).unwrap(), Some(expected.clone()));
    assert_eq!(database.purchases().unwrap(), [expected]);
}

#[test]
fn the_feeds_that_come_with_one_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    let member =
        |byte: u8| ListedMember { feed: FeedKey([byte; 32]), folder: PathBuf::from(format!("/{byte}")) };
    let flights = listing(FEED, "flights");
    database.put_listing_with(&flights, &[member(1), member(2)]).unwrap();
    database.put_listing_with(&flights, &[member(3), member(2)]).unwrap();
    let too_many: Vec<_> = (100..164).map(member).collect();
    assert!(database.put_listing_with(&flights, &too_many).is_err());
    // What the first is called takes nobody's room.
    let itself = ListedMember { feed: FEED, folder: PathBuf::from("/first") };
    let (_, most) = too_many.split_last().unwrap();
    database.put_listing_with(&flights, &[most, std::slice::from_ref(&itself)].concat()).unwrap();
    assert!(database.add_listing_member(&FEED, &member(164)).is_err());
    database.add_listing_member(&FEED, &member(100)).unwrap();
    database.put_listing_with(&flights, &[member(3), itself.clone()]).unwrap();
    database.add_listing_member(&FEED, &member(2)).unwrap();
    assert_eq!(database.listing_members(&FEED).unwrap().len(), 3);
    database.put_listing_with(&flights, &[member(3), member(2)]).unwrap();
    let taken = listing(FeedKey([7; 32]), "flights");
    assert!(database.put_listing_with(&taken, &[member(5)]).is_err());
    assert_eq!(database.listing_members(&taken.feed).unwrap(), [], "all or nothing");
    assert_eq!(database.listing_members(&FEED).unwrap(), [member(2), member(3)]);

    let bought = Member { feed: FeedKey([1; 32]), key: FeedKey([2; 32]) };
    assert!(database.put_purchase_member(&BUYER, &bought).is_err(), "of nobody");
    let purchase = Purchase {
        seller: BUYER,
        feed: None,
        name: None,
        card: None,
        addresses: Vec::new(),
        terms_hash: None,
        since_ms: 1,
    };
    database.put_purchase(&purchase).unwrap();
    assert!(!database.is_purchase_free(&BUYER).unwrap());
    database.set_purchase_free(&BUYER, true).unwrap();
    assert!(database.is_purchase_free(&BUYER).unwrap());
    database.put_purchase_member(&BUYER, &bought).unwrap();
    database.put_purchase_member(&BUYER, &Member { key: FeedKey([3; 32]), ..bought }).unwrap();
    assert_eq!(database.purchase_members(&BUYER).unwrap(), [bought], "the first stays");
}

/// Charges time at a moment of this run.
fn charge(database: &Database, time_ms: u64) -> Option<Credit> {
    let now = Moment { run: 1, running_ms: 0, wall_ms: 0 };
    let used = Used { time_ms, ..Used::default() };
    database.charge(&FEED, &BUYER, &used, &now).unwrap().map(|standing| standing.credit)
}

#[test]
fn only_what_was_written_waits_for_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    database.put_listing(&listing(FEED, "flights")).unwrap();
    let synced_ms = || database.charges().synced_ms;
    charge(&database, 0);
    assert_eq!(synced_ms(), None, "nobody has anything");
    database.grant("one", &FEED, &BUYER, Some(1000), 0).unwrap();
    charge(&database, 0);
    assert_eq!(synced_ms(), None, "nothing was delivered");
    let failed = database.charges().write(0, |_| Err::<(), _>(DatabaseError::NothingUnclaimed));
    assert!(failed.is_err());
    assert_eq!(synced_ms(), None, "nothing was committed");
    charge(&database, 10);
    assert_eq!(synced_ms(), Some(0));
    let sale = Sale {
        feed: FEED,
        buyer: BUYER,
        unique_feed: FeedKey([3; 32]),
        secret: None,
        since_ms: 0,
        seen_ms: 0,
        blocks: 0,
        bytes: 0,
    };
    database.put_sale(&sale).unwrap();
    let level = |running_ms| {
        let now = Moment { run: 1, running_ms, wall_ms: 0 };
        database.add_delivery(&FEED, &BUYER, 1, 1, &now).unwrap();
        let charges = database.charges();
        charges.connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((level(1), level(CHARGES_SYNC_MS)), (1, 2), "deliveries wait as often as charges");
    assert_eq!(synced_ms(), Some(CHARGES_SYNC_MS));
}

#[test]
fn a_grant_counts_once_and_charges_stop_at_zero() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    database.put_listing(&listing(FEED, "flights")).unwrap();
    assert_eq!(charge(&database, 10), None);
    for _ in 0..2 {
        let credit = database.grant("one", &FEED, &BUYER, Some(1000), 0).unwrap();
        assert_eq!(credit, Credit::Time { left_ms: 1000 });
    }
    assert_eq!(charge(&database, 400), Some(Credit::Time { left_ms: 600 }));
    let error = database.grant("two", &FEED, &BUYER, Some(i64::MAX), 0).unwrap_err();
    assert!(matches!(error, DatabaseError::TooMuch { .. }));
    assert_eq!(charge(&database, 0), Some(Credit::Time { left_ms: 600 }), "nothing of it was recorded");
    assert_eq!(charge(&database, u64::MAX), Some(Credit::Time { left_ms: 0 }));
    assert_eq!(database.grant("three", &FEED, &BUYER, None, 0).unwrap(), Credit::Forever);
    assert_eq!(charge(&database, 400), Some(Credit::Forever));
    assert_eq!(database.revoke(&FEED, &BUYER, 0).unwrap(), Some(Credit::Forever));
    assert_eq!(charge(&database, 0), Some(Credit::Time { left_ms: 0 }));
}

#[test]
fn a_grant_under_a_known_name_must_be_the_same_grant() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    database.put_listing(&listing(FEED, "flights")).unwrap();
    database.grant("one", &FEED, &BUYER, Some(1000), 0).unwrap();
    for (buyer, amount_ms) in [(BUYER, Some(2000)), (BUYER, None), (IdentityKey([9; 32]), Some(1000))] {
        let error = database.grant("one", &FEED, &buyer, amount_ms, 0).unwrap_err();
        assert!(matches!(error, DatabaseError::GrantDiffers { id } if id == "one"));
    }
    assert_eq!(charge(&database, 0), Some(Credit::Time { left_ms: 1000 }));
}

#[test]
fn the_first_acceptance_stays() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    database.put_listing(&listing(FEED, "flights")).unwrap();
    database.put_acceptance(&FEED, &BUYER, &[6; 32], b"first", 1).unwrap();
    database.put_acceptance(&FEED, &BUYER, &[6; 32], b"second", 2).unwrap();
    assert_eq!(database.acceptance(&FEED, &BUYER, &[6; 32]).unwrap(), Some(b"first".to_vec()));
    assert_eq!(database.acceptance(&FEED, &BUYER, &[7; 32]).unwrap(), None);
}

#[test]
fn settings_are_json() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    database.set_setting("wallet", &serde_json::json!({ "a": 1 })).unwrap();
    assert_eq!(database.setting("wallet").unwrap(), Some(serde_json::json!({ "a": 1 })));
    assert_eq!(database.setting("nothing").unwrap(), None);
    database.set_setting("wallets/%", &serde_json::json!(1)).unwrap();
    let below = |prefix| database.settings_below(prefix).unwrap();
    assert_eq!(below("wallets/%"), [("wallets/%".to_owned(), serde_json::json!(1))]);
    assert_eq!((below("wallet").len(), below("wallets/x").len(), below("%").len()), (2, 0, 0));
    database.remove_setting("wallets/%").unwrap();
    assert_eq!(below("wallet").len(), 1);
}

#[test]
fn a_file_of_a_newer_program_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    database(&dir).connection().pragma_update(None, "user_version", 99).unwrap();
    let error = Database::open(&dir.path().join("market.db")).unwrap_err();
    assert!(matches!(error, DatabaseError::Newer { version: 99, .. }));
}

#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    database.put_listing(&listing(FEED, "flights")).unwrap();
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_mark_tells_how_long_a_feed_was() {
    let dir = tempfile::tempdir().unwrap();
    let database = database(&dir);
    database.put_listing(&listing(FEED, "flights")).unwrap();
    for (length, now_ms) in [(3, 1000), (3, 2000), (5, 3000), (8, 4000)] {
        database.put_mark(&FEED, length, now_ms).unwrap();
    }
    assert_eq!(database.length_at(&FEED, 999).unwrap(), 0);
    assert_eq!(database.length_at(&FEED, 1500).unwrap(), 3, "the first time counts");
    assert_eq!(database.length_at(&FEED, 3999).unwrap(), 5);
    assert_eq!(database.length_at(&FEED, 2000).unwrap(), 0, "older marks are dropped");
    assert_eq!(database.length_at(&FEED, i64::MAX).unwrap(), 8);
}

#[test]
fn a_file_of_the_first_format_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("market.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(MIGRATIONS[0]).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let sql = "INSERT INTO listing (feed, name, folder, card, unsigned_terms, admission, created_ms)
        VALUES (?1, 'flights', '/feeds/1', '{}', 0, '{\"type\":\"free\"}', 5)";
    connection.execute(sql, [FEED.as_bytes()]).unwrap();
    drop(connection);
    let listing = Database::open(&path).unwrap().listing(&FEED).unwrap().unwrap();
    assert_eq!(listing.keep, Retention::default(), "everything is kept");
}

#[test]
fn grants_of_an_older_file_become_accounts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("market.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(MIGRATIONS[0]).unwrap();
    connection.execute_batch(MIGRATIONS[1]).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    let sql = "INSERT INTO listing (feed, name, folder, card, unsigned_terms, admission, created_ms)
        VALUES (?1, 'flights', '/feeds/1', '{}', 0, '{\"type\":\"granted\"}', 5)";
    connection.execute(sql, [FEED.as_bytes()]).unwrap();
    let (good, huge) = (IdentityKey([7; 32]), IdentityKey([8; 32]));
    let grant = "INSERT INTO time_grant (id, feed, buyer, amount_ms, granted_ms) VALUES (?1, ?2, ?3, ?4, 3)";
    for (id, buyer, amount_ms) in [
        ("one", BUYER, Some(1000)),
        ("two", BUYER, Some(500)),
        ("three", good, None),
        ("four", huge, Some(i64::MAX)),
        ("five", huge, Some(i64::MAX)),
    ] {
        connection.execute(grant, (id, FEED.as_bytes(), buyer.as_bytes(), amount_ms)).unwrap();
    }
    let credit = "INSERT INTO credit (feed, buyer, left_ms, forever) VALUES (?1, ?2, ?3, ?4)";
    for (buyer, left_ms, forever) in [(BUYER, 1200, false), (good, 0, true), (huge, i64::MAX, false)] {
        connection.execute(credit, (FEED.as_bytes(), buyer.as_bytes(), left_ms, forever)).unwrap();
    }
    drop(connection);

    let database = Database::open(&path).unwrap();
    assert_eq!(charge(&database, 200), Some(Credit::Time { left_ms: 1000 }));
    assert_eq!(database.grant("one", &FEED, &BUYER, Some(1000), 9).unwrap(), Credit::Time { left_ms: 1000 });
    assert_eq!(database.grant("new", &FEED, &BUYER, Some(50), 9).unwrap(), Credit::Time { left_ms: 1050 });
    assert_eq!(database.credit(&FEED, &good, 0).unwrap(), Some(Credit::Forever));
    assert_eq!(database.grant("three", &FEED, &good, None, 9).unwrap(), Credit::Forever);
    let years = 31_557_600_000_000;
    assert_eq!(database.credit(&FEED, &huge, 0).unwrap(), Some(Credit::Time { left_ms: years }));
    let account = database.accounts(&FEED, &BUYER).unwrap().remove(0);
    assert_eq!((account.paid, account.delivered(), account.meter.balance), (1550, 500, 1050));
    let sql =
        "SELECT sum(delivery.units) FROM delivery JOIN account ON account.id = account WHERE buyer = ?1";
    let by_day: i64 = database.connection().query_row(sql, [BUYER.as_bytes()], |row| row.get(0)).unwrap();
    assert_eq!(by_day, 500, "the ledger's lines add up to the account");
}

#[test]
fn orders_of_an_older_file_know_their_listing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("market.db");
    let connection = Connection::open(&path).unwrap();
    MIGRATIONS[..4].iter().for_each(|step| connection.execute_batch(step).unwrap());
    connection.pragma_update(None, "user_version", 4).unwrap();
    let listing = "INSERT INTO listing (feed, name, folder, card, unsigned_terms, admission, created_ms)
        VALUES (?1, 'flights', '/feeds/1', '{}', 0, '{\"type\":\"granted\"}', 5)";
    connection.execute(listing, [FEED.as_bytes()]).unwrap();
    let account =
        "INSERT INTO account (id, feed, buyer, asset, price, opened_ms) VALUES (7, ?1, ?2, 'btc', ?3, 0)";
    let price = r#"{"amount":"1","asset":"btc","per":"once"}"#;
    connection.execute(account, (FEED.as_bytes(), BUYER.as_bytes(), price)).unwrap();
    let order =
        "INSERT INTO orders (id, account, method, units, made_ms, expires_ms, wallet, request, handle)
        VALUES (?1, 7, 'bolt11', 1000, 3, 9, 'purse', 'pay', '')";
    connection.execute(order, [[5_u8; 16]]).unwrap();
    drop(connection);
    let open = Database::open(&path).unwrap().open_orders(&FEED).unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!((open[0].order.feed, open[0].order.buyer), (FEED, BUYER));
}
