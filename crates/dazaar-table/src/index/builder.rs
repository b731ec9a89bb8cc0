//! Building the index while a feed grows. Grade: machine.

use super::{Entry, Index};
use crate::limits::{INDEX_EVERY, INDEX_FAN_OUT};

/// The lists as the next index block will have them.
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    next: Index,
    /// Entries of level 0 that no index block has yet.
    pending: usize,
    /// The newest index block; 0 if there is none.
    newest: u64,
}

impl IndexBuilder {
    /// Goes on after an index block.
    pub(crate) fn after(block: u64, index: Index) -> Self {
        let mut builder = Self { next: index, pending: 0, newest: block };
        builder.turn_over();
        builder
    }

    /// The newest index block; 0 if there is none.
    pub(crate) const fn newest(&self) -> u64 {
        self.newest
    }

    /// Adds a sealed segment.
    pub(crate) fn add(&mut self, segment: Entry) {
        if self.next.levels.is_empty() {
            self.next.levels.push(Vec::new());
        }
        self.next.levels[0].push(segment);
        self.pending += 1;
    }

    /// Whether it is time for an index block.
    pub(crate) fn is_due(&self) -> bool {
        self.pending >= INDEX_EVERY
            || self.next.levels.first().is_some_and(|list| list.len() >= INDEX_FAN_OUT)
    }

    /// Whether something was added that no index block has.
    pub(crate) const fn is_pending(&self) -> bool {
        self.pending > 0
    }

    /// Makes the next index block, which will be block `block` of the feed.
    pub(crate) fn write(&mut self, block: u64) -> Vec<u8> {
        let encoded = self.next.encode();
        self.newest = block;
        self.pending = 0;
        self.turn_over();
        encoded
    }

    /// Replaces each list that is full by one entry for the newest index block, which has it.
    fn turn_over(&mut self) {
        let mut full = Vec::new();
        for (level, list) in self.next.levels.iter_mut().enumerate() {
            if list.len() >= INDEX_FAN_OUT {
                full.extend(Entry::over(self.newest, &std::mem::take(list)).map(|entry| (level + 1, entry)));
            }
        }
        for (level, entry) in full {
            if level == self.next.levels.len() {
                self.next.levels.push(Vec::new());
            }
            self.next.levels[level].push(entry);
        }
    }
}
