//! Leaves that were read lately, sixteen together with where their data starts, so that a block costs one read and not one for
//! every level of the tree.
//!
//! Grade: plain. A node of a log never changes, so what is kept is never wrong; it gives way to others, and an audit forgets all
//! of it to see what is stored.

use std::cell::RefCell;
use std::fmt;

use crate::hash::Hash;
use crate::limits::LEAF_GROUPS_KEPT;
use crate::sleep::{Entry, NODE_BYTES, halves};

/// Leaves that are kept together.
pub(super) const GROUP_LEAVES: u64 = 16;

/// A leaf, and where the data of its block starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) hash: Hash,
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// Leaves of neighbouring blocks, up to the first that is not known.
struct Group {
    number: u64,
    leaves: Vec<Leaf>,
}

/// One place for each group that may be kept; a group has its place, and whoever comes last has it.
#[derive(Default)]
pub(super) struct LeafCache(RefCell<Vec<Option<Group>>>);

impl LeafCache {
    /// The leaf of a block, if it was read lately.
    pub(super) fn find(&self, block: u64) -> Option<Leaf> {
        let number = block / GROUP_LEAVES;
        let groups = self.0.borrow();
        let group = groups.get(place(number))?.as_ref().filter(|group| group.number == number)?;
        group.leaves.get((block % GROUP_LEAVES) as usize).copied()
    }

    /// Keeps the group of `block`: the leaves are every other entry, and their data starts at `offset`.
    pub(super) fn keep(&self, block: u64, entries: &[Entry], offset: u64) {
        let mut offset = offset;
        let known = entries.iter().step_by(2).take_while(|entry| **entry != [0; NODE_BYTES]);
        let leaves = known.map(|entry| {
            let (hash, size) = halves(entry);
            let leaf = Leaf { hash: Hash(*hash), offset, size };
            offset = offset.saturating_add(size);
            leaf
        });
        let number = block / GROUP_LEAVES;
        let mut groups = self.0.borrow_mut();
        if groups.is_empty() {
            groups.resize_with(LEAF_GROUPS_KEPT, || None);
        }
        if let Some(group) = groups.get_mut(place(number)) {
            *group = Some(Group { number, leaves: leaves.collect() });
        }
    }
}

impl fmt::Debug for LeafCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeafCache(..)")
    }
}

const fn place(number: u64) -> usize {
    (number % LEAF_GROUPS_KEPT as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sleep::encode_entry;

    #[test]
    fn a_leaf_is_found_with_its_place_up_to_the_first_that_is_missing() {
        let cache = LeafCache::default();
        let mut entries: Vec<Entry> =
            (0..9).map(|byte| encode_entry(&Hash([byte; 32]), 1 + u64::from(byte))).collect();
        entries[6] = [0; NODE_BYTES];
        cache.keep(33, &entries, 100);
        assert_eq!(cache.find(34), Some(Leaf { hash: Hash([4; 32]), offset: 104, size: 5 }));
        assert_eq!((cache.find(35), cache.find(36), cache.find(2)), (None, None, None));
        cache.keep(33 + GROUP_LEAVES * LEAF_GROUPS_KEPT as u64, &entries, 7);
        assert_eq!(cache.find(34), None, "another group has its place");
    }
}
