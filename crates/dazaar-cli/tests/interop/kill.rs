//! Both ends are killed with SIGKILL at any moment, again and again: what was published and what was bought stays.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::io::Write as _;
use std::thread;
use std::time::Duration;

use crate::support::{Process, Scene, text};

/// How often each of the two is killed.
const KILLS: u64 = 12;

/// Longest life of a process before it is killed. Long enough to start, in most cases.
const LIFE_MS: u64 = 400;

/// What decides when to kill, if it is not to be random.
const SEED_VARIABLE: &str = "DAZAAR_KILL_SEED";

/// A file that grows by whole rows, or by a row in pieces.
struct Rows {
    file: std::fs::File,
    written: String,
}

impl Rows {
    fn grow(&mut self, count: u64) {
        for _ in 0..count {
            let row = format!("{},{}\n", self.count(), "x".repeat(self.written.len() % 97));
            self.file.write_all(row.as_bytes()).expect("the file grows");
            self.written.push_str(&row);
        }
    }

    fn count(&self) -> u64 {
        self.written.lines().count() as u64
    }
}

/// What the market of `who` says it holds.
fn held(scene: &Scene, who: &str, event: &str, field: &str) -> u64 {
    let mut status = scene.dazaar(who, &["status"]);
    status.succeed();
    let found = status.seen().iter().find(|found| found["event"] == event);
    found.and_then(|found| found[field].as_u64()).unwrap_or_default()
}

/// The most blocks that a buyer said it has.
fn acknowledged(buyer: &Process) -> u64 {
    buyer.seen().iter().filter_map(|event| event["have"].as_u64()).max().unwrap_or_default()
}

fn survives(durability: &str) {
    let scene = Scene::new();
    let data = scene.file("data.csv", "time,value\n");
    let file = std::fs::OpenOptions::new().append(true).open(&data).expect("the file is there");
    let mut rows = Rows { file, written: "time,value\n".to_owned() };
    let options = ["--follow", "--admit-all", "--durability", durability];
    let (mut seller, place) = scene.sell(&data, &options);
    let sell = [&["sell", &data, "--listen", &place.address], &options[..]].concat();
    let buy = ["buy", &place.seller, "--connect", &place.address, "--live", "--timeout", "0"];
    let mut buyer = scene.dazaar("buyer", &buy);
    buyer.wait_for("feed");

    let seed = std::env::var(SEED_VARIABLE)
        .ok()
        .map_or_else(|| RandomState::new().hash_one(0), |seed| seed.parse().expect("the seed is a number"));
    println!("to repeat this: {SEED_VARIABLE}={seed} cargo test -p dazaar-cli --test interop kill::");
    let dice =
        |nth: u64, sides: u64| (seed ^ nth).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) % sides;
    let (mut bought, mut is_both) = (0, false);
    for nth in 0..2 * KILLS {
        rows.grow(dice(3 * nth, 40));
        thread::sleep(Duration::from_millis(dice(3 * nth + 1, LIFE_MS)));
        rows.grow(dice(3 * nth + 2, 3));
        if nth % 2 == 0 || is_both {
            seller.kill();
            let published = held(&scene, "seller", "listing", "length");
            assert!(published >= bought, "{durability}: {published} of {bought} blocks, {seed}: {seller}");
            seller = scene.dazaar("seller", &sell);
        }
        if nth % 2 == 1 || is_both {
            buyer.kill();
            bought = bought.max(acknowledged(&buyer));
            let here = held(&scene, "buyer", "purchase", "have");
            assert!(here >= bought, "{durability}: {here} of {bought} blocks, {seed}: {buyer}");
            buyer = scene.dazaar("buyer", &buy);
        }
        is_both = nth % 5 == 4;
    }

    for round in 0..2 {
        rows.grow(5);
        let count = rows.count();
        buyer.wait_until("all rows", |event| event["event"] == "progress" && event["have"] == count);
        buyer.interrupt();
        seller.interrupt();
        for (who, feed) in [("seller", "data"), ("buyer", &place.seller)] {
            let to = scene.text_path(&format!("{who}.csv"));
            scene.dazaar(who, &["get", feed, "-o", &to]).succeed();
            assert!(
                scene.read(&format!("{who}.csv")) == rows.written,
                "{durability}, {seed}, {who}, round {round}"
            );
            let mut doctor = scene.dazaar(who, &["doctor", feed]);
            doctor.succeed();
            assert_eq!(doctor.last("examined")["findings"], 0, "{durability}, {seed}: {doctor}");
        }
        // And they go on as if nothing had happened.
        seller = scene.dazaar("seller", &sell);
        assert_eq!(text(&seller.wait_for("listening"), "feed"), place.feed);
        buyer = scene.dazaar("buyer", &buy);
    }
}

#[test]
fn what_was_published_survives_kills_at_level_os() {
    survives("os");
}

#[test]
fn what_was_published_survives_kills_at_level_committed() {
    survives("committed");
}
