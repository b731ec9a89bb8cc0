//! Rows that are wrong, and rows that come in other ways.

use std::process::Command;

use crate::support::{Process, Scene, csv, text};

/// A CSV file whose line 4 has a column too many and whose line 6 is not closed properly.
const BAD_CSV: &str = "time,value\n1,1\n2,2\n3,3,3\n4,4\n5\n6,6\n";

/// JSON lines of which the third is cut off.
const BAD_JSONL: &str = "{\"a\":1}\n{\"a\":2}\n{\"a\":\n{\"a\":4}\n";

/// Lists without serving.
fn list(scene: &Scene, source: &str, arguments: &[&str]) -> Process {
    scene.dazaar("seller", &[&["sell", source, "--no-serve"], arguments].concat())
}

/// Everything that the feed named `name` holds.
fn held(scene: &Scene, name: &str) -> String {
    let mut reader = scene.dazaar("seller", &["get", name]);
    reader.succeed();
    reader.seen().iter().map(|block| text(block, "text")).collect()
}

#[test]
fn a_bad_row_stops_the_import_before_anything_is_imported() {
    for (name, content, line) in [("bad.csv", BAD_CSV, 4), ("bad.jsonl", BAD_JSONL, 3)] {
        let scene = Scene::new();
        scene.init("seller");
        let mut process = list(&scene, &scene.file(name, content), &[]);
        process.fail_with(3);
        let error = text(process.last("error"), "error");
        assert!(error.contains(&format!("line {line}")), "{error}");
        let mut status = scene.dazaar("seller", &["status"]);
        status.succeed();
        assert!(status.seen().iter().all(|event| event["event"] != "listing"), "{status}");
    }
}

#[test]
fn bad_rows_are_skipped_if_told_to() {
    let scene = Scene::new();
    scene.init("seller");
    let mut process =
        list(&scene, &scene.file("bad.csv", BAD_CSV), &["--on-error", "skip", "--name", "data"]);
    process.succeed();
    let skipped: Vec<_> = process.seen().iter().filter(|event| event["event"] == "skipped").collect();
    assert_eq!(skipped.iter().map(|event| &event["line"]).collect::<Vec<_>>(), [4, 6], "{process}");
    let imported = process.last("imported");
    assert_eq!((&imported["length"], &imported["skipped"]), (&5.into(), &2.into()));
    assert_eq!(held(&scene, "data"), "time,value\n1,1\n2,2\n4,4\n6,6\n");
}

#[test]
fn a_file_that_grew_is_continued_and_one_that_changed_is_refused() {
    let scene = Scene::new();
    scene.init("seller");
    let data = scene.file("data.csv", csv(10));
    list(&scene, &data, &["--name", "data"]).succeed();
    scene.file("data.csv", csv(15));
    list(&scene, &data, &["--name", "data"]).succeed();
    assert_eq!(held(&scene, "data"), csv(15));
    scene.file("data.csv", csv(15).replace("\n7,", "\n8,"));
    let mut changed = list(&scene, &data, &["--name", "data"]);
    changed.fail_with(3);
    assert!(text(changed.last("error"), "error").contains("row 8"), "{changed}");
    assert_eq!(held(&scene, "data"), csv(15));
}

#[test]
fn a_packed_file_is_unpacked() {
    let scene = Scene::new();
    scene.init("seller");
    let data = scene.file("data.csv", csv(100));
    assert!(Command::new("gzip").arg(&data).status().expect("gzip runs").success());
    list(&scene, &format!("{data}.gz"), &["--name", "data"]).succeed();
    assert_eq!(held(&scene, "data"), csv(100));
}

#[test]
fn rows_are_published_as_they_are_piped_in() {
    let scene = Scene::new();
    let words = ["--name", "ticks", "--format", "jsonl", "--follow", "--admit-all"];
    let (mut seller, place) = scene.sell("-", &words);
    let mut buyer = scene.dazaar("buyer", &["buy", &place.seller, "--connect", &place.address, "--live"]);
    for row in 1..=3 {
        seller.say(&format!("{{\"row\":{row}}}"));
        buyer.wait_until("one more", |event| event["event"] == "progress" && event["have"] == row);
    }
}

#[test]
fn a_card_that_is_wrong_stops_the_import_before_anything_is_imported() {
    let scene = Scene::new();
    let data = scene.file("data.csv", csv(5));
    let card = scene.file("card.json", r#"{"name": 7}"#);
    list(&scene, &data, &["--card", &card]).fail_with(3);
    list(&scene, &scene.file("data.csv", csv(3)), &[]).succeed();
    assert_eq!(held(&scene, "data"), csv(3));
}

#[test]
fn a_pipe_goes_on_where_the_feed_ends() {
    let scene = Scene::new();
    for _ in 0..2 {
        let mut seller = list(&scene, "-", &["--name", "ticks", "--follow"]);
        seller.say("tick");
        seller.close_stdin();
        seller.succeed();
    }
    assert_eq!(held(&scene, "ticks"), "tick\ntick\n");
}

#[test]
fn a_last_row_that_grew_is_explained() {
    let scene = Scene::new();
    list(&scene, &scene.file("data.csv", "a,b\n1,2"), &[]).succeed();
    let mut again = list(&scene, &scene.file("data.csv", "a,b\n1,23\n"), &[]);
    again.fail_with(3);
    assert!(text(again.last("error"), "hint").contains("--follow"), "{again}");
}

#[test]
fn a_bad_header_is_never_skipped() {
    let scene = Scene::new();
    let data = scene.file("data.csv", b"ti\xffme,value\n1,2\n");
    list(&scene, &data, &["--on-error", "skip"]).fail_with(3);
}
