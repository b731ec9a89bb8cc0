//! Hyperdb: a map with several writers, each of whom writes a feed of its own.
//!
//! An entry says in its clock how much of the other feeds its writer had seen, so of two entries of a key either one replaces
//! the other or they are in conflict, and both are returned until somebody writes the key again. The owner, who wrote the first feed,
//! lets writers in; so does every writer. Entries are written and read as npm `hyperdb` 3 does; docs/structures.md lists what
//! is read better, and how the owner ends a writer's rights.

mod batch;
mod clock;
mod diff;
mod entry;
mod error;
mod history;
mod index;
mod iter;
mod lookup;
mod node;
mod put;
mod store;
mod talk;
mod version;
mod view;
mod watch;
mod writers;

pub use batch::DbBatch;
pub use clock::Clock;
pub use diff::{DbChange, DbDiff};
pub use entry::is_header;
pub use error::DbError;
pub use history::{DbHistory, KeyHistory};
pub use iter::{DbIter, DbIterOptions};
pub use node::DbNode;
pub use store::{Db, Feeds};
pub use talk::{Said, WRITERS_EXTENSION};
pub use version::Version;
pub use view::View;
pub use watch::DbWatch;
pub use writers::Writers;

#[cfg(test)]
mod tests;
