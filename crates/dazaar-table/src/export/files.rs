//! Parquet files and Arrow streams. Grade: over a door (any `Write`).

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema as ArrowSchema, SchemaRef};
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::{ExportError, RowSink};
use crate::schema::Column;

/// Rows of a row group, at most.
const GROUP_ROWS: usize = 1 << 18;

/// Bytes that a row group takes in memory, about, at most.
const GROUP_BYTES: usize = 64 << 20;

/// The columns with what is known of them. Only those of column `time` are never missing.
pub(super) fn schema(columns: &[Column], time: Option<usize>) -> SchemaRef {
    let field = |(nth, column): (usize, &Column)| {
        let known = [("unit", &column.unit), ("description", &column.description)];
        let metadata: HashMap<String, String> =
            known.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?))).collect();
        Field::new(&column.name, column.kind.to_arrow(), time != Some(nth)).with_metadata(metadata)
    };
    Arc::new(ArrowSchema::new(columns.iter().enumerate().map(field).collect::<Vec<_>>()))
}

/// Writes a Parquet file, one row group after the other.
pub(super) struct Parquet {
    schema: SchemaRef,
    writer: ArrowWriter<Box<dyn Write + Send>>,
}

impl Parquet {
    pub(super) fn new(schema: SchemaRef, out: Box<dyn Write + Send>) -> Result<Self, ExportError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        Ok(Self { writer: ArrowWriter::try_new(out, schema.clone(), Some(properties))?, schema })
    }
}

impl RowSink for Parquet {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ExportError> {
        self.writer.write(&RecordBatch::try_new(self.schema.clone(), batch.columns().to_vec())?)?;
        if self.writer.memory_size() > GROUP_BYTES {
            self.writer.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        self.writer.finish()?;
        Ok(self.writer.inner_mut().flush()?)
    }
}

/// Writes an Arrow stream.
pub(super) struct Arrow {
    schema: SchemaRef,
    writer: StreamWriter<Box<dyn Write + Send>>,
}

impl Arrow {
    pub(super) fn new(schema: SchemaRef, out: Box<dyn Write + Send>) -> Result<Self, ExportError> {
        Ok(Self { writer: StreamWriter::try_new(out, &schema)?, schema })
    }
}

impl RowSink for Arrow {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), ExportError> {
        let columns = batch.columns().to_vec();
        Ok(self.writer.write(&RecordBatch::try_new(self.schema.clone(), columns)?)?)
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        Ok(self.writer.flush()?)
    }

    fn finish(&mut self) -> Result<(), ExportError> {
        self.writer.finish()?;
        self.flush()
    }
}
