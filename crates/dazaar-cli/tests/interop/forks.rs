//! A seller whose folder was restored from a backup, and a buyer who has what came after it.

use std::path::Path;

use crate::support::{Place, Process, Scene, csv, text};

/// A listing of ten rows that a buyer has, and of which the seller's folder has seven again. Its name is `data`.
fn restored() -> (Scene, Place) {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(7));
    scene.init("seller");
    scene.dazaar("seller", &["sell", &data, "--admit-all", "--no-serve"]).succeed();
    let feeds = scene.path("seller/feeds");
    copy(&feeds, &scene.path("backup"));

    scene.file("data.csv", csv(10));
    let mut seller = sell(&scene);
    let place = Place::of_ours(&seller.wait_for("listening"));
    buy(&scene, "buyer", &place, &["--to", &scene.text_path("bought.csv")]).succeed();
    assert_eq!(scene.read("bought.csv"), csv(10));
    seller.interrupt();

    std::fs::remove_dir_all(&feeds).expect("the folder is there");
    copy(&scene.path("backup"), &feeds);
    (scene, place)
}

fn sell(scene: &Scene) -> Process {
    let data = scene.text_path("data.csv");
    scene.dazaar("seller", &["sell", &data, "--admit-all", "--follow", "--listen", "127.0.0.1:0"])
}

fn buy(scene: &Scene, who: &str, place: &Place, arguments: &[&str]) -> Process {
    scene.dazaar(who, &[&["buy", &place.seller, "--connect", &place.address], arguments].concat())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder can be made");
    for entry in std::fs::read_dir(from).expect("the folder is there").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("the file can be copied");
        }
    }
}

#[test]
fn a_restored_seller_learns_from_a_buyer_and_appends_nothing() {
    let (scene, _) = restored();
    scene.file("data.csv", csv(7));
    let mut seller = sell(&scene);
    let place = Place::of_ours(&seller.wait_for("listening"));
    let mut buyer = buy(&scene, "buyer", &place, &["--live", "--timeout", "0"]);
    let forked = seller.wait_for("forked");
    assert_eq!((&forked["length"], &forked["their_length"]), (&7.into(), &10.into()));
    assert_eq!(text(&forked, "feed"), place.feed);
    let heads = ["ours", "theirs"].map(|head| hex::decode(text(&forked, head)).expect("hex"));
    assert!(heads.iter().all(|head| dazaar::log::SignedHead::decode(head).is_some()), "{forked}");
    assert!(buyer.is_running() && seller.is_running());

    // The next row is refused.
    scene.file("data.csv", csv(8));
    seller.fail_with(7);
    assert!(text(seller.last("error"), "hint").contains("newer copy"), "{seller}");
    buyer.kill();

    // And so it is after a new start, while what is there can be bought.
    scene.dazaar("seller", &["sell", &scene.text_path("data.csv"), "--admit-all"]).fail_with(7);
    let mut seller = scene.dazaar("seller", &["serve", "--listen", "127.0.0.1:0"]);
    let place = Place::of_ours(&seller.wait_for("listening"));
    assert_eq!(seller.wait_for("forked")["buyer"], serde_json::Value::Null);
    buy(&scene, "another", &place, &["--to", &scene.text_path("rest.csv")]).succeed();
    assert_eq!(scene.read("rest.csv"), csv(7));
}

#[test]
fn a_restored_seller_that_wrote_on_learns_from_a_buyer_too() {
    let (scene, _) = restored();
    scene.file("data.csv", csv(7) + "7,other\n8,other\n9,other\n10,other\n");
    let mut seller = sell(&scene);
    let place = Place::of_ours(&seller.wait_for("listening"));
    let mut buyer = buy(&scene, "buyer", &place, &["--live", "--timeout", "0"]);
    let forked = seller.wait_for("forked");
    assert_eq!((&forked["length"], &forked["their_length"]), (&11.into(), &10.into()));
    buyer.kill();
    scene.file("data.csv", csv(7) + "7,other\n8,other\n9,other\n10,other\n11,other\n");
    seller.fail_with(7);
}

#[test]
fn selling_the_same_rows_again_brings_back_what_was_lost() {
    let (scene, _) = restored();
    scene.file("data.csv", csv(7));
    let mut seller = sell(&scene);
    let place = Place::of_ours(&seller.wait_for("listening"));
    let mut buyer = buy(&scene, "buyer", &place, &["--live", "--timeout", "0"]);
    seller.wait_for("forked");
    seller.interrupt();
    buyer.kill();

    let data = scene.text_path("data.csv");
    scene.file("data.csv", csv(9));
    scene.dazaar("seller", &["sell", &data, "--admit-all", "--no-serve"]).fail_with(7);
    scene.file("data.csv", csv(3000));
    let mut seller = scene.dazaar("seller", &["sell", &data, "--admit-all", "--listen", "127.0.0.1:0"]);
    let place = Place::of_ours(&seller.wait_for("listening"));
    buy(&scene, "buyer", &place, &["--to", &scene.text_path("bought.csv")]).succeed();
    assert_eq!(scene.read("bought.csv"), csv(3000));
    assert!(seller.seen().iter().all(|event| event["event"] != "forked"), "{seller}");
}
