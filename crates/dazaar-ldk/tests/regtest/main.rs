//! Lightning for real: nodes with a channel between them, on a chain of their own. `cargo xtask lightning` builds the `bitcoind` that
//! this needs.

#![allow(clippy::unwrap_used)]

mod chain;
mod channels;
mod electrum;
mod nodes;
mod program;
mod stub;
mod trade;
