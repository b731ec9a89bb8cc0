//! Drives: against npm hyperdrive, in folders that both write and over connections, and against folders of the disk.
//!
//! `cargo xtask setup` installs what these tests need.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod disk;
mod folders;
mod gone;
mod mounts;
#[path = "../maps/node.rs"]
mod node;
mod peers;
mod support;
