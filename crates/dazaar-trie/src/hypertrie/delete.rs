//! Deleting an entry: finding a neighbour that is written again, with an index that leaves the entry out.
//!
//! Grade: over a door. Where components of the same hash meet, JavaScript would lose entries; here texts are compared there, and
//! JavaScript reads what comes of it.
//! Source: docs/structures.md, deleting from a hypertrie.

use std::sync::Arc;

use super::TrieError;
use super::node::{Node, is_component_end};
use super::trie::Nodes;

/// What has to be known to delete an entry.
#[derive(Debug)]
pub(super) struct Deletion {
    /// The entry.
    pub(super) entry: Arc<Node>,
    /// Its neighbour; none if it is the last entry.
    pub(super) neighbour: Option<Arc<Node>>,
}

/// Finds the entry of the key of `wanted`, or else the node at which the search ended.
pub(super) fn find(
    nodes: &impl Nodes,
    head: Option<Arc<Node>>,
    wanted: &Node,
) -> Result<Result<Deletion, Option<Arc<Node>>>, TrieError> {
    let Some(mut node) = head else { return Ok(Err(None)) };
    let mut neighbour = None;
    let mut from = 0;
    loop {
        let parting = wanted.parting(&node, from);
        let end = parting.unwrap_or_else(|| wanted.positions());
        neighbour = beside(&node, from, end).or(neighbour);
        let Some(position) = parting else { break };
        let Some(next) = nodes.step(&node, position, wanted)? else { return Ok(Err(Some(node))) };
        neighbour = Some(node.seq);
        (node, from) = (next, position + 1);
    }
    if node.key() != wanted.key() {
        return Ok(Err(Some(node)));
    }
    let neighbour = neighbour.map(|seq| nodes.node(seq)).transpose()?.flatten();
    Ok(Ok(Deletion { entry: node, neighbour }))
}

/// What leads away from `node` last, between two positions.
fn beside(node: &Node, from: usize, end: usize) -> Option<u64> {
    let pointers = node.pointers.from(from).iter().take_while(|pointer| (pointer.position as usize) < end);
    let away = pointers.filter(|pointer| {
        let position = pointer.position as usize;
        is_component_end(position) || pointer.slot != node.digit(position)
    });
    let mut last = None;
    for pointer in away {
        // The first slot of the last position.
        if last.is_none_or(|(position, _)| position != pointer.position) {
            last = Some((pointer.position, pointer.seq));
        }
    }
    last.map(|(_, seq)| seq)
}
