//! Leaves that are wrong, from the node above them, their neighbour and the data.
//!
//! Grade: over a door. Source: classic protocol, section 1.3.

use crate::commit::Commit;
use crate::flat_tree::{NodeIndex, full_roots};
use crate::hash::{Node, tree_hash};
use crate::limits::MAX_BLOCK_BYTES;
use crate::log::Log;
use crate::log::disk::{read, read_node};
use crate::log::error::{LogError, at};
use crate::sleep::{encode_node, node_offset};
use crate::storage::{FileName, Storage};

impl<S: Storage> Log<S> {
    /// Writes leaves that are not what the node above them says, where the data shows what they are. Returns the first.
    pub(super) fn mend_leaves(&mut self) -> Result<Option<NodeIndex>, LogError> {
        let mut first = None;
        for block in (0..self.length().saturating_sub(1)).step_by(2) {
            let (left, right) = (NodeIndex::leaf(block), NodeIndex::leaf(block + 1));
            let is_held = [left, right, left.parent()].iter().all(|node| self.tree().contains(*node));
            let Some(parent) = read_node(self.storage(), left.parent())?.filter(|_| is_held) else {
                continue;
            };
            let stored = (read_node(self.storage(), left)?, read_node(self.storage(), right)?);
            if stored.0.zip(stored.1).is_some_and(|(left, right)| Node::parent(&left, &right) == parent) {
                continue;
            }
            let Some(offset) = self.byte_offset(block)? else { continue };
            let Some((left, right)) = self.leaves_below(&parent, offset, stored)? else { continue };
            for leaf in [left, right] {
                let offset = node_offset(leaf.index);
                let written = self.storage.write(FileName::Tree, offset, &encode_node(&leaf));
                written.map_err(at(FileName::Tree, offset))?;
            }
            let wrong = if stored.0 == Some(left) { right.index } else { left.index };
            first.get_or_insert(wrong);
        }
        Ok(first)
    }

    /// The two leaves that hash to `parent`, whose blocks lie at `offset`.
    fn leaves_below(
        &self,
        parent: &Node,
        offset: u64,
        stored: (Option<Node>, Option<Node>),
    ) -> Result<Option<(Node, Node)>, LogError> {
        let sizes =
            [stored.0.map(|left| left.size), stored.1.and_then(|right| parent.size.checked_sub(right.size))];
        let block = parent.index.blocks().start;
        for size in sizes.into_iter().flatten().filter(|size| *size <= parent.size) {
            let left = leaf_of_data(&self.storage, block, offset, size)?;
            let right = leaf_of_data(&self.storage, block + 1, offset + size, parent.size - size)?;
            for left in [left, stored.0].into_iter().flatten() {
                for right in [right, stored.1].into_iter().flatten() {
                    if Node::parent(&left, &right) == *parent {
                        return Ok(Some((left, right)));
                    }
                }
            }
        }
        Ok(None)
    }
}

/// Writes roots of a committed length that are not what was committed, if the nodes below or the data show what they are.
/// Returns whether all are right then.
pub(super) fn mend_roots(storage: &mut impl Storage, commit: &Commit) -> Result<bool, LogError> {
    let mut stored = Vec::new();
    let mut joined = Vec::new();
    for index in full_roots(commit.length) {
        let node = read_node(storage, index)?;
        stored.push(node);
        joined.push(match index.children() {
            Some((left, right)) => read_node(storage, left)?
                .zip(read_node(storage, right)?)
                .map(|(left, right)| Node::parent(&left, &right)),
            None => {
                // Every other root says where the last block begins.
                let before: Option<u64> =
                    stored.iter().rev().skip(1).map(|root| Some(root.as_ref()?.size)).sum();
                let block = commit.length - 1;
                match before.and_then(|before| Some((before, commit.byte_length.checked_sub(before)?))) {
                    Some((offset, size)) => leaf_of_data(storage, block, offset, size)?,
                    None => None,
                }
            }
        });
    }
    for replaced in 0..=stored.len() {
        let pick = |nth: usize| match nth == replaced || replaced == stored.len() {
            true => joined[nth].or(stored[nth]),
            false => stored[nth],
        };
        let Some(roots) = (0..stored.len()).map(pick).collect::<Option<Vec<Node>>>() else { continue };
        if tree_hash(&roots) == commit.tree_hash {
            for root in roots {
                let offset = node_offset(root.index);
                storage
                    .write(FileName::Tree, offset, &encode_node(&root))
                    .map_err(at(FileName::Tree, offset))?;
            }
            return Ok(true);
        }
    }
    Ok(false)
}

fn leaf_of_data(
    storage: &impl Storage,
    block: u64,
    offset: u64,
    size: u64,
) -> Result<Option<Node>, LogError> {
    if size > MAX_BLOCK_BYTES as u64 {
        return Ok(None);
    }
    let mut data = vec![0; size as usize];
    Ok(read(storage, FileName::Data, offset, &mut data)?.then(|| Node::leaf(block, &data)))
}
