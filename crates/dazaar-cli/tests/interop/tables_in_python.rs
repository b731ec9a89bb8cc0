//! Tables as the example in Python reads them, which was written from docs/formats.md alone.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::ops::Range;

use crate::support::{Scene, eventually};

const SCHEMA: &str = r#"{"time":"time","keys":["symbol"],"fields":[
    {"name":"time","type":"timestamp"},
    {"name":"symbol","type":"text"},
    {"name":"price","type":"decimal","scale":2,"unit":"USD"},
    {"name":"size","type":"float"},
    {"name":"number","type":"int","description":"counts up"},
    {"name":"note","type":"text"},
    {"name":"buy","type":"bool"},
    {"name":"hash","type":"bytes"}]}"#;

const HEADER: &str = "time,symbol,price,size,number,note,buy,hash\n";

/// Rows with values of every type, each of which is missing now and then; text and bytes are also empty, which is another thing.
fn rows(range: Range<u64>) -> String {
    let row = |nth: u64| {
        let unless =
            |every: u64, value: String| if nth.is_multiple_of(every) { String::new() } else { value };
        let price =
            format!("{}{}.{:02}", if nth.is_multiple_of(3) { "-" } else { "" }, nth % 1000, nth % 100);
        let note = ["\"\"", "\"two, or \"\"three\"\"\"", "\u{e4}\u{1f600}"][nth as usize % 3];
        let fields = [
            format!("2026-01-05T{:02}:{:02}:{:02}.{:09}Z", nth / 3600, nth / 60 % 60, nth % 60, nth * 7919),
            unless(11, ["BTC", "ETH"][nth as usize % 2].to_owned()),
            unless(5, price),
            unless(7, format!("{:?}", nth as f64 / 7.0)),
            unless(13, (nth as i64 - 500).to_string()),
            unless(17, format!("{note}{}", if nth % 3 == 2 { nth.to_string() } else { String::new() })),
            unless(4, nth.is_multiple_of(6).to_string()),
            unless(9, if nth.is_multiple_of(2) { "\"\"".to_owned() } else { format!("{:016x}", nth * 7919) }),
        ];
        fields.join(",") + "\n"
    };
    range.map(row).collect()
}

#[test]
fn python_reads_every_type_sealed_and_live() {
    let scene = Scene::new();
    let schema = scene.file("schema.json", SCHEMA);
    let data = scene.file("all.csv", HEADER.to_owned() + &rows(0..12_000));
    let options = ["--blocks", "table", "--schema", &schema, "--follow", "--flush", "1"];
    let (mut seller, place) = scene.sell(&data, &options);
    let folder = scene.text_path(&format!("seller/feeds/{}", place.feed));
    let length = || fs::metadata(format!("{folder}/data")).expect("the feed has blocks").len();
    let mut source = OpenOptions::new().append(true).open(&data).expect("the source can be written");
    for row in 12_000..12_020 {
        let before = length();
        source.write_all(rows(row..row + 1).as_bytes()).expect("the source can be written");
        eventually("a live segment", || length() > before);
    }
    // Some rows of these are in no sealed segment while the seller lives.
    compare(&scene, &schema, &folder, "live", 12_020);
    seller.interrupt();
    compare(&scene, &schema, &folder, "sealed", 12_020);
}

/// What Python decodes, sold again, comes out as the same text.
fn compare(scene: &Scene, schema: &str, folder: &str, name: &str, rows: usize) {
    let file = scene.text_path(&format!("{name}.parquet"));
    scene.python_example("decode_table.py", &[folder, &file]).succeed();
    let words = ["sell", &file, "--blocks", "table", "--schema", schema, "--no-serve"];
    scene.dazaar("copier", &words).succeed();
    for format in ["csv", "jsonl"] {
        let [one, other] = [("seller", folder), ("copier", name)].map(|(who, feed)| {
            let to = scene.text_path("answer");
            scene.dazaar(who, &["get", feed, "--format", format, "-o", &to]).succeed();
            scene.read("answer")
        });
        assert_eq!(one.lines().count(), rows + usize::from(format == "csv"));
        let differs = one.lines().zip(other.lines()).find(|(one, other)| one != other);
        assert_eq!((differs, one.len()), (None, other.len()), "{format}");
    }
}
