//! Vectors of npm hypertrie, a model, and hostile blocks.

mod hostile;
mod lists;
mod market;
mod model;
mod sparse;
mod support;
mod vectors;
mod writing;
