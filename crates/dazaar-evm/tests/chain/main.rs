//! Wallets on a real chain: the program `anvil` on this machine, with tokens that are compiled for it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod behind;
mod crash;
mod deposits;
mod hostile;
mod payments;
mod refunds;
mod reorganisation;
mod support;
mod x402;
