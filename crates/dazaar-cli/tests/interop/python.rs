//! The program against peers that were written from the specification alone.

use crate::support::{Place, Scene, blocks, csv};

#[test]
fn buys_from_a_seller_that_signs_tree_hashes() {
    buys_from_a_seller_that_signs("32");
}

#[test]
fn buys_from_a_seller_that_signs_lengths_too() {
    buys_from_a_seller_that_signs("40");
}

fn buys_from_a_seller_that_signs(form: &str) {
    let scene = Scene::new();
    scene.init("buyer");
    let mut seller = scene.python("seller.py", &["--blocks", "37", "--form", form]);
    let place = Place::of_peer(&seller.wait_for("listening"));
    let to = scene.text_path("bought.txt");
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--to", &to]);
    assert_eq!(buyer.wait_for("done")["length"], 37);
    buyer.succeed();
    assert_eq!(scene.read("bought.txt"), blocks(0..37));
}

#[test]
fn follows_a_python_seller() {
    let scene = Scene::new();
    scene.init("buyer");
    let mut seller = scene.python("seller.py", &[]);
    let place = Place::of_peer(&seller.wait_for("listening"));
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--live"]);
    buyer.wait_until("all 37 blocks", |event| event["event"] == "progress" && event["have"] == 37);
    for length in 38..=40 {
        seller.say("append something new");
        buyer.wait_until("one more", |event| event["event"] == "progress" && event["have"] == length);
    }
}

#[test]
fn sells_to_a_python_buyer() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(200));
    let (_seller, place) = scene.sell(&data, &["--admit-all"]);
    let to = scene.text_path("bought.csv");
    let words = ["--port", place.port(), "--seller", &place.seller, "--until-length", "200", "--to", &to];
    let mut buyer = scene.python("buyer.py", &words);
    assert_eq!(buyer.wait_for("done")["length"], 200);
    buyer.succeed();
    assert_eq!(scene.read("bought.csv"), csv(200));
}
