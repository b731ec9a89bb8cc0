//! Rows as JSON, a line each.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use dazaar_table::Schema;
use dazaar_table::export::{ExportError, OutputFormat, RowWriter};

/// Turns rows to JSON.
pub(super) struct JsonRows {
    writer: RowWriter,
    text: SharedText,
}

impl JsonRows {
    pub(super) fn new(schema: &Schema) -> Result<Self, ExportError> {
        let text = SharedText::default();
        let writer = RowWriter::new(OutputFormat::JsonLines, schema, Box::new(text.clone()))?;
        Ok(Self { writer, text })
    }

    /// The lines of these rows.
    pub(super) fn lines(&mut self, rows: &RecordBatch) -> Result<Vec<u8>, ExportError> {
        self.writer.write(rows)?;
        self.writer.flush()?;
        Ok(self.text.take())
    }
}

/// Text that one side writes and the other takes.
#[derive(Clone, Default)]
struct SharedText(Arc<Mutex<Vec<u8>>>);

impl SharedText {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for SharedText {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
