//! Reading a CSV file of a million trades, beside arrow-csv reading the same file: `cargo bench -p dazaar-table`.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufReader, Write as _};
use std::sync::Arc;

use arrow::csv::ReaderBuilder;
use arrow::datatypes::{DataType, Schema, TimeUnit};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dazaar_table::import::{Expect, FileFormat, RowReader};
use dazaar_table::times::Rfc3339;

const ROWS: i64 = 1_000_000;

fn trades() -> String {
    let mut text = String::from("time,symbol,price,size,side,id\n");
    let mut dice = 1_u64;
    for row in 0..ROWS {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let time = Rfc3339(1_767_605_400_000_000_000 + row * 31_000_000);
        let symbol = ["BTC-USD", "ETH-USD", "SOL-USD"][(dice >> 40) as usize % 3];
        let price = 90_000.0 + ((dice >> 33) % 100_000) as f64 / 100.0;
        let size = ((dice >> 50) % 10_000) as f64 / 1_000.0;
        let side = if dice >> 63 == 0 { "buy" } else { "sell" };
        let id = 1_000_000_000 + row;
        writeln!(text, "{time},{symbol},{price},{size},{side},{id}").unwrap();
    }
    text
}

fn import(c: &mut Criterion) {
    let text = trades();
    let mut named = tempfile::NamedTempFile::new().unwrap();
    named.write_all(text.as_bytes()).unwrap();
    let open = || File::open(named.path()).unwrap();
    let expect = Expect::default();
    let schema = RowReader::from_file(FileFormat::Csv, open(), &expect).unwrap().schema().to_arrow();
    // arrow-csv knows no names of zones.
    let fields = schema.fields().iter().map(|field| match field.name().as_str() {
        "time" => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Timestamp(TimeUnit::Nanosecond, None)))
        }
        _ => field.clone(),
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));

    let mut group = c.benchmark_group("import");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(10);
    group.bench_function("arrow-csv", |b| {
        b.iter(|| {
            let input = BufReader::with_capacity(1 << 20, open());
            let reader = ReaderBuilder::new(schema.clone()).with_header(true).with_batch_size(8192);
            let rows: usize =
                reader.build_buffered(input).unwrap().map(|batch| black_box(batch.unwrap()).num_rows()).sum();
            assert_eq!(rows as i64, ROWS);
        });
    });
    group.bench_function("csv", |b| {
        b.iter(|| {
            let mut reader = RowReader::from_file(FileFormat::Csv, open(), &expect).unwrap();
            while let Some(batch) = reader.read().unwrap() {
                black_box(batch);
            }
            assert_eq!(reader.rows() as i64, ROWS);
        });
    });
    group.finish();
}

criterion_group!(benches, import);
criterion_main!(benches);
