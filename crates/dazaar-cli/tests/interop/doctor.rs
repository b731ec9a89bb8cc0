//! A feed's folder is damaged, named, repaired, and sold again.

use std::fs;

use crate::support::{Scene, csv, text};

/// A market that sells 50 rows as `data`; the folder of the feed.
fn market(scene: &Scene) -> std::path::PathBuf {
    let data = scene.file("data.csv", csv(50));
    scene.dazaar("market", &["sell", &data, "--no-serve"]).succeed();
    let mut status = scene.dazaar("market", &["status"]);
    status.succeed();
    text(status.last("listing"), "folder").into()
}

#[test]
fn a_damaged_feed_is_named_repaired_and_goes_on() {
    let scene = Scene::new();
    let folder = market(&scene);
    let path = folder.to_str().unwrap();
    let mut fine = scene.dazaar("market", &["doctor", "data"]);
    fine.succeed();
    assert_eq!((&fine.last("examined")["findings"], &fine.last("examined")["have"]), (&0.into(), &50.into()));

    fs::remove_file(folder.join("key")).unwrap();
    let data = scene.file("data.csv", csv(60));
    let mut sell = scene.dazaar("market", &["sell", &data, "--no-serve"]);
    sell.fail_with(8);
    assert!(text(sell.last("error"), "error").contains("`key`"), "{sell}");
    assert_eq!(text(sell.last("error"), "hint"), format!("dazaar doctor {path} --repair"));

    let mut look = scene.dazaar("market", &["doctor", path]);
    look.fail_with(8);
    assert_eq!(look.last("finding")["file"], "key");
    assert_eq!(look.last("finding")["repairable"], true);
    assert!(!folder.join("key").exists(), "a look changes nothing");
    let mut repair = scene.dazaar("market", &["doctor", path, "--repair"]);
    repair.succeed();
    assert_eq!(repair.last("examined")["repaired"], true);
    scene.dazaar("market", &["doctor", path]).succeed();
    scene.dazaar("market", &["sell", &data, "--no-serve"]).succeed();
    assert_eq!(scene.dazaar("market", &["get", "data", "59"]).wait_for("block")["index"], 59);
}

#[test]
fn a_feed_beyond_repair_is_left_alone() {
    let scene = Scene::new();
    let folder = market(&scene);
    fs::write(folder.join("tree"), "").unwrap();
    let mut repair = scene.dazaar("market", &["doctor", folder.to_str().unwrap(), "--repair"]);
    repair.fail_with(8);
    assert_eq!(repair.last("finding")["repairable"], false);
    assert_eq!(fs::read(folder.join("tree")).unwrap(), b"");
    let mut get = scene.dazaar("market", &["get", "data", "0"]);
    get.fail_with(8);
    assert!(text(get.last("error"), "error").contains("`tree`"), "{get}");
}

#[test]
fn a_feed_in_use_is_not_examined() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(50));
    let (mut seller, _) = scene.sell(&data, &["--admit-all"]);
    scene.dazaar("seller", &["doctor", "data"]).fail_with(6);
    assert!(seller.is_running());
}
