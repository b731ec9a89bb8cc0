//! How much of a file is held at once. Grade: plain.

/// Rows of a batch.
pub const BATCH_ROWS: usize = 8192;

/// Bytes of the longest row of text.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// Bytes of text that are taken at once.
pub(super) const TAKE_BYTES: usize = 1 << 20;

/// Rows from which the columns of text are learnt, at most; fewer if fewer are there already.
pub(super) const SAMPLE_ROWS: usize = BATCH_ROWS;

/// Bytes of an Arrow stream from one batch to the next.
pub const MESSAGE_BYTES_MAX: u64 = 1 << 30;
