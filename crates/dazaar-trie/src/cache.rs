//! Decoded nodes that are kept for a while, so that what is read often is decoded once.
//!
//! Grade: plain. Bounded by the bytes that the nodes take. What it holds changes nothing but speed.

use std::cell::RefCell;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::unsync::Cache;
use rustc_hash::FxBuildHasher;

use crate::limits::CACHE_BYTES;

/// Bytes that a node takes beside itself: its place in the cache.
const PLACE_BYTES: u64 = 64;

/// Bytes that one node takes about, from which follows how many places are made at first.
const NODE_BYTES: u64 = 512;

/// What knows its size in memory.
pub(crate) trait Memory {
    /// Bytes, about.
    fn memory(&self) -> usize;
}

/// Nodes by their place in the feed or feeds.
pub(crate) struct NodeCache<K, N>(RefCell<Cache<K, Arc<N>, ByMemory, FxBuildHasher>>);

#[derive(Clone)]
struct ByMemory;

impl<K, N: Memory> Weighter<K, Arc<N>> for ByMemory {
    fn weight(&self, _: &K, node: &Arc<N>) -> u64 {
        node.memory() as u64 + PLACE_BYTES
    }
}

impl<K: Eq + Hash, N: Memory> NodeCache<K, N> {
    pub(crate) fn new() -> Self {
        let places = usize::try_from(CACHE_BYTES / NODE_BYTES).unwrap_or(usize::MAX);
        Self(RefCell::new(Cache::with(
            places,
            CACHE_BYTES,
            ByMemory,
            FxBuildHasher,
            quick_cache::unsync::DefaultLifecycle::default(),
        )))
    }

    pub(crate) fn find(&self, key: &K) -> Option<Arc<N>> {
        self.0.borrow().get(key).cloned()
    }

    pub(crate) fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    pub(crate) fn keep(&self, key: K, node: Arc<N>) {
        self.0.borrow_mut().insert(key, node);
    }
}

impl<K, N> fmt::Debug for NodeCache<K, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeCache").finish_non_exhaustive()
    }
}
