//! Looking a key up.
//!
//! Grade: over a door. Source: docs/structures.md, reading a hypertrie.

use std::sync::Arc;

use super::TrieError;
use super::node::Node;
use super::trie::Nodes;
use crate::path::Path;

/// A key, and in which of the two trees to look for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Query<'a> {
    /// The key.
    pub key: &'a str,
    /// Among the hidden entries.
    pub is_hidden: bool,
}

impl<'a> From<&'a str> for Query<'a> {
    fn from(key: &'a str) -> Self {
        Self { key, is_hidden: false }
    }
}

impl Query<'_> {
    /// A node of this key, to compare others with.
    pub(super) fn node(&self) -> Node {
        Node::new(Path::new(self.key), None, Node::raw_flags(self.is_hidden, 0))
    }
}

/// How a search ended.
#[derive(Debug)]
pub(super) enum Found {
    /// At a node of the same components.
    Here(Arc<Node>),
    /// At a node from which nothing leads on. It shares more digits with the key than any other.
    Near(Arc<Node>),
    /// There is no node at all.
    Nothing,
}

impl Found {
    pub(super) fn here(self) -> Option<Arc<Node>> {
        match self {
            Self::Here(node) => Some(node),
            Self::Near(_) | Self::Nothing => None,
        }
    }

    pub(super) fn nearest(self) -> Option<Arc<Node>> {
        match self {
            Self::Here(node) | Self::Near(node) => Some(node),
            Self::Nothing => None,
        }
    }
}

/// Searches for `wanted` from `head` on, comparing the positions before `end`.
pub(super) fn search(
    nodes: &impl Nodes,
    head: Option<Arc<Node>>,
    wanted: &Node,
    end: usize,
) -> Result<Found, TrieError> {
    let Some(mut node) = head else { return Ok(Found::Nothing) };
    let mut from = 0;
    loop {
        match wanted.parting(&node, from) {
            Some(position) if position < end => match nodes.step(&node, position, wanted)? {
                Some(next) => (node, from) = (next, position + 1),
                None => return Ok(Found::Near(node)),
            },
            _ => return Ok(Found::Here(node)),
        }
    }
}

/// The newest node of which `prefix` is a prefix.
pub(super) fn search_prefix(
    nodes: &impl Nodes,
    head: Option<Arc<Node>>,
    prefix: &Node,
) -> Result<Option<Arc<Node>>, TrieError> {
    // The end mark is not compared.
    Ok(search(nodes, head, prefix, prefix.positions() - 1)?.here())
}

/// The entry of a key in a version of `nodes`.
pub(crate) fn find(
    nodes: &impl Nodes,
    version: u64,
    query: Query<'_>,
) -> Result<Option<Arc<Node>>, TrieError> {
    let wanted = query.node();
    Ok(search(nodes, nodes.head(version)?, &wanted, wanted.positions())?.here())
}

/// Whether there is an entry at or below a key in a version of `nodes`.
pub(crate) fn has_prefix(nodes: &impl Nodes, version: u64, query: Query<'_>) -> Result<bool, TrieError> {
    Ok(search_prefix(nodes, nodes.head(version)?, &query.node())?.is_some())
}
