//! Bank transfers through a seller's own command: ordered, paid by hand, found in a statement, and counted once.

use serde_json::Value;

use crate::support::{Place, Process, Scene, csv, text};

/// Where the seller's bank says what came.
const STATEMENT: &str = "statement.csv";

/// A seller who asks for 5 EUR an hour by transfer, and finds transfers in a statement.
fn sell(scene: &Scene) -> (Process, Place) {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hooks/bank-transfer.py");
    let command = format!("python3 '{example}' '{}'", scene.text_path(STATEMENT));
    scene.dazaar("seller", &["wallet", "add", "bank", "command", &command]).succeed();
    let data = scene.file("data.csv", csv(20));
    scene.sell_on(&data, &["--price", "5 EUR/hour by transfer", "--interval", "50"])
}

fn buy(scene: &Scene, place: &Place, arguments: &[&str]) -> Process {
    scene.dazaar("buyer", &[&["buy", &place.seller, "--connect", &place.address], arguments].concat())
}

/// The text that a transfer must have.
fn memo(pay: &Value) -> String {
    let request = text(pay, "request");
    request.rsplit("text: ").next().expect("a memo").to_owned()
}

fn transfer(scene: &Scene, lines: &str) {
    scene.file(STATEMENT, format!("id,amount,text\n{lines}"));
}

#[test]
fn a_transfer_buys() {
    let scene = Scene::new();
    let (mut seller, place) = sell(&scene);
    let to = scene.text_path("bought.csv");
    let mut buyer = buy(&scene, &place, &["--pay", "10 EUR", "--to", &to]);
    let asked = buyer.wait_for("pay");
    assert_eq!((text(&asked, "method"), text(&asked, "amount")), ("transfer".into(), "10 EUR".into()));
    let ordered = seller.wait_for("buyer-ordered");
    assert_eq!((&ordered["asset"], &ordered["units"]), (&"credit:eur".into(), &1000.into()));
    // Somebody else's transfer says nothing; the right one may be found again and again, and be of another amount.
    let memo = memo(&asked);
    transfer(&scene, &format!("1,7.00,dazaar 00000000\n2,12.50,for {memo}\n"));
    let paid = buyer.wait_for("paid");
    assert_eq!((&paid["units"], &paid["again"]), (&1250.into(), &false.into()));
    assert_eq!(paid["credit"]["remaining"], 9_000_000, "2.5 hours");
    buyer.wait_for("done");
    buyer.succeed();
    assert_eq!(scene.read("bought.csv"), csv(20));
    assert_eq!(seller.wait_for("buyer-paid")["units"], 1250);

    let mut receipts = scene.dazaar("buyer", &["receipt", "list"]);
    receipts.succeed();
    assert_eq!(receipts.last("receipt")["receipt"]["units"], "1250");
    let mut spent = scene.dazaar("buyer", &["wallet", "spent"]);
    spent.succeed();
    assert_eq!(
        (&spent.last("spent")["state"], &spent.last("spent")["units"]),
        (&"done".into(), &1250.into()),
        "what was paid, not what was ordered"
    );
    assert_eq!(credits(&scene), 1);
}

#[test]
fn a_transfer_that_comes_while_everybody_is_away_counts_once() {
    let scene = Scene::new();
    let (mut seller, place) = sell(&scene);
    let mut buyer = buy(&scene, &place, &["--pay", "5 EUR"]);
    let asked = buyer.wait_for("pay");
    seller.kill();
    buyer.kill();
    transfer(&scene, &format!("77,5.00,{}\n", memo(&asked)));
    let (_seller, place) = sell_again(&scene);
    // The order is remembered: nothing is ordered twice.
    let mut buyer = buy(&scene, &place, &["--pay", "5 EUR"]);
    assert_eq!(buyer.wait_for("paid")["units"], 500);
    buyer.wait_for("done");
    buyer.succeed();
    assert_eq!(credits(&scene), 1);
    let mut spent = scene.dazaar("buyer", &["wallet", "spent"]);
    spent.succeed();
    assert_eq!(spent.seen().len(), 1);
}

#[test]
fn what_cannot_be_paid_says_why() {
    let scene = Scene::new();
    let (_seller, place) = sell(&scene);
    for (arguments, complaint) in [
        (&["--pay", "5000 sats"][..], "is not what is counted"),
        (&["--pay", "5 EUR", "--pay-by", "bolt11"], "not the way that --pay-by says"),
        (&["--pay", "2h", "--max-spend", "9 EUR"], "10 EUR would be spent, and 9 EUR may be"),
    ] {
        let mut buyer = buy(&scene, &place, arguments);
        buyer.fail_with(4);
        assert!(text(buyer.last("error"), "error").contains(complaint), "{arguments:?}: {:?}", buyer.seen());
    }
    buy(&scene, &place, &["--pay", "2h"]).fail_with(2);
    scene.dazaar("buyer", &["wallet", "budget", "--day", "3 EUR"]).succeed();
    let mut buyer = buy(&scene, &place, &["--pay", "5 EUR"]);
    buyer.fail_with(4);
    assert!(text(buyer.last("error"), "error").contains("beyond the budget of 3 EUR for one day"));
}

fn sell_again(scene: &Scene) -> (Process, Place) {
    let data = scene.text_path("data.csv");
    scene.sell_on(&data, &["--interval", "50"])
}

/// Payments in the seller's ledger.
fn credits(scene: &Scene) -> usize {
    let mut ledger = scene.dazaar("seller", &["ledger"]);
    ledger.succeed();
    ledger.seen().iter().filter(|line| line["kind"] == "credit").count()
}
