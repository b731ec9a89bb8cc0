//! The fuzz targets: each takes any bytes, and panics only if our promise to survive them is broken.
//!
//! They are ordinary functions. libFuzzer searches with them (`cargo xtask fuzz`), and `tests/replay.rs` runs the corpus and
//! variations of it through them on any Rust.

mod altered;
mod codecs;
mod feed;
mod files;
mod line;
mod market;
mod peers;
pub mod seeds;
pub use altered::altered;
pub use codecs::{card, hypertrie, link, protobuf, rle, rows};
pub use feed::proof;
pub use files::{contents, folder};
pub use market::{buyer_extension, seller_extension};
pub use peers::{download, handshake, session, upload};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 16] = [
    ("altered", altered),
    ("buyer_extension", buyer_extension),
    ("card", card),
    ("contents", contents),
    ("download", download),
    ("folder", folder),
    ("handshake", handshake),
    ("hypertrie", hypertrie),
    ("link", link),
    ("proof", proof),
    ("protobuf", protobuf),
    ("rle", rle),
    ("rows", rows),
    ("seller_extension", seller_extension),
    ("session", session),
    ("upload", upload),
];
