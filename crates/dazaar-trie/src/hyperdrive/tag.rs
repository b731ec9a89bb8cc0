//! Names of versions: hidden entries below `hyperdrive-tags`.
//!
//! Grade: over a door. Source: docs/structures.md, tags of a drive.

use dazaar_log::codec::varint;

use super::edit::Edit;
use super::error::DriveError;
use super::path::DrivePath;
use super::view::View;
use crate::blocks::Blocks;
use crate::fault::Fault;
use crate::hypertrie::{Iter, IterOptions, Node, Nodes, Options, Query};
use crate::limits::MAX_INTEGER;

/// Where tags are.
const PREFIX: &str = "hyperdrive-tags";

fn key(name: &str) -> Result<String, DriveError> {
    let path = DrivePath::new(&format!("/{name}"));
    path.check_writable()?;
    Ok(format!("{PREFIX}/{}", path.as_str()))
}

fn version(node: &Node) -> Result<u64, DriveError> {
    let value = node.value().unwrap_or_default();
    match varint::decode(value) {
        Ok(Some((version, _))) if version <= MAX_INTEGER => Ok(version),
        _ => Err(DriveError::Stat {
            path: node.key().to_owned(),
            seq: node.seq(),
            fault: Fault::FieldType { field: 2 },
        }),
    }
}

#[expect(private_bounds, reason = "only the tries of this crate are sources of nodes")]
impl<N: Nodes> View<'_, N> {
    /// The version that has a name; none if there is no such tag.
    ///
    /// # Errors
    /// What is wrong with a block, or with the name.
    pub fn tag(&self, name: &str) -> Result<Option<u64>, DriveError> {
        self.hidden(&key(name)?)?.map(|node| version(&node)).transpose()
    }

    /// All tags, in the order of the hashes of their names.
    ///
    /// # Errors
    /// What is wrong with a block.
    pub fn tags(&self) -> Result<Vec<(String, u64)>, DriveError> {
        let options =
            IterOptions { prefix: PREFIX, is_hidden: true, is_below_only: true, ..IterOptions::default() };
        let mut iter = Iter::new(self.version, &options);
        let mut tags = Vec::new();
        while let Some(node) = iter.next(self.nodes)? {
            let name = node.key().get(PREFIX.len() + 1..).unwrap_or_default();
            tags.push((name.to_owned(), version(&node)?));
        }
        Ok(tags)
    }
}

impl<B: Blocks> Edit<'_, B> {
    /// Gives a version a name, which another one may have had.
    ///
    /// # Errors
    /// [`DriveError::Path`] if that is no name; what is wrong with a block.
    pub fn put_tag(&mut self, name: &str, version: u64) -> Result<u64, DriveError> {
        let mut value = Vec::new();
        varint::encode(version, &mut value);
        let options = Options { is_hidden: true, flags: 0 };
        Ok(self.batch.put(self.trie, &key(name)?, Some(&value), options)?)
    }

    /// Takes a name away. False if there was none.
    ///
    /// # Errors
    /// As [`put_tag`](Self::put_tag).
    pub fn delete_tag(&mut self, name: &str) -> Result<bool, DriveError> {
        let key = key(name)?;
        Ok(self.batch.delete(self.trie, Query { key: &key, is_hidden: true })?.is_some())
    }
}
