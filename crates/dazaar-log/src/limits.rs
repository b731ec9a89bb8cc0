//! Limits of the log. Every number that a stranger may choose is held against one of these before it is used.
//!
//! Grade: plain. Source: classic protocol, conventions (integers fit in 2^53) and section 3.

/// Blocks that a log may have. One trillion keeps every file offset and every map of blocks within reason.
pub const MAX_LENGTH: u64 = 1 << 40;

/// Bytes that a log may have in total: the largest integer a JavaScript peer can count to.
pub const MAX_BYTE_LENGTH: u64 = (1 << 53) - 1;

/// Bytes of one block.
pub const MAX_BLOCK_BYTES: usize = 8 * 1024 * 1024;

/// Nodes that a proof may carry: the leaf, its siblings up to a root, and the other roots.
pub const MAX_PROOF_NODES: usize = 1 + 2 * MAX_LENGTH.ilog2() as usize;

/// Nodes that the proof of a range may carry: siblings along both of its edges, and the other roots.
pub const MAX_RANGE_NODES: usize = 3 * MAX_LENGTH.ilog2() as usize;

/// Memory for what we believe a peer to hold of the tree, in pages of the have-map (1 KiB each). Beyond it everything is
/// forgotten, and the peer gets longer proofs.
pub const MAX_REMOTE_TREE_PAGES: usize = 256;

/// Blocks whose hash is checked again when a log turns out longer than its commit record says: the last ones.
pub const MAX_RECHECKED_BLOCKS: u64 = 1024;

/// Bytes of the journal after which the other files are synced and it begins anew.
pub const MAX_JOURNAL_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of one record in the journal. A larger batch is synced where it belongs, which costs less than writing it twice.
pub const MAX_JOURNAL_RECORD_BYTES: u64 = 256 * 1024;

/// Blocks that one call reads at most.
pub const MAX_READ_BLOCKS: u64 = 4096;

/// Bytes after which one call that reads several blocks stops.
pub const MAX_READ_BYTES: u64 = 8 * 1024 * 1024;

/// Groups of sixteen leaves that an open log keeps in memory once it has read blocks one by one, of 800 bytes each: those of a
/// million blocks.
pub const LEAF_GROUPS_KEPT: usize = 65_536;

/// Nodes above the leaves that an open log keeps in memory once it has read them, of 56 bytes each: the top fourteen levels of
/// a tree. A power of two.
pub const UPPER_NODES_KEPT: usize = 16_384;
