//! Rows that become a batch. Grade: plain.

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};

use super::cells::Cells;
use super::error::{ImportError, Place};
use super::limits::BATCH_ROWS;
use crate::excerpt::excerpt;
use crate::schema::{Kind, Schema};
use crate::times::Epoch;

/// Rows of a schema, added value by value.
#[derive(Debug)]
pub(super) struct Table {
    schema: Schema,
    cells: Vec<Cells>,
    /// Complete rows that were not taken yet.
    rows: usize,
}

impl Table {
    pub(super) fn new(schema: Schema, epoch: Option<Epoch>) -> Self {
        let cells = schema.columns().iter().map(|column| Cells::new(column.kind, epoch)).collect();
        Self { schema, cells, rows: 0 }
    }

    pub(super) const fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(super) const fn is_full(&self) -> bool {
        self.rows >= BATCH_ROWS
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Adds a value to a column. Spaces around it count only in text, and nothing is a value only of text and bytes.
    pub(super) fn push(&mut self, column: usize, text: &str, place: Place) -> Result<(), ImportError> {
        let kind = self.schema.columns()[column].kind;
        let text = if kind == Kind::Text { text } else { text.trim_ascii() };
        if text.is_empty() && !matches!(kind, Kind::Text | Kind::Bytes) {
            return self.push_missing(column, place);
        }
        self.cells[column].push(text).map_err(|expected| ImportError::Value {
            place,
            column: self.schema.columns()[column].name.clone(),
            text: excerpt(text),
            expected,
        })
    }

    /// Adds a missing value to a column.
    pub(super) fn push_missing(&mut self, column: usize, place: Place) -> Result<(), ImportError> {
        if column == self.schema.time() {
            let column = self.schema.columns()[column].name.clone();
            return Err(ImportError::MissingTime { place, column });
        }
        self.cells[column].push_missing();
        Ok(())
    }

    /// Every column has its value of this row.
    pub(super) const fn end_row(&mut self) {
        self.rows += 1;
    }

    /// The complete rows. Values of a row that was given up are thrown away.
    pub(super) fn take(&mut self) -> Result<RecordBatch, ImportError> {
        let rows = std::mem::take(&mut self.rows);
        let columns = self.cells.iter_mut().map(Cells::finish).collect();
        batch(&self.schema, columns, rows)
    }
}

/// The first `rows` values of these columns.
pub(super) fn batch(
    schema: &Schema,
    columns: Vec<ArrayRef>,
    rows: usize,
) -> Result<RecordBatch, ImportError> {
    let columns = columns
        .into_iter()
        .map(|column| if column.len() == rows { column } else { column.slice(0, rows) })
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema.to_arrow(), columns, &options)
        .map_err(|error| ImportError::Damaged { rows: 0, format: "table", reason: error.to_string() })
}
