//! Lightning through the program, with wallets behind a Nostr relay.

#[path = "../../../dazaar-nwc/tests/service/mod.rs"]
mod service;

use tokio::runtime::Runtime;

use crate::support::{Scene, csv, text};
use service::Service;

/// Thousandths of a satoshi that a buyer's wallet has.
const PURSE: u64 = 50_000_000;

#[test]
fn a_wallet_behind_a_relay_buys_and_gets_back_what_was_not_used() {
    let scene = Scene::new();
    let runtime = Runtime::new().expect("threads");
    let service = runtime.block_on(Service::start());
    for (who, msat) in [("seller", 1_000_000), ("buyer", PURSE)] {
        let connection = runtime.block_on(service.connection(msat, true));
        let words = ["wallet", "add", "phone", "nwc", "--network", "regtest"];
        let mut added = scene.dazaar_with(who, &words, &[("DAZAAR_WALLET_SECRET", &connection)]);
        added.succeed();
        let wallet = added.last("wallet");
        assert_eq!((&wallet["receives"], &wallet["pays"]), (&"bolt11".into(), &"bolt11".into()));
    }
    let data = scene.file("data.csv", csv(20));
    let (mut seller, place) =
        scene.sell_on(&data, &["--price", "10 sats/hour by bolt11", "--interval", "50"]);
    let to = scene.text_path("bought.csv");
    let question = ["buy", &place.seller, "--connect", &place.address, "--pay", "2000 sats", "--to", &to];
    let mut buyer = scene.dazaar("buyer", &question);
    let paid = buyer.wait_for("paid");
    assert_eq!((&paid["units"], &paid["method"]), (&2_000_000.into(), &"bolt11".into()));
    buyer.wait_for("done");
    buyer.succeed();
    assert_eq!(scene.read("bought.csv"), csv(20));
    assert_eq!(seller.wait_for("buyer-paid")["units"], 2_000_000);
    assert_eq!(service.bank.paid(), 1);

    let mut asked = scene.dazaar("buyer", &["wallet", "balance"]);
    asked.succeed();
    assert_eq!(asked.last("balance")["units"], PURSE - 2_000_000);
}

#[test]
fn what_is_no_connection_string_is_not_added_and_a_wrong_key_is_not_shown() {
    let scene = Scene::new();
    let add = |secret: &str| {
        let words = ["wallet", "add", "phone", "nwc"];
        scene.dazaar_with("buyer", &words, &[("DAZAAR_WALLET_SECRET", secret)])
    };
    let mut wrong = add("nostr+walletconnect://12?secret=0123456789abcdef");
    wrong.fail_with(3);
    let error = text(wrong.last("error"), "error");
    assert!(error.contains("no connection string") && !error.contains("0123456789"), "{error}");
}
