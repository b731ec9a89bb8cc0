//! The program dials sellers through a SOCKS5 proxy, and not around it.

use crate::support::{Manner, Scene, Socks, csv, text};

/// A name that no resolver knows.
const NAME: &str = "seller.invalid:1";

#[test]
fn a_seller_is_reached_through_a_proxy_with_a_password() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(30));
    let (_seller, place) = scene.sell(&data, &["--admit-all"]);
    let socks = Socks::start(Manner::Login("me", "hunter2"), &[(NAME, &place.address)]);
    let link = format!("dazaar:{}?at={NAME}", place.seller);
    let proxy = format!("socks5://me:hunter2@{}", socks.address);
    let bought = scene.text_path("bought.csv");
    scene.dazaar_with("buyer", &["buy", &link, "--to", &bought], &[("DAZAAR_PROXY", &proxy)]).succeed();
    assert_eq!(scene.read("bought.csv"), csv(30));

    let file = scene.file("proxy.txt", format!("{proxy}\n"));
    let mut doctor = scene.dazaar("nobody", &["doctor", &link, "--proxy-file", &file]);
    doctor.succeed();
    let ways: Vec<_> = doctor.seen().iter().filter(|event| event["event"] == "way").collect();
    assert_eq!(
        ways.iter().map(|way| text(way, "part")).collect::<Vec<_>>(),
        ["proxy", &format!("link {NAME}")]
    );
    assert!(socks.asked().iter().all(|target| target == NAME));
}

#[test]
fn a_seller_is_not_dialled_around_a_proxy() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(30));
    let (_seller, place) = scene.sell(&data, &["--admit-all"]);
    for (who, manner, told) in [
        ("refused", Manner::Refusing(2), "not allowed by ruleset"),
        ("lost", Manner::Open, "Host unreachable"),
        ("patient", Manner::Silent, ""),
    ] {
        let socks = Socks::start(manner, &[]);
        let proxy = format!("socks5://{}", socks.address);
        let words = ["buy", &place.seller, "--connect", &place.address, "--proxy", &proxy, "--timeout", "1"];
        let mut buyer = scene.dazaar(who, &words);
        buyer.fail_with(5);
        assert!(buyer.seen().iter().any(|event| event.to_string().contains(told)), "{buyer}");
        assert!(buyer.seen().iter().all(|event| event["event"] != "connected"), "{buyer}");
    }
}

#[test]
fn with_a_proxy_nobody_is_looked_for_elsewhere() {
    let scene = Scene::new();
    let key = "4f".repeat(32);
    let words = [
        "buy",
        &key,
        "--proxy",
        "socks5://127.0.0.1:1",
        "--interface",
        "127.0.0.1",
        "--bootstrap",
        "127.0.0.1:1",
    ];
    let variables = [("DAZAAR_NO_LAN", "false")];
    let mut buyer = scene.dazaar_with("buyer", &words, &variables);
    buyer.fail_with(5);
    assert!(text(buyer.last("error"), "error").contains("no address"), "{buyer}");
    let mut buyer =
        scene.dazaar_with("buyer", &[&words[..], &["--around-proxy", "--timeout", "1"]].concat(), &variables);
    buyer.fail_with(5);
    assert!(text(buyer.last("error"), "error").contains("cannot be reached"), "{buyer}");
}

#[test]
fn a_password_on_the_command_line_is_refused_and_not_repeated() {
    let scene = Scene::new();
    let key = "4f".repeat(32);
    let mut buyer = scene.dazaar("buyer", &["buy", &key, "--proxy", "socks5://me:hunter2@127.0.0.1:1"]);
    buyer.fail_with(2);
    let told = buyer.last("error").to_string();
    assert!(told.contains("--proxy-file") && !told.contains("hunter2"), "{buyer}");
    let mut buyer = scene.dazaar_with("buyer", &["buy", &key], &[("DAZAAR_PROXY", "http://me:hunter2@h:1")]);
    buyer.fail_with(3);
    let told = buyer.last("error").to_string();
    assert!(told.contains("socks5://") && !told.contains("hunter2"), "{buyer}");
}
