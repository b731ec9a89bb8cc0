//! Limits of tables: what a stranger's feed or a user's file can make grow.

/// Columns of a table.
pub const COLUMNS_MAX: usize = 1024;

/// Bytes of a column's name.
pub const NAME_BYTES_MAX: usize = 256;

/// Memory that the rows of one segment may take.
pub const SEGMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of the header.
pub const HEADER_BYTES_MAX: usize = 1024 * 1024;

/// Rows of a segment of any writer.
pub const SEGMENT_ROWS_MAX: usize = 65_536;

/// Levels of an index.
pub const INDEX_LEVELS_MAX: usize = 8;

/// Entries of a list in the index.
pub const INDEX_FAN_OUT: usize = 256;

/// Sealed segments after which our writer adds an index block.
pub const INDEX_EVERY: usize = 32;
