//! Everything that was ever written, block by block.
//!
//! Grade: over a door. Source: docs/structures.md, history.

use std::ops::Range;
use std::sync::Arc;

use super::TrieError;
use super::node::Node;
use super::trie::Nodes;

/// A walk through blocks, which goes on after a missing block was fetched.
#[derive(Debug, Clone)]
pub struct History {
    blocks: Range<u64>,
    is_reverse: bool,
}

impl History {
    /// The nodes in these blocks, oldest first. The header is none.
    pub fn new(blocks: Range<u64>) -> Self {
        Self { blocks: blocks.start.max(1)..blocks.end, is_reverse: false }
    }

    /// The nodes in these blocks, newest first.
    pub fn reverse(blocks: Range<u64>) -> Self {
        Self { is_reverse: true, ..Self::new(blocks) }
    }

    /// The next node; none at the end. Blocks that only say that the last entry was deleted are passed over.
    ///
    /// # Errors
    /// [`TrieError::Missing`]: fetch the block, and ask again.
    #[expect(private_bounds, reason = "only the tries of this crate are sources of nodes")]
    pub fn next(&mut self, nodes: &impl Nodes) -> Result<Option<Arc<Node>>, TrieError> {
        while !self.blocks.is_empty() {
            let seq = if self.is_reverse { self.blocks.end - 1 } else { self.blocks.start };
            let node = nodes.node(seq)?;
            if self.is_reverse {
                self.blocks.end -= 1
            } else {
                self.blocks.start += 1
            }
            if node.is_some() {
                return Ok(node);
            }
        }
        Ok(None)
    }
}
