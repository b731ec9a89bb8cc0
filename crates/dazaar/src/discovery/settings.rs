//! How discovery is set up.
//!
//! Grade: plain.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use dazaar_market::{AddressError, HostPort};
use dazaar_wire::discovery::Mode;

/// The bootstrap nodes that npm hyperswarm 2 uses by default. We use them only if we are told to.
pub const DEFAULT_BOOTSTRAP: [&str; 3] =
    ["bootstrap1.hyperdht.org:49737", "bootstrap2.hyperdht.org:49737", "bootstrap3.hyperdht.org:49737"];

/// The word for them.
const DEFAULT: &str = "default";

/// Nodes of the DHT to begin with, as people name them: a host and a port, or `default` for those of npm hyperswarm.
///
/// # Errors
/// It is neither.
pub fn bootstrap_nodes(text: &str) -> Result<Vec<HostPort>, AddressError> {
    if text == DEFAULT {
        return DEFAULT_BOOTSTRAP.iter().map(|address| address.parse()).collect();
    }
    Ok(vec![text.parse()?])
}

/// Which local networks are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LanScope {
    /// None.
    None,
    /// All that this machine is in; if it is in none, the machine itself.
    #[default]
    All,
    /// That of one interface, by its address.
    Interface(Ipv4Addr),
}

/// How sellers are found.
#[derive(Debug, Clone, Default)]
pub struct DiscoverySettings {
    /// Whether the DHT is used, and how. A client or adaptive node needs bootstrap nodes.
    pub dht: Option<Mode>,
    /// Nodes of the DHT to begin with.
    pub bootstrap: Vec<HostPort>,
    /// The UDP address of the DHT node; any, if there is none.
    pub bind: Option<SocketAddrV4>,
    /// Which local networks are used.
    pub lan: LanScope,
}

impl DiscoverySettings {
    /// Whether there is any way to find anybody.
    pub fn is_any(&self) -> bool {
        self.dht.is_some() || self.lan != LanScope::None
    }
}

/// Why discovery cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// The socket of the DHT node cannot be bound.
    #[error("cannot bind UDP {address} for the DHT: {source}")]
    Bind {
        /// The address.
        address: SocketAddrV4,
        /// Why.
        source: io::Error,
    },
    /// A bootstrap node has an IPv6 address, and the DHT has none.
    #[error("the DHT has IPv4 only, and no {address}")]
    NotIpv4 {
        /// The address.
        address: HostPort,
    },
}
