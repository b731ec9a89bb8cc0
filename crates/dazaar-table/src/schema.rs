//! The schema of a table feed: typed columns, which of them is the time, which are keys, and how late a row may come.
//!
//! Grade: plain. It stands as JSON in the header of the feed and in the card; docs/formats.md has the fields.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema as ArrowSchema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

mod error;
mod kind;

pub use error::SchemaError;
pub(crate) use kind::DECIMAL_DIGITS;
pub use kind::Kind;

use crate::limits::{COLUMNS_MAX, NAME_BYTES_MAX};

/// What the rows of a feed look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct Schema {
    columns: Vec<Column>,
    time: usize,
    keys: Vec<usize>,
    lateness: Option<i64>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name, unique in the table.
    pub name: String,
    /// The type of its values.
    #[serde(flatten)]
    pub kind: Kind,
    /// In what it is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What it means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Column {
    /// A column without unit or description.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, unit: None, description: None }
    }
}

impl Schema {
    /// A table of these columns. `time` is the name of a [`Kind::Timestamp`] column, `keys` are names of text columns; `lateness`
    /// says by how many nanoseconds the time of a row may lie before that of an earlier row, `None` means by any time.
    ///
    /// # Errors
    /// What is wrong with the columns, or which name is none of them.
    pub fn new(
        columns: Vec<Column>,
        time: &str,
        keys: &[impl AsRef<str>],
        lateness: Option<i64>,
    ) -> Result<Self, SchemaError> {
        if columns.len() > COLUMNS_MAX {
            return Err(SchemaError::TooManyColumns { columns: columns.len(), max: COLUMNS_MAX });
        }
        for (nth, column) in columns.iter().enumerate() {
            if column.name.is_empty() || column.name.len() > NAME_BYTES_MAX {
                return Err(SchemaError::Name { column: nth, bytes: column.name.len() });
            }
            if columns[..nth].iter().any(|before| before.name == column.name) {
                return Err(SchemaError::Twice { name: column.name.clone() });
            }
        }
        let find = |name: &str| {
            columns
                .iter()
                .position(|column| column.name == name)
                .ok_or_else(|| SchemaError::NoColumn { name: name.to_owned() })
        };
        let time = find(time)?;
        if columns[time].kind != Kind::Timestamp {
            return Err(SchemaError::TimeKind { name: columns[time].name.clone(), kind: columns[time].kind });
        }
        let keys = keys.iter().map(|name| find(name.as_ref())).collect::<Result<Vec<_>, _>>()?;
        if let Some(&key) = keys.iter().find(|&&key| columns[key].kind != Kind::Text) {
            return Err(SchemaError::KeyKind { name: columns[key].name.clone(), kind: columns[key].kind });
        }
        if let Some(nanoseconds) = lateness.filter(|&nanoseconds| nanoseconds < 0) {
            return Err(SchemaError::Lateness { nanoseconds });
        }
        Ok(Self { columns, time, keys, lateness })
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Which column is the time of a row. No value of it is missing.
    pub const fn time(&self) -> usize {
        self.time
    }

    /// Which columns tell series apart, such as a symbol.
    pub fn keys(&self) -> &[usize] {
        &self.keys
    }

    /// By how many nanoseconds a row may be late; `None` if by any time.
    pub const fn lateness(&self) -> Option<i64> {
        self.lateness
    }

    /// The column of this name.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The same in Arrow's terms. Every column but the time may have missing values.
    pub fn to_arrow(&self) -> SchemaRef {
        let field = |(nth, column): (usize, &Column)| {
            Field::new(&column.name, column.kind.to_arrow(), nth != self.time)
        };
        Arc::new(ArrowSchema::new(self.columns.iter().enumerate().map(field).collect::<Vec<_>>()))
    }
}

/// The Arrow type of times.
pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// How it is written.
#[derive(Serialize, Deserialize)]
struct Text {
    time: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<String>,
    /// Nanoseconds; absent if rows may be late by any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    late: Option<i64>,
    fields: Vec<Column>,
}

impl TryFrom<Text> for Schema {
    type Error = SchemaError;

    fn try_from(text: Text) -> Result<Self, SchemaError> {
        Self::new(text.fields, &text.time, &text.keys, text.late)
    }
}

impl From<Schema> for Text {
    fn from(schema: Schema) -> Self {
        let name = |nth: usize| schema.columns[nth].name.clone();
        Self {
            time: name(schema.time),
            keys: schema.keys.iter().map(|&key| name(key)).collect(),
            late: schema.lateness,
            fields: schema.columns,
        }
    }
}

#[cfg(test)]
mod tests;
