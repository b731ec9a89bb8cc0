//! Hypertrie: a map of keys to bytes, written as a log by one writer.
//!
//! Block 0 says what the log is. Every other block is a node: one entry, and pointers to the older nodes that part from its
//! key, by the digit at which they do. So the newest node leads to every entry, and a prefix of the log is an older version of
//! the map. Written and read as npm `hypertrie` 5 does, but for what docs/structures.md lists.
//!
//! ```
//! use bytes::Bytes;
//! use dazaar_trie::hypertrie::{Batch, Options, Trie};
//!
//! let mut trie = Trie::new(Vec::<Bytes>::new());
//! let mut batch = Batch::new(&trie);
//! batch.put(&trie, "towns/Riga", Some(b"56.9 N"), Options::default())?;
//! batch.put(&trie, "towns/Oslo", Some(b"59.9 N"), Options::default())?;
//! // The header too, since there was no block yet.
//! let blocks: Vec<Bytes> = batch.blocks().iter().cloned().map(Bytes::from).collect();
//! assert_eq!(blocks.len(), 3);
//! trie.blocks_mut().extend(blocks);
//! trie.keep(batch);
//!
//! let riga = trie.snapshot().get("towns/Riga")?.expect("it was put");
//! assert_eq!(riga.value(), Some(&b"56.9 N"[..]));
//! assert_eq!(trie.checkout(2).get("towns/Oslo")?, None);
//! # Ok::<(), dazaar_trie::hypertrie::TrieError>(())
//! ```

mod along;
mod batch;
mod delete;
mod diff;
mod error;
mod extension;
mod header;
mod history;
mod iter;
mod lookup;
mod node;
mod pointers;
mod put;
mod responder;
mod snapshot;
mod trie;
mod watch;

pub use along::Along;
pub use batch::{Batch, Before, Changed, Options};
pub use diff::{Change, Diff, DiffOptions};
pub use error::{Lack, TrieError};
pub use extension::{EXTENSION, ExtensionMessage};
pub use header::Header;
pub use history::History;
pub use iter::{Iter, IterOptions};
pub use lookup::Query;
pub use node::Node;
pub use responder::{Responder, wanted_blocks};
pub use snapshot::Snapshot;
pub use trie::Trie;
pub use watch::Watch;

pub(crate) use lookup::{find, has_prefix};
pub(crate) use trie::Nodes;

#[cfg(test)]
mod tests;
