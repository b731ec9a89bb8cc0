//! Everything that was written, of the map or of one key.
//!
//! Grade: over a door. Source: docs/structures.md, history.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::lookup::{before, candidates, settle};
use super::node::DbNode;
use super::store::{Feeds, Nodes as _};
use super::{DbError, View};
use crate::path::Path;

/// A walk through all feeds in an order in which no entry comes before one that its writer had seen. Ask it with the view that it
/// was made for.
#[derive(Debug)]
pub struct DbHistory {
    /// Feed, next block, and the block after the last.
    feeds: Vec<(u32, u64, u64)>,
}

impl DbHistory {
    /// The history of a view. Nothing is read yet.
    pub fn new<F: Feeds>(view: &View<'_, F>) -> Self {
        let end = |feed: u32| {
            let seen = view.heads().iter().map(|head| head.clock.length(feed as usize)).max().unwrap_or(0);
            seen.min(view.writers().length(feed))
        };
        Self { feeds: view.writers().numbers().map(|feed| (feed, 1, end(feed))).collect() }
    }

    /// The next entry; none at the end.
    ///
    /// # Errors
    /// [`DbError::Missing`]: fetch the block, and ask again.
    pub fn next<F: Feeds>(&mut self, view: &View<'_, F>) -> Result<Option<Arc<DbNode>>, DbError> {
        let mut open: Vec<_> = self.feeds.iter_mut().filter(|(_, next, end)| next < end).collect();
        let Some((feed, next, _)) = open.first() else { return Ok(None) };
        let mut place = 0;
        let mut candidate = view.db().node(*feed, *next)?;
        // Whose clocks lie may have seen each other in a circle.
        for _ in 0..open.len() {
            let seen = open.iter().position(|(feed, next, _)| {
                (*feed, *next) != candidate.place() && candidate.clock.has_seen(*feed as usize, *next)
            });
            let Some(before) = seen else { break };
            place = before;
            if let Some((feed, next, _)) = open.get(before) {
                candidate = view.db().node(*feed, *next)?;
            }
        }
        if let Some((_, next, _)) = open.get_mut(place) {
            *next += 1;
        }
        Ok(Some(candidate))
    }
}

/// What was written under one key, the latest first. Ask it with the view that it was made for.
#[derive(Debug)]
pub struct KeyHistory {
    path: Path,
    heads: Vec<Arc<DbNode>>,
    told: BTreeSet<(u32, u64)>,
}

impl KeyHistory {
    /// The history of a key. Nothing is read yet.
    pub fn new<F: Feeds>(view: &View<'_, F>, key: &str) -> Self {
        Self { path: Path::new(key), heads: view.heads().to_vec(), told: BTreeSet::new() }
    }

    /// The entries of the key at the time before those that were told last; none at the end. Deletions are among them.
    ///
    /// # Errors
    /// [`DbError::Missing`]: fetch the block, and ask again.
    pub fn next<F: Feeds>(&mut self, view: &View<'_, F>) -> Result<Option<Vec<Arc<DbNode>>>, DbError> {
        let found = candidates(view.db(), &self.heads, &self.path)?;
        let mut found = settle(view.db(), view.writers(), found)?;
        found.retain(|node| !self.told.contains(&node.place()));
        if found.is_empty() {
            return Ok(None);
        }
        let mut heads = Vec::new();
        for node in &found {
            heads.extend(before(view.db(), view.writers(), node)?);
        }
        self.heads = heads;
        self.told.extend(found.iter().map(|node| node.place()));
        Ok(Some(found))
    }
}
