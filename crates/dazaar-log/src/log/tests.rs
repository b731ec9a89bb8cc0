use super::*;
use crate::storage::{FileName, MemoryStorage};

mod fixtures;
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
