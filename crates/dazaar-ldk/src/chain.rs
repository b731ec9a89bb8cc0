//! Where a node learns what is on the chain.

use std::net::IpAddr;

use dazaar::payment::PaymentError;
use dazaar_pay::Secret;
use serde::{Deserialize, Serialize};

/// Where a node learns what is on the chain. Whoever answers there learns which transactions are its own, and can hide some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Chain {
    /// An Esplora server.
    Esplora {
        /// Its address, `https://host/api`.
        url: String,
    },
    /// An Electrum server.
    Electrum {
        /// Its address, `ssl://host:port` or `tcp://host:port`.
        url: String,
    },
    /// A Bitcoin Core of one's own.
    Bitcoind {
        /// Its host.
        host: String,
        /// Its port for RPC.
        port: u16,
        /// Its name for RPC.
        user: String,
        /// Its password for RPC.
        password: Secret,
    },
}

impl Chain {
    /// Reads an address: `https://host/api` (Esplora), `ssl://host:port` (Electrum) or `bitcoind://user@host:port`, whose password is asked
    /// for. `http://`, `tcp://` and `bitcoind://`, which are not encrypted, are for servers on this machine.
    ///
    /// # Errors
    /// [`PaymentError::Refused`] if it is none of these; what `password` says.
    pub fn read<E: From<PaymentError>>(
        address: &str,
        password: impl FnOnce() -> Result<Secret, E>,
    ) -> Result<Self, E> {
        let unknown = || {
            PaymentError::refused(
                "where to look at the chain: https://host/api, ssl://host:port or bitcoind://user@host:port",
            )
        };
        let (scheme, rest) = address.split_once("://").ok_or_else(unknown)?;
        let url = address.to_owned();
        let place = rest.rsplit_once('@').filter(|_| scheme == "bitcoind").map_or(rest, |(_, place)| place);
        if matches!(scheme, "http" | "tcp" | "bitcoind") && !is_on_this_machine(place) {
            let reason = "without encryption only on this machine, or through a tunnel: whoever is in between could hide payments";
            return Err(PaymentError::refused(reason).into());
        }
        Ok(match scheme {
            "http" | "https" => Self::Esplora { url },
            "ssl" | "tcp" => Self::Electrum { url },
            "bitcoind" => {
                let (user, place) = rest.rsplit_once('@').ok_or_else(unknown)?;
                let (host, port) = place.rsplit_once(':').ok_or_else(unknown)?;
                let port = port.parse().map_err(|_| unknown())?;
                let host = host.trim_start_matches('[').trim_end_matches(']');
                Self::Bitcoind { host: host.to_owned(), port, user: user.to_owned(), password: password()? }
            }
            _ => return Err(unknown().into()),
        })
    }
}

/// Whether `host`, `host:port` or `host/path` is this machine.
fn is_on_this_machine(rest: &str) -> bool {
    let place = rest.split('/').next().unwrap_or_default();
    if place.contains('@') {
        return false;
    }
    let host = match place.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => place.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Result<Chain, PaymentError> {
        Chain::read(address, || Ok(Secret::new("password")))
    }

    #[test]
    fn addresses_say_what_is_there() {
        let url = |text: &str| text.to_owned();
        for esplora in ["https://example.org/api", "http://127.0.0.1:3000", "http://[::1]:3000/api"] {
            assert_eq!(read(esplora), Ok(Chain::Esplora { url: url(esplora) }));
        }
        for electrum in ["ssl://example.org:50002", "tcp://localhost:50001"] {
            assert_eq!(read(electrum), Ok(Chain::Electrum { url: url(electrum) }));
        }
        for (place, host) in [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1")] {
            let (host, user) = (host.to_owned(), "me".to_owned());
            let node = Chain::Bitcoind { host, port: 8332, user, password: Secret::new("password") };
            assert_eq!(read(&format!("bitcoind://me@{place}:8332")), Ok(node));
        }
    }

    #[test]
    fn what_is_unclear_or_could_be_read_on_the_way_is_refused() {
        for address in [
            "",
            "example.org",
            "ftp://example.org",
            "http://example.org/api",
            "tcp://example.org:50001",
            "http://127.0.0.1@example.org",
            "http://localhost.example.org",
            "bitcoind://127.0.0.1:8332",
            "bitcoind://me@127.0.0.1",
            "bitcoind://me@127.0.0.1:99999",
            "bitcoind://me@192.168.0.2:8332",
        ] {
            assert!(matches!(read(address), Err(PaymentError::Refused { .. })), "{address}");
        }
    }
}
