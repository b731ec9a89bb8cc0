//! The fuzz targets: each takes any bytes, and panics only if our promise to survive them is broken.
//!
//! They are ordinary functions. libFuzzer searches with them (`cargo xtask fuzz`), and `tests/replay.rs` runs the corpus and
//! variations of it through them on any Rust.

mod altered;
mod codecs;
mod discovery;
mod ecash;
mod evm;
mod evm_seeds;
mod feed;
mod files;
mod invoice;
mod line;
mod market;
mod peers;
pub mod seeds;
mod table_seeds;
mod tables;
mod tries;

pub use altered::altered;
pub use codecs::{card, link, protobuf, rle, rows};
pub use discovery::{dht, mdns};
pub use ecash::ecash;
pub use evm::{evm_answer, evm_demand, evm_payment};
pub use feed::proof;
pub use files::{contents, folder};
pub use invoice::invoice;
pub use market::{buyer_extension, offers, payment, seller_extension};
pub use peers::{download, handshake, session, upload};
pub use tables::{
    import_csv, import_ipc, import_json, import_parquet, moment, table_header, table_index, table_read,
    table_resume, table_segment,
};
pub use tries::{db_talk, hyperdb, hyperdrive, hypertrie, trie_extension};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 39] = [
    ("altered", altered),
    ("buyer_extension", buyer_extension),
    ("card", card),
    ("contents", contents),
    ("db_talk", db_talk),
    ("dht", dht),
    ("download", download),
    ("ecash", ecash),
    ("evm_answer", evm_answer),
    ("evm_demand", evm_demand),
    ("evm_payment", evm_payment),
    ("folder", folder),
    ("handshake", handshake),
    ("hyperdb", hyperdb),
    ("hyperdrive", hyperdrive),
    ("hypertrie", hypertrie),
    ("import_csv", import_csv),
    ("import_ipc", import_ipc),
    ("import_json", import_json),
    ("import_parquet", import_parquet),
    ("invoice", invoice),
    ("link", link),
    ("mdns", mdns),
    ("moment", moment),
    ("offers", offers),
    ("payment", payment),
    ("proof", proof),
    ("protobuf", protobuf),
    ("rle", rle),
    ("rows", rows),
    ("seller_extension", seller_extension),
    ("session", session),
    ("table_header", table_header),
    ("table_index", table_index),
    ("table_read", table_read),
    ("table_resume", table_resume),
    ("table_segment", table_segment),
    ("trie_extension", trie_extension),
    ("upload", upload),
];
