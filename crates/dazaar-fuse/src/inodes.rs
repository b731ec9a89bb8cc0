//! The numbers by which the system calls what it has looked up, until it forgets it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use fuser::FileType;

use crate::node::{Identity, Node};

/// The number of the root.
const ROOT: u64 = 1;

/// Files, directories and links that the system may know before it is asked to forget some.
pub(crate) const KNOWN_MAX: usize = 1 << 17;

/// What the system knows. Numbers follow from identities, so that they stay the same after it has forgotten one.
#[derive(Debug)]
pub(crate) struct Inodes {
    numbers: RandomState,
    known: BTreeMap<u64, Known>,
    /// Where the next one lies that it is asked to forget.
    next: u64,
}

#[derive(Debug)]
struct Known {
    node: Arc<Node>,
    /// How often the system was told of it, and has to forget it.
    lookups: u64,
}

impl Inodes {
    /// Knows the root only.
    pub(crate) fn new(root: Node) -> Self {
        let root = Known { node: Arc::new(root), lookups: 1 };
        Self { numbers: RandomState::new(), known: BTreeMap::from([(ROOT, root)]), next: 0 }
    }

    pub(crate) fn get(&self, number: u64) -> Option<Arc<Node>> {
        self.known.get(&number).map(|known| Arc::clone(&known.node))
    }

    /// The number of what has an identity.
    pub(crate) fn number(&self, identity: &Identity) -> u64 {
        if *identity == Identity::Directory(String::new()) {
            return ROOT;
        }
        let mut number = self.numbers.hash_one(identity);
        loop {
            let is_free = || self.known.get(&number).is_none_or(|known| known.node.identity == *identity);
            if number > ROOT && is_free() {
                return number;
            }
            number = number.wrapping_add(1);
        }
    }

    /// Takes over what was found, of which the system is told now.
    pub(crate) fn look_up(&mut self, node: Node) -> u64 {
        let number = self.number(&node.identity);
        let node = Arc::new(node);
        let known = self.known.entry(number).or_insert_with(|| Known { node: Arc::clone(&node), lookups: 0 });
        // What is in a directory may lie in another drive now.
        known.node = node;
        known.lookups = known.lookups.saturating_add(1);
        number
    }

    /// Takes over what was found of something that the system knows.
    pub(crate) fn renew(&mut self, number: u64, node: Node) {
        if let Some(known) = self.known.get_mut(&number) {
            known.node = Arc::new(node);
        }
    }

    /// What the system is to forget, so that it knows no more than `max`: numbers of directories, and names in them. Directories are left out:
    /// somebody may be in one. None if it does not know too much.
    pub(crate) fn excess(&mut self, max: usize) -> Vec<(u64, String)> {
        if self.known.len() <= max {
            return Vec::new();
        }
        // Some more, so that this is not asked each time.
        let count = self.known.len() - max + max / 8;
        let (before, after) = (self.known.range(..self.next), self.known.range(self.next..));
        let files =
            after.chain(before).filter(|(_, known)| known.node.attributes.kind != FileType::Directory);
        let (mut excess, mut last) = (Vec::new(), self.next);
        for (number, known) in files.take(count) {
            let path = &known.node.path;
            let directory = path.parent().as_ref().map_or_else(String::new, |path| path.as_str().to_owned());
            let directory = self.number(&Identity::Directory(directory));
            excess.push((directory, path.name().unwrap_or_default().to_owned()));
            last = *number;
        }
        self.next = last.wrapping_add(1);
        excess
    }

    /// The system forgets so many times that it was told of something.
    pub(crate) fn forget(&mut self, number: u64, times: u64) {
        if number == ROOT {
            return;
        }
        if let Some(known) = self.known.get_mut(&number) {
            known.lookups = known.lookups.saturating_sub(times);
            if known.lookups == 0 {
                self.known.remove(&number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use dazaar::drive::Located;
    use dazaar::log::FeedKey;
    use dazaar::maps::hyperdrive::{DrivePath, Entry, Place, Stat};

    use super::*;
    use crate::node::{Owner, Within};

    fn node(path: &str, seq: u64, stat: Stat) -> Node {
        let key = FeedKey([1; 32]);
        let entry =
            Entry { path: DrivePath::new(path).as_str().to_owned(), stat, seq: Some(seq), is_mount: false };
        let place = Place::new(key, Some(1), DrivePath::new(path));
        let owner = Owner { uid: 0, gid: 0, since: UNIX_EPOCH };
        Node::new(&Within::root(key, None), 1, &Located { place, entry, mount: None }, owner).expect("a node")
    }

    #[test]
    fn what_is_forgotten_is_gone_and_has_its_number_again() {
        let mut inodes = Inodes::new(node("/", 0, Stat::directory(0o755)));
        let file = || node("/a", 1, Stat::file(0o644));
        let first = inodes.look_up(file());
        assert_eq!(inodes.look_up(file()), first);
        inodes.forget(first, 1);
        assert!(inodes.get(first).is_some());
        inodes.forget(first, 1);
        assert!(inodes.get(first).is_none());
        inodes.forget(first, 7);
        assert_eq!(inodes.look_up(file()), first);
        let other = inodes.look_up(node("/a", 2, Stat::file(0o644)));
        assert_ne!(other, first, "another file of the same name");
        inodes.forget(1, u64::MAX);
        assert!(inodes.get(1).is_some(), "the root stays");
    }

    #[test]
    fn the_system_is_asked_to_forget_files_in_turn() {
        let mut inodes = Inodes::new(node("/", 0, Stat::directory(0o755)));
        let directory = inodes.look_up(node("/d", 1, Stat::directory(0o755)));
        for nth in 0..16 {
            inodes.look_up(node(&format!("/d/{nth}"), nth, Stat::file(0o644)));
        }
        assert!(inodes.excess(18).is_empty());
        let mut asked: Vec<_> = (0..4).flat_map(|_| inodes.excess(16)).collect();
        assert_eq!(asked.len(), 4 * (2 + 2));
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), 16, "each once");
        assert!(asked.iter().all(|(parent, _)| *parent == directory));
    }

    #[test]
    fn numbers_that_meet_are_told_apart() {
        let mut inodes = Inodes::new(node("/", 0, Stat::directory(0o755)));
        let wanted = node("/a", 1, Stat::file(0o644));
        let number = inodes.number(&wanted.identity);
        let other = Known { node: Arc::new(node("/b", 2, Stat::file(0o644))), lookups: 1 };
        inodes.known.insert(number, other);
        assert_eq!(inodes.look_up(wanted), number.wrapping_add(1));
    }
}
