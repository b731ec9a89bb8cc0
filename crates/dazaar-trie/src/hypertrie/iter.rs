//! Listing entries.
//!
//! Grade: over a door. Depth first by digits, so entries come in the order of the hashes of their components, an entry before
//! those below it. Each node is reached once: pointers lead to what parts from the node that has them, and of several nodes that
//! go on with one digit each pair has to part there too.
//! Source: docs/structures.md, listing.

use std::sync::Arc;

use dazaar_log::codec::varint;

use super::TrieError;
use super::lookup::{Query, search_prefix};
use super::node::Node;
use super::pointers::Pointer;
use super::trie::Nodes;
use crate::fields::take_varint;
use crate::limits::MAX_CHECKPOINT_PLACES;
use crate::path::{COMPONENT_DIGITS, DIGITS, END};

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IterOptions<'a> {
    /// The entries at and below this key. A prefix is whole components.
    pub prefix: &'a str,
    /// Those among the hidden entries.
    pub is_hidden: bool,
    /// All entries below; otherwise one for each direct child, which may be anywhere below that.
    pub is_recursive: bool,
    /// In the reverse order of digits.
    pub is_reverse: bool,
    /// Without the entry of the prefix itself.
    pub is_below_only: bool,
}

impl Default for IterOptions<'_> {
    fn default() -> Self {
        Self { prefix: "", is_hidden: false, is_recursive: true, is_reverse: false, is_below_only: false }
    }
}

/// A list that is being made, which goes on after a missing block was fetched.
#[derive(Debug)]
pub struct Iter {
    version: u64,
    prefix: Node,
    options: Order,
    /// Where the listing starts and where it ends, as positions.
    start: usize,
    end: usize,
    stack: Vec<Entry>,
    is_open: bool,
}

#[derive(Debug, Clone, Copy)]
struct Order {
    is_reverse: bool,
    is_below_only: bool,
}

/// What is listed from a position on.
#[derive(Debug, Clone)]
struct Entry {
    position: usize,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Node(Arc<Node>),
    /// Behind a pointer of a node.
    Pointer(Arc<Node>, Pointer),
    /// A block that a checkpoint names.
    Block(u64),
}

impl Place {
    fn load(&self, nodes: &impl Nodes) -> Result<Option<Arc<Node>>, TrieError> {
        match self {
            Self::Node(node) => Ok(Some(Arc::clone(node))),
            Self::Pointer(from, pointer) => nodes.follow(from, *pointer),
            Self::Block(seq) => nodes.node(*seq),
        }
    }

    fn seq(&self) -> u64 {
        match self {
            Self::Node(node) => node.seq,
            Self::Pointer(_, pointer) => pointer.seq,
            Self::Block(seq) => *seq,
        }
    }
}

impl Iter {
    /// Lists a version. Nothing is read yet.
    pub fn new(version: u64, options: &IterOptions<'_>) -> Self {
        let prefix = Query { key: options.prefix, is_hidden: options.is_hidden }.node();
        // The end mark of the prefix is where entries below it part from it.
        let start = prefix.positions() - 1;
        let end = if options.is_recursive { usize::MAX } else { start + COMPONENT_DIGITS };
        let options = Order { is_reverse: options.is_reverse, is_below_only: options.is_below_only };
        Self { version, prefix, options, start, end, stack: Vec::new(), is_open: false }
    }

    /// Goes on where a [`checkpoint`](Self::checkpoint) was made, which must be of the same trie and options.
    ///
    /// # Errors
    /// [`TrieError::Checkpoint`] if the bytes are none, or name more than [`MAX_CHECKPOINT_PLACES`].
    pub fn resume(options: &IterOptions<'_>, checkpoint: &[u8]) -> Result<Self, TrieError> {
        let mut iter = Self { is_open: true, ..Self::new(0, options) };
        let mut rest = checkpoint;
        while !rest.is_empty() {
            let mut next = || take_varint(&mut rest).map_err(|_| TrieError::Checkpoint);
            let position = usize::try_from(next()?).map_err(|_| TrieError::Checkpoint)?;
            let seq = next()?;
            if seq == 0 || iter.stack.len() >= MAX_CHECKPOINT_PLACES {
                return Err(TrieError::Checkpoint);
            }
            iter.stack.push(Entry { position, place: Place::Block(seq) });
        }
        Ok(iter)
    }

    /// What is still to be listed, in bytes that another program can go on from: JavaScript's format. Before the first
    /// [`next`](Self::next) nothing is.
    pub fn checkpoint(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for entry in &self.stack {
            varint::encode(entry.position as u64, &mut out);
            varint::encode(entry.place.seq(), &mut out);
        }
        out
    }

    /// The next entry; none at the end.
    ///
    /// # Errors
    /// [`TrieError::Missing`]: fetch the block, and ask again. Other errors stay.
    #[expect(private_bounds, reason = "only the tries of this crate are sources of nodes")]
    pub fn next(&mut self, nodes: &impl Nodes) -> Result<Option<Arc<Node>>, TrieError> {
        if !self.is_open {
            let found = search_prefix(nodes, nodes.head(self.version)?, &self.prefix)?;
            self.is_open = true;
            self.stack.extend(found.map(|node| Entry { position: self.start, place: Place::Node(node) }));
        }
        while let Some(entry) = self.stack.last() {
            let position = entry.position;
            let Some(node) = entry.place.load(nodes)? else {
                self.stack.pop();
                continue;
            };
            let end = node.positions().min(self.end);
            match self.fork(&node, position).filter(|&fork| fork < end) {
                None => {
                    self.stack.pop();
                    return Ok(Some(node));
                }
                Some(fork) => {
                    let below = self.below(nodes, &node, fork)?;
                    self.stack.pop();
                    self.stack.extend(below);
                }
            }
        }
        Ok(None)
    }

    /// The first position from `position` on where there is more than `node` itself, or where it is left out.
    fn fork(&self, node: &Node, position: usize) -> Option<usize> {
        if self.leaves_out(node, position) { Some(position) } else { node.pointers.next(position) }
    }

    /// Whether `node` is the entry of the prefix, and not wanted.
    fn leaves_out(&self, node: &Node, position: usize) -> bool {
        self.options.is_below_only && position == self.start && node.digit(position) == END
    }

    /// What goes on behind `position`, last things first.
    fn below(&self, nodes: &impl Nodes, node: &Arc<Node>, position: usize) -> Result<Vec<Entry>, TrieError> {
        let digits: [u8; DIGITS as usize] =
            if self.options.is_reverse { [END, 0, 1, 2, 3] } else { [3, 2, 1, 0, END] };
        let bucket = node.pointers.bucket(position);
        let mut below = Vec::with_capacity(bucket.len() + 1);
        for digit in digits {
            if digit == END && self.options.is_below_only && position == self.start {
                continue;
            }
            let first = below.len();
            if node.digit(position) == digit {
                below.push(Entry { position: position + 1, place: Place::Node(Arc::clone(node)) });
            }
            for &pointer in bucket.iter().filter(|pointer| pointer.digit() == digit) {
                let place = Place::Pointer(Arc::clone(node), pointer);
                below.push(Entry { position: position + 1, place });
            }
            if below.len() - first > 1 {
                let sorted = sort(nodes, position, below.split_off(first))?;
                below.extend(sorted);
            }
        }
        Ok(below)
    }
}

/// Checks that nodes that go on with the same digit at `position` part there, each from each: otherwise the work could multiply
/// at each step.
pub(super) fn refuse_twins(loaded: &[Arc<Node>], position: usize) -> Result<(), TrieError> {
    for (nth, node) in loaded.iter().enumerate() {
        if let Some(twin) = loaded.iter().take(nth).find(|other| node.parting(other, 0) != Some(position)) {
            return Err(TrieError::Pointer { seq: node.seq.max(twin.seq), target: node.seq.min(twin.seq) });
        }
    }
    Ok(())
}

/// Sorts entries that go on with the same digit by key, the first last, as JavaScript sorts texts.
fn sort(nodes: &impl Nodes, position: usize, entries: Vec<Entry>) -> Result<Vec<Entry>, TrieError> {
    let mut loaded = Vec::with_capacity(entries.len());
    for entry in &entries {
        if let Some(node) = entry.place.load(nodes)? {
            loaded.push(node);
        }
    }
    refuse_twins(&loaded, position)?;
    loaded.sort_by(|a, b| b.path.cmp_text(&a.path));
    let entry = |node| Entry { position: position + 1, place: Place::Node(node) };
    Ok(loaded.into_iter().map(entry).collect())
}
