//! JSON lines. Grade: over a door (any `Write`).

use std::io::Write;

use arrow::array::RecordBatch;

use super::values::{Values, values};
use super::{ExportError, RowSink};
use crate::schema::Column;

/// Writes rows.
pub(super) struct Json {
    columns: Vec<Column>,
    /// What comes before each value: a brace or comma, the name, a colon.
    names: Vec<String>,
    out: Box<dyn Write + Send>,
    text: String,
}

impl Json {
    pub(super) fn new(columns: &[Column], out: Box<dyn Write + Send>) -> Self {
        let mut names = Vec::new();
        for (nth, column) in columns.iter().enumerate() {
            names.push(format!("{}{}:", if nth == 0 { '{' } else { ',' }, quoted(&column.name)));
        }
        Self { columns: columns.to_vec(), names, out, text: String::new() }
    }
}

impl RowSink for Json {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ExportError> {
        let columns = values(&self.columns, batch);
        self.text.clear();
        for row in 0..batch.num_rows() {
            for (name, values) in self.names.iter().zip(&columns) {
                self.text.push_str(name);
                push_value(*values, row, &mut self.text);
            }
            self.text.push_str("}\n");
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
        text.push_str("null");
        return;
    }
    match values {
        Values::Float(array) if !array.value(row).is_finite() => text.push_str("null"),
        Values::Text(array) => text.push_str(&quoted(array.value(row))),
        Values::Timestamp(_) | Values::Bytes(_) => {
            text.push('"');
            values.write(row, text);
            text.push('"');
        }
        _ => values.write(row, text),
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
