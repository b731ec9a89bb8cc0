//! Where the rows of an answer go.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use dazaar_table::Schema;
use dazaar_table::export::{OutputFormat, RowWriter};

use super::cursor::{Cursor, Place};
use crate::commands::kept::Kept;
use crate::failure::Failure;

/// The rows of an answer, on their way to a file or to standard output.
pub(crate) struct Answer {
    format: OutputFormat,
    /// A file to write to; none means standard output.
    file: Option<PathBuf>,
    writer: Option<RowWriter>,
    /// The file, if what it held stays as far as it is the same.
    kept: Option<Kept>,
    rows: u64,
    /// Where it is noted how far they went, and the file that they go to.
    cursor: Option<(Cursor, Option<File>)>,
}

impl Answer {
    pub(crate) const fn new(format: OutputFormat, file: Option<PathBuf>) -> Self {
        Self { format, file, writer: None, kept: None, rows: 0, cursor: None }
    }

    /// Goes on where the cursor is, and moves it along.
    pub(crate) fn with_cursor(self, cursor: Cursor) -> Self {
        Self { cursor: Some((cursor, None)), ..self }
    }

    /// The columns are known. Only now is a file touched.
    pub(crate) fn begin(&mut self, schema: &Schema, columns: &[usize]) -> Result<(), Failure> {
        if self.writer.is_some() {
            return Ok(());
        }
        let place = self.cursor.as_ref().and_then(|(cursor, _)| cursor.place);
        let sink: Box<dyn Write + Send> = match &self.file {
            Some(path) => {
                let unusable = |error| Failure::input(format!("{}: {error}", path.display()));
                match &mut self.cursor {
                    Some((_, noted)) => {
                        let file = open(path, place.map_or(0, |place| place.bytes)).map_err(unusable)?;
                        *noted = Some(file.try_clone()?);
                        Box::new(file)
                    }
                    None => Box::new(self.kept.insert(Kept::open(path).map_err(unusable)?).clone()),
                }
            }
            None => Box::new(io::stdout()),
        };
        let time = columns.iter().position(|&nth| nth == schema.time());
        let columns: Vec<_> = columns.iter().map(|&nth| schema.columns()[nth].clone()).collect();
        self.writer = Some(match place {
            Some(_) => RowWriter::continued(self.format, &columns, sink)?,
            None => RowWriter::of_columns(self.format, &columns, time, sink)?,
        });
        Ok(())
    }

    pub(crate) fn rows(&mut self, rows: &RecordBatch) -> Result<(), Failure> {
        self.rows += rows.num_rows() as u64;
        match &mut self.writer {
            Some(writer) if rows.num_rows() > 0 => Ok(writer.write(rows)?),
            _ => Ok(()),
        }
    }

    /// What was written so far, the rows before `next_row`, can be read by others, and is not written again.
    pub(crate) fn flush(&mut self, next_row: u64) -> Result<(), Failure> {
        if let Some(writer) = &mut self.writer {
            writer.flush()?;
        }
        if let Some((cursor, Some(file))) = &mut self.cursor {
            file.sync_data()?;
            cursor.store(Place { next_row, bytes: file.metadata()?.len() })?;
        }
        Ok(())
    }

    /// The same, and there are no more rows for now.
    pub(crate) fn settle(&mut self, next_row: u64) -> Result<(), Failure> {
        self.flush(next_row)?;
        self.cut()
    }

    /// What the file held behind what was written is gone.
    fn cut(&self) -> Result<(), Failure> {
        self.kept.iter().try_for_each(Kept::finish).map_err(Into::into)
    }

    /// There are no more rows. Returns how many there were.
    pub(crate) fn finish(&mut self) -> Result<u64, Failure> {
        if let Some(writer) = self.writer.take() {
            writer.finish()?;
        }
        self.cut()?;
        Ok(self.rows)
    }
}

/// Opens a file to write behind its first `bytes`.
fn open(path: &Path, bytes: u64) -> io::Result<File> {
    let mut file = File::options().write(true).create(true).truncate(false).open(path)?;
    // Pipes and devices have no length.
    if file.metadata()?.is_file() {
        if file.metadata()?.len() < bytes {
            return Err(io::Error::other("it has fewer rows than the cursor says"));
        }
        file.set_len(bytes)?;
        file.seek(SeekFrom::End(0))?;
    }
    Ok(file)
}
