//! Limits of tables: what a stranger's feed or a user's file can make grow.

/// Columns of a table.
pub const COLUMNS_MAX: usize = 1024;

/// Bytes of a column's name.
pub const NAME_BYTES_MAX: usize = 256;

/// Memory that the rows of one segment may take.
pub const SEGMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of the header.
pub const HEADER_BYTES_MAX: usize = 1024 * 1024;

/// Rows of a table: a feed has no room for more, and their numbers can be counted on.
pub const ROWS_MAX: u64 = 1 << 56;

/// Rows of a segment of any writer.
pub const SEGMENT_ROWS_MAX: usize = 65_536;

/// Levels of an index.
pub const INDEX_LEVELS_MAX: usize = 8;

/// Entries of a list in the index.
pub const INDEX_FAN_OUT: usize = 256;

/// Sealed segments after which our writer adds an index block.
pub const INDEX_EVERY: usize = 32;

/// Rows of a segment of our writer, if there are enough.
pub const SEGMENT_ROWS: usize = 8192;

/// Memory of the rows in a segment of our writer, about.
pub const SEGMENT_BYTES: usize = 4 * 1024 * 1024;

/// So many rows are not sent live first, but sealed at once.
pub const LIVE_ROWS_MAX: usize = 1024;

/// Live segments that our writer leaves unsealed.
pub const LIVE_SEGMENTS_MAX: usize = 512;

/// Blocks after which our writer adds an index block when it seals a segment.
pub const INDEX_AFTER_BLOCKS: u64 = 1024;

/// Blocks after the newest index that a reader looks through. Our writer leaves at most about 1,500.
pub const TAIL_BLOCKS_MAX: u64 = 4096;
