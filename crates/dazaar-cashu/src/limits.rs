//! Limits: what strangers and mints can make grow.
//!
//! Grade: plain.

use std::time::Duration;

/// Bytes of a token: what fits into a message of a session.
pub const TOKEN_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a payment request.
pub const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// Bytes of a coin's secret: a lock to one key with a key for refunds has about 300.
pub const SECRET_BYTES_MAX: usize = 1024;

/// Coins in a token, and that are handed to a mint at once.
pub const COINS_MAX: usize = 128;

/// Mints of one wallet.
pub const MINTS_MAX: usize = 16;

/// Bytes of a mint's answer.
pub const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Keysets of a mint, the active ones first.
pub const KEYSETS_MAX: usize = 64;

/// How often a mint is asked for its keys at most because somebody's coin has a key that is not known.
pub const KEYS_PAUSE: Duration = Duration::from_secs(10);

/// The most that one payment, token or mint may have, in satoshis: all that there ever will be.
pub const SAT_MAX: u64 = 21_000_000 * 100_000_000;
