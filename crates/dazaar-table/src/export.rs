//! Batches of rows as text for people and programs, and as files.
//!
//! Grade: over a door (any `Write`).
//!
//! Times are RFC 3339 in UTC, decimals have all digits of their scale, bytes are hex. A missing value is nothing in CSV (empty
//! text is `""`) and null in JSON. NaN and infinite numbers, which JSON does not have, are null there. Parquet and Arrow have
//! the unit and description of a column as the metadata `unit` and `description` of its field.

use std::fmt;
use std::io::{self, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use parquet::errors::ParquetError;

mod converted;
mod csv;
mod files;
mod json;
mod table;
mod values;

use crate::schema::{Column, Schema};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputFormat {
    /// Aligned columns for a terminal.
    Table,
    /// Comma separated values with a header.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet, compressed with zstd.
    Parquet,
    /// An Arrow IPC stream, not compressed: everything reads that.
    Arrow,
}

/// One of the formats.
trait RowSink: Send {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ExportError>;
    fn flush(&mut self) -> Result<(), ExportError>;
    fn finish(&mut self) -> Result<(), ExportError>;
}

/// Writes rows.
pub struct RowWriter {
    sink: Box<dyn RowSink>,
    /// What was announced.
    schema: SchemaRef,
}

impl RowWriter {
    /// Writes rows of this schema.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn new(
        format: OutputFormat,
        schema: &Schema,
        out: Box<dyn Write + Send>,
    ) -> Result<Self, ExportError> {
        Self::of_columns(format, schema.columns(), Some(schema.time()), out)
    }

    /// Writes rows of these columns, such as some of a schema's. Those of column `time` are never missing.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn of_columns(
        format: OutputFormat,
        columns: &[Column],
        time: Option<usize>,
        out: Box<dyn Write + Send>,
    ) -> Result<Self, ExportError> {
        let schema = files::schema(columns, time);
        Ok(Self { sink: sink(format, columns, &schema, out)?, schema })
    }

    /// Writes rows of any Arrow types, such as the answer to a query. Text formats have what is none of our types as Arrow shows
    /// it.
    ///
    /// # Errors
    /// The output cannot be written, or a Parquet file cannot have such columns.
    pub fn of_arrow(
        format: OutputFormat,
        schema: &SchemaRef,
        out: Box<dyn Write + Send>,
    ) -> Result<Self, ExportError> {
        let columns = converted::columns(schema);
        let sink = sink(format, &columns, schema, out)?;
        let sink = match format {
            OutputFormat::Parquet | OutputFormat::Arrow => sink,
            _ => Box::new(converted::Converted::new(sink, columns)),
        };
        Ok(Self { sink, schema: SchemaRef::clone(schema) })
    }

    /// Goes on behind the rows that another wrote.
    ///
    /// # Errors
    /// [`ExportError::Whole`] for formats that have a beginning and an end.
    pub fn continued(
        format: OutputFormat,
        columns: &[Column],
        out: Box<dyn Write + Send>,
    ) -> Result<Self, ExportError> {
        let sink: Box<dyn RowSink> = match format {
            OutputFormat::Csv => Box::new(csv::Csv::continued(columns, out)),
            OutputFormat::JsonLines => Box::new(json::Json::new(columns, out)),
            OutputFormat::Table | OutputFormat::Parquet | OutputFormat::Arrow => {
                return Err(ExportError::Whole);
            }
        };
        Ok(Self { sink, schema: files::schema(columns, None) })
    }

    /// Writes rows. They may wait in memory until [`Self::flush`] or [`Self::finish`].
    ///
    /// # Errors
    /// They have other columns, or the output cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ExportError> {
        let (announced, schema) = (self.schema.fields(), batch.schema());
        if schema.fields().len() != announced.len() {
            return Err(ExportError::Count { expected: announced.len(), got: schema.fields().len() });
        }
        for (column, field) in announced.iter().zip(schema.fields()) {
            if column.data_type() != field.data_type() {
                return Err(ExportError::Type {
                    column: column.name().clone(),
                    expected: column.data_type().to_string(),
                    got: field.data_type().to_string(),
                });
            }
        }
        self.sink.write(batch)
    }

    /// Hands out all that was written. A Parquet file is complete only when it is finished.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn flush(&mut self) -> Result<(), ExportError> {
        self.sink.flush()
    }

    /// Writes what comes last, and hands out everything.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn finish(mut self) -> Result<(), ExportError> {
        self.sink.finish()
    }
}

impl fmt::Debug for RowWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowWriter").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// What writes a format.
fn sink(
    format: OutputFormat,
    columns: &[Column],
    schema: &SchemaRef,
    out: Box<dyn Write + Send>,
) -> Result<Box<dyn RowSink>, ExportError> {
    Ok(match format {
        OutputFormat::Table => Box::new(table::Table::new(columns, out)),
        OutputFormat::Csv => Box::new(csv::Csv::new(columns, out)?),
        OutputFormat::JsonLines => Box::new(json::Json::new(columns, out)),
        OutputFormat::Parquet => Box::new(files::Parquet::new(SchemaRef::clone(schema), out)?),
        OutputFormat::Arrow => Box::new(files::Arrow::new(SchemaRef::clone(schema), out)?),
    })
}

/// Why rows cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Rows cannot be added to what is there.
    #[error("only CSV and JSON lines can be continued")]
    Whole,
    /// More or fewer columns than were announced.
    #[error("{got} columns where {expected} were announced")]
    Count {
        /// Columns that were announced.
        expected: usize,
        /// Columns that came.
        got: usize,
    },
    /// A column of another type.
    #[error("column `{column}` is {got} and was announced as {expected}")]
    Type {
        /// Its name.
        column: String,
        /// The type that was announced.
        expected: String,
        /// The type that came.
        got: String,
    },
    /// The output cannot be written.
    #[error("{source}")]
    Io {
        /// What the system said.
        #[from]
        source: io::Error,
    },
    /// Parquet could not be written.
    #[error("{source}")]
    Parquet {
        /// What the writer said.
        #[from]
        source: ParquetError,
    },
    /// Arrow could not be written.
    #[error("{source}")]
    Arrow {
        /// What the writer said.
        #[from]
        source: ArrowError,
    },
}

#[cfg(test)]
mod tests;
