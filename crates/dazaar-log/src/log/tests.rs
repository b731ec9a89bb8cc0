use super::*;
use crate::digest::RemoteTree;
use crate::storage::{FileName, MemoryStorage};
use crate::verify::{UnverifiedBlock, UnverifiedRange};

mod audit;
mod crash;
mod create;
mod doctor;
mod faults;
mod faulty;
mod fixtures;
mod fork;
mod model;
mod power;
mod power_loss;
mod range;
mod read;
mod recover;
mod replicate;
mod vectors;

fn pair() -> FeedKeyPair {
    FeedKeyPair::from_seed(&[1; 32])
}

fn log() -> Log<MemoryStorage> {
    Log::create(MemoryStorage::new(), pair()).unwrap()
}

/// Block number `index` of the generated fixtures.
fn row(index: u64) -> String {
    format!("row {index} {}\n", "x".repeat((index % 23) as usize))
}

fn rows(range: Range<u64>) -> Vec<String> {
    range.map(row).collect()
}

fn reader() -> Log<MemoryStorage> {
    Log::create_reader(MemoryStorage::new(), pair().public()).unwrap()
}

fn writer(length: u64) -> Log<MemoryStorage> {
    let mut log = log();
    log.append(&rows(0..length)).unwrap();
    log
}

/// What `writer` sends of a range to a reader of whose tree it knows `remote`.
fn send_range(writer: &Log<MemoryStorage>, blocks: Range<u64>, remote: &mut RemoteTree) -> UnverifiedRange {
    let sent = writer.blocks(blocks.clone()).unwrap();
    let proof = writer.range_proof(&blocks, remote).unwrap().unwrap();
    remote.learn_sent(&blocks, &proof);
    let signature = proof.signature_length.map(|length| (length, writer.signature(length).unwrap().unwrap()));
    UnverifiedRange { start: blocks.start, blocks: sent, nodes: proof.nodes, signature }
}

/// What `writer` answers to `reader`'s request of a block.
fn send<W: Storage, R: Storage>(writer: &Log<W>, reader: &Log<R>, index: u64) -> UnverifiedBlock {
    let proof = writer.proof(index, reader.digest(index), false, &mut RemoteTree::new()).unwrap().unwrap();
    let signature = proof.signature_length.and_then(|length| writer.signature(length).unwrap());
    UnverifiedBlock { index, value: writer.block(index).unwrap(), nodes: proof.nodes, signature }
}
