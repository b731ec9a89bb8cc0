//! An entry in our numbering of feeds.
//!
//! Grade: plain.

use std::sync::Arc;

use super::clock::Clock;
use super::index::Index;
use crate::cache::Memory;
use crate::path::Path;

/// One entry of a map of several writers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbNode {
    pub(super) feed: u32,
    pub(super) seq: u64,
    pub(super) path: Path,
    pub(super) value: Option<Box<[u8]>>,
    pub(super) is_deleted: bool,
    pub(super) clock: Clock,
    pub(super) index: Index,
    /// The block of its feed that has the list of feeds by which it was written.
    pub(super) list: u64,
}

impl DbNode {
    /// Its key, components with `/` between them.
    pub fn key(&self) -> &str {
        self.path.text()
    }

    /// Its value, if it has one.
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// Whether this says that the entry was deleted.
    pub const fn is_deleted(&self) -> bool {
        self.is_deleted
    }

    /// Number of the feed that it is in: see [`Db::key_of`](super::Db::key_of).
    pub const fn feed(&self) -> usize {
        self.feed as usize
    }

    /// The block that it is in.
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// What its writer had seen, this entry included.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Feed and block: two entries are the same if these are.
    pub(super) const fn place(&self) -> (u32, u64) {
        (self.feed, self.seq)
    }

    /// Whether this replaces `other`: its writer had seen it. Two that claim to have seen each other replace nothing, for one of
    /// the clocks lies.
    pub fn replaces(&self, other: &Self) -> bool {
        let has_seen = |a: &Self, b: &Self| a.clock.has_seen(b.feed(), b.seq);
        self.place() != other.place() && has_seen(self, other) && !has_seen(other, self)
    }
}

/// The entries that no other one replaces, by feed and block.
pub(super) fn newest(mut nodes: Vec<Arc<DbNode>>) -> Vec<Arc<DbNode>> {
    nodes.sort_by_key(|node| node.place());
    nodes.dedup_by_key(|node| node.place());
    let is_newest = |node: &DbNode| !nodes.iter().any(|other| other.replaces(node));
    let kept: Vec<bool> = nodes.iter().map(|node| is_newest(node)).collect();
    let mut kept = kept.into_iter();
    nodes.retain(|_| kept.next().unwrap_or(true));
    nodes
}

impl Memory for DbNode {
    fn memory(&self) -> usize {
        size_of::<Self>()
            + self.path.memory()
            + self.index.memory()
            + size_of_val(&*self.clock.0)
            + self.value.as_ref().map_or(0, |value| value.len())
    }
}
