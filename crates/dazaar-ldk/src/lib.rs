//! A Lightning node inside Dazaar, on ldk-node: its channels, its keys and its view of the chain are the user's own.
//!
//! [`LdkNode`] is a wallet for [`dazaar_pay::lightning`] which starts when it is first needed; [`LdkWallet`] is one that runs. What it
//! was paid and paid itself it keeps in its folder, synced before anybody is told; so asking it after a crash gives the same answers.

mod chain;
mod channels;
mod log;
mod node;
pub mod regtest;
mod sent;
mod settings;
mod wallet;

pub use chain::Chain;
pub use channels::{Channel, Peer, Standing};
pub use ldk_node;
pub use node::LdkNode;
pub use settings::{LdkSettings, Provider, Seed};
pub use wallet::LdkWallet;
