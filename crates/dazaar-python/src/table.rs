//! A table that is open.

use dazaar_data::Table as Opened;
use dazaar_table::read::Query;
use dazaar_table::times::parse_moment;
use pyo3::prelude::*;

use crate::error::{cannot_read, failed};
use crate::rows::{Live, Rows};
use crate::runtime::wait;

/// A table that is open. Nothing of it is downloaded before rows are asked for.
#[pyclass(frozen, module = "dazaar")]
pub(crate) struct Table {
    table: Opened,
}

impl Table {
    pub(crate) const fn new(table: Opened) -> Self {
        Self { table }
    }
}

#[pymethods]
impl Table {
    /// The schema as JSON.
    #[getter]
    fn schema_json(&self) -> PyResult<String> {
        serde_json::to_string(self.table.schema().as_ref()).map_err(failed)
    }

    /// Bytes of blocks that came from the seller.
    #[getter]
    fn downloaded(&self) -> u64 {
        self.table.downloaded()
    }

    /// Rows between two times, from inclusive, to exclusive.
    #[pyo3(signature = (from_, to, *, columns, symbols, conditions, last, limit))]
    #[expect(clippy::too_many_arguments, reason = "Python passes them by name")]
    fn rows(
        &self,
        py: Python<'_>,
        from_: Option<&str>,
        to: Option<&str>,
        columns: Vec<String>,
        symbols: Vec<String>,
        conditions: Vec<String>,
        last: Option<u64>,
        limit: Option<u64>,
    ) -> PyResult<Rows> {
        let query = Query {
            from: from_.map(moment).transpose()?,
            to: to.map(moment).transpose()?,
            from_row: 0,
            to_row: None,
            last,
            limit,
            columns,
            symbols,
            conditions,
        };
        let plan = wait(py, self.table.plan(query))?.map_err(|error| cannot_read(&error))?;
        Ok(Rows::new(self.table.clone(), plan))
    }

    /// Rows from a time or a row on, and then new ones as they come.
    #[pyo3(signature = (from_, from_row, *, columns, symbols, conditions))]
    fn follow(
        &self,
        py: Python<'_>,
        from_: Option<&str>,
        from_row: u64,
        columns: Vec<String>,
        symbols: Vec<String>,
        conditions: Vec<String>,
    ) -> PyResult<Live> {
        let from = from_.map(moment).transpose()?;
        let query = Query { from, from_row, columns, symbols, conditions, ..Query::default() };
        let rows = wait(py, self.table.follow(query))?.map_err(|error| cannot_read(&error))?;
        Ok(Live::new(rows))
    }

    /// Makes what was downloaded survive a power cut.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        wait(py, self.table.flush())?.map_err(|error| cannot_read(&error))
    }
}

fn moment(text: &str) -> PyResult<i64> {
    parse_moment(text, dazaar::now_ms().saturating_mul(1_000_000)).map_err(failed)
}
