use super::*;
use crate::storage::{FileName, MemoryStorage};

mod vectors;

fn pair() -> FeedKeyPair {
    FeedKeyPair::from_seed(&[1; 32])
}

fn log() -> Log<MemoryStorage> {
    Log::create(MemoryStorage::new(), pair()).unwrap()
}
