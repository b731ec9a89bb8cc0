//! Lightning wallets that are reached through a Nostr relay: Nostr Wallet Connect.
//!
//! Many wallets give their owner a connection string, which says who the wallet is, through which relays it hears, and what may be
//! asked of it. Requests and answers are encrypted events, so the relay learns who talks when, and nothing else. Neither side needs an
//! address that others can reach. Source: [NIP-47](https://github.com/nostr-protocol/nips/blob/master/47.md).

mod settings;
mod wallet;

pub use settings::NwcSettings;
pub use wallet::NwcWallet;
