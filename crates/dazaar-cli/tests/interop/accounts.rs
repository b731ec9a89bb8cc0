//! The ledger and its receipts, as the program prints them.

use std::time::Instant;

use dazaar::database::Database;
use dazaar::log::{FeedKey, IdentityKey};

use crate::support::{Scene, csv, text};

#[test]
fn the_ledger_adds_up_and_receipts_verify_offline() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let (mut seller, place) = scene.sell(&data, &["--interval", "50"]);
    let key = scene.init("buyer");
    let mut made = scene.dazaar("seller", &["credit", "new", "1h"]);
    made.succeed();
    let code = text(made.last("voucher-made"), "code");
    let known = ["buy", &place.seller, "--connect", &place.address, "--voucher", "--to"];
    let to = scene.text_path("bought.csv");
    let arguments = [&known[..], &[&to]].concat();
    let mut buyer = scene.dazaar_with("buyer", &arguments, &[("DAZAAR_VOUCHER", &code)]);
    buyer.succeed();
    scene.dazaar("seller", &["grant", &key, "1h", "--id", "invoice-17"]).succeed();
    // Whatever was delivered is charged when the connection is gone.
    seller.wait_for("buyer-disconnected");

    let mut ledger = scene.dazaar("seller", &["ledger"]);
    ledger.succeed();
    let change: i64 = ledger.seen().iter().filter_map(|line| line["change"].as_i64()).sum();
    let mut report = scene.dazaar("seller", &["report"]);
    report.succeed();
    let total = report.last("report");
    assert_eq!((&total["paid"], &total["left"]), (&7_200_000.into(), &change.into()), "{ledger}");
    let credited = |method: &str| {
        ledger.seen().iter().any(|line| line["method"] == method && line["change"] == 3_600_000)
    };
    assert!(credited("credit") && credited("grant"), "{ledger}");

    let mut receipts = scene.dazaar("buyer", &["receipt", "list"]);
    receipts.succeed();
    let receipt = receipts.last("receipt")["receipt"].clone();
    assert_eq!((&receipt["buyer"], &receipt["seller"]), (&key.into(), &place.seller.as_str().into()));
    let file = scene.file("receipt.json", receipt.to_string());
    let verify = ["receipt", "verify", &file];
    scene.dazaar("nobody", &verify).succeed();
    let (seller_key, buyer_key) = (place.seller.as_str(), text(&receipt, "buyer"));
    let both = ["--seller", seller_key, "--buyer", &buyer_key];
    scene.dazaar("nobody", &[&verify[..], &both].concat()).succeed();
    scene.dazaar("nobody", &[&verify[..], &["--buyer", seller_key]].concat()).fail_with(3);
    scene.dazaar("nobody", &[&verify[..], &["--seller", &buyer_key]].concat()).fail_with(3);
    let mut forged = receipt;
    forged["units"] = "7200000".into();
    let file = scene.file("forged.json", forged.to_string());
    scene.dazaar("nobody", &["receipt", "verify", &file]).fail_with(3);
    scene.dazaar("buyer", &["receipt", "show", "0000"]).fail_with(3);
}

#[test]
fn a_hundred_thousand_entries_are_reported() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    scene.init("seller");
    scene.dazaar("seller", &["sell", &data, "--no-serve"]).succeed();
    let (path, entries) = (scene.path("seller").join("market.db"), 100_000_i64);
    let feed: FeedKey = {
        let mut status = scene.dazaar("seller", &["status"]);
        status.succeed();
        text(status.last("listing"), "feed").parse().expect("a feed")
    };
    let database = Database::open(&path).expect("the seller's records");
    database.grant("first", &feed, &IdentityKey([7; 32]), Some(1000), 0).expect("a grant");
    let receipt = |index: i64| dazaar::database::Receipt {
        reference: index.to_be_bytes().to_vec(),
        block: Vec::new(),
        order: None,
        units: 1,
        finality: dazaar::database::Finality::Final,
        evidence: Vec::new(),
    };
    let receipts: Vec<_> = (1..entries).map(receipt).collect();
    database.apply("chain", &receipts, None, 5).expect("receipts");
    let began = Instant::now();
    let lines = database.ledger(i64::MIN, i64::MAX).expect("the ledger").len();
    assert_eq!(lines, 100_000);
    println!("{lines} entries were read in {:?}", began.elapsed());
    let mut ledger = scene.dazaar("seller", &["ledger", "--month", "1970-01"]);
    ledger.succeed();
    assert_eq!(ledger.seen().iter().filter(|event| event["kind"] == "credit").count(), 100_000);
    println!("and printed in {:?}", began.elapsed());
}
