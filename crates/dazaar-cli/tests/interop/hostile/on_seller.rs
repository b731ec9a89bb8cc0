//! A buyer attacks our seller.

use super::{End, MEMORY_MAX};
use crate::support::{Scene, csv, text};

const LINES: usize = 30;

/// Defines a test for each attack of `attacker.py`.
macro_rules! attacks {
    ($($name:ident: $end:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            survive(&stringify!($name).replace('_', "-"), End::$end);
        })*
    };
}

attacks! {
    oversize_handshake: Closed,
    endless_handshake: Closed,
    endless_varint: Closed,
    wrong_handshake: Closed,
    zero_ephemeral: Closed,
    cut_handshake: Closed,
    length_bomb: Closed,
    frame_over_limit: Closed,
    endless_frame_varint: Closed,
    header_past_frame: Closed,
    cut_protobuf: Closed,
    wrong_wire_type: Closed,
    group_wire_type: Closed,
    short_discovery_key: Closed,
    missing_field: Closed,
    many_channels: Either,
    many_names: Either,
    unknown_messages: Ignored,
    json_null: Either,
    json_deep: Either,
    json_wrong_types: Either,
    not_utf8: Either,
    short_feed_key: Either,
    status_flood: Either,
    have_huge: Closed,
    have_overflow: Closed,
    rle_bomb: Closed,
    rle_beyond: Closed,
    unhave_overflow: Either,
    want_overflow: Either,
    want_huge: Either,
    wrong_types: Closed,
    request_beyond: Either,
    request_overflow: Either,
    seek_beyond: Either,
    huge_digest: Either,
    unrequested_data: Either,
    node_beyond: Either,
    many_nodes: Either,
    short_hash: Closed,
    data_without_proof: Either,
    close_and_go_on: Closed,
    wrong_capability: Closed,
}

fn survive(attack: &str, end: End) {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(LINES));
    let (mut seller, place) = scene.sell(&data, &["--admit-all"]);
    let words = ["buyer", attack, "--port", place.port(), "--seller", &place.seller];
    let mut attacker = scene.python("attacker.py", &words);
    let outcome =
        attacker.wait_until("an outcome", |event| event["event"] == "closed" || event["event"] == "answered");
    assert!(
        end == End::Either || (end == End::Closed) == (outcome["event"] == "closed"),
        "{outcome} from {attacker}"
    );
    assert!(attacker.seen().iter().all(|event| event["event"] != "unbounded"), "{attacker}");

    assert!(seller.is_running(), "{seller}");
    let peak = seller.peak_memory().expect("the seller runs");
    assert!(peak < MEMORY_MAX, "{peak} bytes of memory in {seller}");
    assert!(!seller.complaints().contains("panicked"), "{seller}");
    assert_eq!(scene.read(&format!("seller/feeds/{}/data", place.feed)), csv(LINES));
    sells_as_before(&scene, &place.seller, &place.address);
}

fn sells_as_before(scene: &Scene, seller: &str, address: &str) {
    scene.init("honest");
    let to = scene.text_path("honest.csv");
    scene.dazaar("honest", &["buy", seller, "--connect", address, "--to", &to]).succeed();
    assert_eq!(scene.read("honest.csv"), csv(LINES));
}

#[test]
fn a_rekeyed_feed_is_not_written_to_from_outside() {
    let scene = Scene::new();
    let master = "07".repeat(32);
    restore(&scene, "seller", &master);
    let data = scene.file("data.csv", csv(LINES));
    let words = ["sell", &data, "--listen", "127.0.0.1:0", "--admit-all"];
    let mut seller = scene.dazaar("seller", &words);
    let listening = seller.wait_for("listening");
    let [key, feed, address] = ["seller", "feed", "address"].map(|field| text(&listening, field));
    let port = address.rsplit(':').next().unwrap_or_default();
    let words = [
        "buyer",
        "rekeyed-write",
        "--port",
        port,
        "--seller",
        &key,
        "--master",
        &master,
        "--data-feed",
        &feed,
    ];
    let mut attacker = scene.python("attacker.py", &words);
    attacker.wait_for("offered");
    attacker.wait_until("an outcome", |event| event["event"] == "closed" || event["event"] == "answered");
    assert!(
        attacker.seen().iter().all(|event| event["event"] != "asked" || event["proof_only"] == true),
        "the seller downloads: {attacker}"
    );
    assert_eq!(scene.read(&format!("seller/feeds/{feed}/data")), csv(LINES));
    sells_as_before(&scene, &key, &address);
}

/// Makes a market with a master key that the attacker knows.
fn restore(scene: &Scene, who: &str, master: &str) {
    let mut process = scene.dazaar(who, &["key", "restore"]);
    process.say(master);
    process.close_stdin();
    process.succeed();
}

#[test]
fn a_buyer_that_never_reads_costs_no_memory() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(LINES));
    let (seller, place) = scene.sell(&data, &["--admit-all"]);
    let words = ["buyer", "request-flood", "--port", place.port(), "--seller", &place.seller];
    let mut attacker = scene.python("attacker.py", &words);
    attacker.wait_for("struck");
    sells_as_before(&scene, &place.seller, &place.address);
    let peak = seller.peak_memory().expect("the seller runs");
    assert!(peak < MEMORY_MAX, "{peak} bytes of memory in {seller}");
    assert!(attacker.seen().iter().all(|event| event["event"] != "unbounded"), "{attacker}");
}

#[test]
fn other_sessions_go_on_during_attacks() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(LINES));
    let (_seller, place) = scene.sell(&data, &["--admit-all", "--follow"]);
    scene.init("honest");
    let mut honest = scene.dazaar("honest", &["buy", &place.seller, "--connect", &place.address, "--live"]);
    honest.wait_until("all blocks", |event| event["event"] == "progress" && event["have"] == LINES);
    for attack in
        ["oversize-handshake", "length-bomb", "json-null", "rle-bomb", "have-huge", "wrong-capability"]
    {
        let words = ["buyer", attack, "--port", place.port(), "--seller", &place.seller];
        let mut attacker = scene.python("attacker.py", &words);
        attacker.wait_until("an outcome", |event| event["event"] == "closed" || event["event"] == "answered");
    }
    scene.file("data.csv", csv(LINES + 1));
    honest.wait_until("one more", |event| event["event"] == "progress" && event["have"] == LINES + 1);
    assert!(honest.seen().iter().all(|event| event["event"] != "disconnected"), "{honest}");
}
