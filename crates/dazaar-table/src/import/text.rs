//! Rows of text, whatever its format. Grade: over a door (any `BufRead`).

use std::io::BufRead;

use arrow::array::RecordBatch;

use super::Expect;
use super::csv::Csv;
use super::error::{ImportError, Place};
use super::json::Json;
use super::learn::{learnt, matched, said};
use super::limits::LINE_BYTES_MAX;
use super::sample::Sample;
use super::source::Source;
use super::table::Table;
use crate::schema::Schema;

/// What stood at the beginning of the input.
#[derive(Debug, Clone, Copy)]
pub(super) enum Row {
    /// A row, which the table has now.
    Read { bytes: usize, lines: u64 },
    /// Nothing.
    Blank { bytes: usize, lines: u64 },
    /// A row that goes on.
    More,
    /// The end of the input.
    End,
}

#[derive(Debug)]
enum Rows {
    Csv(Csv),
    Json(Json),
}

/// Reads CSV or JSON lines.
#[derive(Debug)]
pub(super) struct TextReader {
    source: Source,
    rows: Rows,
    table: Table,
    /// The next row.
    place: (u64, u64),
    /// What ends the reading, once the rows before it were given.
    fault: Option<ImportError>,
}

impl TextReader {
    pub(super) fn csv(input: Box<dyn BufRead + Send>, expect: &Expect) -> Result<Self, ImportError> {
        let mut source = begin(input)?;
        let sample = Sample::of_csv(&mut source, expect)?;
        let schema = match &expect.schema {
            Some(schema) => said(schema, expect)?,
            None => learnt(sample.found(expect)?, expect)?,
        };
        let columns = matched(&schema, &sample.names)?;
        source.advance(sample.header);
        let rows = Rows::Csv(Csv::new(columns));
        Ok(Self {
            source,
            rows,
            table: Table::new(schema, expect.epoch),
            place: (1, 1 + sample.lines),
            fault: None,
        })
    }

    pub(super) fn json_lines(input: Box<dyn BufRead + Send>, expect: &Expect) -> Result<Self, ImportError> {
        let mut source = begin(input)?;
        let schema = match &expect.schema {
            Some(schema) => said(schema, expect)?,
            None => learnt(Sample::of_json_lines(&mut source, expect)?.found(expect)?, expect)?,
        };
        let names = schema.columns().iter().map(|column| column.name.clone()).collect();
        let rows = Rows::Json(Json::new(names, expect.schema.is_some()));
        Ok(Self { source, rows, table: Table::new(schema, expect.epoch), place: (1, 1), fault: None })
    }

    pub(super) const fn schema(&self) -> &Schema {
        self.table.schema()
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.source.used()
    }

    /// The next rows: those that are complete. Waits for input only if none are.
    pub(super) fn read(&mut self) -> Result<Option<RecordBatch>, ImportError> {
        if self.fault.is_none() {
            match self.read_rows() {
                Ok(()) => {}
                Err(fault) if self.table.is_empty() => return Err(fault),
                Err(fault) => self.fault = Some(fault),
            }
        }
        match self.fault.take() {
            Some(fault) if self.table.is_empty() => Err(fault),
            fault => {
                self.fault = fault;
                if self.table.is_empty() { Ok(None) } else { self.table.take().map(Some) }
            }
        }
    }

    fn read_rows(&mut self) -> Result<(), ImportError> {
        while !self.table.is_full() {
            let place = Place { row: self.place.0, line: Some(self.place.1) };
            let (bytes, ended) = (self.source.bytes(), self.source.ended());
            let row = match &mut self.rows {
                Rows::Csv(csv) => csv.read(bytes, ended, place, &mut self.table)?,
                Rows::Json(json) => json.read(bytes, ended, place, &mut self.table)?,
            };
            match row {
                Row::Read { bytes, lines } | Row::Blank { bytes, lines } => {
                    if bytes > LINE_BYTES_MAX {
                        return Err(ImportError::TooLong { place });
                    }
                    if matches!(row, Row::Read { .. }) {
                        self.table.end_row();
                        self.place.0 += 1;
                    }
                    self.source.advance(bytes);
                    self.place.1 += lines;
                }
                Row::End => return Ok(()),
                Row::More if self.source.bytes().len() > LINE_BYTES_MAX => {
                    return Err(ImportError::TooLong { place });
                }
                Row::More if !self.table.is_empty() => return Ok(()),
                Row::More => self.source.fill()?,
            }
        }
        Ok(())
    }
}

/// The input without its byte order mark.
fn begin(input: Box<dyn BufRead + Send>) -> Result<Source, ImportError> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    let mut source = Source::new(input);
    while !source.ended() && source.bytes().len() < MARK.len() && MARK.starts_with(source.bytes()) {
        source.fill()?;
    }
    if source.bytes().starts_with(MARK) {
        source.advance(MARK.len());
    }
    Ok(source)
}
