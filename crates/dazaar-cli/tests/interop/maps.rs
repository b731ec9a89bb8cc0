//! Maps: written from the command line, read by npm hypertrie, sold, and looked up at their seller.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Place, Process, Scene, eventually};

/// Runs `dazaar map`.
#[track_caller]
fn map(scene: &Scene, who: &str, arguments: &[&str]) -> Process {
    let mut process = scene.dazaar(who, &[&["map"], arguments].concat());
    process.succeed();
    process
}

/// Keys and values, sorted by key.
fn entries(process: &Process) -> Vec<(String, Value)> {
    let entries = process.seen().iter().filter(|event| event["event"] == "map-entry");
    let mut entries: Vec<_> = entries
        .map(|event| (event["key"].as_str().unwrap_or_default().to_owned(), event["value"].clone()))
        .collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    entries
}

/// The folders of feeds in a folder.
fn feeds_below(folder: &Path) -> Vec<String> {
    if folder.join("tree").is_file() {
        return vec![folder.display().to_string()];
    }
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| path.is_dir()).flat_map(|path| feeds_below(&path)).collect()
}

fn link(place: &Place) -> String {
    format!("dazaar:{}?at={}", place.seller, place.address)
}

#[test]
fn a_map_is_written_read_and_compared() {
    let scene = Scene::new();
    let put = map(&scene, "nobody", &["put", "prices", "btc/usd", "100000"]);
    assert_eq!(put.last("map-done")["version"], 2);
    let lines = [
        json!({ "key": "btc/eur", "value": "90000" }),
        json!({ "key": "logo", "base64": "/wD+" }),
        json!({ "key": "gone", "value": "1" }),
        json!({ "key": "gone", "deleted": true }),
    ];
    let lines = lines.map(|line| line.to_string() + "\n").concat();
    let done = map(&scene, "nobody", &["import", "prices", &scene.file("lines", lines)]);
    assert_eq!(done.last("map-done")["changed"], 2, "of what happens to one key the last counts");
    let got = map(&scene, "nobody", &["get", "prices", "logo"]);
    assert_eq!(got.last("map-entry")["base64"], "/wD+");
    map(&scene, "nobody", &["rm", "prices", "btc/usd"]);
    map(&scene, "nobody", &["put", "prices", "btc/eur", "95000"]);
    let diff = map(&scene, "nobody", &["diff", "prices", "4"]);
    let changes = diff.seen().iter().filter(|event| event["event"] == "map-change");
    let mut changes: Vec<_> =
        changes.map(|event| format!("{} {} {}", event["kind"], event["key"], event["value"])).collect();
    changes.sort();
    assert_eq!(changes, [r#""changed" "btc/eur" "95000""#, r#""deleted" "btc/usd" null"#]);
    let older = map(&scene, "nobody", &["ls", "prices", "btc", "--at", "4"]);
    assert_eq!(entries(&older), [("btc/eur".into(), "90000".into()), ("btc/usd".into(), "100000".into())]);
    assert!(!scene.path("nobody").exists(), "that needs no market");

    let wrong = scene.file("wrong", "{\"key\":\"kept\",\"value\":\"1\"}\n{\"key\":\"x\"}\n");
    scene.dazaar("nobody", &["map", "import", "prices", &wrong]).fail_with(3);
    assert_eq!(map(&scene, "nobody", &["get", "prices", "kept"]).last("map-entry")["value"], "1");
    let empty = json!([{ "key": "", "value": "1" }]);
    let lines = ["{\"key\":\"kept too\",\"value\":\"1\"}\n", &(empty[0].to_string() + "\n")].concat();
    scene.dazaar("nobody", &["map", "import", "prices", &scene.file("empty", lines)]).fail_with(3);
    map(&scene, "nobody", &["get", "prices", "kept too"]);
    scene.dazaar("nobody", &["map", "ls", "prices", "--follow"]).fail_with(2);
    scene.dazaar("nobody", &["map", "get", "prices", "nothing"]).fail_with(3);
    scene.dazaar("nobody", &["map", "rm", "nowhere", "x"]).fail_with(3);
    scene.file("a-file", "");
    fs::create_dir(scene.path("folder")).unwrap();
    scene.file("folder/of-mine", "");
    scene.dazaar("nobody", &["map", "put", "folder", "x", "y"]).fail_with(3);
    scene.dazaar("nobody", &["map", "put", "a-file", "x", "y"]).fail_with(3);
    scene.dazaar("nobody", &["drive", "import", "folder", "drive"]).succeed();
    let feeds = feeds_below(&scene.path("drive"));
    assert_eq!(feeds.len(), 2);
    for feed in feeds {
        let mut put = scene.dazaar("nobody", &["map", "put", &feed, "x", "y"]);
        put.fail_with(3);
        assert_eq!(put.last("error")["error"], "this is no map");
    }
    scene.dazaar("nobody", &["drive", "ls", "drive"]).succeed();
}

#[test]
fn npm_hypertrie_opens_the_same_folder() {
    let scene = Scene::new();
    map(&scene, "nobody", &["put", "prices", "btc/usd", "100000"]);
    map(&scene, "nobody", &["put", "prices", "btc/eur", "90000"]);
    let ops =
        json!([{ "type": "put", "key": "eth/usd", "value": "4000" }, { "type": "del", "key": "btc/eur" }]);
    let mut js = scene.js("trie.js", "prices", &["--ops", &scene.file("ops", ops.to_string())]);
    js.succeed();
    let list = js.last("trie")["list"].as_array().expect("a list").clone();
    let ours = map(&scene, "nobody", &["ls", "prices"]);
    assert_eq!(entries(&ours), [("btc/usd".into(), "100000".into()), ("eth/usd".into(), "4000".into())]);
    let keys: Vec<_> = ours.seen().iter().map(|event| event["key"].clone()).collect();
    assert_eq!(keys, list.iter().map(|row| row[0].clone()).collect::<Vec<_>>(), "in the same order");
}

#[test]
fn a_key_of_a_map_that_is_sold_is_looked_up_without_the_rest() {
    let scene = Scene::new();
    let lines: String = (0..5000)
        .map(|nth| json!({ "key": format!("sensor{nth}"), "value": format!("{nth}.5") }).to_string() + "\n")
        .collect();
    map(&scene, "nobody", &["import", "sensors", &scene.file("lines", lines)]);
    let (mut seller, place) = scene.sell("sensors", &["--admit-all"]);
    let got = map(&scene, "buyer", &["get", &link(&place), "sensor4711"]);
    assert_eq!(got.last("map-entry")["value"], "4711.5");
    scene.dazaar("buyer", &["map", "get", &link(&place), "sensor5000"]).fail_with(3);
    let mut status = scene.dazaar("buyer", &["status"]);
    status.succeed();
    let (have, length) = (&status.last("purchase")["have"], &status.last("purchase")["length"]);
    assert!(have.as_u64() < Some(64), "{have} blocks of {length} were fetched");
    seller.interrupt();
    // What came is here without the seller.
    let again = map(&scene, "buyer", &["get", &place.seller, "sensor4711"]);
    assert_eq!(again.last("map-entry")["value"], "4711.5");
}

#[test]
fn changes_of_a_map_are_followed_and_rows_count_once() {
    let scene = Scene::new();
    let row =
        |second: u32, symbol: &str, price: f64| format!("2026-01-01T00:00:{second:02}Z,{symbol},{price}\n");
    let rows = [row(1, "BTC", 1.5), row(2, "ETH", 2.5), row(3, "BTC", 3.5)].concat();
    let data = scene.file("ticks.csv", "time,symbol,price\n".to_owned() + &rows);
    let entry = |second: u32, symbol: &str, price: f64| {
        format!(r#"{{"time":"2026-01-01T00:00:{second:02}Z","symbol":"{symbol}","price":{price}}}"#)
    };
    let options = ["sell", &data, "--blocks", "map", "--key", "symbol", "--admit-all"];
    scene.init("seller");
    scene.dazaar("seller", &[&options[..], &["--no-serve"]].concat()).succeed();
    let version =
        || map(&scene, "seller", &["put", "ticks", "note", "x"]).last("map-done")["version"].clone();
    let before = version();
    let follow = [&options[..], &["--follow", "--listen", "127.0.0.1:0"]].concat();
    let mut seller = scene.dazaar("seller", &follow);
    let place = Place::of_ours(&seller.wait_for("listening"));
    scene.dazaar("other", &["map", "put", &scene.text_path("seller"), "x", "y"]).fail_with(3);
    scene.dazaar("seller", &["map", "put", "ticks", "note", "y"]).fail_with(6);
    let mut buyer = scene.dazaar("buyer", &["map", "ls", &link(&place), "--follow"]);
    for _ in 0..3 {
        buyer.wait_for("map-entry");
    }
    assert_eq!(entries(&buyer)[0].1, entry(3, "BTC", 3.5));
    let mut source = OpenOptions::new().append(true).open(&data).unwrap();
    source.write_all(row(4, "SOL", 7.5).as_bytes()).unwrap();
    let news = buyer.wait_for("map-change");
    assert_eq!((&news["key"], &news["kind"]), (&"SOL".into(), &"added".into()));
    source.write_all(row(5, "BTC", 9.5).as_bytes()).unwrap();
    let news = buyer.wait_for("map-change");
    assert_eq!((&news["key"], &news["kind"]), (&"BTC".into(), &"changed".into()));
    buyer.interrupt();
    seller.interrupt();

    // BTC was 1.5, 3.5 and 9.5: what was taken is not taken again.
    let mut again = scene.dazaar("seller", &follow);
    again.wait_for("listening");
    source.write_all(row(6, "ETH", 8.5).as_bytes()).unwrap();
    let newest = || {
        let list = map(&scene, "seller", &["ls", "ticks", "ETH"]);
        entries(&list)[0].1 == entry(6, "ETH", 8.5)
    };
    eventually("the row is taken", newest);
    again.interrupt();
    let diff = map(&scene, "seller", &["diff", "ticks", &before.to_string()]);
    let changes = diff.seen().iter().filter(|event| event["event"] == "map-change").count();
    assert_eq!(changes, 3, "{diff}");
    // Three entries with rows, three with notes of how many were taken; the entry `note` is as it was.
    assert_eq!(version().as_u64(), before.as_u64().map(|before| before + 6));

    scene.file("ticks.csv", "time,symbol,price\n".to_owned() + &row(7, "XRP", 1.5));
    scene.dazaar("seller", &[&follow[..], &["--no-serve"]].concat()).fail_with(3);
    scene.dazaar("seller", &[&options[..], &["--no-serve"]].concat()).succeed();
    assert_eq!(entries(&map(&scene, "seller", &["ls", "ticks", "XRP"])).len(), 1);
}

#[test]
fn a_map_needs_a_key_and_its_whole_past() {
    let scene = Scene::new();
    let data = scene.file("ticks.csv", "time,symbol\n2026-01-01,BTC\n");
    scene.init("seller");
    scene.dazaar("seller", &["sell", &data, "--blocks", "map", "--no-serve"]).fail_with(2);
    let options = ["sell", &data, "--blocks", "map", "--key", "symbol", "--keep", "1d", "--no-serve"];
    scene.dazaar("seller", &options).fail_with(2);
    let empty = scene.file("empty.csv", "time,symbol\n2026-01-01,BTC\n2026-01-02,\n");
    scene
        .dazaar("seller", &["sell", &empty, "--blocks", "map", "--key", "symbol", "--no-serve"])
        .fail_with(3);
}

#[test]
fn selling_the_same_rows_again_changes_nothing() {
    let scene = Scene::new();
    let row = |nth: u64| {
        format!(
            "2026-01-01T{:02}:{:02}:{:02}Z,{},{nth}\n",
            nth / 3600,
            nth / 60 % 60,
            nth % 60,
            ["BTC", "ETH"][nth as usize % 2]
        )
    };
    let rows: String = (0..20_000).map(row).collect();
    let data = scene.file("ticks.csv", "time,symbol,number\n".to_owned() + &rows);
    scene.init("seller");
    for _ in 0..2 {
        let mut sold =
            scene.dazaar("seller", &["sell", &data, "--blocks", "map", "--key", "symbol", "--no-serve"]);
        sold.succeed();
        assert_eq!(sold.last("imported")["length"], 4, "a header, two entries and a note");
    }
    let several = scene.file("pairs.csv", "time,base,quote\n2026-01-01,a/b,c\n2026-01-02,a,b\n");
    let words = ["sell", &several, "--blocks", "map", "--key", "base", "--key", "quote", "--no-serve"];
    scene.dazaar("seller", &words).fail_with(3);
    let mut skipping = scene.dazaar("seller", &[&words[..], &["--on-error", "skip"]].concat());
    skipping.succeed();
    assert_eq!(skipping.last("skipped")["line"], 1);
    assert_eq!(entries(&map(&scene, "seller", &["ls", "pairs"]))[0].0, "a/b");
}
