//! A seller attacks our buyer.

use super::{End, MEMORY_MAX};
use crate::support::{Place, Process, Scene, blocks};

/// Blocks of the attacker's feed.
const LENGTH: usize = 10;

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
    short_feed_key: Closed,
    status_flood: Either,
    have_huge: Either,
    have_overflow: Either,
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
    close_and_go_on: Either,
    wrong_capability: Closed,
    flipped_block: Closed,
    flipped_signature: Closed,
    flipped_node: Closed,
    wrong_size: Closed,
    other_block: Closed,
    without_signature: Closed,
}

fn attack(scene: &Scene, attack: &str) -> (Process, Place) {
    let mut attacker = scene.python("attacker.py", &["seller", attack]);
    let place = Place::of_peer(&attacker.wait_for("listening"));
    (attacker, place)
}

/// Either the attack ends the session, and the buyer says so; or it is ignored, and all blocks arrive unharmed.
fn survive(name: &str, end: End) {
    let scene = Scene::new();
    scene.init("buyer");
    let (mut attacker, place) = attack(&scene, name);
    let to = scene.text_path("bought.txt");
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--to", &to]);
    let outcome =
        buyer.wait_until("an outcome", |event| event["event"] == "disconnected" || event["event"] == "done");
    let peak = buyer.peak_memory().unwrap_or_default();
    assert!(peak < MEMORY_MAX, "{peak} bytes of memory in {buyer}");
    assert!(!buyer.complaints().contains("panicked"), "{buyer}");
    if outcome["event"] == "done" {
        assert_ne!(end, End::Closed, "{buyer}");
        buyer.succeed();
        assert_eq!(scene.read("bought.txt"), blocks(0..LENGTH));
    } else {
        assert_ne!(end, End::Ignored, "{outcome} from {buyer}");
        assert!(!outcome["error"].as_str().unwrap_or_default().is_empty(), "no reason in {outcome}");
        attacker.wait_for("closed");
    }
}

#[test]
fn a_proof_that_contradicts_what_we_hold_changes_nothing() {
    let scene = Scene::new();
    scene.init("buyer");
    let (_attacker, place) = attack(&scene, "contradicting-proof");
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--live"]);
    buyer.wait_until("the fork", |event| {
        event["event"] == "disconnected"
            && event["error"].as_str().is_some_and(|error| error.contains("the feed has forked"))
    });
    buyer.interrupt();
    let to = scene.text_path("held.txt");
    scene.dazaar("buyer", &["get", &place.seller, "-o", &to]).succeed();
    assert_eq!(scene.read("held.txt"), blocks(0..LENGTH));
}
