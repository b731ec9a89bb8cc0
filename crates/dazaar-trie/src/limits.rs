//! Limits of maps. Every number that a stranger may choose is held against one of these before it is used.
//!
//! Grade: plain. Source: docs/structures.md, limits.

/// Bytes of a key. Each component costs 16 bytes of memory, so a key of slashes costs 16 times its size.
pub const MAX_KEY_BYTES: usize = 1 << 20;

/// Bytes of an encoded index: JavaScript has no more room when it writes one.
pub const MAX_INDEX_BYTES: usize = 1 << 16;

/// Bits of the flags that a user may set: JavaScript shifts them within 32.
pub const MAX_USER_FLAGS: u32 = (1 << 22) - 1;

/// The highest slot of a bucket: JavaScript counts them in the bits of a signed 32-bit integer.
pub const MAX_SLOT: u8 = 30;

/// Bytes of decoded nodes that are kept in memory.
pub const CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// Blocks that one question of the extension may make a peer name, and that are asked for at once.
pub const MAX_EXTENSION_BLOCKS: usize = 2048 + 128;

/// Times that one question of the extension makes a peer read a block, the same one again too: sorting reads each twice.
pub const MAX_EXTENSION_READS: usize = 2 * MAX_EXTENSION_BLOCKS;

/// Places in a checkpoint of a list.
pub const MAX_CHECKPOINT_PLACES: usize = MAX_EXTENSION_BLOCKS;

/// Blocks in one message of the extension.
pub const EXTENSION_MESSAGE_BLOCKS: usize = 128;

/// Feeds of one map of several writers: JavaScript's protocol for them has no more channels.
pub const MAX_WRITERS: usize = 256;

/// Feeds that get a number in one map: its writers, and those that only lists name.
pub const MAX_FEEDS_NAMED: usize = 16 * MAX_WRITERS;

/// The largest integer that JavaScript holds.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Links that are followed one after the other, as many as Linux does.
pub const MAX_LINKS: usize = 40;

/// Bytes of a path in a drive that is written, as many as Linux takes.
pub const MAX_DRIVE_PATH_BYTES: usize = 4096;

/// Entries that one change of a drive may move.
pub const MAX_MOVED_ENTRIES: usize = 1 << 16;

/// Drives that are mounted within each other, and followed.
pub const MAX_MOUNT_DEPTH: usize = 16;

/// Mounts that are entered for one list.
pub const MAX_MOUNTS_ENTERED: usize = 1024;

/// Places at which one drive is entered, or one feed seen as a file, for one list: whoever copies the list copies it so often.
pub const MAX_MOUNTS_OF_ONE: usize = 16;

/// Ranges of blocks that a question says are here already.
pub const MAX_HELD_RANGES: usize = 512;
