//! The answering side of the extension: the same search or list is made here, and the blocks that it touches are named.
//!
//! Grade: over a door. It reads blocks that are here and no others, and a bounded number of them; a question that makes no sense
//! has no answer. Nothing is kept between questions.
//! Source: docs/structures.md, extension.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::extension::ExtensionMessage;
use super::iter::{Iter, IterOptions};
use super::lookup::{Query, search};
use super::node::Node;
use super::trie::Nodes;
use super::{Trie, TrieError};
use crate::blocks::Blocks;
use crate::limits::{EXTENSION_MESSAGE_BLOCKS, MAX_EXTENSION_BLOCKS, MAX_EXTENSION_READS};

/// Answers questions about a trie.
#[derive(Debug)]
pub struct Responder<'a, B> {
    trie: &'a Trie<B>,
}

/// Notes which blocks are read.
struct Recorder<'a, B> {
    trie: &'a Trie<B>,
    seen: RefCell<Vec<u64>>,
    /// How often any block was read, the same one again too.
    reads: Cell<usize>,
}

impl<B: Blocks> Nodes for Recorder<'_, B> {
    fn node(&self, seq: u64) -> Result<Option<Arc<Node>>, TrieError> {
        let mut seen = self.seen.borrow_mut();
        self.reads.set(self.reads.get() + 1);
        let is_enough = seen.len() >= MAX_EXTENSION_BLOCKS || self.reads.get() > MAX_EXTENSION_READS;
        // Past the limit nothing is there, which ends the search.
        if is_enough || seq == 0 || seq >= self.trie.version() {
            return Err(TrieError::Missing { seq });
        }
        // A list that goes on after sorting reads what it read just before.
        if !seen.iter().rev().take(EXTENSION_MESSAGE_BLOCKS).any(|&block| block == seq) {
            seen.push(seq);
        }
        self.trie.node(seq)
    }
}

impl<'a, B: Blocks> Responder<'a, B> {
    /// Answers from what is here of `trie`.
    pub const fn new(trie: &'a Trie<B>) -> Self {
        Self { trie }
    }

    /// The answers to a message, in order.
    pub fn answer(&self, message: &ExtensionMessage) -> Vec<ExtensionMessage> {
        let recorder = Recorder { trie: self.trie, seen: RefCell::default(), reads: Cell::default() };
        // A search that comes to nothing has named the blocks on the way.
        let _ = match message {
            ExtensionMessage::Get { head, key } => look_up(&recorder, *head, key),
            ExtensionMessage::Iterator { head, key, flags, checkpoint } => {
                list(&recorder, *head, key, *flags, checkpoint.as_deref())
            }
            ExtensionMessage::Cache { .. } => Ok(()),
        };
        let seen = recorder.seen.into_inner();
        seen.chunks(EXTENSION_MESSAGE_BLOCKS).map(cache).collect()
    }
}

/// The blocks that an answer tells us to fetch of a feed of `length` blocks.
pub fn wanted_blocks(message: ExtensionMessage, length: u64) -> Vec<u64> {
    let ExtensionMessage::Cache { mut blocks, .. } = message else { return Vec::new() };
    blocks.retain(|block| (1..length).contains(block));
    blocks
}

fn look_up<B: Blocks>(recorder: &Recorder<'_, B>, head: u64, key: &str) -> Result<(), TrieError> {
    let wanted = Query::from(key).node();
    let head = recorder.head(head.saturating_add(1))?;
    search(recorder, head, &wanted, wanted.positions()).map(|_| ())
}

fn list<B: Blocks>(
    recorder: &Recorder<'_, B>,
    head: u64,
    key: &str,
    flags: u64,
    checkpoint: Option<&[u8]>,
) -> Result<(), TrieError> {
    let has = |flag| flags & flag != 0;
    let options = IterOptions {
        prefix: key,
        is_hidden: has(ExtensionMessage::HIDDEN),
        is_recursive: has(ExtensionMessage::RECURSIVE),
        is_reverse: has(ExtensionMessage::REVERSE),
        is_below_only: has(ExtensionMessage::BELOW_ONLY),
    };
    let mut iter = match checkpoint {
        Some(checkpoint) => Iter::resume(&options, checkpoint)?,
        None => Iter::new(head.saturating_add(1), &options),
    };
    while iter.next(recorder)?.is_some() {}
    Ok(())
}

fn cache(blocks: &[u64]) -> ExtensionMessage {
    let start = blocks.iter().copied().min().unwrap_or(0);
    let end = blocks.iter().copied().max().map_or(0, |last| last + 1);
    ExtensionMessage::Cache { start, end, blocks: blocks.to_vec() }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use dazaar_log::codec::varint;

    use super::*;
    use crate::hypertrie::{Batch, Options};
    use crate::limits::MAX_CHECKPOINT_PLACES;

    /// A place at the beginning of the newest node, so many times.
    fn checkpoint(head: u64, places: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..places {
            varint::encode(0, &mut bytes);
            varint::encode(head, &mut bytes);
        }
        bytes
    }

    #[test]
    fn the_same_blocks_again_and_again_cost_no_more() {
        let mut trie = Trie::new(Vec::<Bytes>::new());
        let mut batch = Batch::new(&trie);
        for nth in 0..100 {
            batch.put(&trie, &nth.to_string(), None, Options::default()).unwrap();
        }
        trie.blocks_mut().extend(batch.blocks().iter().cloned().map(Bytes::from));
        let head = trie.version() - 1;
        for (places, expected) in [
            (1, 100..=200),
            (MAX_CHECKPOINT_PLACES, MAX_EXTENSION_READS + 1..=MAX_EXTENSION_READS + 1),
            (MAX_CHECKPOINT_PLACES + 1, 0..=0),
        ] {
            let recorder = Recorder { trie: &trie, seen: RefCell::default(), reads: Cell::default() };
            let listed = list(&recorder, head, "", 1, Some(&checkpoint(head, places)));
            assert_eq!(listed.is_ok(), places == 1);
            assert!(expected.contains(&recorder.reads.get()), "{places}: {}", recorder.reads.get());
        }
    }
}
