//! Maps in feeds against the npm packages: what either side writes the other reads, compares and goes on with, in folders and over
//! connections.
//!
//! `cargo xtask setup` installs what these tests need.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod corestore;
mod hyperdb_folders;
mod hyperdb_peers;
mod hypertrie_folders;
mod hypertrie_peers;
mod node;
