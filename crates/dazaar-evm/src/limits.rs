//! What others may make grow, and how long they may take.
//!
//! Grade: plain.

use std::time::Duration;

/// Bytes of a demand or a proof.
pub const MESSAGE_BYTES_MAX: usize = 8 << 10;

/// Bytes of an answer of a node.
pub const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Characters of what a node says went wrong.
pub const REASON_CHARS_MAX: usize = 200;

/// Characters of the name and version that a token signs with.
pub const NAME_CHARS_MAX: usize = 100;

/// How long a node may take for one answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// For how long a buyer is asked to sign: seconds. In this time the seller must get the authorisation into a block.
pub const WINDOW_SECONDS: u64 = 3600;

/// For how long a payer signs at most: seconds.
pub const WINDOW_SECONDS_MAX: u64 = 86_400;

/// How long an authorisation must still be valid to be taken: seconds. A transaction that comes too late costs gas for nothing.
pub const WINDOW_MARGIN_SECONDS: u64 = 30;

/// Authorisations that are taken for one order.
pub const AUTHORISATIONS_PER_ORDER_MAX: usize = 8;

/// Transactions that are signed for one purpose: the first, those with a higher fee, those after one that failed.
pub const SUBMISSIONS_MAX: usize = 16;

/// Blocks that are searched with one question: what public nodes answer at once.
pub const SEARCH_BLOCKS: u64 = 1000;

/// Blocks that are searched once more: the node that answered for them may have been so far behind, and have told nothing of them.
pub const SEARCH_AGAIN_BLOCKS: u64 = 128;

/// Questions of one search; it goes on at the next look-up.
pub const SEARCH_QUESTIONS_MAX: usize = 16;

/// Logs in one answer.
pub const LOGS_MAX: usize = 4096;

/// Transfers to a buyer's address about which the node is asked in one look, if they are not of one block.
pub const TRANSFERS_AT_ONCE: usize = 64;

/// Blocks with payments of one order, the newest, that are compared with the chain in one look.
pub const BLOCKS_COMPARED_MAX: usize = 32;

/// Blocks with payments that are compared with the chain are no further below the last final one: more no chain forgets. A day of Ethereum,
/// and half an hour of a chain with four blocks a second, which a sequencer has made final by then.
pub const BLOCKS_FORGOTTEN_MAX: u64 = 7200;

/// The most blocks that must follow before a payment is final.
pub const CONFIRMATIONS_MAX: u64 = 100_000;
