//! Rows and blocks: reading CSV and JSON lines as records.
//!
//! A record becomes one block, byte for byte as it stood in the file, line ending included: the blocks of a feed one
//! after the other are the file again.

mod records;

pub use records::{Format, ROW_BYTES_MAX, Record, RecordReader, RowError, RowFault};
