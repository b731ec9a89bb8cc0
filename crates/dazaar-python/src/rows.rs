//! Rows on their way to Python, by Arrow's C stream interface: nobody copies them.

use std::time::Duration;

use arrow::array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ffi_stream::FFI_ArrowArrayStream;
use dazaar_data::{RowStream, Table, TableError};
use dazaar_table::read::Plan;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use tokio::sync::Mutex;

use crate::error::{cannot_read, failed};
use crate::runtime::{runtime, wait};

/// The rows of a question. They are read each time that somebody takes the stream.
#[pyclass(frozen, module = "dazaar")]
pub(crate) struct Rows {
    table: Table,
    plan: Plan,
}

impl Rows {
    pub(crate) const fn new(table: Table, plan: Plan) -> Self {
        Self { table, plan }
    }
}

#[pymethods]
impl Rows {
    /// Bytes of the segments that have the rows, without those that are not in the index yet.
    #[getter]
    fn bytes(&self) -> u64 {
        self.plan.segments.iter().map(|entry| entry.bytes).sum()
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // To ask for another schema is a wish, and need not be met.
        drop(requested_schema);
        let rows = self.table.read(self.plan.clone());
        capsule(py, Box::new(Reader { schema: rows.schema(), rows }))
    }
}

/// Reads rows while it is asked for them.
struct Reader {
    schema: SchemaRef,
    rows: RowStream,
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = runtime().block_on(self.rows.next()).transpose()?;
        let external = |error: TableError| ArrowError::ExternalError(Box::new(error));
        Some(next.map_err(external).and_then(|batch| batch.with_schema(self.schema.clone())))
    }
}

impl RecordBatchReader for Reader {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// Rows that come live.
#[pyclass(frozen, module = "dazaar")]
pub(crate) struct Live {
    rows: Mutex<RowStream>,
}

impl Live {
    pub(crate) const fn new(rows: RowStream) -> Self {
        Self { rows: Mutex::const_new(rows) }
    }
}

#[pymethods]
impl Live {
    /// The next rows; none if there were none for so many seconds.
    fn next(&self, py: Python<'_>, seconds: f64) -> PyResult<Option<Batch>> {
        let patience = Duration::try_from_secs_f64(seconds).map_err(failed)?;
        let Ok(mut rows) = self.rows.try_lock() else {
            return Err(failed("somebody else waits for the next rows"));
        };
        let schema = rows.schema();
        // Nothing is lost when the waiting ends early.
        let next = wait(py, async { tokio::time::timeout(patience, rows.next()).await })?;
        match next {
            Err(_) => Ok(None),
            Ok(next) => match next.map_err(|error| cannot_read(&error))? {
                Some(batch) => Ok(Some(Batch { rows: batch.with_schema(schema).map_err(failed)? })),
                None => Err(failed("there are no more rows")),
            },
        }
    }

    /// The row that comes next.
    #[getter]
    fn next_row(&self) -> PyResult<u64> {
        self.rows
            .try_lock()
            .map(|rows| rows.next_row())
            .map_err(|_| failed("somebody waits for the next rows"))
    }
}

/// Rows that came together.
#[pyclass(frozen, module = "dazaar")]
pub(crate) struct Batch {
    rows: RecordBatch,
}

#[pymethods]
impl Batch {
    fn __len__(&self) -> usize {
        self.rows.num_rows()
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        drop(requested_schema);
        let schema = self.rows.schema();
        capsule(py, Box::new(RecordBatchIterator::new([Ok(self.rows.clone())], schema)))
    }
}

fn capsule<'py>(
    py: Python<'py>,
    reader: Box<dyn RecordBatchReader + Send>,
) -> PyResult<Bound<'py, PyCapsule>> {
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(reader), c"arrow_array_stream")
}
