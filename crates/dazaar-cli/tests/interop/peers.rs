//! The foreign peers among themselves, so that a failure elsewhere is known to be ours.

use crate::support::{Place, Scene, blocks, eventually};

#[test]
fn npm_buys_from_npm() {
    let scene = Scene::new();
    let (mut seller, place) = scene.js_seller(&["--blocks", "100"]);
    let to = scene.text_path("bought.txt");
    let mut buyer = scene.js_buyer(&place, &["--ping", "--until-length", "100", "--to", &to]);
    assert_eq!(seller.wait_for("message")["message"]["n"], 1);
    assert_eq!(buyer.wait_for("message")["message"]["echo"]["n"], 1);
    buyer.succeed();
    assert_eq!(scene.read("bought.txt"), blocks(0..100));
}

#[test]
fn npm_buys_from_python() {
    let scene = Scene::new();
    let mut seller = scene.python("seller.py", &["--blocks", "37"]);
    let place = Place::of_peer(&seller.wait_for("listening"));
    let mut buyer = scene.js_buyer(&place, &["--until-length", "39", "--to", &scene.text_path("bought.txt")]);
    buyer.wait_until("all 37 blocks", |event| event["event"] == "synced" && event["length"] == 37);
    seller.say("append one more");
    seller.say("append and another");
    buyer.succeed();
    assert_eq!(scene.read("bought.txt"), blocks(0..37) + "one more\nand another\n");
}

#[test]
fn python_buys_from_npm() {
    let scene = Scene::new();
    let (_seller, place) = scene.js_seller(&["--blocks", "37"]);
    let to = scene.text_path("bought.txt");
    let words = ["--port", place.port(), "--seller", &place.seller, "--until-length", "37", "--to", &to];
    scene.python("buyer.py", &words).succeed();
    assert_eq!(scene.read("bought.txt"), blocks(0..37));
}

/// The attacks are real: this one writes into the data of an npm seller.
#[test]
fn npm_is_written_to_through_a_rekeyed_feed() {
    let scene = Scene::new();
    let (_seller, place) = scene.js_seller(&[]);
    let master = "07".repeat(32);
    let words = ["buyer", "rekeyed-write", "--port", place.port(), "--seller", &place.seller];
    let words = [&words[..], &["--master", &master, "--data-feed", &place.feed]].concat();
    let mut attacker = scene.python("attacker.py", &words);
    attacker.wait_for("answered");
    assert_eq!(attacker.last("asked")["index"], 5);
    eventually("the block is written", || scene.read("js-seller/data/data") == blocks(0..5) + "EVIL");
}
