//! What has changed between two versions.
//!
//! Grade: over a door. What was only written again, since a neighbour was deleted, is left out.

use super::error::DriveError;
use super::mount::is_flagged;
use super::path::DrivePath;
use super::view::{Entry, View};
use crate::hypertrie::{Change, Diff, DiffOptions, Node, Nodes};

/// How an entry differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was written.
    Put,
    /// It was deleted.
    Delete,
    /// Another drive was mounted.
    Mount,
    /// Another drive is mounted there no more.
    Unmount,
}

/// An entry that differs.
#[derive(Debug)]
pub struct DriveChange {
    /// How.
    pub kind: ChangeKind,
    /// Its key.
    pub path: String,
    /// In the newer version; none if it was deleted. An error if it cannot be read.
    pub newer: Option<Result<Entry, DriveError>>,
    /// In the older version; none if it was not there. An error if it cannot be read.
    pub older: Option<Result<Entry, DriveError>>,
}

/// A comparison that is being made, which goes on after a missing block was fetched.
#[derive(Debug)]
pub struct DriveDiff(Diff);

impl DriveDiff {
    /// Compares two versions of what is at and below a path. Nothing is read yet.
    pub fn new(newer: u64, older: u64, path: &DrivePath) -> Self {
        let options = DiffOptions { prefix: path.as_str(), ..DiffOptions::default() };
        Self(Diff::new(newer, older, &options))
    }

    /// The next entry that differs; none at the end.
    ///
    /// # Errors
    /// Those of the trie. If a block is missing, fetch it, and ask again.
    #[expect(private_bounds, reason = "only the tries of this crate are sources of nodes")]
    pub fn next(&mut self, view: &View<'_, impl Nodes>) -> Result<Option<DriveChange>, DriveError> {
        while let Some(change) = self.0.next(view.nodes)? {
            if !is_repeated(&change) {
                return Ok(Some(DriveChange::new(&change)));
            }
        }
        Ok(None)
    }
}

fn is_repeated(change: &Change) -> bool {
    let content = |node: &Node| (node.value().map(<[u8]>::to_vec), node.flags());
    matches!(change, Change { newer: Some(newer), older: Some(older) } if content(newer) == content(older))
}

impl DriveChange {
    fn new(change: &Change) -> Self {
        let kind = match (&change.newer, &change.older) {
            (Some(newer), _) if is_flagged(newer) => ChangeKind::Mount,
            (Some(_), _) => ChangeKind::Put,
            (None, Some(older)) if is_flagged(older) => ChangeKind::Unmount,
            (None, _) => ChangeKind::Delete,
        };
        let [newer, older] = [&change.newer, &change.older].map(|side| side.as_deref().map(Entry::read));
        Self { kind, path: change.key().to_owned(), newer, older }
    }
}
