//! Tables that are sold by the row, and by ranges of time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Place, Process, Scene, text};

/// Where the seller's bank says what came.
const STATEMENT: &str = "statement.csv";

/// Rows of a day: one every five seconds, so that a day has two segments and a little more.
const ROWS_OF_DAY: usize = 17_280;

/// Rows of the first days of 2026.
fn days(days: usize) -> String {
    let row = |nth: usize| {
        let (day, second) = (1 + nth / ROWS_OF_DAY, nth % ROWS_OF_DAY * 5);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("2026-01-{day:02}T{hour:02}:{minute:02}:{second:02}Z,{}\n", nth * nth % 1009)
    };
    std::iter::once("time,value\n".to_owned()).chain((0..days * ROWS_OF_DAY).map(row)).collect()
}

/// Gives the seller a wallet at a bank.
fn bank(scene: &Scene) {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hooks/bank-transfer.py");
    let command = format!("python3 '{example}' '{}'", scene.text_path(STATEMENT));
    scene.dazaar("seller", &["wallet", "add", "bank", "command", &command]).succeed();
}

/// A seller of three days at these prices.
fn sell(scene: &Scene, prices: &[&str]) -> (Process, Place) {
    bank(scene);
    let data = scene.file("data.csv", days(3));
    let prices = prices.iter().flat_map(|price| ["--price", price]);
    let arguments: Vec<&str> = prices.chain(["--blocks", "table", "--interval", "50"]).collect();
    scene.sell_on(&data, &arguments)
}

fn link(place: &Place) -> String {
    format!("dazaar:{}?at={}", place.seller, place.address)
}

/// Runs a command of the buyer's and transfers what it asks.
fn pay(scene: &Scene, place: &Place, statement: &mut String, amount: &str, arguments: &[&str]) -> Process {
    let link = link(place);
    let mut buyer = scene.dazaar("buyer", &[&[arguments[0], &link], &arguments[1..]].concat());
    let asked = buyer.wait_for("pay");
    assert_eq!(text(&asked, "amount"), format!("{amount} EUR"));
    let request = text(&asked, "request");
    let memo = request.rsplit("text: ").next().expect("a memo");
    let id = statement.lines().count();
    statement.push_str(&format!("{id},{amount},{memo}\n"));
    scene.file(STATEMENT, format!("id,amount,text\n{statement}"));
    buyer
}

/// The rows of a file that begin so.
fn rows_of(scene: &Scene, file: &str, start: &str) -> usize {
    scene.read(file).lines().filter(|line| line.starts_with(start)).count()
}

fn delivered(scene: &Scene) -> Vec<Value> {
    let mut ledger = scene.dazaar("seller", &["ledger"]);
    ledger.succeed();
    let lines = ledger.seen().iter().filter(|line| line["kind"] == "delivery");
    lines.map(|line| line["change"].clone()).collect()
}

/// Waits until so many cents were charged for deliveries: a buyer may be gone before that.
fn until_charged(scene: &Scene, cents: i64) {
    let started = Instant::now();
    loop {
        let charged: i64 = delivered(scene).iter().filter_map(Value::as_i64).sum();
        if charged == -cents {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{charged} of {cents}");
    }
}

/// Waits until a file has so many rows.
fn until_written(scene: &Scene, file: &str, rows: usize) {
    let started = Instant::now();
    while rows_of(scene, file, "2026") < rows {
        assert!(started.elapsed() < Duration::from_secs(60), "{} of {rows}", rows_of(scene, file, "2026"));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_day_of_a_table_is_bought_and_nothing_else() {
    let scene = Scene::new();
    let day = "2026-01-02 to 2026-01-03";
    let (_seller, place) =
        sell(&scene, &[&format!("2 EUR for {day} by transfer"), "0.01 EUR/row by transfer"]);
    let mut quote = scene
        .dazaar("buyer", &["quote", &link(&place), "--from", "2026-01-02", "--to", "2026-01-02T12:00:00Z"]);
    quote.succeed();
    // Half a day lies in two segments, which are sent whole.
    let costs = json!([
        ["2 EUR", format!("2 EUR for {day} by transfer")],
        ["163.84 EUR", "0.01 EUR per row by transfer"]
    ]);
    assert_eq!(quote.last("quote")["costs"], costs);
    let (mut statement, to) = (String::new(), scene.text_path("day.csv"));
    let question = [
        "get",
        "--from",
        "2026-01-02",
        "--to",
        "2026-01-03",
        "--pay",
        day,
        "--max-spend",
        "2 EUR",
        "-o",
        &to,
    ];
    let mut buyer = pay(&scene, &place, &mut statement, "2", &question);
    assert_eq!(buyer.wait_for("paid")["credit"]["type"], "range");
    buyer.succeed();
    assert_eq!(rows_of(&scene, "day.csv", "2026-01-02"), ROWS_OF_DAY);
    until_charged(&scene, 200);

    // Who asks for all of it gets what is paid, and hears what is not there.
    let to = scene.text_path("all.csv");
    let mut buyer = scene.dazaar("buyer", &["buy", &link(&place), "--to", &to]);
    let gone = buyer.wait_for("rows-gone");
    buyer.succeed();
    assert_eq!((&gone["start"], &gone["end"]), (&0.into(), &16_384.into()), "two segments before");
    assert_eq!(rows_of(&scene, "all.csv", "2026-01-02"), ROWS_OF_DAY);
    assert!(rows_of(&scene, "all.csv", "2026") < 2 * ROWS_OF_DAY, "blocks at the ends, and no more");
    assert_eq!(delivered(&scene), [-200], "it is paid once");
}

#[test]
fn rows_are_paid_by_the_row_and_once() {
    let scene = Scene::new();
    let (_seller, place) = sell(&scene, &["0.01 EUR/row by transfer"]);
    let (mut statement, to) = (String::new(), scene.text_path("all.csv"));
    let all = 3 * ROWS_OF_DAY;
    let euros = format!("{}.{:02}", all / 100, all % 100);
    let rows = format!("{all} rows");
    let question = ["buy", "--pay", &rows, "--max-spend", "1000 EUR", "--to", &to];
    let mut buyer = pay(&scene, &place, &mut statement, euros.trim_end_matches('0'), &question);
    let paid = buyer.wait_for("paid");
    assert_eq!((&paid["credit"]["type"], &paid["credit"]["remaining"]), (&"records".into(), &all.into()));
    buyer.wait_for("done");
    buyer.succeed();
    assert_eq!(scene.read("all.csv"), days(3));
    until_charged(&scene, i64::try_from(all).expect("it fits"));
}

/// Rows leave live, a few at a time, and come again in a sealed segment: they are paid once.
#[test]
fn rows_that_were_live_are_not_paid_again_when_they_are_sealed() {
    let scene = Scene::new();
    bank(&scene);
    let words = ["--format", "jsonl", "--name", "ticks", "--follow", "--blocks", "table", "--interval", "50"];
    let (mut seller, place) =
        scene.sell_on("-", &[&words[..], &["--price", "0.01 EUR/row by transfer"]].concat());
    let mut say = |rows: std::ops::Range<usize>| {
        let rows = rows.map(|row| format!("{{\"time\":\"2026-01-01T00:00:00.{row:05}Z\",\"value\":{row}}}"));
        seller.say(&rows.collect::<Vec<_>>().join("\n"));
    };
    say(0..3);
    let (mut statement, to) = (String::new(), scene.text_path("live.csv"));
    let question = ["buy", "--live", "--pay", "20000 rows", "--max-spend", "200 EUR", "--to", &to];
    let mut buyer = pay(&scene, &place, &mut statement, "200", &question);
    buyer.wait_for("paid");
    until_charged(&scene, 3);
    say(3..6);
    until_charged(&scene, 6);
    // A segment is full: the first rows come once more in it.
    say(6..9000);
    until_charged(&scene, 9000);
    until_written(&scene, "live.csv", 9000);
    assert_eq!(delivered(&scene).iter().filter_map(Value::as_i64).sum::<i64>(), -9000);
    assert!(buyer.is_running());
}

/// Npm dazaar knows prices for time only. Who has time gets everything, and pays nothing for rows or ranges.
#[test]
fn a_buyer_of_npm_dazaar_is_metered_by_time_whatever_else_is_for_sale() {
    let scene = Scene::new();
    let prices = ["2 EUR for 2026-01-02 to 2026-01-03 by transfer", "0.01 EUR/row by transfer"];
    let (mut seller, place) = sell(&scene, &prices);
    let length = seller.seen().iter().find_map(|event| event["length"].as_u64()).expect("what was imported");
    let mut buyer = scene.js_buyer(&place, &["--until-length", &length.to_string()]);
    let key = text(&seller.wait_for("buyer-connected"), "buyer");
    buyer.wait_for("invalid");
    scene.dazaar("seller", &["grant", &key, "2h"]).succeed();
    assert_eq!(buyer.wait_for("valid")["info"]["type"], "time");
    assert_eq!(buyer.wait_for("done")["length"], length);
    buyer.succeed();
    seller.wait_for("buyer-disconnected");
    let mut ledger = scene.dazaar("seller", &["ledger"]);
    ledger.succeed();
    let lines: Vec<_> = ledger.seen().iter().filter(|line| line["kind"].is_string()).collect();
    assert!(lines.iter().any(|line| line["kind"] == "delivery"), "{ledger}");
    assert!(lines.iter().all(|line| line["asset"] == "time"), "{ledger}");
}
