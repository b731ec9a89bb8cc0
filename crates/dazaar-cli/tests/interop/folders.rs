//! One folder, two programs: what either writes the other opens, audits, continues and serves.

use crate::support::{Scene, blocks, csv, text};

#[test]
fn a_folder_of_ours_is_continued_by_npm_hypercore_and_sold_on() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(300));
    let (mut seller, place) = scene.sell(&data, &["--admit-all"]);
    seller.interrupt();
    let folder = scene.text_path(&format!("seller/feeds/{}", place.feed));

    let mut peer = scene.js("open-folder.js", &folder, &["--append", "3", "--read", "299-302", "--clone"]);
    let opened = peer.wait_for("folder");
    assert_eq!((&opened["key"], &opened["length"]), (&place.feed.clone().into(), &300.into()));
    assert_eq!((&opened["writable"], &opened["live"]), (&true.into(), &true.into()));
    for length in [300, 303] {
        let audit = peer.wait_for("audit");
        assert_eq!((&audit["valid"], &audit["invalid"]), (&length.into(), &0.into()));
    }
    for index in 300..303 {
        peer.wait_until("a block that it appended", |event| {
            event["index"] == index && event["text"] == blocks([index]).as_str()
        });
    }
    assert_eq!(peer.wait_for("cloned")["valid"], 303);
    peer.succeed();

    let mut seller = scene.dazaar("seller", &["serve", "--listen", "127.0.0.1:0"]);
    let address = text(&seller.wait_for("listening"), "address");
    scene.init("buyer");
    let to = scene.text_path("bought.txt");
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &address, "--to", &to]);
    assert_eq!(buyer.wait_for("done")["length"], 303);
    buyer.succeed();
    assert_eq!(scene.read("bought.txt"), csv(300) + &blocks(300..303));
}

#[test]
fn a_folder_of_npm_hypercore_is_sold_in_place() {
    let scene = Scene::new();
    let mut maker = scene.js("make-folder.js", "theirs", &["--blocks", "2500"]);
    let key = text(&maker.wait_for("folder"), "key");
    maker.succeed();
    let (mut seller, place) = scene.sell(&scene.text_path("theirs"), &["--admit-all"]);
    assert_eq!(place.feed, key);
    let mut buyer =
        scene.js_buyer(&place, &["--until-length", "2500", "--to", &scene.text_path("bought.txt")]);
    buyer.succeed();
    assert_eq!(scene.read("bought.txt"), blocks(0..2500));
    seller.interrupt();

    let mut peer = scene.js("open-folder.js", "theirs", &["--append", "2", "--clone"]);
    assert_eq!(peer.wait_for("cloned")["valid"], 2502);
    peer.succeed();
}

#[test]
fn blocks_are_read_from_a_folder_of_npm_hypercore() {
    let scene = Scene::new();
    scene.init("reader");
    scene.js("make-folder.js", "theirs", &["--blocks", "100"]).succeed();
    let to = scene.text_path("some.txt");
    let mut reader = scene.dazaar("reader", &["get", &scene.text_path("theirs"), "10..21", "-o", &to]);
    reader.succeed();
    assert_eq!(scene.read("some.txt"), blocks(10..=20));
}

#[test]
fn a_folder_with_holes_gives_what_it_holds() {
    let scene = Scene::new();
    scene.init("reader");
    scene.js("make-folder.js", "theirs", &["--blocks", "100", "--only", "3,5-9,99"]).succeed();
    let to = scene.text_path("some.txt");
    scene.dazaar("reader", &["get", &scene.text_path("theirs"), "5..10", "-o", &to]).succeed();
    assert_eq!(scene.read("some.txt"), blocks(5..=9));
    let mut reader = scene.dazaar("reader", &["get", &scene.text_path("theirs"), "4"]);
    assert!(!reader.wait_for_end().success(), "{reader}");
}

#[test]
fn what_we_bought_opens_in_npm_hypercore() {
    let scene = Scene::new();
    scene.init("buyer");
    let (_seller, place) = scene.js_seller(&["--blocks", "250"]);
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address]);
    let feed = text(&buyer.wait_for("feed"), "feed");
    buyer.succeed();
    let to = scene.text_path("copied.txt");
    let folder = scene.text_path(&format!("buyer/buys/{feed}"));
    let mut peer = scene.js("open-folder.js", &folder, &["--clone", "--to", &to]);
    let audit = peer.wait_for("audit");
    assert_eq!((&audit["valid"], &audit["invalid"]), (&250.into(), &0.into()));
    assert_eq!(peer.wait_for("cloned")["valid"], 250);
    peer.succeed();
    assert_eq!(scene.read("copied.txt"), blocks(0..250));
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(20));
    let (_seller, place) = scene.sell(&data, &["--admit-all"]);
    let folder = scene.text_path(&format!("seller/feeds/{}", place.feed));
    let mut peer = scene.js("open-folder.js", &folder, &["--append", "1"]);
    peer.wait_for("error");
    assert!(!peer.wait_for_end().success());
}
