//! What can be wrong with a file of rows. Grade: plain.

use std::fmt;
use std::io;

use super::limits::{LINE_BYTES_MAX, MESSAGE_BYTES_MAX};
use crate::schema::{Kind, SchemaError};
use crate::times::Epoch;

/// Where in a file a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Row of data, from 1; 0 is the header.
    pub row: u64,
    /// Line of the text on which the row begins, from 1; `None` if the file is no text.
    pub line: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            0 => f.write_str("header")?,
            row => write!(f, "row {row}")?,
        }
        self.line.map_or(Ok(()), |line| write!(f, " (line {line})"))
    }
}

/// What a value should have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A value of this type.
    Kind(Kind),
    /// A time as text, as in the rows before.
    TimeText,
    /// A number that counts time in this unit, as in the rows before.
    Epoch(Epoch),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(Kind::Timestamp) => f.write_str(
                "a time between 1677 and 2262 such as 2026-01-05T09:30:00Z, or a number since 1970",
            ),
            Self::Kind(Kind::Int) => f.write_str("a whole number of 64 bits"),
            Self::Kind(Kind::Float) => f.write_str("a number"),
            Self::Kind(Kind::Decimal { scale }) => {
                write!(f, "a number of at most 18 digits, {scale} of them after the point")
            }
            Self::Kind(Kind::Text) => f.write_str("text"),
            Self::Kind(Kind::Bool) => f.write_str("true or false"),
            Self::Kind(Kind::Bytes) => f.write_str("bytes in hex"),
            Self::TimeText => f.write_str("a time between 1677 and 2262 such as 2026-01-05T09:30:00Z"),
            Self::Epoch(epoch) => write!(f, "the {epoch} since 1970"),
        }
    }
}

/// Why rows cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A value that is none of its column's type.
    #[error("{place}, column `{column}`: `{text}` is not {expected}")]
    Value {
        /// Where.
        place: Place,
        /// Name of the column.
        column: String,
        /// What stands there, shortened.
        text: String,
        /// What should stand there.
        expected: Expected,
    },
    /// A row without its time.
    #[error("{place}, column `{column}`: the time of the row is missing")]
    MissingTime {
        /// Where.
        place: Place,
        /// Name of the column.
        column: String,
    },
    /// Not as many fields as the header has.
    #[error("{place}: the header has {expected} fields, this row has {got}")]
    FieldCount {
        /// Where.
        place: Place,
        /// Fields of the header.
        expected: usize,
        /// Fields of the row.
        got: usize,
    },
    /// A quoted field that never ends.
    #[error("{place}: a quoted field is never closed")]
    UnclosedQuote {
        /// Where the row begins.
        place: Place,
    },
    /// Something between a closing quote and the comma.
    #[error("{place}, field {field}: after a closing quote comes neither a comma nor the end of the line")]
    AfterQuote {
        /// Where.
        place: Place,
        /// Field of the row, from 1.
        field: usize,
    },
    /// Not UTF-8.
    #[error("{place}, byte {byte}: not UTF-8")]
    NotUtf8 {
        /// Where.
        place: Place,
        /// Byte of the row, from 1.
        byte: usize,
    },
    /// A row that is too long.
    #[error("{place}: longer than {LINE_BYTES_MAX} bytes")]
    TooLong {
        /// Where.
        place: Place,
    },
    /// Not JSON.
    #[error("{place}, byte {byte}: not a JSON object: {reason}")]
    NotJson {
        /// Where.
        place: Place,
        /// Byte of the line, from 1.
        byte: usize,
        /// What the parser expected.
        reason: String,
    },
    /// A field that no row of the sample had.
    #[error(
        "{place}: the field `{field}` is in none of the first rows; say with --schema which columns there are"
    )]
    UnknownField {
        /// Where.
        place: Place,
        /// Name of the field.
        field: String,
    },
    /// A field twice in one object.
    #[error("{place}: the field `{field}` is there twice")]
    FieldTwice {
        /// Where.
        place: Place,
        /// Name of the field.
        field: String,
    },
    /// An object or array as a value.
    #[error(
        "{place}, column `{column}`: a value is an object or array; only text, numbers, true, false and null can be stored"
    )]
    Nested {
        /// Where.
        place: Place,
        /// Name of the column.
        column: String,
    },
    /// Nothing to learn the columns from.
    #[error("no rows to learn the columns from; say with --schema which there are")]
    Empty,
    /// Nothing at all.
    #[error("nothing is in it, not even a header")]
    NoHeader,
    /// No column is the time.
    #[error("none of the columns {columns} is a time; name it with --time")]
    NoTime {
        /// Their names.
        columns: String,
    },
    /// The column that shall be the time is none.
    #[error("column `{column}` is no time: {reason}")]
    NotATime {
        /// Name of the column.
        column: String,
        /// What is there instead.
        reason: String,
    },
    /// A column of the schema is not in the file.
    #[error("the file has no column `{column}`; it has {columns}")]
    NoColumn {
        /// Name of the column.
        column: String,
        /// Names of those in the file.
        columns: String,
    },
    /// A column of a type that cannot be stored.
    #[error("column `{column}` is of type {kind}; {possible}")]
    Type {
        /// Name of the column.
        column: String,
        /// Its type in the file.
        kind: String,
        /// What could be stored.
        possible: &'static str,
    },
    /// The columns are no table.
    #[error(transparent)]
    Schema {
        /// Why.
        #[from]
        source: SchemaError,
    },
    /// Parquet from something that is no file.
    #[error("Parquet is read from a file, not from a stream: its index stands at the end")]
    NeedsFile,
    /// The file is not of the format, or damaged.
    #[error("after row {rows}: the {format} is damaged or ends early: {reason}")]
    Damaged {
        /// Rows before.
        rows: u64,
        /// Which format.
        format: &'static str,
        /// What its reader said.
        reason: String,
    },
    /// Too much between two batches.
    #[error("after row {rows}: an Arrow message of more than {MESSAGE_BYTES_MAX} bytes")]
    MessageTooLong {
        /// Rows before.
        rows: u64,
    },
    /// The input could not be read.
    #[error("{source}")]
    Io {
        /// What the system said.
        #[from]
        source: io::Error,
    },
}
