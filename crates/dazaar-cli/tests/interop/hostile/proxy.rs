//! Somebody on the line flips one byte.

use crate::support::{Process, Scene, csv};

/// A proxy in front of `address` and where it listens.
fn proxy(scene: &Scene, address: &str, direction: &str, offset: usize) -> (Process, String) {
    let mut proxy = scene.python("proxy.py", &["--to", address, direction, &offset.to_string()]);
    let listening = proxy.wait_for("listening");
    (proxy, format!("127.0.0.1:{}", listening["port"]))
}

/// Our buyer and our seller authenticate every frame, so a flipped byte ends the session wherever it is.
fn is_detected(direction: &str, offset: usize) {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(300));
    let (_seller, place) = scene.sell(&data, &["--admit-all"]);
    scene.init("buyer");
    let (mut proxy, address) = proxy(&scene, &place.address, direction, offset);
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &address]);
    proxy.wait_for("flipped");
    let error = buyer.wait_for("disconnected")["error"].to_string();
    assert!(!error.is_empty());
    buyer.kill();
    let mut direct = scene.dazaar(
        "buyer",
        &["buy", &place.seller, "--connect", &place.address, "--to", &scene.text_path("b.csv")],
    );
    direct.succeed();
    assert_eq!(scene.read("b.csv"), csv(300));
}

#[test]
fn a_byte_flipped_in_our_handshake_is_detected() {
    is_detected("--up", 20);
}

#[test]
fn a_byte_flipped_in_the_answer_to_our_handshake_is_detected() {
    is_detected("--down", 100);
}

#[test]
fn a_byte_flipped_in_a_control_message_to_the_buyer_is_detected() {
    is_detected("--down", 500);
}

#[test]
fn a_byte_flipped_in_the_data_is_detected() {
    is_detected("--down", 2500);
}

#[test]
fn a_byte_flipped_in_a_message_to_the_seller_is_detected() {
    is_detected("--up", 200);
}
