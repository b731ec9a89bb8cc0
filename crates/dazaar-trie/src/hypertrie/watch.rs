//! Hearing of changes below a prefix.
//!
//! Grade: over a door. Any change below a prefix brings a new newest node there, and the deletion of the last entry brings none.

use super::TrieError;
use super::lookup::{Query, search_prefix};
use super::node::Node;
use super::trie::Nodes;

/// What was known of a prefix when somebody looked last.
#[derive(Debug)]
pub struct Watch {
    prefix: Node,
    newest: Option<u64>,
}

impl Watch {
    /// Watches a prefix of `nodes`, from its present version on.
    ///
    /// # Errors
    /// [`TrieError::Missing`] if a block on the way is not here.
    #[expect(private_bounds, reason = "only the tries of this crate are sources of nodes")]
    pub fn new<'q>(
        nodes: &impl Nodes,
        version: u64,
        prefix: impl Into<Query<'q>>,
    ) -> Result<Self, TrieError> {
        let mut watch = Self { prefix: prefix.into().node(), newest: None };
        watch.has_changed(nodes, version)?;
        Ok(watch)
    }

    /// Whether anything at or below the prefix was written or deleted since this was last asked.
    ///
    /// # Errors
    /// As [`new`](Self::new); the question stands.
    #[expect(private_bounds, reason = "only the tries of this crate are sources of nodes")]
    pub fn has_changed(&mut self, nodes: &impl Nodes, version: u64) -> Result<bool, TrieError> {
        let found = search_prefix(nodes, nodes.head(version)?, &self.prefix)?;
        let newest = found.map(|node| node.seq);
        Ok(std::mem::replace(&mut self.newest, newest) != newest)
    }
}
