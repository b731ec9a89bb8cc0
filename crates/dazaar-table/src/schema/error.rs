//! What can be wrong with a schema. Grade: plain.

use super::Kind;

/// Why columns are no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Too many of them.
    #[error("{columns} columns, and {max} are allowed")]
    TooManyColumns {
        /// How many there are.
        columns: usize,
        /// How many there may be.
        max: usize,
    },
    /// A column's name is empty or too long.
    #[error("the name of column {} has {bytes} bytes", .column + 1)]
    Name {
        /// Which column, from 0.
        column: usize,
        /// Bytes of its name.
        bytes: usize,
    },
    /// Two columns of one name.
    #[error("two columns are called `{name}`")]
    Twice {
        /// The name.
        name: String,
    },
    /// A name that is no column's.
    #[error("there is no column `{name}`")]
    NoColumn {
        /// The name.
        name: String,
    },
    /// The time is something else.
    #[error("`{name}` is the time of a row, and of type {kind}, not timestamp")]
    TimeKind {
        /// The column.
        name: String,
        /// Its type.
        kind: Kind,
    },
    /// A key is something else than text.
    #[error("`{name}` is a key, and of type {kind}, not text")]
    KeyKind {
        /// The column.
        name: String,
        /// Its type.
        kind: Kind,
    },
    /// Rows cannot be late by less than nothing.
    #[error("rows may be late by {nanoseconds} ns")]
    Lateness {
        /// What was said.
        nanoseconds: i64,
    },
}
