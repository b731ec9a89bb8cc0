//! Hearing of changes below a prefix.
//!
//! Grade: over a door.

use std::collections::BTreeSet;

use super::lookup::descend;
use super::store::Feeds;
use super::{DbError, View};
use crate::path::Path;

/// What was known of a prefix when somebody looked last.
#[derive(Debug)]
pub struct DbWatch {
    prefix: Path,
    newest: BTreeSet<(u32, u64)>,
}

impl DbWatch {
    /// Watches a prefix from a view on.
    ///
    /// # Errors
    /// [`DbError::Missing`] if a block on the way is not here.
    pub fn new<F: Feeds>(view: &View<'_, F>, prefix: &str) -> Result<Self, DbError> {
        let mut watch = Self { prefix: Path::new(prefix), newest: BTreeSet::new() };
        watch.has_changed(view)?;
        Ok(watch)
    }

    /// Whether anything at or below the prefix was written or deleted since this was last asked.
    ///
    /// # Errors
    /// As [`new`](Self::new); the question stands.
    pub fn has_changed<F: Feeds>(&mut self, view: &View<'_, F>) -> Result<bool, DbError> {
        let found = descend(view.db(), view.heads(), &self.prefix, self.prefix.digits())?;
        let newest = found.iter().map(|node| node.place()).collect();
        let has_changed = newest != self.newest;
        self.newest = newest;
        Ok(has_changed)
    }
}
