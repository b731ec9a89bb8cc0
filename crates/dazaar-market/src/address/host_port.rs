//! A place that is reached by TCP: `host:port`.
//!
//! Grade: plain.

use std::fmt;
use std::str::FromStr;

use super::AddressError;

/// Characters of a host name (RFC 1035), enough for an IPv6 address in brackets.
const HOST_CHARS_MAX: usize = 255;

/// A host name, IPv4 address or bracketed IPv6 address, and a TCP port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// The host as it is written; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }

    /// The TCP port, never 0.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for HostPort {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
        if !is_host(host) {
            return Err(AddressError::Host);
        }
        // Only the shortest form, so that text, parsed and printed again, is the same text.
        match port.parse::<u16>() {
            Ok(number) if number != 0 && number.to_string() == port => {
                Ok(Self { host: host.to_owned(), port: number })
            }
            _ => Err(AddressError::Port),
        }
    }
}

fn is_host(host: &str) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => {
            return rest.strip_suffix(']').is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
        }
        None => host,
    };
    (1..=HOST_CHARS_MAX).contains(&bare.len())
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_text() {
        for (text, host) in [
            ("a.example:1", "a.example"),
            ("10.0.0.7:65535", "10.0.0.7"),
            ("[::1]:49737", "::1"),
            ("a_b-c:80", "a_b-c"),
        ] {
            let address: HostPort = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            assert_eq!(address.host(), host);
        }
    }

    #[test]
    fn refuses_what_cannot_be_dialled() {
        for (text, error) in [
            ("", AddressError::NoPort),
            ("host", AddressError::NoPort),
            (":80", AddressError::Host),
            ("::1:80", AddressError::Host),
            ("[::1:80", AddressError::Host),
            ("a b:80", AddressError::Host),
            ("host:", AddressError::Port),
            ("host:0", AddressError::Port),
            ("host:080", AddressError::Port),
            ("host:+80", AddressError::Port),
            ("host:65536", AddressError::Port),
        ] {
            assert_eq!(text.parse::<HostPort>(), Err(error), "{text}");
        }
    }
}
