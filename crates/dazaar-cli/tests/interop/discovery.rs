//! The program finds sellers by their key: through `dazaar node` and on the local network, which is this machine.

use serde_json::Value;

use crate::support::{Process, Scene, csv, text};

const LAN: [&str; 2] = ["--interface", "127.0.0.1"];

/// Runs `dazaar node` until the end of the test.
fn node(scene: &Scene) -> (Process, String) {
    let mut node = scene.dazaar("node", &["node", "--listen", "127.0.0.1:0"]);
    let address = text(&node.wait_for("node"), "address");
    (node, address)
}

#[test]
fn a_key_is_enough_with_a_node_of_our_own() {
    let scene = Scene::new();
    let (mut node, bootstrap) = node(&scene);
    let data = scene.file("data.csv", csv(300));
    let (mut seller, place) = scene.sell(&data, &["--admit-all", "--bootstrap", &bootstrap]);
    assert_eq!(seller.wait_for("announced")["nodes"], 1);
    node.wait_until("the announcement", |event| event["records"] == 1);
    let bought = scene.text_path("bought.csv");
    scene.dazaar("buyer", &["buy", &place.seller, "--bootstrap", &bootstrap, "--to", &bought]).succeed();
    assert_eq!(scene.read("bought.csv"), csv(300));

    let js = ["--seller", &place.seller, "--bootstrap", &bootstrap, "--until-length", "300"];
    scene.js("swarm-buyer.js", "js-buyer", &js).succeed();

    seller.interrupt();
    node.wait_until("the withdrawal", |event| event["records"] == 0);
    assert!(node.is_running());
}

#[test]
fn a_key_is_enough_on_the_local_network() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(30));
    // The tests turn the local network off, and here it is wanted.
    let on = [("DAZAAR_NO_LAN", "false")];
    scene.init("seller");
    let sell = [&["sell", &data, "--listen", "127.0.0.1:0", "--admit-all"][..], &LAN].concat();
    let mut seller = scene.dazaar_with("seller", &sell, &on);
    let key = text(&seller.wait_for("listening"), "seller");
    let bought = scene.text_path("bought.csv");
    let buy = [&["buy", &key, "--to", &bought][..], &LAN].concat();
    scene.dazaar_with("buyer", &buy, &on).succeed();
    assert_eq!(scene.read("bought.csv"), csv(30));
    scene.js("swarm-buyer.js", "js", &["--seller", &key, "--lan", "--until-length", "30"]).succeed();
}

#[test]
fn without_any_way_to_look_a_key_is_not_enough() {
    let scene = Scene::new();
    let key = "4f".repeat(32);
    let mut buyer = scene.dazaar("buyer", &["buy", &key]);
    buyer.fail_with(5);
    assert!(buyer.complaints().contains("--bootstrap"), "{buyer}");
}

/// The same words as in the Python package.
#[test]
fn a_switch_in_the_environment_is_on_off_or_refused() {
    let scene = Scene::new();
    let key = "4f".repeat(32);
    for value in ["TRUE", "yes", "1"] {
        scene.dazaar_with("buyer", &["buy", &key], &[("DAZAAR_NO_LAN", value)]).fail_with(5);
    }
    let iroh = [("DAZAAR_IROH", "off"), ("DAZAAR_NO_SHARE", "")];
    scene.dazaar_with("buyer", &["buy", &key], &iroh).fail_with(5);
    let mut buyer = scene.dazaar_with("buyer", &["buy", &key], &[("DAZAAR_NO_LAN", "perhaps")]);
    buyer.fail_with(2);
    assert!(buyer.complaints().contains("a switch is `true` or `false`"), "{buyer}");
}

#[test]
fn the_doctor_tells_which_ways_lead_to_a_seller() {
    let scene = Scene::new();
    let (_node, bootstrap) = node(&scene);
    let data = scene.file("data.csv", csv(30));
    let (mut seller, place) = scene.sell(&data, &["--admit-all", "--bootstrap", &bootstrap]);
    seller.wait_for("announced");
    // Somebody else is at the address of the link.
    let other = Scene::new();
    let (_impostor, impostor) = other.sell(&other.file("data.csv", csv(5)), &[]);
    let link = format!("dazaar:{}?at={}", place.seller, impostor.address);
    let mut doctor = scene.dazaar("nobody", &["doctor", &link, "--bootstrap", &bootstrap]);
    doctor.succeed();
    let ways: Vec<&Value> = doctor.seen().iter().filter(|event| event["event"] == "way").collect();
    let way = |part: &str| {
        ways.iter().find(|way| way["part"] == part).unwrap_or_else(|| panic!("{part}: {ways:?}"))
    };
    assert_eq!(way("DHT")["fine"], true);
    assert!(text(way("NAT"), "detail").contains("others see our own address, 127.0.0.1:"), "{ways:?}");
    assert_eq!(way(&format!("dht {}", place.address))["fine"], true);
    assert_eq!(way(&format!("link {}", impostor.address))["fine"], false);

    seller.interrupt();
    scene.dazaar("nobody", &["doctor", &link, "--bootstrap", &bootstrap]).fail_with(5);
}
