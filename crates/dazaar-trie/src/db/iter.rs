//! Listing entries.
//!
//! Grade: over a door. At each position of the walk is a set of entries that have all digits up to there in common; an entry
//! is in one such set only, so the work is bounded by what there is. Keys come in the order of their digits, an entry before those below
//! it, and keys of one hash by text.
//! Source: docs/structures.md, listing.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::lookup::{add_collisions, descend, settle};
use super::node::DbNode;
use super::store::{Feeds, Nodes};
use super::{DbError, View};
use crate::path::{END, Path};

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DbIterOptions<'a> {
    /// The entries at and below this key. A prefix is whole components.
    pub prefix: &'a str,
    /// All entries below; otherwise one key for each direct child, which may be anywhere below that.
    pub is_recursive: bool,
    /// In the reverse order of digits.
    pub is_reverse: bool,
    /// Without the entry of the prefix itself.
    pub is_below_only: bool,
    /// Keys too that were deleted.
    pub with_deletions: bool,
}

impl Default for DbIterOptions<'_> {
    fn default() -> Self {
        Self {
            prefix: "",
            is_recursive: true,
            is_reverse: false,
            is_below_only: false,
            with_deletions: false,
        }
    }
}

/// A list that is being made, which goes on after a missing block was fetched. Ask it with the view that it was made for.
#[derive(Debug)]
pub struct DbIter {
    prefix: Path,
    is_recursive: bool,
    is_reverse: bool,
    is_below_only: bool,
    with_deletions: bool,
    stack: Vec<Bundle>,
    /// Entries of the keys to tell next, the next last.
    ready: Vec<Vec<Arc<DbNode>>>,
    /// The children that were told, if the list is not recursive.
    told: BTreeSet<Box<str>>,
    is_open: bool,
}

/// Entries that have all digits before a position in common.
#[derive(Debug)]
struct Bundle {
    position: usize,
    nodes: Vec<Arc<DbNode>>,
}

impl DbIter {
    /// Lists a view. Nothing is read yet.
    pub fn new<F: Feeds>(_: &View<'_, F>, options: &DbIterOptions<'_>) -> Self {
        let prefix = Path::new(options.prefix);
        Self {
            // The entry of the empty key is how writers are let in.
            is_below_only: options.is_below_only || prefix.is_empty(),
            prefix,
            is_recursive: options.is_recursive,
            is_reverse: options.is_reverse,
            with_deletions: options.with_deletions,
            stack: Vec::new(),
            ready: Vec::new(),
            told: BTreeSet::new(),
            is_open: false,
        }
    }

    /// The entries of the next key; none at the end.
    ///
    /// # Errors
    /// [`DbError::Missing`]: fetch the block, and ask again. Other errors stay.
    pub fn next<F: Feeds>(&mut self, view: &View<'_, F>) -> Result<Option<Vec<Arc<DbNode>>>, DbError> {
        if !self.is_open {
            let position = self.prefix.digits();
            let nodes = descend(view.db(), view.heads(), &self.prefix, position)?;
            self.is_open = true;
            self.stack.push(Bundle { position, nodes });
        }
        loop {
            if let Some(entries) = self.ready.pop() {
                return Ok(Some(entries));
            }
            let Some(bundle) = self.stack.last() else { return Ok(None) };
            if self.is_told(bundle) {
                self.stack.pop();
                continue;
            }
            match fork(bundle) {
                Some(position) => {
                    let below = self.below(view.db(), bundle, position)?;
                    self.stack.pop();
                    self.stack.extend(below);
                }
                None => {
                    let keys = self.keys(view, &bundle.nodes)?;
                    self.stack.pop();
                    let keys: Vec<_> = keys.into_iter().filter(|entries| self.tell(entries)).collect();
                    self.ready = keys;
                    if !self.is_reverse {
                        self.ready.reverse();
                    }
                }
            }
        }
    }

    /// The bundles behind `position`, the first last.
    fn below(&self, nodes: &impl Nodes, bundle: &Bundle, position: usize) -> Result<Vec<Bundle>, DbError> {
        let mut digits = [3, 2, 1, 0, END];
        if self.is_reverse {
            digits.reverse();
        }
        let mut below = Vec::new();
        for digit in digits {
            let mut found: Vec<Arc<DbNode>> = Vec::new();
            for node in &bundle.nodes {
                if node.path.digit(position) == digit {
                    add(&mut found, Arc::clone(node));
                }
                for &pointer in node.index.slot(position, digit) {
                    add(&mut found, nodes.follow(node, pointer)?);
                }
            }
            if digit == END {
                add_collisions(nodes, &mut found)?;
            }
            if !found.is_empty() {
                below.push(Bundle { position: position + 1, nodes: found });
            }
        }
        Ok(below)
    }

    /// Sorts entries of one hash into keys.
    fn keys<F: Feeds>(
        &self,
        view: &View<'_, F>,
        nodes: &[Arc<DbNode>],
    ) -> Result<Vec<Vec<Arc<DbNode>>>, DbError> {
        let mut nodes = nodes.to_vec();
        nodes.retain(|node| self.is_wanted(&node.path));
        nodes.sort_by(|a, b| a.path.cmp_text(&b.path));
        let mut keys = Vec::new();
        for entries in nodes.chunk_by(|a, b| a.key() == b.key()) {
            let entries = settle(view.db(), view.writers(), entries.to_vec())?;
            if entries.iter().any(|node| self.with_deletions || !node.is_deleted) {
                keys.push(entries);
            }
        }
        Ok(keys)
    }

    /// Whether a key is at or below the prefix by its text, not only by its hash.
    fn is_wanted(&self, path: &Path) -> bool {
        let depth = self.prefix.len();
        path.len() >= depth + usize::from(self.is_below_only)
            && self.prefix.first_collision(path, 0, depth).is_none()
    }

    /// Whether all of a bundle is below children that were told. The index does not keep components of one hash apart, so of
    /// children that share their hash one may be passed over here, as JavaScript does.
    fn is_told(&self, bundle: &Bundle) -> bool {
        let depth = self.prefix.len();
        let is_told =
            |node: &DbNode| node.path.component(depth).is_some_and(|child| self.told.contains(child));
        bundle.position > self.prefix.digits() && bundle.nodes.iter().all(|node| is_told(node))
    }

    /// Notes which child was told; false if it was told before.
    fn tell(&mut self, entries: &[Arc<DbNode>]) -> bool {
        if self.is_recursive {
            return true;
        }
        let child = entries.first().and_then(|node| node.path.component(self.prefix.len()));
        child.is_none_or(|child| self.told.insert(child.into()))
    }
}

fn add(nodes: &mut Vec<Arc<DbNode>>, node: Arc<DbNode>) {
    if !nodes.iter().any(|known| known.place() == node.place()) {
        nodes.push(node);
    }
}

/// The first position at which the entries of a bundle part, or one of them points to others; none if there is no more.
fn fork(bundle: &Bundle) -> Option<usize> {
    let Bundle { position, nodes } = bundle;
    let (first, others) = nodes.split_first()?;
    let partings = others.iter().filter_map(|node| first.path.first_difference(&node.path, *position));
    let pointers =
        nodes.iter().filter_map(|node| Some(node.index.from(*position).first()?.position as usize));
    partings.chain(pointers).min()
}
