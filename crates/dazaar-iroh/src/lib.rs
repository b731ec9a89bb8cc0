//! Sellers dialled by key through [iroh](https://docs.rs/iroh), wherever they are: directly where that is possible, through holes
//! punched in firewalls, and else through a relay.
//!
//! A session runs unchanged within one bidirectional stream of a QUIC connection with the protocol name [`ALPN`]. Iroh proves which
//! endpoint answers, and the session, as everywhere, which seller. Nobody is contacted who was not named: there are no relays, lookup
//! services or name servers of anybody's by default. Which relays there are is a setting, and [`Relay`] runs one.

mod authorities;
mod dialer;
mod endpoint;
mod error;
mod examine;
mod listener;
mod relay;
mod stream;
mod window;

pub use authorities::Authorities;
pub use dialer::IrohDialer;
pub use error::IrohError;
pub use examine::{RelayReport, examine_relay};
pub use listener::{IrohListener, ListenSettings};
pub use relay::{Relay, RelayError, RelaySettings, RelayTls};

/// The name of the protocol within QUIC.
pub const ALPN: &[u8] = b"dazaar/session/1";
