//! How fast a log takes and gives blocks, apart from the disk: `cargo bench -p dazaar-log`.

use std::hint::black_box;
use std::io;
use std::ops::Range;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dazaar_log::digest::RemoteTree;
use dazaar_log::verify::UnverifiedBlock;
use dazaar_log::{FeedKeyPair, FileName, Log, MemoryStorage, Storage};

/// A medium that forgets at once. Appending reads nothing.
struct Void;

impl Storage for Void {
    fn len(&self, _: FileName) -> io::Result<u64> {
        Ok(0)
    }

    fn read(&self, _: FileName, _: u64, _: &mut [u8]) -> io::Result<()> {
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    fn write(&mut self, _: FileName, _: u64, bytes: &[u8]) -> io::Result<()> {
        black_box(bytes);
        Ok(())
    }

    fn set_len(&mut self, _: FileName, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self, _: FileName) -> io::Result<()> {
        Ok(())
    }

    fn release(&mut self, _: FileName, _: Range<u64>) -> io::Result<()> {
        Ok(())
    }
}

fn log<S: Storage>(storage: S) -> Log<S> {
    Log::create(storage, FeedKeyPair::from_seed(&[1; 32])).expect("the storage is empty")
}

fn full_log(blocks: usize, bytes: usize) -> Log<MemoryStorage> {
    let mut log = log(MemoryStorage::new());
    for _ in 0..blocks / 1000 {
        log.append(&vec![vec![7; bytes]; 1000]).expect("memory does not fail");
    }
    log
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append");
    for (blocks, bytes) in [(1, 64), (1000, 64), (1000, 65536)] {
        let mut log = log(Void);
        let batch = vec![vec![7_u8; bytes]; blocks];
        let throughput = if bytes > 64 {
            Throughput::Bytes((blocks * bytes) as u64)
        } else {
            Throughput::Elements(blocks as u64)
        };
        group.throughput(throughput);
        group.bench_function(format!("{blocks} blocks of {bytes} bytes"), |bencher| {
            bencher.iter(|| log.append(&batch).expect("nothing fails"));
        });
    }
}

fn read(criterion: &mut Criterion) {
    let log = full_log(100_000, 64);
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Elements(1));
    let mut block = 0;
    group.bench_function("one random block of 64 bytes", |bencher| {
        bencher.iter(|| {
            block = (block + 61_803) % log.length();
            log.block(block).expect("memory does not fail")
        });
    });
    group.throughput(Throughput::Elements(log.length()));
    group.bench_function("all blocks of 64 bytes in order", |bencher| {
        bencher.iter(|| {
            let mut next = 0;
            while next < log.length() {
                next += log.blocks(next..log.length()).expect("memory does not fail").len() as u64;
            }
        });
    });
}

fn open(criterion: &mut Criterion) {
    let storage = full_log(1_000_000, 1).into_storage();
    criterion.bench_function("open a log of a million blocks", |bencher| {
        bencher.iter_batched(|| storage.clone(), Log::open, BatchSize::PerIteration);
    });
}

fn copy(criterion: &mut Criterion) {
    let writer = full_log(1000, 64);
    let mut group = criterion.benchmark_group("replicate");
    group.throughput(Throughput::Elements(writer.length()));
    group.bench_function("prove, verify and store 1000 blocks of 64 bytes", |bencher| {
        bencher.iter(|| {
            let mut reader =
                Log::create_reader(MemoryStorage::new(), writer.key()).expect("the storage is empty");
            let mut remote = RemoteTree::new();
            for index in 0..writer.length() {
                let proof = writer.proof(index, reader.digest(index), false, &mut remote);
                let proof = proof.expect("memory does not fail").expect("the block is held");
                let signature =
                    proof.signature_length.and_then(|length| writer.signature(length).ok().flatten());
                let value = writer.block(index).expect("memory does not fail");
                let block = UnverifiedBlock { index, value, nodes: proof.nodes, signature };
                let block = reader.verify(block).expect("the writer is honest");
                reader.store(block).expect("memory does not fail");
            }
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = append, read, open, copy
}
criterion_main!(benches);
