//! Hyperdrive: folders and files in two feeds, as npm `hyperdrive` 10 writes and reads them.
//!
//! The metadata feed is a hypertrie of paths to what is known of each, a [`Stat`]; its header names the content feed, in which
//! the bytes of the files lie one after the other. Everything here is about the metadata; where the bytes of a file lie in the
//! content feed is an [`Extent`].
//!
//! ```
//! use bytes::Bytes;
//! use dazaar_log::FeedKey;
//! use dazaar_trie::hyperdrive::{DrivePath, Edit, Stat, View, header};
//! use dazaar_trie::hypertrie::{Batch, Trie};
//!
//! let mut trie = Trie::new(Vec::<Bytes>::new());
//! let mut batch = Batch::with_header(&trie, &header(FeedKey([7; 32])));
//! let file = Stat { size: 5, blocks: 1, ..Stat::file(0o644) };
//! Edit::new(&mut batch, &trie).put(&DrivePath::new("/towns/riga.csv"), &file)?;
//! let blocks: Vec<Bytes> = batch.blocks().iter().cloned().map(Bytes::from).collect();
//! trie.blocks_mut().extend(blocks);
//!
//! let view = View::new(&trie, trie.version());
//! assert_eq!(view.stat(&DrivePath::new("towns/riga.csv"))?.stat.size, 5);
//! assert!(view.stat(&DrivePath::new("towns"))?.stat.is_directory());
//! # Ok::<(), dazaar_trie::hyperdrive::DriveError>(())
//! ```

mod diff;
mod edit;
mod error;
mod extent;
mod header;
mod history;
mod list;
mod mount;
mod path;
mod place;
mod relocate;
mod stat;
mod tag;
mod view;
mod walk;

pub use diff::{ChangeKind, DriveChange, DriveDiff};
pub use edit::Edit;
pub use error::{DriveError, PathRule};
pub use extent::{Extent, ExtentError};
pub use header::{content_key, header};
pub use history::DriveHistory;
pub use list::List;
pub use mount::MountPoint;
pub use path::DrivePath;
pub use place::Place;
pub use stat::{Kind, Mount, Stat};
pub use view::{Entry, View};
pub use walk::{Found, Reach, Walk};

#[cfg(test)]
mod tests;
