//! What has changed between two versions.
//!
//! Grade: over a door. Both tries are walked together; where they reach the same block, everything below is the same. Entries are
//! the same if their blocks are, so a neighbour of a deleted entry, which was written again, counts as changed.
//! Source: docs/structures.md, comparing versions.

use std::sync::Arc;

use dazaar_log::codec::varint;

use super::TrieError;
use super::iter::refuse_twins;
use super::lookup::{Query, search_prefix};
use super::node::{Node, is_component_end};
use super::trie::Nodes;
use crate::fields::take_varint;
use crate::path::DIGITS;

/// What to compare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiffOptions<'a> {
    /// Entries at and below this key.
    pub prefix: &'a str,
    /// Those among the hidden entries.
    pub is_hidden: bool,
    /// Without entries that only the newer version has.
    pub skip_added: bool,
    /// Without entries that only the older version has.
    pub skip_removed: bool,
}

/// An entry that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// In the newer version; none if it was removed.
    pub newer: Option<Arc<Node>>,
    /// In the older version; none if it was added.
    pub older: Option<Arc<Node>>,
}

impl Change {
    /// The key of the entry.
    pub fn key(&self) -> &str {
        self.newer.as_ref().or(self.older.as_ref()).map_or("", |node| node.key())
    }
}

/// A comparison that is being made, which goes on after a missing block was fetched.
#[derive(Debug)]
pub struct Diff {
    newer: u64,
    older: u64,
    prefix: Node,
    skip_added: bool,
    skip_removed: bool,
    stack: Vec<Pair>,
    is_open: bool,
}

/// Two nodes that share all digits before a position, or one without counterpart.
#[derive(Debug, Clone)]
struct Pair {
    position: usize,
    sides: [Option<Arc<Node>>; 2],
}

impl Pair {
    fn seqs(&self) -> [u64; 2] {
        self.sides.each_ref().map(|side| side.as_ref().map_or(0, |node| node.seq))
    }
}

impl Diff {
    /// Compares two versions of a trie. Nothing is read yet.
    pub fn new(newer: u64, older: u64, options: &DiffOptions<'_>) -> Self {
        let prefix = Query { key: options.prefix, is_hidden: options.is_hidden }.node();
        let DiffOptions { skip_added, skip_removed, .. } = *options;
        Self { newer, older, prefix, skip_added, skip_removed, stack: Vec::new(), is_open: false }
    }

    /// Goes on where a [`checkpoint`](Self::checkpoint) was made.
    ///
    /// # Errors
    /// [`TrieError::Checkpoint`] if the bytes are none; [`TrieError::Missing`] if a block is not here that it names.
    #[expect(private_bounds, reason = "only the tries of this crate are sources of nodes")]
    pub fn resume(
        nodes: &impl Nodes,
        options: &DiffOptions<'_>,
        checkpoint: &[u8],
    ) -> Result<Self, TrieError> {
        let mut diff = Self { is_open: true, ..Self::new(0, 0, options) };
        let mut rest = checkpoint;
        while !rest.is_empty() {
            let mut next = || take_varint(&mut rest).map_err(|_| TrieError::Checkpoint);
            let position = usize::try_from(next()?).map_err(|_| TrieError::Checkpoint)?;
            let seqs = [next()?, next()?];
            let mut sides = [None, None];
            for (side, seq) in sides.iter_mut().zip(seqs) {
                *side = if seq == 0 { None } else { nodes.node(seq)? };
            }
            if let [Some(newer), Some(older)] = &sides
                && newer.parting(older, 0).is_some_and(|parting| parting < position)
            {
                return Err(TrieError::Checkpoint);
            }
            diff.stack.push(Pair { position, sides });
        }
        Ok(diff)
    }

    /// What is still to be compared, in bytes that another program can go on from: JavaScript's format. Before the first
    /// [`next`](Self::next) nothing is.
    pub fn checkpoint(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for pair in &self.stack {
            varint::encode(pair.position as u64, &mut out);
            pair.seqs().into_iter().for_each(|seq| varint::encode(seq, &mut out));
        }
        out
    }

    /// The next entry that differs; none at the end.
    ///
    /// # Errors
    /// [`TrieError::Missing`]: fetch the block, and ask again. Other errors stay.
    #[expect(private_bounds, reason = "only the tries of this crate are sources of nodes")]
    pub fn next(&mut self, nodes: &impl Nodes) -> Result<Option<Change>, TrieError> {
        if !self.is_open {
            let newer = search_prefix(nodes, nodes.head(self.newer)?, &self.prefix)?;
            let older = search_prefix(nodes, nodes.head(self.older)?, &self.prefix)?;
            self.is_open = true;
            self.push(self.prefix.positions() - 1, [newer, older]);
        }
        while let Some(pair) = self.stack.last() {
            let Some(fork) = fork(pair) else {
                let pair = self.stack.pop();
                return Ok(pair.map(|pair| self.change(pair)));
            };
            let below = below(nodes, pair, fork)?;
            self.stack.pop();
            below.into_iter().for_each(|sides| self.push(fork + 1, sides));
        }
        Ok(None)
    }

    /// Keeps a pair if there is anything to find.
    fn push(&mut self, position: usize, sides: [Option<Arc<Node>>; 2]) {
        let pair = Pair { position, sides };
        let [newer, older] = pair.seqs();
        let is_skipped = older == 0 && self.skip_added || newer == 0 && self.skip_removed;
        if newer != older && !is_skipped {
            self.stack.push(pair);
        }
    }

    /// The change of a pair that has nothing below. Texts may differ by a slash at the end: those are two entries.
    fn change(&mut self, pair: Pair) -> Change {
        let Pair { position, sides: [newer, older] } = pair;
        if let (Some(new), Some(old)) = (&newer, &older)
            && new.key() != old.key()
        {
            self.push(position, [None, older]);
            return Change { newer, older: None };
        }
        Change { newer, older }
    }
}

/// The first position at which the nodes of a pair part, or one of them points to others; none if there is no more.
fn fork(pair: &Pair) -> Option<usize> {
    let [newer, older] = &pair.sides;
    let parting = match (newer, older) {
        (Some(newer), Some(older)) => newer.parting(older, pair.position),
        _ => None,
    };
    let next = |side: &Option<Arc<Node>>| side.as_ref()?.pointers.next(pair.position);
    [parting, next(newer), next(older)].into_iter().flatten().min()
}

/// The pairs that go on behind `position`.
fn below(nodes: &impl Nodes, pair: &Pair, position: usize) -> Result<Vec<[Option<Arc<Node>>; 2]>, TrieError> {
    let mut pairs = Vec::new();
    for digit in 0..DIGITS {
        let [newer, older] = pair.sides.each_ref().map(|side| ways(side.as_ref(), position, digit));
        let only_newer: Vec<_> =
            newer.iter().filter(|way| older.iter().all(|other| other.seq() != way.seq())).collect();
        let only_older: Vec<_> =
            older.iter().filter(|way| newer.iter().all(|other| other.seq() != way.seq())).collect();
        let newer = load(nodes, &only_newer)?;
        let older = load(nodes, &only_older)?;
        refuse_twins(&newer, position)?;
        refuse_twins(&older, position)?;
        pairs.extend(matched(newer, older, position));
    }
    Ok(pairs)
}

/// A way on from a node: itself, or a pointer of it.
enum Way<'a> {
    Itself(&'a Arc<Node>),
    Pointer(&'a Arc<Node>, super::pointers::Pointer),
}

impl Way<'_> {
    fn seq(&self) -> u64 {
        match self {
            Self::Itself(node) => node.seq,
            Self::Pointer(_, pointer) => pointer.seq,
        }
    }
}

/// The ways on from a node by a digit.
fn ways(node: Option<&Arc<Node>>, position: usize, digit: u8) -> Vec<Way<'_>> {
    let Some(node) = node else { return Vec::new() };
    let own = (node.digit(position) == digit).then_some(Way::Itself(node));
    let pointers = node.pointers.bucket(position).iter().filter(|pointer| pointer.digit() == digit);
    own.into_iter().chain(pointers.map(|&pointer| Way::Pointer(node, pointer))).collect()
}

fn load(nodes: &impl Nodes, ways: &[&Way<'_>]) -> Result<Vec<Arc<Node>>, TrieError> {
    let mut loaded: Vec<Arc<Node>> = Vec::with_capacity(ways.len());
    for way in ways {
        let node = match way {
            Way::Itself(node) => Some(Arc::clone(node)),
            Way::Pointer(from, pointer) => nodes.follow(from, *pointer)?,
        };
        loaded.extend(node);
    }
    Ok(loaded)
}

/// Pairs nodes that go on with the same digit: where a component ends, those of the same text.
fn matched(newer: Vec<Arc<Node>>, mut older: Vec<Arc<Node>>, position: usize) -> Vec<[Option<Arc<Node>>; 2]> {
    let mut pairs = Vec::with_capacity(newer.len().max(older.len()));
    for node in newer {
        let same = |other: &Arc<Node>| {
            !is_component_end(position) || node.parting(other, position) != Some(position)
        };
        let other = older.iter().position(same).map(|place| older.remove(place));
        pairs.push([Some(node), other]);
    }
    pairs.extend(older.into_iter().map(|node| [None, Some(node)]));
    pairs
}
