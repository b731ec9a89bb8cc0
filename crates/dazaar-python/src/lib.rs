//! The native part of the Python package `dazaar`; `python/dazaar` has what people see of it.

mod error;
mod market;
mod network;
mod rows;
mod runtime;
mod sale;
mod table;

/// The native part of the package.
#[pyo3::pymodule]
mod _dazaar {
    #[pymodule_export]
    use crate::error::{DazaarError, Refused, Unreachable};
    #[pymodule_export]
    use crate::market::Market;
    #[pymodule_export]
    use crate::rows::{Batch, Live, Rows};
    #[pymodule_export]
    use crate::sale::Sale;
    #[pymodule_export]
    use crate::table::Table;
}
