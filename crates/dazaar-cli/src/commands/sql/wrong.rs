//! What ends a question in SQL: a table that cannot be had, or the question itself.

use dazaar_data::{OpenError, TableError};
use dazaar_sql::{DataFusionError, cause};

use crate::failure::Failure;

pub(super) fn wrong(error: &DataFusionError) -> Failure {
    if let Some(error) = cause::<OpenError>(error) {
        return error.into();
    }
    match cause::<TableError>(error) {
        Some(error) => error.into(),
        None => Failure::input(error.strip_backtrace()),
    }
}
