//! Our buyer, the seller of npm `dazaar`.

use std::fs;

use crate::support::{Scene, blocks};

/// Exit code of the program when the other side and we do not come together.
const REFUSED: i32 = 4;

#[test]
fn buys_everything_from_a_feed_of_its_own() {
    let scene = Scene::new();
    let buyer_key = scene.init("buyer");
    let (mut seller, place) = scene.js_seller(&["--blocks", "300"]);
    let to = scene.text_path("bought.txt");
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--to", &to]);
    let feed = buyer.wait_for("feed");
    assert_eq!(buyer.wait_for("valid")["info"]["type"], "time");
    assert_eq!(buyer.wait_for("done")["length"], 300);
    buyer.succeed();
    let unique = seller.wait_for("buyer-feed");
    assert_eq!((&unique["buyer"], &unique["feed"]), (&buyer_key.into(), &feed["feed"]));
    assert_ne!(feed["feed"], place.feed.as_str());
    assert_eq!(scene.read("bought.txt"), blocks(0..300));
}

#[test]
fn tells_no_voucher_to_software_that_does_not_know_what_it_is() {
    let scene = Scene::new();
    let (mut seller, place) = scene.js_seller(&[]);
    let code = dazaar::cards::VoucherCode::new([7; 16]).reveal();
    let known = ["buy", &place.seller, "--connect", &place.address, "--voucher"];
    let mut buyer = scene.dazaar_with("buyer", &known, &[("DAZAAR_VOUCHER", &code)]);
    assert_eq!(buyer.wait_for("payment-refused")["code"], "software");
    buyer.fail_with(REFUSED);
    seller.wait_for("closed");
    assert!(seller.seen().iter().all(|event| event["event"] != "message"), "{seller}");
}

#[test]
fn buys_a_free_feed() {
    let scene = Scene::new();
    scene.init("buyer");
    let (_seller, place) = scene.js_seller(&["--free"]);
    let to = scene.text_path("bought.txt");
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--to", &to]);
    assert_eq!(buyer.wait_for("feed")["feed"], place.feed.as_str());
    assert_eq!(buyer.wait_for("done")["length"], 5);
    buyer.succeed();
    assert_eq!(scene.read("bought.txt"), blocks(0..5));
}

#[test]
fn buys_nothing_before_it_accepted_the_terms() {
    let scene = Scene::new();
    scene.init("buyer");
    let (_seller, place) = scene.js_seller(&["--terms", "be nice"]);
    let to = scene.text_path("bought.txt");
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--to", &to]);
    assert_eq!(buyer.wait_for("terms")["text"], "be nice");
    buyer.fail_with(REFUSED);
    assert!(buyer.seen().iter().all(|event| event["event"] != "feed" && event["event"] != "done"), "{buyer}");
}

#[test]
fn buys_after_it_accepted_the_terms() {
    let scene = Scene::new();
    scene.init("buyer");
    let (_seller, place) = scene.js_seller(&["--terms", "be nice"]);
    let terms = scene.file("terms.txt", "be nice\n");
    let to = scene.text_path("bought.txt");
    let mut buyer = scene.dazaar(
        "buyer",
        &["buy", &place.seller, "--connect", &place.address, "--accept-terms", &terms, "--to", &to],
    );
    assert_eq!(buyer.wait_for("done")["length"], 5);
    buyer.succeed();
    assert_eq!(scene.read("bought.txt"), blocks(0..5));
}

#[test]
fn refuses_other_terms_than_it_accepted() {
    let scene = Scene::new();
    scene.init("buyer");
    let (_seller, place) = scene.js_seller(&["--terms", "be nice, and pay twice"]);
    let terms = scene.file("terms.txt", "be nice\n");
    let mut buyer =
        scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--accept-terms", &terms]);
    buyer.fail_with(REFUSED);
    assert!(buyer.seen().iter().all(|event| event["event"] != "done"), "{buyer}");
}

#[test]
fn is_cut_off_and_restored_without_reconnecting() {
    let scene = Scene::new();
    scene.init("buyer");
    let (mut seller, place) = scene.js_seller(&[]);
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--live"]);
    buyer.wait_until("all 5 blocks", |event| event["event"] == "progress" && event["have"] == 5);
    seller.say("deny not paid");
    assert_eq!(buyer.wait_for("invalid")["error"], "not paid");
    seller.say("append-many 1");
    seller.wait_until("an append", |event| event["length"] == 6);
    seller.say("allow");
    let mut admitted = false;
    buyer.wait_until("the sixth block", |event| {
        admitted |= event["event"] == "valid";
        let arrived = event["event"] == "progress" && event["have"] == 6;
        assert!(!arrived || admitted, "a block came while the buyer was cut off");
        arrived
    });
    let connections = seller.seen().iter().filter(|event| event["event"] == "connected").count();
    assert_eq!(connections, 1, "{seller}");
}

#[test]
fn is_cut_off_after_some_validations_and_restored_after_some_more() {
    let scene = Scene::new();
    scene.init("buyer");
    let (mut seller, place) = scene.js_seller(&["--deny-after", "3", "--restore-after", "6"]);
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--live"]);
    assert_eq!(buyer.wait_for("invalid")["error"], "payment expired");
    buyer.wait_for("valid");
    seller.say("append-many 2");
    buyer.wait_until("all 7 blocks", |event| event["event"] == "progress" && event["have"] == 7);
}

#[test]
fn is_refused_first_and_admitted_later() {
    let scene = Scene::new();
    scene.init("buyer");
    let (mut seller, place) = scene.js_seller(&["--denied"]);
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--live"]);
    assert_eq!(buyer.wait_for("invalid")["error"], "not paid");
    seller.say("allow");
    buyer.wait_for("feed");
    buyer.wait_until("all 5 blocks", |event| event["event"] == "progress" && event["have"] == 5);
}

#[test]
fn follows_what_is_appended() {
    let scene = Scene::new();
    scene.init("buyer");
    let (mut seller, place) = scene.js_seller(&[]);
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--live"]);
    buyer.wait_until("all 5 blocks", |event| event["event"] == "progress" && event["have"] == 5);
    for length in 6..=9 {
        seller.say("append-many 1");
        buyer.wait_until("one more", |event| event["event"] == "progress" && event["have"] == length);
    }
    seller.say("append-many 100");
    buyer.wait_until("100 more", |event| event["event"] == "progress" && event["have"] == 109);
}

#[test]
fn gets_only_the_blocks_that_it_asks_for() {
    let scene = Scene::new();
    scene.init("buyer");
    let (_seller, place) = scene.js_seller(&["--blocks", "40"]);
    let to = scene.text_path("bought.txt");
    let words =
        ["buy", &place.seller, "--connect", &place.address, "--sparse", "--blocks", "3,5..10", "--to", &to];
    let mut buyer = scene.dazaar("buyer", &words);
    buyer.wait_for("done");
    buyer.succeed();
    assert_eq!(buyer.last("progress")["have"], 6);
    assert_eq!(scene.read("bought.txt"), blocks([3, 5, 6, 7, 8, 9]));
}

#[test]
fn goes_on_with_a_partial_feed() {
    let scene = Scene::new();
    scene.init("buyer");
    let (_seller, place) = scene.js_seller(&["--blocks", "400"]);
    let words = ["buy", &place.seller, "--connect", &place.address, "--sparse", "--blocks", "3,5..10,300"];
    scene.dazaar("buyer", &words).succeed();
    let to = scene.text_path("bought.txt");
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--to", &to]);
    assert_eq!(buyer.wait_for("done")["length"], 400);
    buyer.succeed();
    assert_eq!(scene.read("bought.txt"), blocks(0..400));
}

#[test]
fn goes_on_when_the_seller_hangs_up() {
    let scene = Scene::new();
    scene.init("buyer");
    let (mut seller, place) = scene.js_seller(&[]);
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--live"]);
    buyer.wait_until("all 5 blocks", |event| event["event"] == "progress" && event["have"] == 5);
    seller.say("disconnect");
    buyer.wait_for("disconnected");
    seller.say("append-many 1");
    buyer.wait_until("the sixth block", |event| event["event"] == "progress" && event["have"] == 6);
}

#[test]
fn buys_a_hundred_thousand_blocks_in_two_runs() {
    let scene = Scene::new();
    scene.init("buyer");
    let (_seller, place) = scene.js_seller(&["--blocks", "100000"]);
    let to = scene.text_path("bought.txt");
    let words = ["buy", &place.seller, "--connect", &place.address, "--to", &to];
    let mut first = scene.dazaar("buyer", &words);
    first.wait_until("some blocks", |event| {
        event["event"] == "progress" && event["have"].as_u64() > Some(1000)
    });
    first.kill();
    let mut second = scene.dazaar("buyer", &words);
    assert!(second.wait_for("progress")["have"].as_u64() > Some(0), "{second}");
    assert_eq!(second.wait_for("done")["length"], 100_000);
    second.succeed();
    assert!(fs::read_to_string(to).expect("the file was written") == blocks(0..100_000), "the copy differs");
}

#[test]
fn does_not_trust_a_seller_with_another_key() {
    let scene = Scene::new();
    scene.init("buyer");
    let (mut seller, place) = scene.js_seller(&[]);
    let other = "6078252b3c85837e055f1daa415ff2afe87724b651fa4ae12e6f53876144833a";
    let mut buyer = scene.dazaar("buyer", &["buy", other, "--connect", &place.address, "--timeout", "1"]);
    seller.wait_for("closed");
    assert!(!buyer.wait_for_end().success());
    assert!(buyer.seen().iter().all(|event| event["event"] != "feed"), "{buyer}");
}
