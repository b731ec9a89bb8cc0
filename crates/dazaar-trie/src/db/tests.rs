//! Vectors of npm hyperdb, a model, and hostile entries.

mod hostile;
mod model;
mod reading;
mod rights;
mod support;
mod vectors;
