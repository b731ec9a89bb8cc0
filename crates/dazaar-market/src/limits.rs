//! Every maximum of the market, on one page.
//!
//! Grade: plain. Chosen by us: the reference has none of them. Larger ones cost memory per session.

/// Bytes of a card as JSON. Cards in the wild are below 2 KiB.
pub const CARD_BYTES_MAX: usize = 64 * 1024;

/// Addresses in a card or a link.
pub const ADDRESSES_MAX: usize = 16;

/// Characters of the address of an endpoint of iroh.
pub const IROH_ADDRESS_CHARS_MAX: usize = 512;

/// Bytes of a link.
pub const LINK_BYTES_MAX: usize = 16 * 1024;

/// Characters of the name in a link; the rest is cut off.
pub const LINK_NAME_CHARS_MAX: usize = 80;

/// Ways to pay in a card.
pub const OFFERS_MAX: usize = 32;

/// Digits of an amount of money, before and behind the point together: what 128 bits hold.
pub const DECIMAL_DIGITS_MAX: usize = 38;

/// Characters of the name of a currency in which a seller gives credit.
pub const CREDIT_UNIT_CHARS_MAX: usize = 12;

/// Characters of the beginning or end of a range that is sold.
pub const RANGE_CHARS_MAX: usize = 40;

/// Payments that a buyer may hand over in one session and that change nothing, being refused or known: nobody guesses a code, but
/// each costs a look at the records.
pub const PROOFS_IN_VAIN_MAX: u32 = 16;

/// Characters of a buyer's name for a payment.
pub const ORDER_CHARS_MAX: usize = 64;

/// Bytes of a signed receipt as JSON.
pub const RECEIPT_BYTES_MAX: usize = 4096;

/// Bytes of terms of use, before trimming.
pub const TERMS_BYTES_MAX: usize = 256 * 1024;

/// Bytes of a JSON extension message: `valid`, `invalid`, `user-message`.
pub const JSON_BYTES_MAX: usize = 64 * 1024;

/// Characters of a remote's error text that reach a human; the rest is cut off.
pub const REASON_CHARS_MAX: usize = 400;

/// Feeds that come with one that is sold.
pub const MEMBERS_MAX: usize = 63;

/// Actions that wait for the driver of a session. Beyond it nothing more is taken from the peer, nor from the user.
pub const ACTIONS_QUEUED_MAX: usize = 64;

/// A session's queue holds the longest messages without exceeding a few MiB.
const _: () = assert!(ACTIONS_QUEUED_MAX * JSON_BYTES_MAX <= 4 * 1024 * 1024);
