//! Where the rows of an answer go.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use arrow::array::RecordBatch;
use dazaar_table::Schema;
use dazaar_table::export::{OutputFormat, RowWriter};

use crate::failure::Failure;

/// The rows of an answer, on their way to a file or to standard output.
pub(crate) struct Answer {
    format: OutputFormat,
    /// A file to write to; none means standard output.
    file: Option<PathBuf>,
    writer: Option<RowWriter>,
    rows: u64,
}

impl Answer {
    pub(crate) const fn new(format: OutputFormat, file: Option<PathBuf>) -> Self {
        Self { format, file, writer: None, rows: 0 }
    }

    /// The columns are known. Only now is a file touched.
    pub(crate) fn begin(&mut self, schema: &Schema, columns: &[usize]) -> Result<(), Failure> {
        if self.writer.is_some() {
            return Ok(());
        }
        let sink: Box<dyn Write + Send> = match &self.file {
            Some(path) => Box::new(
                File::create(path).map_err(|error| Failure::input(format!("{}: {error}", path.display())))?,
            ),
            None => Box::new(io::stdout()),
        };
        let time = columns.iter().position(|&nth| nth == schema.time());
        let columns: Vec<_> = columns.iter().map(|&nth| schema.columns()[nth].clone()).collect();
        self.writer = Some(RowWriter::of_columns(self.format, &columns, time, sink)?);
        Ok(())
    }

    pub(crate) fn rows(&mut self, rows: &RecordBatch) -> Result<(), Failure> {
        self.rows += rows.num_rows() as u64;
        match &mut self.writer {
            Some(writer) if rows.num_rows() > 0 => Ok(writer.write(rows)?),
            _ => Ok(()),
        }
    }

    /// What was written so far can be read by others.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        match &mut self.writer {
            Some(writer) => Ok(writer.flush()?),
            None => Ok(()),
        }
    }

    /// There are no more rows. Returns how many there were.
    pub(crate) fn finish(&mut self) -> Result<u64, Failure> {
        if let Some(writer) = self.writer.take() {
            writer.finish()?;
        }
        Ok(self.rows)
    }
}
