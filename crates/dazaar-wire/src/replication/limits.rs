//! Every bound on what a peer can make the replication of one feed hold, and its times.
//!
//! Grade: plain. Numbers marked "classic" are the protocol's own: changing one breaks compatibility. Each bound is for one
//! peer and one feed.
//! Source: classic protocol, sections 4.8, 5.2, 5.3 and 9.

use std::time::Duration;

/// Blocks of one `Want` (classic): a `Have` of exactly this length counts as its answer.
pub const WANT_BLOCKS: u64 = 1 << 20;

/// `Want`s that may wait for their answer (classic).
pub const WANTS_OPEN_MAX: usize = 16;

/// What the start and the length of a `Want` are multiples of (classic); others are ignored.
pub const WANT_ALIGNMENT: u64 = 8192;

/// `Want`s of the remote that may wait for our answer. Honest peers have at most [`WANTS_OPEN_MAX`].
pub const WANTS_QUEUED_MAX: usize = 64;

/// Blocks of a remote's `Want` that are answered; those after it are left out. Eight times what peers ask for.
pub const WANT_ANSWERED_BLOCKS_MAX: u64 = 8 * WANT_BLOCKS;

/// Blocks in one `Have` of ours without bits. JavaScript peers count them one by one.
pub const HAVE_BLOCKS_MAX: u64 = 1 << 16;

/// Bytes that the bits of a `Have` may expand to: the answer to one of our `Want`s.
pub const HAVE_BITFIELD_BYTES_MAX: usize = WANT_BLOCKS as usize / 8;

/// Pages of a remote's blocks that are kept as bits, of 1 KiB each. What it claims beyond is not believed.
pub const REMOTE_PAGES_MAX: usize = 8192;

/// Runs of complete pages of a remote's blocks that are kept. What it claims beyond is not believed.
pub const REMOTE_RUNS_MAX: usize = 4096;

/// Ranges of blocks in lists that may be coarser than the truth: what to announce, and where to look for blocks to request.
pub const COARSE_RANGES_MAX: usize = 1024;

/// Requests of the remote that may wait for our answer: more than any window, ours included.
pub const REQUESTS_QUEUED_MAX: usize = 4096;

/// Blocks that a new peer may owe us. JavaScript peers answer any number of requests.
pub const WINDOW_START: usize = 64;

/// Blocks that a peer may owe us at most.
pub const WINDOW_MAX: usize = 2048;

/// Bytes that a peer may owe us at most, by the mean size of its blocks so far.
pub const WINDOW_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Blocks that a peer may owe us however large they are.
pub const WINDOW_MIN: usize = 4;

/// Bytes after which a message with several blocks ends. Eight blocks of 64 KiB, so that they are hashed together.
pub const RANGE_BYTES: u64 = 512 * 1024;

/// About how many bytes are asked for at once of one of several peers of our own kind.
pub const FETCH_BYTES: u64 = 1024 * 1024;

/// Bytes that one of several peers of our own kind may owe us, by the mean size of its blocks so far.
pub const FETCHED_BYTES_MAX: u64 = 4 * FETCH_BYTES;

/// Questions of one peer that may wait for an answer.
pub const FETCHES_MAX: usize = 2048;

/// Blocks that one of several peers of our own kind may owe us as long as none has come: nobody knows how large they are, and what one
/// owes is not asked of the others.
pub const FETCH_BLOCKS_START: u64 = 64;

/// Bytes that a block of the only peer may have, as long as none has come.
pub const BLOCK_BYTES_GUESS: u64 = 1024;

/// An answer that took so much longer than the fastest one stood in a queue: a larger window would only make that longer.
pub const QUEUE_DELAY_MAX: Duration = Duration::from_millis(200);

/// A peer that owes us blocks and has sent none for so long is given up (classic). One block that it has not sent for so long,
/// while it sent later ones, is lost, and asked for anew.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// A peer of our own kind that takes so long for about [`FETCH_BYTES`] is slow: what it owes is asked of others too, once they have
/// nothing else to do.
pub const SLOW_AFTER: Duration = Duration::from_secs(2);

/// Bytes that may be asked for twice of a feed, by the mean size of its blocks; more only as a part of what has come.
pub const DOUBLED_BYTES_FREE: u64 = FETCH_BYTES;

/// That part: one of so many.
pub const DOUBLED_PART: u64 = 16;

/// When so many blocks were asked for after an unanswered one, and half of them came, it is lost, and asked for anew.
pub const OVERTAKEN_MAX: u64 = 2 * WINDOW_MAX as u64;

/// Blocks that a peer left unanswered and others have, which it is asked for again when a peer is lost.
pub const LEFT_MAX: usize = WINDOW_MAX;

/// Times that a peer is asked to prove how long the feed is that we write ourselves.
pub const HEAD_QUESTIONS_MAX: u32 = 4;

/// Messages that may still come after everything was asked for and that was taken back.
pub const ONWARD_FORGIVEN: usize = 64;

/// Blocks that nobody asked for: so many are ignored, then the session ends.
pub const STRAYS_MAX: u32 = 32;

/// For so many blocks that were asked for and stored, one that nobody asked for is forgotten.
pub const STRAY_FORGOTTEN_AFTER: u64 = 64;

const _: () = assert!(WINDOW_MAX < REQUESTS_QUEUED_MAX && WINDOW_START < WINDOW_MAX);
const _: () = assert!(FETCHES_MAX < REQUESTS_QUEUED_MAX);
const _: () = assert!(WANTS_OPEN_MAX < WANTS_QUEUED_MAX);

/// Questions of a peer that wait while we send it blocks along that it did not ask for by number.
pub const SENT_ALONG_QUEUE_MAX: usize = 1024;

/// Ranges of blocks that are known to have been sent to a peer.
pub const SENT_RANGES_MAX: usize = 4096;
