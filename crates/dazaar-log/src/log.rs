//! The log: an append-only list of blocks under one key, kept in a Hypercore 9 folder.
//!
//! Grade: over a door. A log knows no peers (see `dazaar-wire`) and nobody's payment; it takes blocks of others only in the form
//! of a [`VerifiedBlock`](crate::verify::VerifiedBlock). All ranges are half open, in blocks.
//!
//! What an operation wrote survives the end of the process once it returned; what [`Log::append_committed`] and
//! [`Log::flush`] returned for survives a power cut.
//! The order of writes is data, tree and signature, then bitfield, then the commit record, so that at every moment some
//! length can be proved from what is on disk.
//!
//! Source: classic protocol, sections 2 and 3. Invariant: the roots of the log hash to what its signature is over.

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::ops::Range;

use crate::blocks::Blocks;
use crate::flat_tree::{NodeIndex, full_roots};
use crate::hash::{Hash, Node, tree_hash};
use crate::have::HaveMap;
use crate::key::{FeedKey, FeedKeyPair, Signature};
use crate::signed_head::SignedHead;
use crate::storage::Storage;
use crate::tree_set::TreeSet;

mod append;
mod audit;
mod checkpoint;
mod clear;
mod commit;
mod create;
mod disk;
pub mod doctor;
pub(crate) mod error;
mod fork;
mod held;
mod journal;
mod leaf_cache;
mod open;
mod range;
mod read;
mod recheck;
mod recover;
mod replicate;
mod upper_nodes;

pub use append::Durability;
pub use audit::Audit;
pub use checkpoint::Checkpoint;
pub use error::LogError;
pub use range::StoredRange;
pub use replicate::Stored;

use append::Batch;
use held::Held;
use leaf_cache::LeafCache;
use upper_nodes::UpperNodes;

/// A log and the storage that it lives in.
pub struct Log<S> {
    storage: S,
    key: FeedKey,
    pair: Option<FeedKeyPair>,
    head: Head,
    held: Held,
    upper_nodes: UpperNodes,
    leaf_cache: LeafCache,
    /// What was read last, and as which blocks: new ones are read once for each peer.
    last_read: RefCell<(Range<u64>, Blocks)>,
    /// The number of the next commit record.
    sequence: u64,
    /// The number of the newest record of what was synced.
    synced: Option<u64>,
    /// Where the journal goes on; `None` if it does not lead from what was synced to the head.
    journal: Option<u64>,
    /// The commit record of what was synced was itself synced. One that is found when the log is opened may not have been.
    is_record_synced: bool,
    changes: Changes,
    /// What of the changes was synced.
    synced_changes: Changes,
    /// The signatures file may have entries for lengths beyond ours.
    surplus_signatures: bool,
    /// A write failed half way.
    poisoned: bool,
    /// The head of another history, which forbids to append.
    fork: Option<Box<SignedHead>>,
    batch: Batch,
}

/// What was done since the log was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Changes {
    count: u64,
    /// Bytes of blocks that came.
    bytes: u64,
}

/// A length of the log and what proves it.
#[derive(Debug, Clone, Default)]
struct Head {
    length: u64,
    roots: Vec<Node>,
    /// `None` only for an empty log.
    signature: Option<Signature>,
    /// Made once, however many feeds sign it.
    tree_hash: OnceCell<Hash>,
}

impl Head {
    fn new(length: u64, roots: Vec<Node>, signature: Option<Signature>) -> Self {
        Self { length, roots, signature, tree_hash: OnceCell::new() }
    }

    fn byte_length(&self) -> u64 {
        self.roots.iter().fold(0, |sum, root| root.size.saturating_add(sum))
    }

    fn tree_hash(&self) -> Hash {
        *self.tree_hash.get_or_init(|| tree_hash(&self.roots))
    }
}

impl<S: Storage> Log<S> {
    /// The key under which its blocks can be verified.
    pub fn key(&self) -> FeedKey {
        self.key
    }

    /// Whether we hold the secret key, and so can append.
    pub fn is_writable(&self) -> bool {
        self.pair.is_some()
    }

    /// Blocks of the log, as far as a signature that we have seen proves them.
    pub fn length(&self) -> u64 {
        self.head.length
    }

    /// Bytes of all blocks, whether they are here or not.
    pub fn byte_length(&self) -> u64 {
        self.head.byte_length()
    }

    /// Whether the block is here.
    pub fn has(&self, block: u64) -> bool {
        self.held.blocks().get(block)
    }

    /// The blocks that are here.
    pub fn have(&self) -> &HaveMap {
        self.held.blocks()
    }

    /// How many blocks are here.
    pub fn downloaded(&self) -> u64 {
        self.have().count_ones(0..self.length())
    }

    /// The nodes that are here.
    pub fn tree(&self) -> &TreeSet {
        self.held.tree()
    }

    /// A node of the tree; `None` if it is not here.
    ///
    /// # Errors
    /// [`LogError::Io`]; [`LogError::Corrupt`] if the node should be here and is not.
    pub fn node(&self, index: NodeIndex) -> Result<Option<Node>, LogError> {
        if let Some(root) = self.head.roots.iter().find(|root| root.index == index) {
            return Ok(Some(*root));
        }
        if !self.tree().contains(index) {
            return Ok(None);
        }
        if let Some(node) = self.upper_nodes.find(index) {
            return Ok(Some(node));
        }
        let node = disk::read_node(&self.storage, index)?.ok_or_else(|| LogError::corrupt_node(index))?;
        self.upper_nodes.keep(node);
        Ok(Some(node))
    }

    /// The hash over the roots of the first `length` blocks; `None` if not all of them are here.
    ///
    /// # Errors
    /// As [`node`](Self::node).
    pub fn tree_hash(&self, length: u64) -> Result<Option<Hash>, LogError> {
        if length == self.length() {
            return Ok(Some(self.head.tree_hash()));
        }
        let roots: Option<Vec<Node>> =
            full_roots(length).map(|root| self.node(root)).collect::<Result<_, _>>()?;
        Ok(roots.map(|roots| tree_hash(&roots)))
    }

    /// The signature of the first `length` blocks; `None` if that length was never signed, or we never saw it.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub fn signature(&self, length: u64) -> Result<Option<Signature>, LogError> {
        if length == self.length() {
            return Ok(self.head.signature);
        }
        if length > self.length() {
            return Ok(None);
        }
        disk::read_signature(&self.storage, length)
    }

    /// Where the log lives.
    pub const fn storage(&self) -> &S {
        &self.storage
    }

    /// Ends the use of the log. Nothing is written: what operations did is in the storage already.
    pub fn into_storage(self) -> S {
        self.storage
    }
}

impl<S> fmt::Debug for Log<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("key", &self.key)
            .field("length", &self.head.length)
            .field("is_writable", &self.pair.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
