//! The log: flat tree, hashes, signatures, proofs, have-maps, re-keyed feeds, and the Hypercore 9 folder.

pub mod codec;
pub mod digest;
pub mod flat_tree;
pub mod hash;
pub mod have;
pub mod key;
pub mod limits;
pub mod proof;
pub mod rle;
pub mod tree_set;
pub mod verify;

pub use key::{DiscoveryKey, FeedKey, FeedKeyPair, IdentityKey, IdentityKeyPair, KeyError, Signature};
