//! Errors as Python's exceptions.

use std::fmt::Display;

use dazaar_data::{OpenError, SellerError, TableError};
use pyo3::exceptions::PyException;
use pyo3::{PyErr, create_exception};

create_exception!(dazaar, DazaarError, PyException, "What went wrong.");
create_exception!(dazaar, Refused, DazaarError, "The seller refuses.");
create_exception!(dazaar, Unreachable, DazaarError, "The seller cannot be reached.");

/// Anything else.
pub(crate) fn failed(error: impl Display) -> PyErr {
    DazaarError::new_err(error.to_string())
}

pub(crate) fn cannot_open(error: &OpenError) -> PyErr {
    match error {
        OpenError::Table(error) => cannot_read(error),
        error => failed(error),
    }
}

pub(crate) fn cannot_read(error: &TableError) -> PyErr {
    match error {
        TableError::Seller(SellerError::Refused { .. } | SellerError::Terms { .. }) => {
            Refused::new_err(error.to_string())
        }
        TableError::Seller(SellerError::Unreachable { .. }) => Unreachable::new_err(error.to_string()),
        error => failed(error),
    }
}
