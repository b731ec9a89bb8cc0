//! Where a seller can be reached: `host:port` by TCP, or `iroh:` and an endpoint of iroh.
//!
//! Grade: plain. The text form is kept exactly, so that what was signed in a card stays what was signed.

mod host_port;
mod iroh;

use std::fmt;
use std::str::FromStr;

use dazaar_log::key::KEY_BYTES;

pub use host_port::HostPort;
pub use iroh::IrohAddress;

use crate::limits::IROH_ADDRESS_CHARS_MAX;

const IROH_SCHEME: &str = "iroh:";

/// An address of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Address {
    /// By TCP.
    Tcp(HostPort),
    /// Through iroh.
    Iroh(IrohAddress),
}

impl Address {
    /// Host and port, if it is reached by TCP.
    pub const fn tcp(&self) -> Option<&HostPort> {
        match self {
            Self::Tcp(place) => Some(place),
            Self::Iroh(_) => None,
        }
    }

    /// The endpoint, if it is reached through iroh.
    pub const fn iroh(&self) -> Option<&IrohAddress> {
        match self {
            Self::Tcp(_) => None,
            Self::Iroh(endpoint) => Some(endpoint),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(place) => place.fmt(f),
            Self::Iroh(endpoint) => write!(f, "{IROH_SCHEME}{endpoint}"),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.strip_prefix(IROH_SCHEME) {
            // A host may be called iroh.
            Some(endpoint) if endpoint.len() >= 2 * KEY_BYTES => endpoint.parse().map(Self::Iroh),
            _ => text.parse().map(Self::Tcp),
        }
    }
}

/// Why text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// There is no colon.
    #[error("an address is host:port, but the port is missing")]
    NoPort,
    /// The host is empty, too long, or has characters that no host has.
    #[error("the host of an address is a name, an IPv4 address, or an IPv6 address in brackets")]
    Host,
    /// The port is not a number of 1 to 65535 in its shortest form.
    #[error("the port of an address is a number from 1 to 65535")]
    Port,
    /// The key of an endpoint is not a key.
    #[error("an endpoint of iroh is named by 64 lower-case hex digits")]
    Endpoint,
    /// A relay is not named by a plain URL.
    #[error("a relay is https://host/ or http://host/, with a port if it is another one")]
    Relay,
    /// More characters than the address of an endpoint may have.
    #[error(
        "the address of an endpoint has at most {IROH_ADDRESS_CHARS_MAX} characters, this one has {chars}"
    )]
    TooLong {
        /// Characters of the text.
        chars: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_keeps_its_text() {
        let endpoint = format!("iroh:{},h:1", "ab".repeat(32));
        for (text, is_tcp) in [("a.example:1", true), ("iroh:80", true), (&endpoint, false)] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!((address.tcp().is_some(), address.iroh().is_some()), (is_tcp, !is_tcp));
        }
        assert_eq!(format!("iroh:{}", "g".repeat(64)).parse::<Address>(), Err(AddressError::Endpoint));
        assert_eq!("iroh:80000".parse::<Address>(), Err(AddressError::Port));
    }
}
