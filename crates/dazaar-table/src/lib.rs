//! Rows and blocks: reading CSV and JSON lines as records, and tables of typed columns.
//!
//! A record becomes one block, byte for byte as it stood in the file, line ending included: the blocks of a feed one
//! after the other are the file again.

mod bytes;
mod column;
mod excerpt;
pub mod export;
pub mod header;
pub mod import;
pub mod index;
pub mod limits;
pub mod read;
mod records;
pub mod schema;
pub mod segment;
pub mod times;
pub mod writer;

pub use bytes::BlockError;
pub use records::{Format, ROW_BYTES_MAX, Record, RecordReader, RowError, RowFault};
pub use schema::{Column, Kind, Schema, SchemaError};
pub use writer::{ResumeError, TableWriter, WriteError};
