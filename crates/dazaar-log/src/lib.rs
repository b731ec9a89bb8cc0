//! The log: flat tree, hashes, signatures, proofs, have-maps, re-keyed feeds, and the Hypercore 9 folder.

pub mod key;

pub use key::{DiscoveryKey, FeedKey, FeedKeyPair, IdentityKey, IdentityKeyPair, KeyError, Signature};
