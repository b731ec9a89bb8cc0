//! Maps and folders written as blocks: hypertrie.

pub mod hypertrie;

pub use hypertrie::{HypertrieError, Node, decode_header, decode_node, latest_entries};
