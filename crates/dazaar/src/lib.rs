//! Sell and buy time-series data over a peer-to-peer network.
//!
//! A [`Market`] is a folder with one master key. It sells feeds through [`Seller`]s and buys feeds through [`Buyer`]s.
//! The protocol itself is in the pure crates that are re-exported here: [`log`], [`wire`] and [`cards`].

mod allowance;
mod answers;
pub mod buyer;
mod clock;
mod connection;
pub mod contents;
pub mod corestore;
pub mod database;
pub mod discovery;
pub mod drive;
mod expected;
pub mod folder;
mod group_commit;
pub mod hyperdb;
mod import;
pub mod keystore;
mod market;
pub mod payment;
pub mod peer;
mod publish;
mod replicator;
mod retention;
pub mod seller;
mod shared_log;
mod stored_feed;
mod switch;
pub mod transport;
pub mod trie;
pub mod validator;
mod wallets;

pub use dazaar_log as log;
pub use dazaar_market as cards;
pub use dazaar_trie as maps;
pub use dazaar_wire as wire;

pub use buyer::{Buyer, BuyerNotice, BuyerOptions, NamedPayer, Order};
pub use clock::{moment, now_ms};
pub use connection::{ConnectionError, explain};
pub use discovery::{Discovery, DiscoverySettings, Via};
pub use import::{ImportError, Imported, read_legacy};
pub use market::{Market, MarketError, Offer};
pub use publish::{PublishError, Publisher};
pub use replicator::Replicator;
pub use seller::{NamedPayee, Seller, SellerNotice, SellerOptions};
pub use shared_log::SharedLog;
pub use stored_feed::StoredFeed;
pub use switch::{SwitchError, switch};
pub use wallets::WalletError;

/// A random number, for names that must differ.
pub fn random_number() -> u64 {
    rand::random()
}

/// 128 random bits, for secrets that nobody may guess.
pub fn random_number_128() -> u128 {
    rand::random()
}

/// Random bytes from which a key pair may grow.
pub fn random_seed() -> [u8; 32] {
    rand::random()
}
