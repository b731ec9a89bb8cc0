//! Limits of tables: what a stranger's feed or a user's file can make grow.

/// Columns of a table.
pub const COLUMNS_MAX: usize = 1024;

/// Bytes of a column's name.
pub const NAME_BYTES_MAX: usize = 256;

/// Memory that the rows of one segment may take.
pub const SEGMENT_BYTES_MAX: usize = 64 * 1024 * 1024;
