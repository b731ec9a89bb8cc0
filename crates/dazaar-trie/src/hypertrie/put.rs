//! Writing an entry: what the index of the new node has to hold.
//!
//! Grade: over a door. The new node is the newest, so everything else has to be found from it: on the way from the old head to
//! the place of the new key, pointers that part from it at the same place are copied, and each node that is left is pointed to.
//! Source: docs/structures.md, writing a hypertrie.

use std::sync::Arc;

use super::TrieError;
use super::lookup::Found;
use super::node::{Node, is_component_end};
use super::pointers::{Pointer, Pointers};
use super::trie::Nodes;

/// Fills in the pointers of `node`, which becomes the newest after `head`. They lead to everything but `left_out`. Returns where
/// the search for its key ended.
pub(super) fn link(
    nodes: &impl Nodes,
    head: Option<Arc<Node>>,
    node: &mut Node,
    left_out: Option<u64>,
) -> Result<Found, TrieError> {
    let mut link = Link { pointers: Pointers::default(), left_out };
    let found = link.walk(nodes, head, node)?;
    node.pointers = link.pointers;
    Ok(found)
}

struct Link {
    pointers: Pointers,
    left_out: Option<u64>,
}

impl Link {
    fn walk(&mut self, nodes: &impl Nodes, head: Option<Arc<Node>>, node: &Node) -> Result<Found, TrieError> {
        let Some(mut head) = head else { return Ok(Found::Nothing) };
        let mut from = 0;
        loop {
            let parting = node.parting(&head, from);
            let end = parting.map_or_else(|| node.positions(), |position| position + 1);
            for &pointer in
                head.pointers.from(from).iter().take_while(|pointer| (pointer.position as usize) < end)
            {
                if parts(nodes, &head, pointer, node)? {
                    self.push(node, pointer.position as usize, pointer.digit(), pointer.seq)?;
                }
            }
            let Some(position) = parting else { return Ok(Found::Here(head)) };
            self.push(node, position, head.digit(position), head.seq)?;
            match nodes.step(&head, position, node)? {
                Some(next) => (head, from) = (next, position + 1),
                None => return Ok(Found::Near(head)),
            }
        }
    }

    fn push(&mut self, node: &Node, position: usize, digit: u8, seq: u64) -> Result<(), TrieError> {
        if Some(seq) == self.left_out {
            return Ok(());
        }
        let full = |_| TrieError::Collisions { key: node.key().to_owned() };
        self.pointers.push(position, digit, seq).map_err(full)
    }
}

/// Whether the node behind a pointer of `head` parts from `node` where it parts from `head`.
fn parts(nodes: &impl Nodes, head: &Node, pointer: Pointer, node: &Node) -> Result<bool, TrieError> {
    let position = pointer.position as usize;
    if pointer.digit() != node.digit(position) {
        return Ok(true);
    }
    if !is_component_end(position) {
        return Ok(false);
    }
    let other = nodes.follow(head, pointer)?;
    Ok(other.is_some_and(|other| node.parting(&other, position) == Some(position)))
}
