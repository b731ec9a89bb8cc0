//! Vouchers, redeemed by real programs: once, whatever is killed and whoever comes at the same time.

use std::hash::{BuildHasher as _, RandomState};

use dazaar::database::{Credit, Database, Voucher};
use dazaar::log::{FeedKey, IdentityKey};
use serde_json::{Value, json};

use crate::support::{Place, Process, Scene, csv, text};

/// What each voucher gives.
const HOUR_MS: i64 = 3_600_000;

/// Sellers that are killed while somebody redeems a voucher.
const KILLS: usize = 12;

/// A seller whose buyers need credit, and who looks at what they have more often than usual.
fn sell(scene: &Scene) -> (Process, Place) {
    let data = scene.file("data.csv", csv(20));
    scene.sell(&data, &["--interval", "50"])
}

/// The codes of new vouchers.
fn vouchers(scene: &Scene, arguments: &[&str]) -> Vec<String> {
    let mut made = scene.dazaar("seller", &[&["credit", "new"], arguments].concat());
    made.succeed();
    made.seen().iter().map(|event| text(event, "code")).collect()
}

fn buy(scene: &Scene, who: &str, place: &Place, arguments: &[&str]) -> Process {
    scene.dazaar(who, &[&["buy", &place.seller, "--connect", &place.address], arguments].concat())
}

/// Buys, and redeems a voucher.
fn redeem(scene: &Scene, who: &str, place: &Place, code: &str, arguments: &[&str]) -> Process {
    let known = ["buy", &place.seller, "--connect", &place.address, "--voucher"];
    scene.dazaar_with(who, &[&known, arguments].concat(), &[("DAZAAR_VOUCHER", code)])
}

fn books(scene: &Scene) -> Database {
    Database::open(&scene.path("seller").join("market.db")).expect("the seller's records")
}

/// All that a buyer was ever credited.
fn paid(scene: &Scene, place: &Place, buyer: &str) -> u64 {
    let (feed, buyer) = keys(place, buyer);
    books(scene).accounts(&feed, &buyer).expect("accounts").iter().map(|account| account.paid).sum()
}

fn keys(place: &Place, buyer: &str) -> (FeedKey, IdentityKey) {
    (place.feed.parse().expect("a feed"), buyer.parse().expect("a buyer"))
}

#[test]
fn a_voucher_buys() {
    let scene = Scene::new();
    let (mut seller, place) = sell(&scene);
    let codes = vouchers(&scene, &["1h", "--count", "2", "--expires", "30d"]);
    let key = scene.init("buyer");
    let to = scene.text_path("bought.csv");
    let mut buyer = redeem(&scene, "buyer", &place, &codes[0], &["--to", &to, "--no-wait"]);
    let paid_now = buyer.wait_for("paid");
    assert_eq!((&paid_now["units"], &paid_now["again"]), (&json!(HOUR_MS), &json!(false)));
    assert_eq!(paid_now["credit"], json!({ "type": "time", "remaining": HOUR_MS }));
    buyer.wait_for("done");
    buyer.succeed();
    assert_eq!(scene.read("bought.csv"), csv(20));
    let told = seller.wait_for("buyer-paid");
    assert_eq!((text(&told, "buyer"), &told["amount_ms"]), (key.clone(), &json!(HOUR_MS)));

    // The same buyer may ask again, as if the answer was lost; nobody else.
    let mut again = redeem(&scene, "buyer", &place, &codes[0], &[]);
    assert_eq!(again.wait_for("paid")["again"], true);
    again.succeed();
    assert_eq!(paid(&scene, &place, &key), HOUR_MS.unsigned_abs());
    let mut thief = redeem(&scene, "thief", &place, &codes[0], &[]);
    assert_eq!(thief.wait_for("payment-refused")["code"], "used");
    thief.fail_with(4);

    let mut list = scene.dazaar("seller", &["credit", "list"]);
    list.succeed();
    let states: Vec<_> =
        list.seen().iter().map(|event| (text(event, "state"), event["buyer"].clone())).collect();
    assert!(states.contains(&("used".to_owned(), json!(key))), "{states:?}");
    assert!(states.contains(&("good".to_owned(), Value::Null)), "{states:?}");
}

#[test]
fn vouchers_that_are_not_good_are_refused_with_the_reason() {
    let scene = Scene::new();
    let (mut seller, place) = sell(&scene);
    let revoked = vouchers(&scene, &["1h"]).remove(0);
    let mut list = scene.dazaar("seller", &["credit", "list"]);
    list.succeed();
    let id = text(list.last("voucher"), "id");
    for short in ["", &id[..3]] {
        scene.dazaar("seller", &["credit", "revoke", short]).fail_with(3);
    }
    scene.dazaar("seller", &["credit", "revoke", &id[..10]]).succeed();
    scene.dazaar("seller", &["credit", "revoke", "0123456789abcdef"]).fail_with(3);
    let code = |seed: u8| dazaar::cards::VoucherCode::new([seed; 16]);
    let expired = Voucher {
        hash: code(1).hash(),
        feed: place.feed.parse().expect("a feed"),
        amount_ms: Some(HOUR_MS),
        made_ms: 0,
        expires_ms: Some(1),
        revoked_ms: None,
        buyer: None,
        used_ms: None,
    };
    books(&scene).put_vouchers(&[expired]).expect("a voucher is recorded");
    for (voucher, reason) in
        [(revoked, "revoked"), (code(1).reveal(), "expired"), (code(2).reveal(), "unknown")]
    {
        let mut buyer = redeem(&scene, "buyer", &place, &voucher, &[]);
        assert_eq!(buyer.wait_for("payment-refused")["code"], reason);
        buyer.fail_with(4);
        seller.wait_for("buyer-payment-refused");
    }
    // A slip is noticed before anybody is asked.
    let mut slip = code(3).reveal();
    slip.replace_range(..1, if slip.starts_with('7') { "8" } else { "7" });
    let mut buyer = redeem(&scene, "buyer", &place, &slip, &[]);
    buyer.fail_with(3);
    assert!(buyer.complaints().contains("mistyped") && !buyer.complaints().contains(&slip), "{buyer}");
}

#[test]
fn nobody_waits_who_paid_with_what_is_used_up_and_does_not_want_to() {
    let scene = Scene::new();
    let (_seller, place) = sell(&scene);
    let code = vouchers(&scene, &["1h"]).remove(0);
    let key = scene.init("buyer");
    let mut buyer = redeem(&scene, "buyer", &place, &code, &[]);
    buyer.wait_for("paid");
    buyer.succeed();
    scene.dazaar("seller", &["revoke", &key]).succeed();
    let mut again = redeem(&scene, "buyer", &place, &code, &["--no-wait", "--live"]);
    let paid = again.wait_for("paid");
    assert_eq!((&paid["again"], &paid["credit"]["remaining"]), (&json!(true), &json!(0)));
    again.fail_with(4);
    // The seller says why, or that nothing is left, or both: whichever comes first.
    assert!(again.complaints().contains("left"), "{again}");
}

#[test]
fn nobody_tries_codes_for_long() {
    let scene = Scene::new();
    let (mut seller, place) = sell(&scene);
    let proof = r#"pay/proof={"order":"1","method":"credit","proof":"00000-00000-00000-00000-00000-00000"}"#;
    let attempts: Vec<&str> = std::iter::repeat_n(["--send", proof], 20).flatten().collect();
    let mut buyer = buy(&scene, "buyer", &place, &attempts);
    seller.wait_until("the end of its patience", |event| {
        event["event"] == "buyer-payment-refused" && text(event, "error").contains("too many")
    });
    assert!(buyer.is_running(), "{buyer}");
}

#[test]
fn a_buyer_who_is_refused_is_told_what_is_asked() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let card = scene.file(
        "card.json",
        json!({ "name": "data", "prices": [
            { "method": "credit", "currency": "EUR", "amount": "0.10", "per": "hour" },
            { "method": "credit", "currency": "EUR", "amount": "0.10", "per": "fortnight" },
        ] })
        .to_string(),
    );
    let (seller, place) = scene.sell(&data, &["--card", &card]);
    let mut buyer = buy(&scene, "buyer", &place, &["--no-wait"]);
    let due = buyer.wait_for("due");
    buyer.wait_for("invalid");
    buyer.fail_with(4);
    assert_eq!(due["methods"], json!(["credit"]));
    // What cannot be paid is no offer.
    assert_eq!(due["offers"], json!(["0.1 EUR per hour by credit"]));
    assert!(seller.complaints().contains("warning: on the card of `data`, entry 1 of `prices`"), "{seller}");
}

#[test]
fn b25_a_voucher_is_not_shown_to_anybody() {
    let scene = Scene::new();
    let loud = ("DAZAAR_LOG", "trace");
    let data = scene.file("data.csv", csv(20));
    scene.init("seller");
    let listen = ["sell", &data, "--listen", "127.0.0.1:0", "--interval", "50"];
    let mut seller = scene.dazaar_with("seller", &listen, &[loud]);
    let place = Place::of_ours(&seller.wait_for("listening"));
    let codes = vouchers(&scene, &["1h", "--count", "3"]);
    let file = scene.file("voucher.txt", format!("{}\n", codes[0]));
    let known = ["buy", &place.seller, "--connect", &place.address];
    for (index, code) in codes.iter().enumerate() {
        let arguments = if index == 0 { &["--voucher-file", &file][..] } else { &["--voucher"] };
        let variables = if index == 1 { &[loud, ("DAZAAR_VOUCHER", code)][..] } else { &[loud] };
        let mut buyer = scene.dazaar_with("buyer", &[&known[..], arguments].concat(), variables);
        if index == 2 {
            buyer.say(code);
        }
        buyer.close_stdin();
        assert_eq!(buyer.wait_for("paid")["again"], false);
        buyer.succeed();
        let said = format!("{:?}{}", buyer.seen(), buyer.complaints());
        assert!(!said.contains(code), "{said}");
    }
    seller.interrupt();
    let said = format!("{:?}{}", seller.seen(), seller.complaints());
    let records = std::fs::read(scene.path("seller").join("market.db")).expect("the seller's records");
    for code in codes {
        assert!(!said.contains(&code), "{said}");
        assert!(!records.windows(code.len()).any(|bytes| bytes == code.as_bytes()));
    }
}

#[test]
fn of_two_buyers_who_redeem_one_voucher_at_once_one_has_it() {
    let scene = Scene::new();
    let (_seller, place) = sell(&scene);
    let names = ["anna", "bert"];
    let buyers = names.map(|who| scene.init(who));
    for code in vouchers(&scene, &["1h", "--count", "5"]) {
        let before: u64 = buyers.iter().map(|buyer| paid(&scene, &place, buyer)).sum();
        let mut racing = names.map(|who| redeem(&scene, who, &place, &code, &[]));
        let answers = racing.each_mut().map(|buyer| {
            buyer.wait_until("an answer", |event| {
                event["event"] == "paid" || event["event"] == "payment-refused"
            })
        });
        let winners = answers.iter().filter(|answer| answer["event"] == "paid").count();
        assert_eq!(winners, 1, "{answers:?}");
        let after: u64 = buyers.iter().map(|buyer| paid(&scene, &place, buyer)).sum();
        assert_eq!(after, before + HOUR_MS.unsigned_abs());
        for mut buyer in racing {
            buyer.wait_for_end();
        }
    }
}

#[test]
fn one_buyer_who_redeems_a_voucher_twice_at_once_has_it_once() {
    let scene = Scene::new();
    let (_seller, place) = sell(&scene);
    let key = scene.init("buyer");
    std::fs::create_dir(scene.path("twin")).expect("a folder");
    std::fs::copy(scene.path("buyer").join("master.key"), scene.path("twin").join("master.key"))
        .expect("a copy of the key");
    let codes = vouchers(&scene, &["1h", "--count", "3"]);
    for code in &codes {
        let mut racing = ["buyer", "twin"].map(|who| redeem(&scene, who, &place, code, &[]));
        let again = racing.each_mut().map(|buyer| buyer.wait_for("paid")["again"].clone());
        assert_eq!(again.iter().filter(|again| **again == true).count(), 1);
        racing.iter_mut().for_each(Process::succeed);
    }
    assert_eq!(paid(&scene, &place, &key), 3 * HOUR_MS.unsigned_abs());
}

#[test]
fn a_voucher_counts_once_if_the_seller_is_killed_around_its_redemption() {
    let scene = Scene::new();
    let (mut seller, place) = sell(&scene);
    let key = scene.init("buyer");
    let codes = vouchers(&scene, &["1h", "--count", &KILLS.to_string()]);
    let data = scene.text_path("data.csv");
    let listen = ["sell", &data, "--listen", &place.address, "--interval", "50"];
    let dice = RandomState::new();
    let mut again = 0;
    for (index, code) in codes.iter().enumerate() {
        let mut buyer = redeem(&scene, "buyer", &place, code, &["--live", "--timeout", "0"]);
        // What the seller says last before it dies is said before, while or after the voucher is burnt.
        let event = ["buyer-connected", "buyer-valid", "buyer-paid"][index % 3];
        seller.wait_for(event);
        for _ in 0..dice.hash_one(index) % 50_000 {
            std::hint::spin_loop();
        }
        seller.kill();
        seller = scene.dazaar("seller", &listen);
        seller.wait_for("listening");
        let answer = buyer.wait_for("paid");
        again += usize::from(answer["again"] == true);
        let expected = HOUR_MS.unsigned_abs() * (index as u64 + 1);
        assert_eq!(paid(&scene, &place, &key), expected, "after voucher {index}: {buyer}");
        buyer.kill();
    }
    println!("{again} of {KILLS} answers were lost and given again");
    let (feed, buyer) = keys(&place, &key);
    let account = books(&scene).accounts(&feed, &buyer).expect("accounts").remove(0);
    assert_eq!(account.paid, account.delivered() + account.meter.balance, "{account:?}");
    assert!(matches!(books(&scene).credit(&feed, &buyer, 0), Ok(Some(Credit::Time { left_ms: 1.. }))));
}
