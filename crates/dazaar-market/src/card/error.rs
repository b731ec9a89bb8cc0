//! What can be wrong with a card.

use dazaar_log::KeyError;

use crate::address::AddressError;

/// Why JSON is not a card, or a card cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// More bytes than a card may have.
    #[error("a card has at most {max} bytes, this one has {bytes}")]
    TooLong {
        /// Bytes of the text.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The text is no JSON.
    #[error("the card is not valid JSON at line {line}, column {column}")]
    Json {
        /// Line, from 1.
        line: usize,
        /// Column, from 1; 0 at the end of a line.
        column: usize,
    },
    /// The JSON is an array, a text, a number.
    #[error("a card is a JSON object")]
    NotAnObject,
    /// None of the names of the seller's key is there.
    #[error("the card has no `id`, the seller's key of 64 hex digits")]
    NoId,
    /// The seller's key is not a key.
    #[error("`{field}` of the card: {error}")]
    Id {
        /// The name under which the card has it.
        field: &'static str,
        /// What is wrong with it.
        error: KeyError,
    },
    /// A field of the wrong type.
    #[error("`{field}` of the card is not {expected}")]
    FieldType {
        /// The field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A way to pay that is no object.
    #[error("entry {index} of `payment` is not an object")]
    PaymentEntry {
        /// Its index, from 0.
        index: usize,
    },
    /// An address that cannot be dialled.
    #[error("entry {index} of `{field}`: {error}")]
    Address {
        /// The field.
        field: &'static str,
        /// Its index, from 0.
        index: usize,
        /// What is wrong with it.
        error: AddressError,
    },
    /// More addresses than a card may have.
    #[error("a card has at most {max} addresses, this one has {count}")]
    TooManyAddresses {
        /// Addresses of the card.
        count: usize,
        /// Addresses allowed.
        max: usize,
    },
    /// An integer that not every reader can tell from its neighbours.
    #[error("a number in `{field}` of the card is beyond 2^53; write it as text")]
    NumberTooLarge {
        /// The field.
        field: String,
    },
    /// A signature by somebody else than the seller of the card.
    #[error("only the seller {id} can sign this card")]
    NotTheSeller {
        /// The card's seller.
        id: dazaar_log::IdentityKey,
    },
}
