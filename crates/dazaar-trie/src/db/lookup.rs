//! Looking for entries: everything that can be reached from the heads and has the digits of a key.
//!
//! Grade: over a door. Several heads, and several pointers of one digit, are several ways; all are gone. What others replace is
//! dropped at the end only, among entries of one key: JavaScript drops ways, and so misses some entries and returns stale ones.
//! Source: docs/structures.md, reading a hyperdb.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::node::{DbNode, newest};
use super::store::Nodes;
use super::{DbError, Writers};
use crate::path::{END, Path};

/// The entries nearest to the heads that have the first `end` digits of `path`.
pub(super) fn descend(
    nodes: &impl Nodes,
    heads: &[Arc<DbNode>],
    path: &Path,
    end: usize,
) -> Result<Vec<Arc<DbNode>>, DbError> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut ways: Vec<(Arc<DbNode>, usize)> = heads.iter().rev().map(|head| (Arc::clone(head), 0)).collect();
    while let Some((node, from)) = ways.pop() {
        if !seen.insert(node.place()) {
            continue;
        }
        match path.first_difference(&node.path, from).filter(|&difference| difference < end) {
            None => found.push(node),
            Some(position) => {
                for &pointer in node.index.slot(position, path.digit(position)) {
                    ways.push((nodes.follow(&node, pointer)?, position + 1));
                }
            }
        }
    }
    Ok(found)
}

/// Adds to `nodes`, which have all digits in common, those of the same digits to which they point.
pub(super) fn add_collisions(nodes: &impl Nodes, found: &mut Vec<Arc<DbNode>>) -> Result<(), DbError> {
    let mut next = 0;
    while let Some(node) = found.get(next).cloned() {
        next += 1;
        for &pointer in node.index.slot(node.path.digits(), END) {
            if !found.iter().any(|known| known.place() == (pointer.feed, pointer.seq)) {
                found.push(nodes.follow(&node, pointer)?);
            }
        }
    }
    Ok(())
}

/// Everything that can be reached and has this key, replaced or not.
pub(super) fn candidates(
    nodes: &impl Nodes,
    heads: &[Arc<DbNode>],
    path: &Path,
) -> Result<Vec<Arc<DbNode>>, DbError> {
    let mut found = descend(nodes, heads, path, path.digits() + 1)?;
    add_collisions(nodes, &mut found)?;
    found.retain(|node| node.key() == path.text());
    Ok(found)
}

/// Of what was found of a key, that which counts and nothing replaces. Where a revoked writer wrote too late, what was there before
/// counts instead.
pub(super) fn settle(
    nodes: &impl Nodes,
    writers: &Writers,
    found: Vec<Arc<DbNode>>,
) -> Result<Vec<Arc<DbNode>>, DbError> {
    let mut open = found;
    let mut seen = BTreeSet::new();
    let mut counted = Vec::new();
    while let Some(node) = open.pop() {
        if !seen.insert(node.place()) {
            continue;
        }
        if writers.counts(node.feed, node.seq) {
            counted.push(node);
        } else {
            open.extend(candidates(nodes, &before(nodes, writers, &node)?, &node.path)?);
        }
    }
    Ok(newest(counted))
}

/// What the writer of an entry had seen last of each feed.
pub(super) fn before(
    nodes: &impl Nodes,
    writers: &Writers,
    node: &DbNode,
) -> Result<Vec<Arc<DbNode>>, DbError> {
    let seen = |feed: u32| {
        let claimed = if feed == node.feed { node.seq } else { node.clock.length(feed as usize) };
        claimed.min(writers.known(feed))
    };
    let seen = writers.numbers().map(|feed| (feed, seen(feed))).filter(|(_, length)| *length > 1);
    seen.map(|(feed, length)| nodes.node(feed, length - 1)).collect()
}
