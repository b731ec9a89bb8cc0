//! The program by itself: markets, keys, and the demo.

use crate::support::{Scene, csv, text};

#[test]
fn the_demo_ends_with_two_identical_files() {
    let scene = Scene::new();
    let mut demo = scene.dazaar("nobody", &["demo"]);
    assert!(demo.wait_for("done")["length"].as_u64() > Some(100_000), "{demo}");
    demo.succeed();
}

#[test]
fn a_market_is_restored_from_its_backup() {
    let scene = Scene::new();
    let buyer = scene.init("first");
    let mut backup = scene.dazaar("first", &["key", "backup"]);
    backup.succeed();
    let words = text(backup.last("backup"), "words");
    assert_eq!(words.split_whitespace().count(), 24);
    let mut restore = scene.dazaar("second", &["key", "restore"]);
    restore.say(&words);
    restore.close_stdin();
    restore.succeed();
    assert_eq!(restore.last("key")["buyer"], buyer.as_str());
}

#[test]
fn a_market_is_not_made_twice() {
    let scene = Scene::new();
    let buyer = scene.init("market");
    assert!(!scene.dazaar("market", &["init"]).wait_for_end().success());
    let mut show = scene.dazaar("market", &["key", "show"]);
    show.succeed();
    assert_eq!(show.last("key")["buyer"], buyer.as_str());
}

#[test]
fn a_master_key_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::new();
    scene.init("market");
    let mode = std::fs::metadata(scene.path("market/master.key")).expect("a master key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn mistakes_on_the_command_line_have_their_exit_code() {
    let scene = Scene::new();
    scene.dazaar("market", &["buy"]).fail_with(2);
    scene.dazaar("market", &["sell", "no-such-file.csv"]).fail_with(3);
    scene.dazaar("market", &["buy", &"ab".repeat(32)]).fail_with(5);
}

#[test]
fn a_market_is_the_same_from_wherever_it_is_named() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    let mut here = scene.dazaar_in(".", &["--dir", "market", "sell", &data, "--blocks", "raw", "--no-serve"]);
    here.succeed();
    std::fs::create_dir(scene.path("elsewhere")).unwrap();
    let mut there = scene.dazaar_in("elsewhere", &["--dir", "../market", "status"]);
    there.succeed();
    assert_eq!(there.last("listing")["length"], 5);
}

#[test]
fn a_passphrase_that_is_none_is_refused() {
    let scene = Scene::new();
    let empty = scene.file("empty", "\n");
    scene.dazaar("market", &["--passphrase-file", &empty, "init"]).fail_with(3);
    assert!(!scene.path("market/master.key").exists());
}

#[test]
fn a_file_is_not_emptied_for_blocks_that_are_missing() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    scene.dazaar("market", &["sell", &data, "--no-serve"]).succeed();
    let to = scene.file("kept.csv", "precious");
    scene.dazaar("market", &["get", "data", "7", "-o", &to]).fail_with(3);
    assert_eq!(scene.read("kept.csv"), "precious");
}
