//! What differs between two views.
//!
//! Grade: over a door. Two lists are made and compared key by key.

use std::cmp::Ordering;
use std::sync::Arc;

use super::node::DbNode;
use super::store::Feeds;
use super::{DbError, DbIter, DbIterOptions, View};

/// A key whose entries differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbChange {
    /// Its entries in the newer view; none if it was removed.
    pub newer: Vec<Arc<DbNode>>,
    /// Its entries in the older view; none if it was added.
    pub older: Vec<Arc<DbNode>>,
}

impl DbChange {
    /// The key.
    pub fn key(&self) -> &str {
        self.newer.first().or_else(|| self.older.first()).map_or("", |node| node.key())
    }
}

/// A comparison that is being made, which goes on after a missing block was fetched. Ask it with the views that it was made for.
#[derive(Debug)]
pub struct DbDiff {
    newer: Side,
    older: Side,
}

/// A list, and its next key.
#[derive(Debug)]
struct Side {
    iter: DbIter,
    next: Option<Vec<Arc<DbNode>>>,
}

impl Side {
    fn new<F: Feeds>(view: &View<'_, F>, prefix: &str) -> Self {
        Self { iter: DbIter::new(view, &DbIterOptions { prefix, ..DbIterOptions::default() }), next: None }
    }

    fn fill<F: Feeds>(&mut self, view: &View<'_, F>) -> Result<(), DbError> {
        if self.next.is_none() {
            self.next = self.iter.next(view)?;
        }
        Ok(())
    }

    fn first(&self) -> Option<&DbNode> {
        self.next.as_ref()?.first().map(|node| &**node)
    }

    fn take(&mut self) -> Vec<Arc<DbNode>> {
        self.next.take().unwrap_or_default()
    }
}

impl DbDiff {
    /// Compares two views at and below a prefix. Nothing is read yet.
    pub fn new<F: Feeds>(newer: &View<'_, F>, older: &View<'_, F>, prefix: &str) -> Self {
        Self { newer: Side::new(newer, prefix), older: Side::new(older, prefix) }
    }

    /// The next key that differs; none at the end.
    ///
    /// # Errors
    /// [`DbError::Missing`]: fetch the block, and ask again. Other errors stay.
    pub fn next<F: Feeds>(
        &mut self,
        newer: &View<'_, F>,
        older: &View<'_, F>,
    ) -> Result<Option<DbChange>, DbError> {
        loop {
            self.newer.fill(newer)?;
            self.older.fill(older)?;
            let order = match (self.newer.first(), self.older.first()) {
                (None, None) => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(newer), Some(older)) => newer.path.cmp(&older.path),
            };
            let newer = if order.is_le() { self.newer.take() } else { Vec::new() };
            let older = if order.is_ge() { self.older.take() } else { Vec::new() };
            if newer.iter().map(|node| node.place()).ne(older.iter().map(|node| node.place())) {
                return Ok(Some(DbChange { newer, older }));
            }
        }
    }
}
