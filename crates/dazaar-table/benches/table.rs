//! How fast rows become blocks and blocks become rows: `cargo bench -p dazaar-table --bench table`.

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{Float64Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dazaar_table::read::{Query, Rows, locate};
use dazaar_table::{Column, Kind, Schema, TableWriter};

const ROWS: usize = 1_000_000;

fn schema() -> Schema {
    let columns = vec![
        Column::new("time", Kind::Timestamp),
        Column::new("symbol", Kind::Text),
        Column::new("price", Kind::Float),
        Column::new("size", Kind::Float),
        Column::new("side", Kind::Text),
        Column::new("id", Kind::Int),
    ];
    Schema::new(columns, "time", &["symbol"], None).expect("it has a time")
}

/// A number that looks random, the same in every run.
fn noise(nth: usize) -> u64 {
    let mixed = (nth as u64 ^ (nth as u64 >> 7)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 16
}

/// Trades that look like those of an exchange: irregular times, prices in cents that walk, sizes with five digits.
fn trades() -> Vec<RecordBatch> {
    let (mut time, mut price) = (1_700_000_000_000_000_000_i64, 4_000_000_i64);
    let mut batches = Vec::new();
    for start in (0..ROWS).step_by(8192) {
        let rows = start..ROWS.min(start + 8192);
        let times = rows.clone().map(|nth| {
            time += (noise(nth) % 400_000_000) as i64;
            time
        });
        let prices: Vec<f64> = rows
            .clone()
            .map(|nth| {
                price += [-50, 0, 0, 0, 50][noise(nth + 7) as usize % 5];
                price as f64 / 100.0
            })
            .collect();
        let sizes = rows.clone().map(|nth| (noise(nth + 99) % 1_000_000) as f64 / 100_000.0);
        let symbols = rows.clone().map(|nth| ["BTCUSD", "ETHUSD", "SOLUSD"][noise(nth + 5) as usize % 3]);
        let sides = rows.clone().map(|nth| ["buy", "sell"][noise(nth + 3) as usize % 2]);
        let columns: Vec<arrow::array::ArrayRef> = vec![
            Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")),
            Arc::new(StringArray::from_iter_values(symbols)),
            Arc::new(Float64Array::from(prices)),
            Arc::new(Float64Array::from_iter_values(sizes)),
            Arc::new(StringArray::from_iter_values(sides)),
            Arc::new(Int64Array::from_iter_values(rows.map(|nth| nth as i64 + 987_654_321))),
        ];
        batches.push(RecordBatch::try_new(schema().to_arrow(), columns).expect("columns fit the schema"));
    }
    batches
}

fn write(batches: &[RecordBatch]) -> Vec<Vec<u8>> {
    let mut writer = TableWriter::new(schema());
    for batch in batches {
        writer.push(batch).expect("rows have times");
    }
    writer.finish();
    writer.take_blocks()
}

fn scan(blocks: &[Vec<u8>]) -> usize {
    let read = |block: u64| Ok::<_, Infallible>(blocks.get(block as usize));
    let mut rows = Rows::new(locate(blocks.len() as u64, Query::default(), read).expect("it is a table"));
    let mut count = 0;
    while let Some(event) = rows.read_next(read).expect("it is a table") {
        if let dazaar_table::read::RowsEvent::Rows(rows) = event {
            count += black_box(rows).num_rows();
        }
    }
    count
}

fn table(criterion: &mut Criterion) {
    let batches = trades();
    let blocks = write(&batches);
    let bytes: usize = blocks.iter().map(Vec::len).sum();
    println!("{ROWS} trades take {bytes} bytes in {} blocks", blocks.len());
    let mut group = criterion.benchmark_group("table");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(10);
    group.bench_function("write a million trades", |bencher| bencher.iter(|| write(&batches)));
    group.bench_function("read a million trades", |bencher| bencher.iter(|| scan(&blocks)));
    group.finish();
}

criterion_group!(benches, table);
criterion_main!(benches);
