//! Rows of files that hold Arrow batches or what becomes such. Grade: over a door (`Batches`).

use std::fmt;

use arrow::array::RecordBatch;

use super::Expect;
use super::convert::{Converter, found};
use super::error::ImportError;
use super::learn::{learnt, said};
use super::limits::BATCH_ROWS;
use crate::schema::Schema;

/// Where batches come from.
pub(super) trait Batches: Send {
    /// What columns they have.
    fn schema(&self) -> arrow::datatypes::SchemaRef;

    /// The next one; `rows` came before it.
    fn next(&mut self, rows: u64) -> Result<Option<RecordBatch>, ImportError>;

    /// Bytes of the file that were used.
    fn bytes(&self) -> u64;
}

/// Reads batches and converts them.
pub(super) struct ColumnarReader {
    batches: Box<dyn Batches>,
    converter: Converter,
    /// What is left of the last batch.
    rest: Option<RecordBatch>,
    /// Rows that were given.
    rows: u64,
    fault: Option<ImportError>,
}

impl ColumnarReader {
    pub(super) fn new(mut batches: Box<dyn Batches>, expect: &Expect) -> Result<Self, ImportError> {
        let file = batches.schema();
        let mut rest = None;
        let schema = match &expect.schema {
            Some(schema) => said(schema, expect)?,
            None => {
                let first = batches.next(0)?;
                let first = first.unwrap_or_else(|| RecordBatch::new_empty(file.clone()));
                let found = found(&first.slice(0, first.num_rows().min(BATCH_ROWS)), expect.epoch)?;
                rest = Some(first);
                learnt(found, expect)?
            }
        };
        let converter = Converter::new(schema, &file, expect.epoch)?;
        Ok(Self { batches, converter, rest, rows: 0, fault: None })
    }

    pub(super) const fn schema(&self) -> &Schema {
        self.converter.schema()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.batches.bytes()
    }

    pub(super) fn read(&mut self) -> Result<Option<RecordBatch>, ImportError> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut part = loop {
            match self.rest.take() {
                Some(batch) if batch.num_rows() > BATCH_ROWS => {
                    self.rest = Some(batch.slice(BATCH_ROWS, batch.num_rows() - BATCH_ROWS));
                    break batch.slice(0, BATCH_ROWS);
                }
                Some(batch) if batch.num_rows() > 0 => break batch,
                _ => match self.batches.next(self.rows)? {
                    Some(batch) => self.rest = Some(batch),
                    None => return Ok(None),
                },
            }
        };
        loop {
            match self.converter.convert(&part)? {
                Ok(batch) => {
                    self.rows += batch.num_rows() as u64;
                    return Ok(Some(batch));
                }
                Err(bad) if bad.row == 0 => return Err(bad.at(self.rows)),
                // The rows before it are good, as far as this column goes.
                Err(bad) => {
                    part = part.slice(0, bad.row);
                    self.fault = Some(bad.at(self.rows));
                }
            }
        }
    }
}

impl fmt::Debug for ColumnarReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ColumnarReader").field("rows", &self.rows).finish_non_exhaustive()
    }
}
