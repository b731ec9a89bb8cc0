//! Wallets: how sellers are paid and buyers pay.
//!
//! A *way to pay* is what both sides speak, and stands on the card; a *wallet* is private to one side. A seller with one wallet and a
//! buyer with another meet in the way to pay that both can.

pub mod hook;
pub mod lightning;
mod secret;

pub use hook::{Hook, HookSettings};
pub use secret::Secret;
