//! The log: flat tree, hashes, signatures, proofs, have-maps, re-keyed feeds, and the Hypercore 9 folder.

pub mod blocks;
pub mod codec;
mod commit;
pub mod digest;
pub mod feed;
pub mod flat_tree;
pub mod hash;
pub mod have;
mod journal;
pub mod key;
pub mod limits;
pub mod log;
pub mod proof;
pub mod rle;
mod run;
pub mod signed_head;
mod sleep;
pub mod storage;
pub mod tree_set;
pub mod verify;

pub use blocks::Blocks;
pub use feed::Feed;
pub use key::{DiscoveryKey, FeedKey, FeedKeyPair, IdentityKey, IdentityKeyPair, KeyError, Signature};
pub use log::{Audit, Checkpoint, Durability, Log, LogError, Stored, StoredRange};
pub use signed_head::SignedHead;
pub use storage::{FileName, MemoryStorage, Storage};
