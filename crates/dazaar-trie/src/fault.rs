//! What can be wrong with a block.
//!
//! Grade: plain.

use dazaar_log::codec::protobuf::ProtobufError;

use crate::limits::{MAX_INDEX_BYTES, MAX_KEY_BYTES};

/// The rule that a block breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It is no message.
    #[error("{0}")]
    Protobuf(#[from] ProtobufError),
    /// A field is a number instead of bytes, or the reverse.
    #[error("field {field} is of the wrong type")]
    FieldType {
        /// Number of the field.
        field: u64,
    },
    /// A field that has to be there is not.
    #[error("field {field} is missing")]
    NoField {
        /// Number of the field.
        field: u64,
    },
    /// A number that JavaScript could not hold.
    #[error("field {field} is {value}, at most 2^53 - 1 is read")]
    Number {
        /// Number of the field.
        field: u64,
        /// What it says.
        value: u64,
    },
    /// Bytes that have to be text.
    #[error("field {field} is not UTF-8")]
    Text {
        /// Number of the field.
        field: u64,
    },
    /// A key of the wrong length.
    #[error("field {field} is no key of 32 bytes")]
    Key {
        /// Number of the field.
        field: u64,
    },
    /// The key is no text.
    #[error("the key is not UTF-8")]
    KeyNotUtf8,
    /// The key is too long.
    #[error("the key has {bytes} bytes, at most {MAX_KEY_BYTES} are read")]
    KeyTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The index is too long.
    #[error("the index has {bytes} bytes, at most {MAX_INDEX_BYTES} are read")]
    IndexTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The index is cut off, not in order, or points to what cannot be there yet.
    #[error("the index is malformed")]
    Index,
    /// A clock of too many feeds, or without the list that says of which.
    #[error("the clock is malformed")]
    Clock,
    /// A list of feeds that is empty, too long, or not of keys.
    #[error("the list of feeds is malformed")]
    List,
}

/// Why a key cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// It has no components, or begins with two slashes: it would not be read back as what it is.
    #[error("the key {key:?} cannot be written")]
    NotLasting {
        /// The key.
        key: String,
    },
    /// It is too long.
    #[error("a key of {bytes} bytes, at most {MAX_KEY_BYTES} can be written")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}
