//! Drives seen as folders of the system, through FUSE. Nothing is written.
//!
//! What a drive holds may be a stranger's. So nothing of it leads out of the folder, names that mean something else to the system are
//! left out, nobody but who attached it sees it, and no file runs with its owner's rights.

mod answer;
mod attach;
mod files;
mod inodes;
mod links;
mod node;

pub use attach::{AttachError, Attached, attach};
