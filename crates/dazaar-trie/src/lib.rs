//! Maps and folders written as blocks: hypertrie, with one writer, hyperdb, with several, and hyperdrive, files in a hypertrie.
//!
//! Everything here is pure: blocks are read through the small door [`Blocks`], and what is written comes back as blocks
//! that somebody else appends. Which block is missing is an error that names it; fetch it and ask again.

mod blocks;
mod cache;
mod cursor;
pub mod db;
mod fault;
mod fields;
pub mod hyperdrive;
pub mod hypertrie;
pub mod limits;
mod path;
pub mod value;

pub use blocks::Blocks;
pub use fault::{Fault, KeyError};
pub use path::Path;
