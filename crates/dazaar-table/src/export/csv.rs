//! Comma separated values (RFC 4180). Grade: over a door (any `Write`).

use std::io::Write;

use arrow::array::RecordBatch;

use super::values::{Values, values};
use super::{ExportError, RowSink};
use crate::schema::Column;

/// Writes rows.
pub(super) struct Csv {
    columns: Vec<Column>,
    out: Box<dyn Write + Send>,
    text: String,
}

impl Csv {
    /// Writes the header.
    pub(super) fn new(columns: &[Column], mut out: Box<dyn Write + Send>) -> Result<Self, ExportError> {
        let mut text = String::new();
        for (nth, column) in columns.iter().enumerate() {
            if nth > 0 {
                text.push(',');
            }
            push_field(&column.name, &mut text);
        }
        text.push('\n');
        out.write_all(text.as_bytes())?;
        Ok(Self { columns: columns.to_vec(), out, text })
    }

    /// Goes on behind rows, without a header.
    pub(super) fn continued(columns: &[Column], out: Box<dyn Write + Send>) -> Self {
        Self { columns: columns.to_vec(), out, text: String::new() }
    }
}

impl RowSink for Csv {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ExportError> {
        let columns = values(&self.columns, batch);
        self.text.clear();
        for row in 0..batch.num_rows() {
            for (nth, values) in columns.iter().enumerate() {
                if nth > 0 {
                    self.text.push(',');
                }
                push_value(*values, row, &mut self.text);
            }
            self.text.push('\n');
        }
        Ok(self.out.write_all(self.text.as_bytes())?)
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        Ok(self.out.flush()?)
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        self.flush()
    }
}

fn push_value(values: Values<'_>, row: usize, text: &mut String) {
    if values.is_missing(row) {
        return;
    }
    match values {
        Values::Text(array) => push_field(array.value(row), text),
        Values::Bytes(array) if array.value(row).is_empty() => text.push_str("\"\""),
        _ => values.write(row, text),
    }
}

fn push_field(field: &str, text: &mut String) {
    // What a reader would take for a missing value or a byte order mark needs quotes too.
    let plain =
        !field.is_empty() && !field.starts_with('\u{feff}') && !field.contains([',', '"', '\n', '\r']);
    if plain {
        text.push_str(field);
        return;
    }
    text.push('"');
    for (nth, part) in field.split('"').enumerate() {
        if nth > 0 {
            text.push_str("\"\"");
        }
        text.push_str(part);
    }
    text.push('"');
}
