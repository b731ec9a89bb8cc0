//! Blocks that peers may name because they were asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use dazaar_trie::limits::MAX_EXTENSION_BLOCKS;

/// How many blocks peers may still name.
#[derive(Debug, Default)]
pub(crate) struct Expected(AtomicUsize);

impl Expected {
    /// A question was asked: its answers name so many blocks at most, those of all peers together.
    pub(crate) fn ask(&self, most: usize) {
        // A smaller question takes nothing off a larger one that is not answered yet.
        self.0.fetch_max(most.min(MAX_EXTENSION_BLOCKS), Ordering::Relaxed);
    }

    /// What is believed of blocks that a peer names.
    pub(crate) fn take(&self, mut blocks: Vec<u64>) -> Vec<u64> {
        let rest = |left: usize| Some(left.saturating_sub(blocks.len()));
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).unwrap_or(0);
        blocks.truncate(left);
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_are_believed_and_no_more_than_one_question_brings() {
        let expected = Expected::default();
        assert!(expected.take(vec![1, 2]).is_empty());
        expected.ask(MAX_EXTENSION_BLOCKS);
        assert_eq!(expected.take(vec![1, 2]), [1, 2]);
        let rest = expected.take((0..10_000).collect());
        assert_eq!(rest.len(), MAX_EXTENSION_BLOCKS - 2);
        assert!(expected.take(vec![1]).is_empty());
        expected.ask(MAX_EXTENSION_BLOCKS);
        assert_eq!(expected.take(vec![1]), [1]);
    }
}
