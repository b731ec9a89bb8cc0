//! What is asked of a table. Grade: plain.

use std::ops::Range;

use super::condition::{Condition, ConditionError};
use crate::index::key_hash;
use crate::schema::Schema;

/// A question, before the table is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// No rows before this time, in nanoseconds.
    pub from: Option<i64>,
    /// No rows at this time or after it, in nanoseconds.
    pub to: Option<i64>,
    /// No rows before this one.
    pub from_row: u64,
    /// Not this row, and none after it.
    pub to_row: Option<u64>,
    /// Only so many rows at the end of the table, whether they meet the other conditions or not.
    pub last: Option<u64>,
    /// No more rows than so many.
    pub limit: Option<u64>,
    /// Columns by their names, in this order; nothing means all.
    pub columns: Vec<String>,
    /// Values of the first key column, of which a row must have one; nothing means any.
    pub symbols: Vec<String>,
    /// Conditions that a row must meet: `price>100`.
    pub conditions: Vec<String>,
}

/// A question to a certain table.
#[derive(Debug, Clone)]
pub struct Selection {
    /// From inclusive, to exclusive, in nanoseconds.
    pub times: Range<i64>,
    /// Whether rows at the end of time itself are wanted too.
    pub(crate) is_open: bool,
    /// No rows before this one.
    pub from_row: u64,
    /// Not this row, and none after it.
    pub to_row: u64,
    /// No more rows than so many.
    pub limit: Option<u64>,
    /// Numbers of the columns.
    pub columns: Vec<usize>,
    /// Conditions that a row must meet.
    pub conditions: Vec<Condition>,
    /// Hashes of keys, of which a segment must have one.
    pub(crate) keys: Vec<u32>,
}

/// Why a question cannot be asked of a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A name that is no column's.
    #[error("there is no column `{name}`; there are {known}")]
    NoColumn {
        /// The name.
        name: String,
        /// All that there are.
        known: String,
    },
    /// The table has no keys.
    #[error("the table has no key column, so no symbol can be chosen")]
    NoKeys,
    /// A condition that cannot be met or read.
    #[error(transparent)]
    Condition(#[from] ConditionError),
}

impl Query {
    /// The question for a table.
    ///
    /// # Errors
    /// What does not fit.
    pub fn for_table(&self, schema: &Schema) -> Result<Selection, QueryError> {
        let find = |name: &String| schema.find(name).ok_or_else(|| no_column(name, schema));
        let columns = match self.columns.as_slice() {
            [] => (0..schema.columns().len()).collect(),
            names => names.iter().map(find).collect::<Result<_, _>>()?,
        };
        let mut conditions = self
            .conditions
            .iter()
            .map(|text| Condition::parse(text, schema))
            .collect::<Result<Vec<_>, _>>()?;
        let mut keys = Vec::new();
        if !self.symbols.is_empty() {
            let &key = schema.keys().first().ok_or(QueryError::NoKeys)?;
            keys = self.symbols.iter().map(|symbol| key_hash(key, symbol)).collect();
            conditions.push(Condition::one_of(key, &self.symbols));
        }
        Ok(Selection {
            times: self.from.unwrap_or(i64::MIN)..self.to.unwrap_or(i64::MAX),
            is_open: self.to.is_none(),
            from_row: self.from_row,
            to_row: self.to_row.unwrap_or(u64::MAX),
            limit: self.limit,
            columns,
            conditions,
            keys,
        })
    }
}

pub(super) fn no_column(name: &str, schema: &Schema) -> QueryError {
    let known: Vec<_> = schema.columns().iter().map(|column| column.name.as_str()).collect();
    QueryError::NoColumn { name: name.to_owned(), known: known.join(", ") }
}

impl Selection {
    /// Whether a row of this time is wanted.
    pub(crate) fn has_time(&self, time: i64) -> bool {
        self.times.contains(&time) || (self.is_open && time == i64::MAX)
    }

    /// Whether rows between these times, both inclusive, may be wanted.
    pub(crate) fn overlaps(&self, earliest: i64, latest: i64) -> bool {
        self.times.start <= latest && (earliest < self.times.end || self.is_open)
    }

    /// Whether all rows between these times, both inclusive, are wanted as far as their time goes.
    pub(crate) fn covers(&self, earliest: i64, latest: i64) -> bool {
        self.has_time(earliest) && self.has_time(latest)
    }
}
