//! Stablecoins through the program: a chain, a token, a seller's and a buyer's wallet; bought, counted once, given back.

use serde_json::{Value, json};

use crate::support::{Process, Scene, csv, text};

/// Units of a token for one of it.
const ONE: u64 = 1_000_000;

/// A chain with a token, and a wallet on it for the seller and for the buyer.
struct Chain {
    process: Process,
    about: Value,
}

impl Chain {
    fn new(scene: &Scene) -> Self {
        let mut process = scene.js("evm/chain.js", "chain", &[]);
        let about = process.wait_for("chain");
        let chain = Self { process, about };
        for who in ["seller", "buyer"] {
            let key = scene.file(&format!("{who}.key"), chain.text(who));
            let (url, token) = (chain.text("url"), chain.text("token"));
            let words = ["wallet", "add", "base", "erc20", &url, "--chain", "31337", "--token", &token];
            let mut added = scene.dazaar(who, &[&words[..], &["--secret-file", &key]].concat());
            added.succeed();
            let wallet = added.last("wallet");
            assert_eq!((&wallet["receives"], &wallet["pays"]), (&json!("erc20"), &json!("erc20")));
        }
        chain
    }

    fn text(&self, name: &str) -> String {
        text(&self.about, name)
    }

    /// The card of something for one dollar an hour.
    fn card(&self, scene: &Scene) -> String {
        let price = json!({ "method": "erc20", "currency": "USD", "amount": "1", "per": "hour",
            "contract": self.about["token"], "chain": 31_337, "decimals": 6 });
        scene.file("card.json", json!({ "prices": [price] }).to_string())
    }
}

/// What a wallet holds of the token.
fn balance(scene: &Scene, who: &str) -> u64 {
    let mut asked = scene.dazaar(who, &["wallet", "balance"]);
    asked.succeed();
    let balances = asked.seen().iter().filter(|event| event["event"] == "balance");
    let tokens =
        balances.filter(|event| event["asset"].as_str().is_some_and(|asset| asset.contains("erc20")));
    tokens.filter_map(|event| event["units"].as_u64()).sum()
}

#[test]
fn a_stablecoin_buys_and_comes_back() {
    let scene = Scene::new();
    let chain = Chain::new(&scene);
    let data = scene.file("data.csv", csv(20));
    let (mut seller, place) = scene.sell_on(&data, &["--card", &chain.card(&scene), "--interval", "50"]);
    let to = scene.text_path("bought.csv");
    let words = ["buy", &place.seller, "--connect", &place.address, "--pay", "2h", "--max-spend", "3 USD"];
    let mut buyer = scene.dazaar("buyer", &[&words[..], &["--to", &to]].concat());
    assert_eq!(buyer.wait_for("sent")["units"], 2 * ONE);
    assert_eq!(buyer.wait_for("paid")["units"], 2 * ONE);
    buyer.wait_for("done");
    buyer.succeed();
    assert_eq!(scene.read("bought.csv"), csv(20));
    assert_eq!(seller.wait_for("buyer-paid")["units"], 2 * ONE);
    assert_eq!((balance(&scene, "seller"), balance(&scene, "buyer")), (2 * ONE, 3 * ONE));

    // What is left goes back to the buyer's account: a moment of two hours was used.
    let account = chain.text("buyerAddress");
    let refund = ["refund", &place.seller, "--connect", &place.address, "--by", "erc20", "--to", &account];
    let mut refund = scene.dazaar("buyer", &refund);
    refund.succeed();
    let back = refund.last("refunded")["units"].as_u64().unwrap();
    assert!((ONE..=2 * ONE).contains(&back), "{back}");
    assert_eq!((balance(&scene, "seller"), balance(&scene, "buyer")), (2 * ONE - back, 3 * ONE + back));
}

#[test]
fn a_seller_that_is_killed_while_it_is_paid_is_paid_once() {
    let scene = Scene::new();
    let chain = Chain::new(&scene);
    let data = scene.file("data.csv", csv(20));
    let arguments = ["--card", &chain.card(&scene), "--interval", "50"];
    let (mut seller, place) = scene.sell_on(&data, &arguments);
    let words = ["buy", &place.seller, "--pay", "1h", "--max-spend", "3 USD", "--connect"];
    let mut buyer = scene.dazaar("buyer", &[&words[..], &[&place.address]].concat());
    buyer.wait_for("sent");
    seller.kill();
    buyer.kill();
    let (mut seller, place) = scene.sell_on(&data, &arguments);
    let mut buyer = scene.dazaar("buyer", &[&words[..], &[&place.address]].concat());
    assert_eq!(buyer.wait_for("paid")["units"], ONE);
    buyer.wait_for("done");
    buyer.succeed();
    assert_eq!(seller.wait_for("buyer-paid")["units"], ONE);
    assert_eq!((balance(&scene, "seller"), balance(&scene, "buyer")), (ONE, 4 * ONE));
}

/// A public key as cards of npm dazaar have it: that of the secret key 1.
const CARD_KEY: &str = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

#[test]
fn coins_at_the_address_of_a_buyer_buy() {
    let scene = Scene::new();
    let mut chain = Chain::new(&scene);
    let words = [
        "wallet",
        "add",
        "old",
        "deposits",
        &chain.text("url"),
        "--chain",
        "31337",
        "--public-key",
        CARD_KEY,
    ];
    let mut added = scene.dazaar("seller", &words);
    added.succeed();
    let wallet = added.last("wallet");
    assert_eq!((&wallet["receives"], &wallet["pays"]), (&json!("eth"), &Value::Null));
    let price =
        json!({ "method": "eth", "currency": "ether", "amount": "0.001", "per": "hour", "chain": 31_337 });
    let card = scene.file("card.json", json!({ "prices": [price] }).to_string());
    let data = scene.file("data.csv", csv(20));
    let (mut seller, place) = scene.sell_on(&data, &["--card", &card, "--interval", "50"]);

    let to = scene.text_path("bought.csv");
    let question = [
        "buy",
        &place.seller,
        "--connect",
        &place.address,
        "--pay",
        "2h",
        "--max-spend",
        "1 ETH",
        "--to",
        &to,
    ];
    let mut buyer = scene.dazaar("buyer", &question);
    let asked = buyer.wait_for("pay");
    let link = text(&asked, "request");
    assert!(link.ends_with("@31337?value=2000000000000000"), "{link}");
    chain.process.say(&format!("pay {link}"));
    chain.process.wait_for("sent");
    assert_eq!(buyer.wait_for("paid")["units"], 2_000_000, "billionths of an ether");
    buyer.wait_for("done");
    buyer.succeed();
    assert_eq!(scene.read("bought.csv"), csv(20));
    assert_eq!(seller.wait_for("buyer-paid")["units"], 2_000_000);
}

/// The entry of a card of npm dazaar for this asset, at a thousand units of the wallet's an hour.
fn entry(chain: &Chain, is_token: bool) -> Value {
    let mut entry =
        json!({ "method": "ETH", "pubKey": CARD_KEY, "chain": 31_337, "unit": "hours", "interval": 1 });
    let fields = match is_token {
        true => json!({ "currency": "USD", "amount": "0.001", "erc20Contract": chain.about["token"],
            "erc20ContractDecimals": 6 }),
        false => json!({ "currency": "Ether", "amount": "0.000001" }),
    };
    let entry_fields = entry.as_object_mut().expect("an object");
    entry_fields.extend(fields.as_object().expect("an object").clone());
    entry
}

/// Payments that the seller's ledger has of a method: units.
fn credits(scene: &Scene, method: &str) -> Vec<i64> {
    let mut ledger = scene.dazaar("seller", &["ledger"]);
    ledger.succeed();
    let lines = ledger.seen().iter();
    let lines = lines.filter(|line| line["kind"] == "credit" && line["method"] == method);
    lines.filter_map(|line| line["change"].as_i64()).collect()
}

/// A buyer with npm dazaar says nothing: it sends coins or a token to its address, is admitted, and pays again while it is here. The
/// seller is killed in between, and counts each payment once.
fn pays_unasked(is_token: bool) {
    let scene = Scene::new();
    let mut chain = Chain::new(&scene);
    let mut words = vec!["wallet", "add", "old", "deposits"];
    let (url, token) = (chain.text("url"), chain.text("token"));
    words.extend([&url, "--chain", "31337", "--public-key", CARD_KEY]);
    if is_token {
        words.extend(["--token", &token]);
    }
    scene.dazaar("seller", &words).succeed();
    let card = scene.file("card.json", json!({ "payment": [entry(&chain, is_token)] }).to_string());
    let data = scene.file("data.csv", csv(20));
    let arguments = ["--card", &card, "--interval", "50"];
    let (mut seller, place) = scene.sell_on(&data, &arguments);
    let mut buyer = scene.js_buyer(&place, &["--until-length", "21"]);
    let key = text(&seller.wait_for("buyer-connected"), "buyer");
    buyer.wait_for("invalid");

    let (method, word, unit) =
        if is_token { ("erc20", "deposit-token", 1) } else { ("eth", "deposit", 1_000_000_000) };
    let mut pay = |units: u64| {
        chain.process.say(&format!("{word} {} {key} {}", place.seller, units * unit));
        chain.process.wait_for("sent");
    };
    pay(2000);
    let paid = seller.wait_for("buyer-paid");
    assert_eq!((&paid["units"], &paid["buyer"]), (&json!(2000), &json!(key)));
    let remaining = buyer.wait_for("valid")["info"]["remaining"].as_i64().expect("a number");
    assert!((7_100_000..=7_200_000).contains(&remaining), "two hours: {remaining}");
    buyer.wait_until("all 20 blocks", |event| event["event"] == "synced" && event["length"] == 20);
    seller.kill();
    buyer.wait_for("closed");
    // While nobody looks.
    pay(1000);

    let (mut seller, place) = scene.sell_on(&data, &arguments);
    let mut buyer = scene.js_buyer(&place, &["--until-length", "20"]);
    let paid = seller.wait_for("buyer-paid");
    assert_eq!((&paid["units"], &paid["buyer"]), (&json!(1000), &json!(key)));
    buyer.wait_for("done");
    buyer.succeed();
    assert_eq!(credits(&scene, method), [2000, 1000]);
}

#[test]
fn coins_of_a_buyer_of_npm_dazaar_count_once_without_an_order() {
    pays_unasked(false);
}

#[test]
fn tokens_of_a_buyer_of_npm_dazaar_count_once_without_an_order() {
    pays_unasked(true);
}
