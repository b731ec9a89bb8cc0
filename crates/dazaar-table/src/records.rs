//! Splits CSV and JSON lines into records and says which line is wrong, and why.
//!
//! Bytes are never changed. Memory is bounded by one record, whatever the input.

use std::io::{self, BufRead};

use dazaar_log::limits::MAX_BLOCK_BYTES;

/// Bytes of the longest row. A block travels in one frame with its proof, and both must fit.
pub const ROW_BYTES_MAX: usize = MAX_BLOCK_BYTES - 64 * 1024;

/// How the rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma separated values (RFC 4180); the first record names the columns.
    Csv,
    /// One JSON value a line.
    JsonLines,
    /// Any line is a row, whatever stands on it.
    Lines,
}

/// One row of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The row as it stood there, line ending included.
    pub bytes: Vec<u8>,
    /// Line on which it begins, from 1.
    pub line: u64,
}

/// Reads records one after the other.
#[derive(Debug)]
pub struct RecordReader<R> {
    input: R,
    format: Format,
    /// Lines read so far.
    lines: u64,
    /// Columns of the CSV header, once it was read.
    columns: Option<usize>,
    parser: csv_core::Reader,
}

impl<R: BufRead> RecordReader<R> {
    /// Reads `input` from its current position.
    pub fn new(input: R, format: Format) -> Self {
        Self { input, format, lines: 0, columns: None, parser: csv_core::Reader::new() }
    }

    /// Whether rows are missing their header: then no row can be judged, or left out.
    pub fn lacks_header(&self) -> bool {
        self.format == Format::Csv && self.columns.is_none()
    }

    /// What is read from.
    pub const fn input(&self) -> &R {
        &self.input
    }

    /// The next record; `None` at the end of the input. After a [`RowError`] reading goes on with the next row.
    pub fn read(&mut self) -> Result<Option<Record>, RowError> {
        let mut record = Record { bytes: Vec::new(), line: self.lines + 1 };
        if !self.read_line(&mut record)? {
            return Ok(None);
        }
        let at = |fault| RowError { line: record.line, fault };
        if self.format != Format::Lines && record.bytes.trim_ascii().is_empty() {
            return Err(at(RowFault::Empty));
        }
        match self.format {
            Format::Lines => Ok(Some(record)),
            Format::Csv => self.finish_csv(record).map(Some),
            Format::JsonLines => {
                check_utf8(&record.bytes).map_err(at)?;
                serde_json::from_slice::<serde::de::IgnoredAny>(&record.bytes).map_err(|error| {
                    // What is missing at the end is reported on the line after it.
                    let end = record.bytes.trim_ascii_end().len();
                    let column = if error.line() == 1 { error.column().min(end) } else { end };
                    at(RowFault::NotJson { column, reason: reason(&error) })
                })?;
                Ok(Some(record))
            }
        }
    }

    /// Appends one line to the record; false at the end of the input.
    fn read_line(&mut self, record: &mut Record) -> Result<bool, RowError> {
        let at = |fault| RowError { line: record.line, fault };
        let room = ROW_BYTES_MAX.saturating_sub(record.bytes.len()) as u64;
        let mut limited = io::Read::take(&mut self.input, room + 1);
        let read =
            limited.read_until(b'\n', &mut record.bytes).map_err(|source| at(RowFault::Io { source }))?;
        if read as u64 > room {
            self.skip_line().map_err(|source| at(RowFault::Io { source }))?;
            self.lines += 1;
            return Err(at(RowFault::TooLong { bytes_max: ROW_BYTES_MAX }));
        }
        self.lines += u64::from(read > 0);
        Ok(read > 0)
    }

    /// Passes over the rest of a line that is too long to keep.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.input.fill_buf()?;
            let newline = buffer.iter().position(|&byte| byte == b'\n');
            let used = newline.map_or(buffer.len(), |position| position + 1);
            let done = newline.is_some() || used == 0;
            self.input.consume(used);
            if done {
                return Ok(());
            }
        }
    }

    /// Reads on while a quoted field spans lines, and counts the fields.
    fn finish_csv(&mut self, mut record: Record) -> Result<Record, RowError> {
        self.parser.reset();
        let mut fields = 0;
        let mut parsed = 0;
        while !self.parse_line(&record, parsed, &mut fields)? {
            parsed = record.bytes.len();
            if !self.read_line(&mut record)? {
                return Err(RowError { line: record.line, fault: RowFault::UnclosedQuote });
            }
        }
        let at = |fault| RowError { line: record.line, fault };
        check_utf8(&record.bytes).map_err(at)?;
        let expected = *self.columns.get_or_insert(fields);
        if expected == fields { Ok(record) } else { Err(at(RowFault::FieldCount { expected, got: fields })) }
    }

    /// Gives the line that begins at `start` to the parser; true if the record ends with it.
    fn parse_line(&mut self, record: &Record, start: usize, fields: &mut usize) -> Result<bool, RowError> {
        let line = record.bytes.get(start..).unwrap_or_default();
        // The last line of a file may lack its ending. The parser sees one, so that only an open quote asks for more.
        let ending: &[u8] = if line.ends_with(b"\n") { b"" } else { b"\n" };
        for mut input in [line, ending] {
            while !input.is_empty() {
                let (result, read, _, ends) = self.parser.read_record(input, &mut [0; 1024], &mut [0; 64]);
                *fields += ends;
                input = input.get(read..).unwrap_or_default();
                if result == csv_core::ReadRecordResult::Record {
                    let rest_is_ending = input.is_empty() || input == b"\n";
                    let fault = RowFault::CarriageReturn { column: line.len() - input.len() };
                    return if rest_is_ending {
                        Ok(true)
                    } else {
                        Err(RowError { line: record.line, fault })
                    };
                }
            }
        }
        Ok(false)
    }
}

fn check_utf8(bytes: &[u8]) -> Result<(), RowFault> {
    std::str::from_utf8(bytes)
        .map(drop)
        .map_err(|error| RowFault::NotUtf8 { column: error.valid_up_to() + 1 })
}

/// The parser's words without its own count of lines, which knows only this row.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned()
}

/// A row that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct RowError {
    /// Line on which the row begins, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub fault: RowFault,
}

impl RowError {
    /// Whether the input itself failed, so that skipping the row does not help.
    pub const fn is_io(&self) -> bool {
        matches!(self.fault, RowFault::Io { .. })
    }
}

/// What is wrong with a row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowFault {
    /// Nothing on it.
    #[error("the row is empty")]
    Empty,
    /// Not as many fields as the header.
    #[error("the header has {expected} fields, this row has {got}")]
    FieldCount {
        /// Fields of the header.
        expected: usize,
        /// Fields of this row.
        got: usize,
    },
    /// A quoted field that never ends.
    #[error("a quoted field is never closed")]
    UnclosedQuote,
    /// A carriage return in the middle of a line.
    #[error("a carriage return outside quotes at byte {column}")]
    CarriageReturn {
        /// Byte in the line, from 1.
        column: usize,
    },
    /// Not JSON.
    #[error("not JSON at byte {column}: {reason}")]
    NotJson {
        /// Byte in the line, from 1.
        column: usize,
        /// What the parser expected.
        reason: String,
    },
    /// Not UTF-8.
    #[error("not UTF-8 at byte {column}")]
    NotUtf8 {
        /// Byte in the row, from 1.
        column: usize,
    },
    /// Longer than [`ROW_BYTES_MAX`].
    #[error("the row is longer than {bytes_max} bytes")]
    TooLong {
        /// Bytes of the longest row.
        bytes_max: usize,
    },
    /// The input could not be read.
    #[error("{source}")]
    Io {
        /// What the system said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests;
