//! Reading nodes, roots, signatures and blocks from the files of a folder.
//!
//! Grade: over a door. Nothing here is verified, and nothing is known of what should be there: what is missing is `None`.
//! Source: classic protocol, section 3.

use std::io;

use super::error::{LogError, at};
use crate::flat_tree::{NodeIndex, full_roots};
use crate::hash::Node;
use crate::key::{FeedKey, KEY_BYTES, Signature};
use crate::sleep::{NODE_BYTES, decode_node, decode_signature, node_offset, signature_offset};
use crate::storage::{FileName, Storage};

/// Fills `buffer`; false if the file ends before.
pub(super) fn read(
    storage: &impl Storage,
    file: FileName,
    offset: u64,
    buffer: &mut [u8],
) -> Result<bool, LogError> {
    match storage.read(file, offset, buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(at(file, offset)(error)),
    }
}

/// The first `N` bytes from `offset` on.
pub(super) fn read_array<const N: usize>(
    storage: &impl Storage,
    file: FileName,
    offset: u64,
) -> Result<Option<[u8; N]>, LogError> {
    let mut bytes = [0; N];
    Ok(read(storage, file, offset, &mut bytes)?.then_some(bytes))
}

/// The key of the log; zeros are one that a power cut kept from being written.
pub(super) fn read_key(storage: &impl Storage) -> Result<Option<FeedKey>, LogError> {
    let key = read_array(storage, FileName::Key, 0)?;
    Ok(key.filter(|key| *key != [0; KEY_BYTES]).map(FeedKey))
}

/// A node of the tree.
pub(super) fn read_node(storage: &impl Storage, index: NodeIndex) -> Result<Option<Node>, LogError> {
    let bytes = read_array::<NODE_BYTES>(storage, FileName::Tree, node_offset(index))?;
    Ok(bytes.and_then(|bytes| decode_node(index, &bytes)))
}

/// The roots of a log with `length` blocks, if all are there.
pub(super) fn read_roots(storage: &impl Storage, length: u64) -> Result<Option<Vec<Node>>, LogError> {
    full_roots(length).map(|root| read_node(storage, root)).collect()
}

/// The signature of a log with `length` blocks.
pub(super) fn read_signature(storage: &impl Storage, length: u64) -> Result<Option<Signature>, LogError> {
    if length == 0 {
        return Ok(None);
    }
    let bytes = read_array(storage, FileName::Signatures, signature_offset(length))?;
    Ok(bytes.and_then(|bytes| decode_signature(&bytes)))
}
