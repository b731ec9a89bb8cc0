//! Writing an entry: what its index has to hold.
//!
//! Grade: over a door. As with a hypertrie, on the way from each head to the place of the new key what parts from the key is
//! copied, and each entry that is left is pointed to.
//! Source: docs/structures.md, writing a hyperdb.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::DbError;
use super::index::{Index, Pointer};
use super::node::DbNode;
use super::store::Nodes;
use crate::path::{END, Path};

/// The index of a new entry of key `path` that merges `heads`.
pub(super) fn link(nodes: &impl Nodes, heads: &[Arc<DbNode>], path: &Path) -> Result<Index, DbError> {
    let mut link = Link { index: Index::default(), path, seen: BTreeSet::new() };
    let mut ways: VecDeque<(Arc<DbNode>, usize)> = heads.iter().map(|head| (Arc::clone(head), 0)).collect();
    while let Some((head, from)) = ways.pop_front() {
        link.walk(nodes, head, from, &mut ways)?;
    }
    Ok(link.index)
}

struct Link<'a> {
    index: Index,
    path: &'a Path,
    /// Entries that were gone through, and from which position on: from a lower one, more is copied. Without this, entries of a
    /// writer who means harm would double the ways at each step.
    seen: BTreeSet<((u32, u64), usize)>,
}

impl Link<'_> {
    /// Goes one way to its end. Further ways that part from it are added to `ways`.
    fn walk(
        &mut self,
        nodes: &impl Nodes,
        mut head: Arc<DbNode>,
        mut from: usize,
        ways: &mut VecDeque<(Arc<DbNode>, usize)>,
    ) -> Result<(), DbError> {
        while self.seen.insert((head.place(), from)) {
            let parting = self.parting(&head, from);
            let end = parting.unwrap_or_else(|| self.path.digits());
            self.copy(nodes, &head, from, end)?;
            let Some(position) = parting else { return Ok(()) };
            let digit = head.path.digit(position);
            self.index.push(Pointer { position: position as u32, digit, feed: head.feed, seq: head.seq });
            let mut next = Vec::new();
            for &pointer in head.index.slot(position, self.path.digit(position)) {
                next.extend(follow(nodes, &head, pointer)?.map(|node| (node, position + 1)));
            }
            let mut next = next.into_iter();
            let Some(first) = next.next() else { return Ok(()) };
            ways.extend(next);
            (head, from) = first;
        }
        Ok(())
    }

    /// Where the key of `head` parts from ours from `from` on: by a digit, or at the end if the hash is the same.
    fn parting(&self, head: &DbNode, from: usize) -> Option<usize> {
        let end = self.path.digits();
        match self.path.first_difference(&head.path, from) {
            None if from <= end && head.key() != self.path.text() => Some(end),
            difference => difference,
        }
    }

    /// Copies the pointers of `head` from one position to another, itself included, but for those on our own way.
    fn copy(&mut self, nodes: &impl Nodes, head: &DbNode, from: usize, end: usize) -> Result<(), DbError> {
        let pointers = head.index.from(from).iter().take_while(|pointer| pointer.position as usize <= end);
        for &pointer in pointers {
            let digit = self.path.digit(pointer.position as usize);
            let parts = pointer.digit != digit
                || digit == END
                    && follow(nodes, head, pointer)?.is_some_and(|node| node.key() != self.path.text());
            if parts {
                self.index.push(pointer);
            }
        }
        Ok(())
    }
}

/// The entry to which a pointer leads; none if one of the two is faulty, so that its writer cannot stop others from writing, nor
/// the owner from revoking.
fn follow(nodes: &impl Nodes, from: &DbNode, pointer: Pointer) -> Result<Option<Arc<DbNode>>, DbError> {
    match nodes.follow(from, pointer) {
        Ok(node) => Ok(Some(node)),
        Err(DbError::Pointer { .. } | DbError::Block { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
