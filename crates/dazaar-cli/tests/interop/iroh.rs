//! The program sells and buys through iroh: by a key and a place, by a key and its own relay, and by the card.

use serde_json::Value;

use crate::support::{Process, Scene, csv, text};

/// Sells thirty rows; the seller, its key, and its endpoint.
fn seller(scene: &Scene, arguments: &[&str]) -> (Process, String, String) {
    let data = scene.file("data.csv", csv(30));
    scene.init("seller");
    let words = [&["sell", &data, "--admit-all", "--listen", "127.0.0.1:0"], arguments].concat();
    let mut seller = scene.dazaar("seller", &words);
    let listening = seller.wait_for("listening");
    let link = text(&listening, "link");
    let endpoint = link.split(['?', '&']).find_map(|part| part.strip_prefix("iroh="));
    let endpoint = endpoint.unwrap_or_else(|| panic!("no endpoint in {link}")).to_owned();
    (seller, text(&listening, "seller"), endpoint)
}

/// Buys, and looks at what came; where the seller was reached.
fn buy(scene: &Scene, what: &str, arguments: &[&str]) -> String {
    let bought = scene.text_path("bought.csv");
    let mut buyer = scene.dazaar("buyer", &[&["buy", what, "--to", &bought], arguments].concat());
    buyer.succeed();
    assert_eq!(scene.read("bought.csv"), csv(30));
    text(buyer.last("connected"), "address")
}

#[test]
fn a_link_with_an_endpoint_is_enough() {
    let scene = Scene::new();
    let (mut seller, key, endpoint) = seller(&scene, &["--iroh"]);
    let reached = buy(&scene, &format!("dazaar:{key}?iroh={endpoint}"), &["--iroh"]);
    assert_eq!(reached, format!("iroh:{endpoint}"));
    seller.wait_for("buyer-disconnected");
}

#[test]
fn a_card_with_an_endpoint_is_enough() {
    let scene = Scene::new();
    let (_seller, _, endpoint) = seller(&scene, &["--iroh"]);
    let mut shown = scene.dazaar("seller", &["card", "show"]);
    shown.succeed();
    let card: Value = shown.last("card")["card"].clone();
    assert_eq!(card["iroh"], serde_json::json!([endpoint]));
    let card = scene.file("card.json", card.to_string());
    assert_eq!(buy(&scene, &card, &["--iroh"]), format!("iroh:{endpoint}"));
}

#[test]
fn a_relay_of_our_own_is_enough() {
    let scene = Scene::new();
    let mut relay = scene.dazaar("nobody", &["relay", "--listen", "127.0.0.1:0"]);
    let url = format!("http://{}", text(&relay.wait_for("relay"), "address"));
    let (_seller, key, endpoint) = seller(&scene, &["--relay", &url]);
    let (id, _places) = endpoint.split_once(',').expect("hints");
    let link = format!("dazaar:{key}?iroh={id},{url}");
    buy(&scene, &link, &["--iroh"]);
    let mut doctor = scene.dazaar("nobody", &["doctor", &link, "--iroh"]);
    doctor.succeed();
    let told = told_of(&doctor, &url);
    assert!(told["fine"] == true && text(&told, "detail").contains("it speaks HTTP"), "{told}");
    assert!(relay.is_running());

    relay.interrupt();
    let mut doctor = scene.dazaar("nobody", &["doctor", &link, "--relay", &url]);
    doctor.fail_with(5);
    let told = told_of(&doctor, &url);
    assert!(told["fine"] == false && text(&told, "detail").contains("refused"), "{told}");
}

/// What the doctor said of a relay.
fn told_of(doctor: &Process, url: &str) -> Value {
    let part = format!("relay {url}");
    let told = doctor.seen().iter().find(|event| event["event"] == "way" && event["part"] == part.as_str());
    told.unwrap_or_else(|| panic!("nothing of {url}: {doctor}")).clone()
}

#[test]
fn an_endpoint_is_dialled_only_if_that_is_wanted() {
    let scene = Scene::new();
    let (_seller, key, endpoint) = seller(&scene, &["--iroh"]);
    let link = format!("dazaar:{key}?iroh={endpoint}");
    let mut buyer = scene.dazaar("buyer", &["buy", &link]);
    buyer.fail_with(5);
    assert!(text(buyer.last("error"), "hint").contains("--iroh"), "{buyer}");
    let mut buyer = scene.dazaar("buyer", &["buy", &link, "--iroh", "--proxy", "socks5://127.0.0.1:1"]);
    buyer.fail_with(2);
}
