//! How fast maps are written and read, apart from feeds and the disk: `cargo bench -p dazaar-trie`. Beside the npm packages:
//! `cargo bench -p dazaar --bench maps`.

use std::collections::BTreeMap;
use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dazaar_log::FeedKey;
use dazaar_trie::db::{Db, DbBatch};
use dazaar_trie::hypertrie::{Batch, IterOptions, Options, Trie};

/// Entries of each map.
const ENTRIES: usize = 10_000;

const OWNER: FeedKey = FeedKey([1; 32]);

fn key(nth: usize) -> String {
    format!("dir{}/key{nth}", nth % 100)
}

fn trie() -> Trie<Vec<Bytes>> {
    let mut trie = Trie::new(Vec::new());
    let mut batch = Batch::new(&trie);
    for nth in 0..ENTRIES {
        batch.put(&trie, &key(nth), Some(b"value"), Options::default()).expect("a key that can be written");
    }
    trie.blocks_mut().extend(batch.blocks().iter().cloned().map(Bytes::from));
    trie.keep(batch);
    trie
}

fn db() -> Db<BTreeMap<FeedKey, Vec<Bytes>>> {
    let mut db = Db::new(OWNER, BTreeMap::new());
    let mut batch = DbBatch::new(&db, OWNER).expect("nothing is missing");
    for nth in 0..ENTRIES {
        batch.put(&db, &key(nth), Some(b"value")).expect("a key that can be written");
    }
    let blocks = batch.blocks().iter().cloned().map(Bytes::from).collect();
    db.feeds_mut().insert(OWNER, blocks);
    db.keep(batch);
    db
}

fn hypertrie(criterion: &mut Criterion) {
    let trie = trie();
    let mut group = criterion.benchmark_group("hypertrie");
    group.throughput(Throughput::Elements(1));
    let mut nth = 0;
    group.bench_function("get", |bencher| {
        bencher.iter(|| {
            nth = (nth + 7919) % ENTRIES;
            black_box(trie.snapshot().get(key(nth).as_str())).is_ok()
        });
    });
    group.throughput(Throughput::Elements(100));
    group.bench_function("put 100", |bencher| {
        let put = |mut batch: Batch| {
            for nth in 0..100 {
                let put = batch.put(&trie, &key(nth * 97), Some(b"other"), Options::default());
                black_box(put).expect("a key that can be written");
            }
        };
        bencher.iter_batched(|| Batch::new(&trie), put, BatchSize::SmallInput);
    });
    group.throughput(Throughput::Elements(ENTRIES as u64));
    group.bench_function("iterate", |bencher| {
        bencher.iter(|| trie.snapshot().iter(&IterOptions::default()).map(black_box).count());
    });
    group.finish();
}

fn hyperdb(criterion: &mut Criterion) {
    let db = db();
    let mut group = criterion.benchmark_group("hyperdb");
    group.throughput(Throughput::Elements(1));
    let mut nth = 0;
    group.bench_function("get", |bencher| {
        bencher.iter(|| {
            nth = (nth + 7919) % ENTRIES;
            db.view().and_then(|view| black_box(view.get(&key(nth)))).is_ok()
        });
    });
    group.bench_function("put", |bencher| {
        bencher.iter(|| {
            let mut batch = DbBatch::new(&db, OWNER)?;
            batch.put(&db, "dir1/new", Some(b"other")).map(black_box)
        });
    });
    group.finish();
}

criterion_group!(benches, hypertrie, hyperdb);
criterion_main!(benches);
