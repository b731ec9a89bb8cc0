//! Batches of a Parquet file, one row group after the other. Grade: over a door (any file).

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::reader::ChunkReader;

use super::Expect;
use super::columnar::Batches;
use super::error::ImportError;
use super::guard::guarded;
use super::limits::BATCH_ROWS;

/// Reads a file.
pub(super) struct Parquet {
    batches: ParquetRecordBatchReader,
    /// Bytes of the file.
    bytes: u64,
    /// Rows of the file.
    rows: u64,
    rows_read: u64,
}

impl Parquet {
    pub(super) fn open(file: impl ChunkReader + 'static, expect: &Expect) -> Result<Self, ImportError> {
        guarded(|| Self::try_open(file, expect)).map_err(|reason| damaged(0, reason))
    }

    fn try_open(file: impl ChunkReader + 'static, expect: &Expect) -> Result<Self, ParquetError> {
        let bytes = file.len();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(BATCH_ROWS);
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
        let wanted = |name: &str| expect.schema.as_ref().is_none_or(|schema| schema.find(name).is_some());
        let fields = builder.schema().fields().iter().enumerate();
        let roots: Vec<usize> =
            fields.filter(|(_, field)| wanted(field.name())).map(|(nth, _)| nth).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let batches = builder.with_projection(mask).build()?;
        Ok(Self { batches, bytes, rows, rows_read: 0 })
    }
}

impl Batches for Parquet {
    fn schema(&self) -> SchemaRef {
        self.batches.schema()
    }

    fn next(&mut self, rows: u64) -> Result<Option<RecordBatch>, ImportError> {
        let batch = guarded(|| self.batches.next().transpose()).map_err(|reason| damaged(rows, reason))?;
        self.rows_read += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
        Ok(batch)
    }

    /// A share of the file: its columns stand one after the other.
    fn bytes(&self) -> u64 {
        let share = u128::from(self.bytes) * u128::from(self.rows_read.min(self.rows));
        share
            .checked_div(self.rows.into())
            .map_or(self.bytes, |bytes| u64::try_from(bytes).unwrap_or(self.bytes))
    }
}

fn damaged(rows: u64, reason: String) -> ImportError {
    ImportError::Damaged { rows, format: "Parquet", reason }
}
