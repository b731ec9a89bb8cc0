//! Dialling through a SOCKS5 proxy (RFC 1928, RFC 1929), such as that of Tor.
//!
//! Names are resolved by the proxy, never here: so those that only it knows (`.onion`) work, and no name server learns who is dialled.

use std::io;
use std::str::FromStr;
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use dazaar_market::{Address, AddressError, HostPort};
use percent_encoding::percent_decode_str;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_socks::tcp::Socks5Stream;

use super::{BoxedStream, Connecting, Dialer, boxed};
use crate::keystore::SecretString;

/// How long proxies may take to connect: Tor takes half a minute to find a hidden service.
const PROXY_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of a name or password (RFC 1929).
const LOGIN_BYTES_MAX: usize = 255;

/// A SOCKS5 proxy through which sellers are dialled.
#[derive(Debug, Clone)]
pub struct Proxy {
    address: HostPort,
    login: Option<(String, SecretString)>,
    /// How long it may take to connect.
    patience: Duration,
}

impl Proxy {
    /// Where it is.
    pub const fn address(&self) -> &HostPort {
        &self.address
    }

    /// Whether it is told a name and a password.
    pub const fn has_login(&self) -> bool {
        self.login.is_some()
    }

    async fn connect(&self, seller: &HostPort) -> Result<BoxedStream, ProxyError> {
        let proxy = || self.address.clone();
        let socket = TcpStream::connect((self.address.host(), self.address.port())).await;
        let socket = socket.map_err(|source| ProxyError::Unreachable { proxy: proxy(), source })?;
        let target = (seller.host(), seller.port());
        let connected = match &self.login {
            None => Socks5Stream::connect_with_socket(socket, target).await,
            Some((name, password)) => {
                let password = password.expose_secret();
                Socks5Stream::connect_with_password_and_socket(socket, target, name, password).await
            }
        };
        let stream = connected.map_err(|source| ProxyError::Refused { proxy: proxy(), source })?;
        Ok(boxed(stream.into_inner()))
    }
}

impl Dialer for Proxy {
    fn dials(&self, address: &Address) -> bool {
        address.tcp().is_some()
    }

    fn dial<'a>(&'a self, address: &'a Address) -> Connecting<'a> {
        Box::pin(async move {
            let seller = address.tcp().ok_or(io::ErrorKind::Unsupported)?;
            let silent = |_| ProxyError::Silent { proxy: self.address.clone() };
            let connecting = timeout(self.patience, self.connect(seller));
            connecting.await.map_err(silent).flatten().map_err(io::Error::other)
        })
    }
}

/// `socks5://host:port` or `socks5://name:password@host:port`; `socks5h` means the same. Name and password may be percent-encoded.
impl FromStr for Proxy {
    type Err = ProxyUrlError;

    fn from_str(text: &str) -> Result<Self, ProxyUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(ProxyUrlError::Scheme)?;
        if !["socks5", "socks5h"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(ProxyUrlError::Scheme);
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (login, address) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((login, address)) => {
                let (name, password) = login.split_once(':').ok_or(ProxyUrlError::Login)?;
                (Some((login_part(name)?, login_part(password)?.into())), address)
            }
        };
        Ok(Self { address: address.parse()?, login, patience: PROXY_TIMEOUT })
    }
}

fn login_part(text: &str) -> Result<String, ProxyUrlError> {
    let part = percent_decode_str(text).decode_utf8().map_err(|_| ProxyUrlError::Login)?;
    if (1..=LOGIN_BYTES_MAX).contains(&part.len()) {
        Ok(part.into_owned())
    } else {
        Err(ProxyUrlError::Login)
    }
}

/// Why text does not name a proxy. Says nothing of a password in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// It begins with something else.
    #[error("a proxy is socks5://host:port")]
    Scheme,
    /// A name without a password, or one of them is empty or too long.
    #[error("the name and the password of a proxy are name:password@, each of 1 to {LOGIN_BYTES_MAX} bytes")]
    Login,
    /// Where it is.
    #[error("of the proxy: {0}")]
    Address(#[from] AddressError),
}

/// Why a proxy did not connect us to a seller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// There is no proxy.
    #[error("the proxy {proxy} cannot be reached")]
    Unreachable {
        /// Where it should be.
        proxy: HostPort,
        /// What the system said.
        source: io::Error,
    },
    /// It did not let us in, cannot reach the seller, or is no SOCKS5 proxy.
    #[error("the proxy {proxy} did not connect")]
    Refused {
        /// Where it is.
        proxy: HostPort,
        /// What it said.
        source: tokio_socks::Error,
    },
    /// It took too long.
    #[error("the proxy {proxy} did not connect in time")]
    Silent {
        /// Where it is.
        proxy: HostPort,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_others_write() {
        for (text, address, login) in [
            ("socks5://127.0.0.1:9050", "127.0.0.1:9050", None),
            ("SOCKS5H://proxy.example:1080/", "proxy.example:1080", None),
            ("socks5://me:pass@[::1]:1080", "[::1]:1080", Some(("me", "pass"))),
            ("socks5://a%40b:c%3Ad:@e@h:1", "h:1", Some(("a@b", "c:d:@e"))),
        ] {
            let proxy: Proxy = text.parse().unwrap();
            assert_eq!(proxy.address().to_string(), address);
            let found = proxy.login.as_ref().map(|(name, secret)| (name.as_str(), secret.expose_secret()));
            assert_eq!(found, login);
        }
    }

    #[test]
    fn names_the_rule_that_is_broken() {
        let long = format!("socks5://n:{}@h:1", "x".repeat(LOGIN_BYTES_MAX + 1));
        for (text, error) in [
            ("127.0.0.1:9050", ProxyUrlError::Scheme),
            ("http://127.0.0.1:3128", ProxyUrlError::Scheme),
            ("socks5://127.0.0.1", ProxyUrlError::Address(AddressError::NoPort)),
            ("socks5://h:1/path", ProxyUrlError::Address(AddressError::Port)),
            ("socks5://me@h:1", ProxyUrlError::Login),
            ("socks5://:pass@h:1", ProxyUrlError::Login),
            ("socks5://me:%FF@h:1", ProxyUrlError::Login),
            (&long, ProxyUrlError::Login),
        ] {
            assert_eq!(text.parse::<Proxy>().unwrap_err(), error, "{text}");
        }
    }

    #[tokio::test]
    async fn a_proxy_that_hangs_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut proxy: Proxy = format!("socks5://{}", listener.local_addr().unwrap()).parse().unwrap();
        proxy.patience = Duration::from_millis(50);
        let error = proxy.dial(&"seller.invalid:1".parse().unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("did not connect in time"), "{error}");
    }

    #[test]
    fn a_password_is_not_shown() {
        let proxy: Proxy = "socks5://me:hunter2@h:1".parse().unwrap();
        assert!(!format!("{proxy:?}").contains("hunter2"));
    }
}
