//! Rows of files: CSV, JSON lines, Parquet and Arrow IPC as batches of a [`Schema`].
//!
//! Grade: over a door (any `BufRead` or file). Memory is bounded by a batch and a row of text, or by what a row group or a
//! message needs.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor};

use arrow::array::RecordBatch;

mod cells;
mod columnar;
mod convert;
mod csv;
mod error;
mod format;
mod guard;
mod guess;
mod ipc;
mod json;
mod learn;
pub mod limits;
mod parquet;
mod sample;
mod source;
mod table;
mod text;
mod types;

pub use error::{Expected, ImportError, Place};
pub use format::FileFormat;
pub(crate) use types::kind_of;

use columnar::ColumnarReader;
use text::TextReader;

use crate::schema::Schema;
use crate::times::Epoch;

/// What the user said about a file. What was not said is learnt from the file.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// Its columns; others in the file are left out. If `None`, they are learnt from the header and the first rows.
    pub schema: Option<Schema>,
    /// Name of the column that is the time of a row.
    pub time: Option<String>,
    /// Names of the columns that tell series apart.
    pub keys: Vec<String>,
    /// By how many nanoseconds the time of a row may lie before that of an earlier row.
    pub lateness: Option<i64>,
    /// What numbers in columns of times count since 1970. If `None`, the magnitude of the first of them that is not zero says
    /// it for the whole file, and the others must be alike ([`Epoch::of`]).
    pub epoch: Option<Epoch>,
    /// Whether to wait for up to a megabyte to learn from, rather than for the first row: right for text that comes from a file,
    /// wrong for text that is yet to be written.
    pub patient: bool,
}

/// Reads rows, whatever the format.
#[derive(Debug)]
pub struct RowReader {
    reader: Reader,
    rows: u64,
    /// After an error there is nothing more.
    failed: bool,
}

#[derive(Debug)]
enum Reader {
    Text(Box<TextReader>),
    Columnar(Box<ColumnarReader>),
}

impl RowReader {
    /// Reads rows from a stream. What is not said about columns of text is learnt from the rows that are complete in the first
    /// bufferful of the input, or of the first megabyte if [`Expect::patient`].
    ///
    /// # Errors
    /// What is wrong with the beginning of the input. Parquet is no stream.
    pub fn from_stream(
        format: FileFormat,
        input: Box<dyn BufRead + Send>,
        expect: &Expect,
    ) -> Result<Self, ImportError> {
        let reader = match format {
            FileFormat::Csv => Reader::Text(Box::new(TextReader::csv(input, expect)?)),
            FileFormat::JsonLines => Reader::Text(Box::new(TextReader::json_lines(input, expect)?)),
            FileFormat::ArrowIpc => {
                Reader::Columnar(Box::new(ColumnarReader::new(Box::new(ipc::Ipc::open(input)?), expect)?))
            }
            FileFormat::Parquet => return Err(ImportError::NeedsFile),
        };
        Ok(Self { reader, rows: 0, failed: false })
    }

    /// Reads rows of a file from its current position, of a Parquet file from its beginning.
    ///
    /// # Errors
    /// What is wrong with the file, or with its beginning.
    pub fn from_file(format: FileFormat, file: File, expect: &Expect) -> Result<Self, ImportError> {
        match format {
            FileFormat::Parquet => Self::parquet(parquet::Parquet::open(file, expect)?, expect),
            _ => {
                let patient = expect.patient || file.metadata().is_ok_and(|metadata| metadata.is_file());
                let input = BufReader::with_capacity(limits::TAKE_BYTES, file);
                Self::from_stream(format, Box::new(input), &Expect { patient, ..expect.clone() })
            }
        }
    }

    /// Reads rows of a file that is in memory. Does not panic, whatever the bytes are; what the libraries below do not check is
    /// caught.
    ///
    /// # Errors
    /// As those of [`Self::from_file`].
    pub fn from_bytes(format: FileFormat, bytes: Vec<u8>, expect: &Expect) -> Result<Self, ImportError> {
        match format {
            FileFormat::Parquet => {
                Self::parquet(parquet::Parquet::open(::bytes::Bytes::from(bytes), expect)?, expect)
            }
            _ => {
                let expect = Expect { patient: true, ..expect.clone() };
                Self::from_stream(format, Box::new(Cursor::new(bytes)), &expect)
            }
        }
    }

    fn parquet(batches: parquet::Parquet, expect: &Expect) -> Result<Self, ImportError> {
        let reader = Reader::Columnar(Box::new(ColumnarReader::new(Box::new(batches), expect)?));
        Ok(Self { reader, rows: 0, failed: false })
    }

    /// What the rows look like.
    pub fn schema(&self) -> &Schema {
        match &self.reader {
            Reader::Text(reader) => reader.schema(),
            Reader::Columnar(reader) => reader.schema(),
        }
    }

    /// Bytes of the input that the rows so far took; of a Parquet file, about.
    pub fn bytes(&self) -> u64 {
        match &self.reader {
            Reader::Text(reader) => reader.bytes(),
            Reader::Columnar(reader) => reader.bytes(),
        }
    }

    /// Rows that were read.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// The next rows, at least one and at most [`limits::BATCH_ROWS`], of the schema's Arrow type exactly; `None` at the end of
    /// the input. Of text, a call returns what is complete in the buffer of the input, and waits for more only if nothing is.
    ///
    /// # Errors
    /// The first row that is wrong, and how; the rows before it were returned. After an error there is nothing more.
    pub fn read(&mut self) -> Result<Option<RecordBatch>, ImportError> {
        if self.failed {
            return Ok(None);
        }
        let read = match &mut self.reader {
            Reader::Text(reader) => reader.read(),
            Reader::Columnar(reader) => reader.read(),
        };
        match &read {
            Ok(batch) => self.rows += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64),
            Err(_) => self.failed = true,
        }
        read
    }
}

#[cfg(test)]
mod tests;
