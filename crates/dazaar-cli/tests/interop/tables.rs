//! Tables: rows in, rows out by time, from the disk and from their seller, and live.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::thread;
use std::time::Duration;

use crate::support::{Place, Process, Scene, eventually};

/// Trades, one a second from 2026-01-01 on, two symbols in turns.
fn trades(rows: std::ops::Range<u64>) -> String {
    let row = |nth: u64| {
        let (day, second) = (1 + nth / 86_400, nth % 86_400);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let symbol = ["BTC", "ETH"][nth as usize % 2];
        let price = (40_000 + nth % 1000) as f64 + [0.25, 0.5, 0.75][nth as usize % 3];
        format!("2026-01-{day:02}T{hour:02}:{minute:02}:{:02}Z,{symbol},{price},{nth}\n", second % 60)
    };
    rows.map(row).collect()
}

const HEADER: &str = "time,symbol,price,number\n";

fn file(scene: &Scene, rows: u64) -> String {
    scene.file("trades.csv", HEADER.to_owned() + &trades(0..rows))
}

fn link(place: &Place) -> String {
    format!("dazaar:{}?at={}", place.seller, place.address)
}

/// Compares text of many lines, and shows the first that differs.
#[track_caller]
fn assert_same(text: &str, expected: &str) {
    if let Some(nth) = text.lines().zip(expected.lines()).position(|(line, expected)| line != expected) {
        let line = |text: &str| text.lines().nth(nth).unwrap_or_default().to_owned();
        panic!("line {}: `{}` instead of `{}`", nth + 1, line(text), line(expected));
    }
    assert_eq!(text.lines().count(), expected.lines().count(), "lines");
}

/// Gets rows into a file, and reads it.
fn get(scene: &Scene, who: &str, feed: &str, arguments: &[&str]) -> (Process, String) {
    let to = scene.text_path("answer.csv");
    let mut process = scene.dazaar(who, &[&["get", feed, "-o", &to], arguments].concat());
    process.succeed();
    (process, scene.read("answer.csv"))
}

#[test]
fn rows_come_back_by_time_symbol_condition_and_column() {
    let scene = Scene::new();
    let data = file(&scene, 100_000);
    scene.dazaar("seller", &["sell", &data, "--blocks", "table", "--key", "symbol", "--no-serve"]).succeed();
    let answer = |arguments: &[&str]| get(&scene, "seller", "trades", arguments).1;
    assert_same(&answer(&[]), &(HEADER.to_owned() + &trades(0..100_000)));
    let hour = ["--from", "2026-01-01T02:00:00Z", "--to", "2026-01-01T03:00:00Z"];
    assert_same(&answer(&hour), &(HEADER.to_owned() + &trades(7200..10_800)));
    let some = ["--symbol", "ETH", "--where", "number>=50000", "--columns", "number,symbol", "--limit", "2"];
    assert_eq!(answer(&some), "number,symbol\n50001,ETH\n50003,ETH\n");
    assert_eq!(answer(&["--from", "2027-01-01"]), HEADER);
    scene.dazaar("seller", &["get", "trades", "--columns", "cost"]).fail_with(2);
}

#[test]
fn a_range_is_bought_without_the_rest() {
    let scene = Scene::new();
    let data = file(&scene, 500_000);
    let (_seller, place) = scene.sell(&data, &["--blocks", "table", "--admit-all"]);
    let (process, rows) =
        get(&scene, "buyer", &link(&place), &["--from", "2026-01-03", "--to", "2026-01-03T06:00:00Z"]);
    assert_same(&rows, &(HEADER.to_owned() + &trades(172_800..194_400)));
    let done = process.last("done");
    assert!(done["have"].as_u64() < Some(8), "{done}");

    let (process, rows) = get(&scene, "hasty", &link(&place), &["--limit", "10000"]);
    assert_same(&rows, &(HEADER.to_owned() + &trades(0..10_000)));
    let done = process.last("done");
    assert!(done["have"].as_u64() < Some(7), "{done}");
    let rare = ["--where", "number>=300000", "--limit", "1"];
    assert_same(
        &get(&scene, "patient", &link(&place), &rare).1,
        &(HEADER.to_owned() + &trades(300_000..300_001)),
    );

    // What is here is not asked for again, and what is missing is.
    let name = place.seller.as_str();
    let (process, rows) =
        get(&scene, "buyer", name, &["--from", "2026-01-03T01:00:00Z", "--to", "2026-01-03T02:00:00Z"]);
    assert_same(&rows, &(HEADER.to_owned() + &trades(176_400..180_000)));
    assert!(process.seen().iter().all(|event| event["event"] != "connected"), "{process}");
    let (process, rows) =
        get(&scene, "buyer", name, &["--from", "2026-01-05T00:00:00Z", "--to", "2026-01-05T00:00:03Z"]);
    assert_same(&rows, &(HEADER.to_owned() + &trades(345_600..345_603)));
    assert!(process.seen().iter().any(|event| event["event"] == "connected"), "{process}");
}

#[test]
fn history_goes_over_into_live_rows() {
    let scene = Scene::new();
    let data = file(&scene, 20_000);
    let options = ["--blocks", "table", "--admit-all", "--follow", "--flush", "10"];
    let (mut seller, place) = scene.sell(&data, &options);
    let followed = scene.text_path("followed.csv");
    let words = ["get", &link(&place), "--from", "2026-01-01T05:00:00Z", "--follow", "-o", &followed];
    let bought = scene.text_path("bought.csv");
    let mut follower = scene.dazaar("follower", &words);
    let mut buyer = scene.dazaar("buyer", &["buy", &link(&place), "--live", "--to", &bought]);
    follower.wait_for("caught-up");
    buyer.wait_for("caught-up");
    let mut source = OpenOptions::new().append(true).open(&data).unwrap();
    for row in 20_000..20_200 {
        source.write_all(trades(row..row + 1).as_bytes()).unwrap();
        if row % 20 == 0 {
            let expected = HEADER.to_owned() + &trades(18_000..row + 1);
            eventually("the row is there", || scene.read("followed.csv") == expected);
        }
    }
    let all = HEADER.to_owned() + &trades(0..20_200);
    eventually("the buyer has all rows", || scene.read("bought.csv") == all);
    follower.interrupt();
    buyer.interrupt();
    seller.interrupt();
    assert_same(&get(&scene, "seller", "trades", &[]).1, &all);
    assert_same(&get(&scene, "buyer", &place.seller, &[]).1, &all);
}

#[test]
fn an_import_that_was_killed_goes_on_and_doubles_nothing() {
    let scene = Scene::new();
    let data = file(&scene, 0);
    let words = ["sell", &data, "--blocks", "table", "--follow", "--flush", "1", "--listen", "127.0.0.1:0"];
    scene.init("seller");
    let mut source = OpenOptions::new().append(true).open(&data).unwrap();
    for round in 0..6_u64 {
        let mut seller = scene.dazaar("seller", &words);
        seller.wait_for("listening");
        source.write_all(trades(round * 3000..round * 3000 + 3000).as_bytes()).unwrap();
        thread::sleep(Duration::from_millis(7 * round));
        seller.kill();
    }
    scene.dazaar("seller", &["sell", &data, "--blocks", "table", "--no-serve"]).succeed();
    assert_same(&get(&scene, "seller", "trades", &[]).1, &(HEADER.to_owned() + &trades(0..18_000)));
}

#[test]
fn a_source_that_changed_is_refused_and_a_bad_row_names_its_place() {
    let scene = Scene::new();
    let sell = |data: &str| scene.dazaar("seller", &["sell", data, "--blocks", "table", "--no-serve"]);
    let data = file(&scene, 1000);
    sell(&data).succeed();
    let mut text = HEADER.to_owned() + &trades(0..1000);
    text = text.replace(",BTC,40100.5,100\n", ",BTC,40100.75,100\n");
    scene.file("trades.csv", &text);
    let mut refused = sell(&data);
    refused.fail_with(3);
    let error = &refused.last("error")["error"];
    assert_eq!(error, "row 101 differs from what was published: a feed cannot be changed, only continued");

    scene.file("trades.csv", HEADER.to_owned() + &trades(0..1100) + "2026-01-02T00:00:00Z,BTC,cheap,5\n");
    let mut refused = sell(&data);
    refused.fail_with(3);
    let error = refused.last("error")["error"].as_str().unwrap().to_owned();
    assert!(error.contains("1101") && error.contains("price") && error.contains("cheap"), "{error}");
    scene.file("trades.csv", HEADER.to_owned() + &trades(0..1200));
    sell(&data).succeed();
    assert_same(&get(&scene, "seller", "trades", &[]).1, &(HEADER.to_owned() + &trades(0..1200)));
    scene.dazaar("seller", &["sell", &data, "--blocks", "raw", "--no-serve"]).fail_with(3);
}

#[test]
fn every_format_goes_in_and_comes_out() {
    let scene = Scene::new();
    let data = file(&scene, 10_000);
    scene.dazaar("seller", &["sell", &data, "--blocks", "table", "--no-serve"]).succeed();
    for (nth, ending) in ["jsonl", "parquet", "arrow"].into_iter().enumerate() {
        let path = scene.text_path(&format!("copy{nth}.{ending}"));
        scene.dazaar("seller", &["get", "trades", "-o", &path]).succeed();
        let name = format!("copy{nth}");
        scene.dazaar("seller", &["sell", &path, "--blocks", "table", "--no-serve"]).succeed();
        assert_same(&get(&scene, "seller", &name, &[]).1, &(HEADER.to_owned() + &trades(0..10_000)));
    }
}

#[test]
fn a_table_says_what_it_is_and_has_to_buyers_and_on_its_card() {
    let scene = Scene::new();
    let data = file(&scene, 20_000);
    let (_seller, place) = scene.sell(&data, &["--blocks", "table", "--key", "symbol", "--admit-all"]);
    let mut show = scene.dazaar("buyer", &["show", &link(&place)]);
    show.succeed();
    let table = show.last("table");
    assert_eq!((&table["rows"], &table["length"]), (&20_000.into(), &5.into()));
    assert_eq!(
        (&table["from"], &table["to"]),
        (&"2026-01-01T00:00:00Z".into(), &"2026-01-01T05:33:19Z".into())
    );
    assert_eq!((&table["schema"]["time"], &table["schema"]["keys"][0]), (&"time".into(), &"symbol".into()));
    assert_eq!(show.last("done")["have"], 2, "the header and the index");

    let mut card = scene.dazaar("seller", &["card", "show"]);
    card.succeed();
    let described = &card.last("card")["card"]["data"];
    assert_eq!((&described["schema"], &described["coverage"]["rows"]), (&table["schema"], &20_000.into()));
    assert_eq!(card.last("card")["signature"], "valid");
}

#[test]
fn a_cursor_goes_on_where_a_killed_program_was() {
    let scene = Scene::new();
    let data = file(&scene, 30_000);
    let options = ["--blocks", "table", "--key", "symbol", "--admit-all", "--follow", "--flush", "5"];
    let (_seller, place) = scene.sell(&data, &options);
    let (to, cursor) = (scene.text_path("rows.csv"), scene.text_path("rows.cursor"));
    let link = link(&place);
    let words = ["get", &link, "--symbol", "ETH", "--follow", "-o", &to, "--cursor", &cursor];
    let mut source = OpenOptions::new().append(true).open(&data).unwrap();
    for round in 0..5_u64 {
        let mut buyer = scene.dazaar("buyer", &words);
        if round % 2 == 1 {
            buyer.wait_for("caught-up");
        }
        let first = 30_000 + round * 200;
        for row in first..first + 200 {
            source.write_all(trades(row..row + 1).as_bytes()).unwrap();
        }
        thread::sleep(Duration::from_millis(11 * round));
        buyer.kill();
    }
    let _buyer = scene.dazaar("buyer", &words);
    let wanted: String = trades(0..31_000)
        .lines()
        .filter(|line| line.contains("ETH"))
        .map(|line| format!("{line}\n"))
        .collect();
    eventually("all rows", || scene.read("rows.csv").len() >= HEADER.len() + wanted.len());
    assert_same(&scene.read("rows.csv"), &(HEADER.to_owned() + &wanted));
}

#[test]
fn a_quote_is_given_to_whoever_asks() {
    let scene = Scene::new();
    let data = file(&scene, 50_000);
    let (mut seller, place) = scene.sell(&data, &["--blocks", "table"]);
    let ask = |range: &[&str]| scene.dazaar("stranger", &[&["quote", &link(&place)], range].concat());
    let mut quote = ask(&["--from", "2026-01-01T01:00:00Z", "--to", "2026-01-01T10:00:00Z"]);
    quote.succeed();
    assert_eq!(quote.last("quote")["rows"], 32_400);
    assert!(quote.last("quote")["bytes"].as_u64() > Some(1000));
    let mut all = ask(&[]);
    all.succeed();
    assert_eq!(all.last("quote")["rows"], 50_000);
    assert!(seller.is_running());
    assert!(seller.seen().iter().all(|event| event["event"] != "message"), "{seller}");

    let scene = Scene::new();
    let data = file(&scene, 10);
    let (_seller, place) = scene.sell(&data, &["--blocks", "raw"]);
    scene.dazaar("stranger", &["quote", &link(&place)]).fail_with(4);
}

#[test]
fn rows_that_were_cleared_are_told_and_the_rest_is_read() {
    let scene = Scene::new();
    let data = file(&scene, 200_000);
    let sell = ["sell", &data, "--blocks", "table", "--admit-all", "--keep-bytes", "30kB"];
    scene.dazaar("seller", &[&sell[..], &["--no-serve"]].concat()).succeed();
    let (process, rows) = get(&scene, "seller", "trades", &[]);
    let first = process.last("rows-gone")["end"].as_u64().expect("rows are gone");
    assert!((1..200_000).contains(&first), "{first}");
    assert_same(&rows, &(HEADER.to_owned() + &trades(first..200_000)));

    let mut seller = scene.dazaar("seller", &[&sell[..], &["--listen", "127.0.0.1:0"]].concat());
    let place = Place::of_ours(&seller.wait_for("listening"));
    let (process, rows) = get(&scene, "buyer", &link(&place), &["--to", "2026-01-03T00:00:00Z"]);
    assert_eq!(process.last("rows-gone")["end"], first);
    assert_same(&rows, &(HEADER.to_owned() + &trades(first..172_800)));
}

#[test]
fn the_last_rows_are_followed_by_new_ones() {
    let scene = Scene::new();
    let data = file(&scene, 10_000);
    // All rows are there before a buyer asks: a seller that follows is found before it has read to the end.
    let sell = ["sell", &data, "--blocks", "table", "--admit-all"];
    scene.dazaar("seller", &[&sell[..], &["--no-serve"]].concat()).succeed();
    let follow = ["--follow", "--flush", "10", "--listen", "127.0.0.1:0"];
    let mut seller = scene.dazaar("seller", &[&sell[..], &follow].concat());
    let place = Place::of_ours(&seller.wait_for("listening"));
    let tailed = scene.text_path("tailed.csv");
    let mut tail = scene.dazaar("buyer", &["tail", &link(&place), "--last", "3", "-o", &tailed]);
    tail.wait_for("caught-up");
    OpenOptions::new()
        .append(true)
        .open(&data)
        .unwrap()
        .write_all(trades(10_000..10_002).as_bytes())
        .unwrap();
    let expected = HEADER.to_owned() + &trades(9_997..10_002);
    eventually("the new rows are there", || scene.read("tailed.csv") == expected);
}

#[test]
fn a_javascript_buyer_reads_rows_as_json() {
    let scene = Scene::new();
    let data = file(&scene, 300);
    let (_seller, place) = scene.sell(&data, &["--blocks", "lines", "--admit-all"]);
    let to = scene.text_path("bought.jsonl");
    scene.js_buyer(&place, &["--until-length", "300", "--to", &to]).succeed();
    let text = scene.read("bought.jsonl");
    let rows: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("a row is JSON")).collect();
    assert_eq!(rows.len(), 300);
    assert_eq!(rows[1]["time"], "2026-01-01T00:00:01Z");
    assert_eq!((&rows[1]["symbol"], &rows[1]["price"]), (&"ETH".into(), &40_001.5.into()));
}

#[test]
fn a_stranger_sees_the_free_rows_and_no_others() {
    let scene = Scene::new();
    let data = file(&scene, 200_000);
    let rules = ["--blocks", "table", "--preview", "first 100", "--preview", "1h each day"];
    let (_seller, place) = scene.sell(&data, &rules);
    let look = |arguments: &[&str]| {
        let to = scene.text_path("free.csv");
        let mut process =
            scene.dazaar("stranger", &[&["preview", &link(&place), "-o", &to], arguments].concat());
        process.succeed();
        (scene.read("free.csv"), process.last("preview").clone())
    };
    let (rows, seen) = look(&[]);
    assert_same(&rows, &(HEADER.to_owned() + &trades(0..20)));
    assert_eq!(seen["free"], serde_json::json!(["first 100", "1h each day"]));
    assert_same(&look(&["--limit", "5000"]).0, &(HEADER.to_owned() + &trades(0..100)));
    // The first hour of the second day, whose end is not free.
    let (rows, _) = look(&["--from", "2026-01-02T00:59:50Z", "--to", "2026-01-02T02:00:00Z"]);
    assert_same(&rows, &(HEADER.to_owned() + &trades(89_990..90_000)));
    assert_eq!(look(&["--from", "2026-01-02T05:00:00Z", "--to", "2026-01-02T09:00:00Z"]).0, HEADER);
    // A stranger gets no block of the feed for that.
    let mut refused =
        scene.dazaar("stranger", &["get", &link(&place), "--no-wait", "-o", &scene.text_path("x.csv")]);
    refused.fail_with(4);
}

#[test]
fn the_first_rows_stay_the_first_when_they_are_cleared() {
    let scene = Scene::new();
    let data = file(&scene, 50_000);
    let sell =
        ["sell", &data, "--blocks", "table", "--preview", "first 20000", "--keep-bytes", "3kB", "--no-serve"];
    scene.dazaar("seller", &sell).succeed();
    let mut seller = scene.dazaar("seller", &["serve", "--listen", "127.0.0.1:0"]);
    let place = Place::of_ours(&seller.wait_for("listening"));
    let look = |from: &str| {
        let to = scene.text_path("free.csv");
        let words = ["preview", &link(&place), "--from", from, "--limit", "3", "-o", &to];
        scene.dazaar("stranger", &words).succeed();
        scene.read("free.csv")
    };
    // The free rows are gone, and rows that are not free do not take their place.
    assert_eq!(look("2026-01-01"), HEADER);
    assert_eq!(look("2026-01-01T12:00:00Z"), HEADER);
}

#[test]
fn a_table_without_free_rows_shows_none() {
    let scene = Scene::new();
    let data = file(&scene, 10);
    let (_seller, place) = scene.sell(&data, &["--blocks", "table"]);
    let mut process =
        scene.dazaar("stranger", &["preview", &link(&place), "-o", &scene.text_path("free.csv")]);
    process.fail_with(4);
    assert!(process.complaints().contains("no rows of this table are free"), "{process}");
    assert!(!scene.path("free.csv").exists());
    scene.dazaar("seller", &["sell", &data, "--preview", "all of it", "--no-serve"]).fail_with(2);
}

#[test]
fn gaps_are_found_in_segments_and_between_them() {
    let scene = Scene::new();
    let text =
        trades(0..10_000) + &trades(20_000..30_000) + &trades(30_060..60_000) + &trades(100_000..100_010);
    let data = scene.file("trades.csv", HEADER.to_owned() + &text);
    let (_seller, place) = scene.sell(&data, &["--blocks", "table", "--admit-all"]);
    for (who, feed) in [("seller", "trades"), ("buyer", &link(&place))] {
        let found = |span: &str| {
            let mut process = scene.dazaar(who, &["show", feed, "--gaps", span]);
            process.succeed();
            let gaps = process.seen().iter().filter(|event| event["event"] == "gap");
            gaps.map(|gap| (gap["after"].as_str().unwrap().to_owned(), gap["seconds"].as_f64().unwrap()))
                .collect::<Vec<_>>()
        };
        let long =
            [("2026-01-01T02:46:39Z".to_owned(), 10_001.0), ("2026-01-01T16:39:59Z".to_owned(), 40_001.0)];
        assert_eq!(found("1h"), long);
        assert_eq!(found("60s").len(), 3);
        assert_eq!(found("61s").len(), 2);
        assert_eq!(found("30d"), []);
    }
}
