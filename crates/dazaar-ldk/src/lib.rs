//! A Lightning node inside Dazaar, on ldk-node: its channels, its keys and its view of the chain are the user's own.
//!
//! [`LdkWallet`] is a wallet for [`dazaar_pay::lightning`]. What it was paid and paid itself it keeps in its folder, synced before
//! anybody is told; so asking it after a crash gives the same answers.

mod log;
mod settings;
mod wallet;

pub use ldk_node;
pub use settings::{Chain, LdkSettings};
pub use wallet::LdkWallet;
