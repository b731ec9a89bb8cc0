//! Our buyer, our seller.

use dazaar::folder::Folder;
use dazaar::log::Log;
use serde_json::Value;

use crate::support::{Place, Process, Scene, csv, eventually, text};

/// Starts a purchase with the market of `who`.
fn buy(scene: &Scene, who: &str, place: &Place, arguments: &[&str]) -> Process {
    scene.dazaar(who, &[&["buy", &place.seller, "--connect", &place.address], arguments].concat())
}

#[test]
fn every_frame_is_authenticated() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(300));
    let (mut seller, place) = scene.sell(&data, &["--admit-all", "--require-authenticated"]);
    let mut buyer =
        buy(&scene, "buyer", &place, &["--require-authenticated", "--to", &scene.text_path("bought.csv")]);
    assert_eq!(buyer.wait_for("connected")["authenticated"], true);
    assert_eq!(seller.wait_for("buyer-connected")["authenticated"], true);
    buyer.succeed();
    assert_eq!(scene.read("bought.csv"), csv(300));
}

#[test]
fn a_peer_that_cannot_authenticate_frames_is_refused_if_told_to() {
    let scene = Scene::new();
    let (_seller, place) = scene.js_seller(&[]);
    let mut buyer = buy(&scene, "buyer", &place, &["--require-authenticated"]);
    buyer.fail_with(4);
    assert!(buyer.seen().iter().all(|event| event["event"] != "feed"), "{buyer}");

    let data = scene.file("data.csv", csv(5));
    let (mut seller, place) = scene.sell(&data, &["--admit-all", "--require-authenticated"]);
    let mut buyer = scene.js_buyer(&place, &["--until-length", "5"]);
    buyer.wait_for("closed");
    assert!(buyer.seen().iter().all(|event| event["event"] != "validated"), "{buyer}");
    assert!(seller.is_running());
}

#[test]
fn b16_terms_are_signed_before_anything_is_delivered() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let terms = scene.file("terms.txt", "be nice\n");
    let (mut seller, place) = scene.sell(&data, &["--admit-all", "--terms", &terms]);

    let mut reader = buy(&scene, "buyer", &place, &[]);
    let asked = reader.wait_for("terms");
    assert!(text(&asked, "text").starts_with("be nice"));
    reader.fail_with(4);

    let key = scene.init("signer");
    let mut signer = buy(&scene, "signer", &place, &["--accept-terms", &text(&asked, "hash")]);
    assert_eq!(seller.wait_for("terms-accepted")["buyer"], key.as_str());
    assert_eq!(signer.wait_for("done")["length"], 20);
    signer.succeed();
}

#[test]
fn time_is_granted_taken_back_and_granted_again() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let (mut seller, place) = scene.sell(&data, &["--follow", "--interval", "50"]);
    let key = scene.init("buyer");
    let mut buyer = buy(&scene, "buyer", &place, &["--live", "--to", &scene.text_path("bought.csv")]);
    buyer.wait_for("invalid");
    scene.dazaar("seller", &["grant", &key, "2h"]).succeed();
    buyer.wait_until("all 20 blocks", |event| event["event"] == "progress" && event["have"] == 20);
    scene.dazaar("seller", &["revoke", &key]).succeed();
    buyer.wait_for("invalid");
    scene.file("data.csv", csv(25));
    scene.dazaar("seller", &["grant", &key, "forever"]).succeed();
    let mut admitted = false;
    buyer.wait_until("all 25 blocks", |event| {
        admitted |= event["event"] == "valid";
        assert!(
            admitted || event["event"] != "progress",
            "a block came while the buyer was cut off: {event}"
        );
        event["event"] == "progress" && event["have"] == 25
    });
    buyer.interrupt();
    assert_eq!(scene.read("bought.csv"), csv(25));
    seller.interrupt();
    let connections = seller.seen().iter().filter(|event| event["event"] == "buyer-connected").count();
    assert_eq!(connections, 1, "{seller}");
}

#[test]
fn every_buyer_has_a_feed_of_their_own() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(50));
    let (_seller, place) = scene.sell(&data, &["--admit-all"]);
    let feeds = ["anna", "bert", "cleo"].map(|who| {
        let mut buyer = buy(&scene, who, &place, &["--to", &scene.text_path(&format!("{who}.csv"))]);
        let feed = text(&buyer.wait_for("feed"), "feed");
        buyer.succeed();
        assert_eq!(scene.read(&format!("{who}.csv")), csv(50));
        feed
    });
    assert!(
        feeds[0] != feeds[1] && feeds[1] != feeds[2] && feeds[0] != feeds[2] && !feeds.contains(&place.feed)
    );
    let mut sales = scene.dazaar("seller", &["sales"]);
    sales.succeed();
    let sold: Vec<String> = sales.seen().iter().map(|sale| text(sale, "unique_feed")).collect();
    assert!(feeds.iter().all(|feed| sold.contains(feed)), "{sales}");
}

#[test]
fn a_purchase_survives_a_new_start_of_the_seller() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let (mut seller, place) = scene.sell(&data, &["--admit-all"]);
    let mut buyer = buy(&scene, "buyer", &place, &["--live", "--timeout", "0"]);
    buyer.wait_until("all 20 blocks", |event| event["event"] == "progress" && event["have"] == 20);
    seller.interrupt();
    buyer.wait_for("disconnected");
    scene.file("data.csv", csv(30));
    let mut seller = scene.dazaar("seller", &["sell", &data, "--admit-all", "--listen", &place.address]);
    assert_eq!(text(&seller.wait_for("listening"), "seller"), place.seller);
    buyer.wait_until("all 30 blocks", |event| event["event"] == "progress" && event["have"] == 30);
}

#[test]
fn a_link_and_a_card_are_enough_to_buy() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let (mut seller, _) = scene.sell(&data, &["--admit-all"]);
    let link = text(seller.last("listening"), "link");
    scene.dazaar("with-link", &["buy", &link, "--to", &scene.text_path("bought.csv")]).succeed();
    assert_eq!(scene.read("bought.csv"), csv(20));

    let mut show = scene.dazaar("seller", &["card", "show"]);
    show.succeed();
    let card = scene.file("card.json", show.last("card")["card"].to_string());
    scene.dazaar("with-card", &["card", "verify", &card]).succeed();
    let address = text(seller.last("listening"), "address");
    scene.dazaar("with-card", &["buy", &card, "--connect", &address]).succeed();
    assert!(seller.is_running());
}

#[test]
fn a_forged_card_is_noticed() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    scene.init("seller");
    scene.dazaar("seller", &["sell", &data, "--no-serve"]).succeed();
    let mut show = scene.dazaar("seller", &["card", "show"]);
    show.succeed();
    let mut card = show.last("card")["card"].clone();
    card["description"] = "something else".into();
    let card = scene.file("card.json", card.to_string());
    assert!(!scene.dazaar("buyer", &["card", "verify", &card]).wait_for_end().success());
}

#[test]
fn a_buyer_sends_a_message() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let (mut seller, place) = scene.sell(&data, &["--admit-all"]);
    let key = scene.init("buyer");
    let _buyer = buy(&scene, "buyer", &place, &["--live", "--send", r#"hello={"n":1}"#]);
    let message = seller.wait_for("message");
    assert_eq!((&message["from"], &message["name"]), (&key.into(), &"hello".into()));
    assert_eq!(message["message"]["n"], 1);
}

#[test]
fn single_blocks_are_bought_and_read_offline() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(400));
    let (mut seller, place) = scene.sell(&data, &["--admit-all"]);
    let mut buyer = buy(&scene, "buyer", &place, &["--sparse", "--blocks", "3,5..10,399"]);
    buyer.wait_for("done");
    buyer.succeed();
    seller.interrupt();
    let mut reader = scene.dazaar("buyer", &["get", &place.seller, "5..10"]);
    reader.succeed();
    let lines: Vec<String> = csv(400).lines().map(|line| format!("{line}\n")).collect();
    let read: Vec<String> = reader.seen().iter().map(|block| text(block, "text")).collect();
    assert_eq!(read, lines[5..10]);
    scene.dazaar("buyer", &["get", &place.seller, "4"]).fail_with(3);
}

#[test]
fn a_complete_copy_asks_whether_there_is_more() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let (mut seller, place) = scene.sell(&data, &["--admit-all"]);
    buy(&scene, "buyer", &place, &[]).succeed();
    seller.interrupt();

    scene.file("data.csv", csv(30));
    let mut seller = scene.dazaar("seller", &["sell", &data, "--admit-all", "--listen", "127.0.0.1:0"]);
    let address = text(&seller.wait_for("listening"), "address");
    let to = scene.text_path("bought.csv");
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &address, "--to", &to]);
    assert_eq!(buyer.wait_for("done")["length"], 30);
    assert_eq!(scene.read("bought.csv"), csv(30));
}

#[test]
fn a_seller_who_does_not_pass_the_check_is_not_downloaded_from() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let (_seller, place) = scene.sell(&data, &["--admit-all"]);
    scene.file("verdict", "exit 1");
    let mut buyer = buy(&scene, "buyer", &place, &["--vet-command", "sh verdict"]);
    let says = |event: &Value, words: &str| event["text"].as_str().is_some_and(|text| text.contains(words));
    buyer.wait_until("a bad verdict", |event| says(event, "did not pass the check"));
    assert!(buyer.seen().iter().all(|event| event["event"] != "done"), "{buyer}");
    scene.file("verdict", "exit 0");
    assert_eq!(buyer.wait_for("done")["have"], 20);
    let early = buyer.seen().iter().take_while(|event| !says(event, "passed the check"));
    assert!(early.filter(|event| event["event"] == "progress").all(|event| event["have"] == 0), "{buyer}");
}

#[test]
fn somebody_else_at_the_address_is_named() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    let (_seller, place) = scene.sell(&data, &["--admit-all"]);
    let other = "11".repeat(32);
    let mut buyer = scene.dazaar("buyer", &["buy", &other, "--connect", &place.address]);
    buyer.fail_with(5);
    assert!(text(buyer.last("error"), "error").contains(&place.seller), "{buyer}");
    let mut status = scene.dazaar("buyer", &["status"]);
    status.succeed();
    assert!(status.seen().is_empty(), "nothing was bought: {status}");
}

#[test]
fn a_file_keeps_what_it_held_until_rows_arrive() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    let (_seller, place) = scene.sell(&data, &[]);
    let to = scene.file("bought.csv", "precious");
    buy(&scene, "buyer", &place, &["--to", &to, "--no-wait"]).fail_with(4);
    assert_eq!(scene.read("bought.csv"), "precious");
}

#[test]
fn a_sparse_purchase_without_blocks_learns_the_length() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    let (_seller, place) = scene.sell(&data, &["--admit-all"]);
    let mut buyer = buy(&scene, "buyer", &place, &["--sparse"]);
    let done = buyer.wait_for("done");
    assert_eq!((&done["length"], &done["have"]), (&5.into(), &0.into()));
}

#[test]
fn a_name_never_passes_for_a_key() {
    let scene = Scene::new();
    let honest = scene.file("honest.csv", csv(5));
    let (mut seller, place) = scene.sell(&honest, &["--admit-all"]);
    let evil = scene.file("evil.csv", csv(9));
    let words = ["sell", &evil, "--name", &place.seller, "--admit-all", "--listen", "127.0.0.1:0"];
    let mut impostor = scene.dazaar("impostor", &words);
    let link = text(&impostor.wait_for("listening"), "link");
    scene.dazaar("buyer", &["buy", &link]).succeed();
    let mut buyer = buy(&scene, "buyer", &place, &[]);
    assert_eq!(buyer.wait_for("done")["length"], 5);
    assert_eq!(text(&seller.wait_for("buyer-connected"), "buyer").len(), 64);
}

#[test]
fn blocks_that_came_later_are_bought_singly() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let (mut seller, place) = scene.sell(&data, &["--admit-all"]);
    buy(&scene, "buyer", &place, &[]).succeed();
    seller.interrupt();
    scene.file("data.csv", csv(30));
    let mut seller = scene.dazaar("seller", &["sell", &data, "--admit-all", "--listen", "127.0.0.1:0"]);
    let address = text(&seller.wait_for("listening"), "address");
    let words = ["buy", &place.seller, "--connect", &address, "--sparse", "--blocks", "18.."];
    let mut buyer = scene.dazaar("buyer", &words);
    buyer.succeed();
    let blocks = buyer.seen().iter().filter(|event| event["event"] == "block");
    assert_eq!(blocks.count(), 12, "{buyer}");
}

#[test]
fn rows_go_to_a_pipe_as_well() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    let (_seller, place) = scene.sell(&data, &["--admit-all"]);
    buy(&scene, "buyer", &place, &["--to", "/dev/null"]).succeed();
}

#[test]
fn admitting_again_after_a_revocation_admits() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    let key = scene.init("buyer");
    let (mut seller, _) = scene.sell(&data, &["--allow", &key]);
    seller.interrupt();
    scene.dazaar("seller", &["revoke", &key]).succeed();
    let mut seller = scene.dazaar("seller", &["sell", &data, "--allow", &key, "--listen", "127.0.0.1:0"]);
    let link = text(&seller.wait_for("listening"), "link");
    scene.dazaar("buyer", &["buy", &link, "--no-wait"]).succeed();
}

#[test]
fn rows_that_were_followed_are_on_the_disk_when_the_program_ends() {
    let scene = Scene::new();
    let mut seller = scene.dazaar("seller", &["sell", "-", "--name", "ticks", "--follow", "--no-serve"]);
    seller.say("tick 1");
    seller.close_stdin();
    seller.succeed();
    let feed = text(seller.last("imported"), "feed");
    let folder = Folder::snapshot(&scene.path("seller/feeds").join(feed)).expect("the feed is there");
    let log = Log::open(folder).expect("the feed opens");
    assert!(log.length() == 1 && !log.is_unsynced());
}

#[test]
fn keeping_another_part_of_the_past_is_not_silent() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    let sell = |keep: &[&str]| {
        let mut seller = scene.dazaar("seller", &[&["sell", &data, "--no-serve"], keep].concat());
        seller.succeed();
        seller
    };
    sell(&["--keep", "90d"]);
    let again = sell(&[]);
    eventually("a remark", || again.complaints().contains("Everything of `data` is kept from now on"));
    let less = sell(&["--keep-bytes", "1MB"]);
    eventually("a remark", || less.complaints().contains("Another part of the past of `data` is kept"));
}

#[test]
fn a_purchase_ends_with_what_the_seller_still_has() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(300));
    let tail: String = csv(300).split_inclusive('\n').skip(290).collect();
    let bytes = tail.len().to_string();
    scene.dazaar("seller", &["sell", &data, "--admit-all", "--keep-bytes", &bytes, "--no-serve"]).succeed();
    let mut seller = scene.dazaar("seller", &["serve", "--listen", "127.0.0.1:0"]);
    let place = Place::of_ours(&seller.wait_for("listening"));

    let mut buyer = buy(&scene, "buyer", &place, &["--to", &scene.text_path("bought.csv")]);
    buyer.succeed();
    let gone = buyer.last("gone");
    assert_eq!((&gone["start"], &gone["end"]), (&1.into(), &290.into()));
    assert_eq!((&buyer.last("done")["length"], &buyer.last("done")["have"]), (&300.into(), &11.into()));
    assert_eq!(scene.read("bought.csv"), csv(1) + &tail, "the names of the columns stay");

    let mut picky = buy(&scene, "picky", &place, &["--sparse", "--blocks", "289..291"]);
    picky.succeed();
    assert_eq!((&picky.last("gone")["start"], &picky.last("block")["index"]), (&289.into(), &290.into()));
}
