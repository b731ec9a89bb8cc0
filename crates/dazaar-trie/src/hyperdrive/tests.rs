//! Vectors of npm hyperdrive, a model, and hostile metadata.

mod hostile;
mod model;
mod mounts;
mod mounts_hostile;
mod mounts_model;
mod paths;
mod support;
mod vectors;
mod writing;
