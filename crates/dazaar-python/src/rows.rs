//! Rows on their way to Python, by Arrow's C stream interface: nobody copies them.

use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
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
use crate::runtime::wait;

/// The rows of a question. They are read each time that somebody takes the stream.
#[pyclass(frozen, module = "dazaar")]
pub(crate) struct Rows {
    table: Table,
    plan: Plan,
    taken: Arc<Taken>,
}

/// What happened while rows were taken.
#[derive(Default)]
struct Taken {
    error: SyncMutex<Option<PyErr>>,
    gone: SyncMutex<Vec<(u64, u64)>>,
}

impl Rows {
    pub(crate) fn new(table: Table, plan: Plan) -> Self {
        Self { table, plan, taken: Arc::default() }
    }
}

#[pymethods]
impl Rows {
    /// Bytes of the segments that have the rows, without those that are not in the index yet.
    #[getter]
    fn bytes(&self) -> u64 {
        self.plan.bytes()
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
        lock(&self.taken.gone).clear();
        capsule(py, Box::new(Reader { schema: rows.schema(), rows, taken: Arc::clone(&self.taken) }))
    }

    /// Rows that nobody has any more: numbers of the first and of the one after the last.
    #[getter]
    fn gone(&self) -> Vec<(u64, u64)> {
        lock(&self.taken.gone).clone()
    }

    /// Raises what went wrong while rows were taken, if something did.
    fn raise_error(&self) -> PyResult<()> {
        lock(&self.taken.error).take().map_or(Ok(()), Err)
    }
}

fn lock<T>(mutex: &SyncMutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads rows while it is asked for them.
struct Reader {
    schema: SchemaRef,
    rows: RowStream,
    taken: Arc<Taken>,
}

impl Reader {
    fn read(&mut self) -> PyResult<Option<RecordBatch>> {
        loop {
            let next = Python::attach(|py| wait(py, self.rows.next()))?;
            match next {
                Err(TableError::Gone { start, end }) => lock(&self.taken.gone).push((start, end + 1)),
                next => return next.map_err(|error| cannot_read(&error)),
            }
        }
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Ok(batch) => batch.map(|batch| batch.with_schema(self.schema.clone())),
            Err(error) => {
                let text = error.to_string();
                *lock(&self.taken.error) = Some(error);
                Some(Err(ArrowError::ExternalError(text.into())))
            }
        }
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
        let next = wait(py, async {
            loop {
                match tokio::time::timeout(patience, rows.next()).await {
                    Ok(Err(TableError::Gone { .. })) => {}
                    next => break next,
                }
            }
        })?;
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
    /// Nothing can go wrong here any more.
    #[expect(clippy::unused_self, reason = "Python calls it as that of Rows")]
    const fn raise_error(&self) {}

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
