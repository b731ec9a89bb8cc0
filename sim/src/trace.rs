//! What happened in a world, as a number that two equal runs share, and as lines if somebody wants to read them.
//!
//! Grade: plain.

use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::time::Duration;

/// The trace of a run.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: Fnv,
    entries: u64,
    sink: Option<fn(String)>,
}

/// FNV-1a: the same in every version of Rust.
#[derive(Debug)]
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl Trace {
    /// A trace whose lines go to `sink`.
    pub(crate) const fn new(sink: Option<fn(String)>) -> Self {
        Self { hash: Fnv(0xcbf2_9ce4_8422_2325), entries: 0, sink }
    }

    pub(crate) fn note(&mut self, now: Duration, entry: &(impl Debug + Hash)) {
        (now, entry).hash(&mut self.hash);
        self.entries += 1;
        if let Some(sink) = self.sink {
            sink(format!("{:>12.6}  {entry:?}", now.as_secs_f64()));
        }
    }

    /// Something to read that did not happen.
    pub(crate) fn tell(&self, something: &impl Debug) {
        if let Some(sink) = self.sink {
            sink(format!("{something:#?}"));
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.finish()
    }

    pub(crate) const fn entries(&self) -> u64 {
        self.entries
    }
}
