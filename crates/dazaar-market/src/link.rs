//! A card's address in one line: `dazaar:<seller>?at=host:port&at=...&iroh=...&name=...`.
//!
//! Grade: plain. A bare seller key is a link without addresses. Parameters that we don't know are skipped, so that
//! later versions can add some. Source: ours; the classic protocol has only bare keys.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use dazaar_log::{IdentityKey, KeyError};

use crate::address::{Address, AddressError};
use crate::extension::display_text;
use crate::limits::{ADDRESSES_MAX, LINK_BYTES_MAX, LINK_NAME_CHARS_MAX};

const SCHEME: &str = "dazaar";

/// Who sells, and where to knock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The seller's key.
    pub seller: IdentityKey,
    /// Addresses to try in this order; may be empty.
    pub addresses: Vec<Address>,
    /// What the seller calls the feed. Not authenticated: for display only.
    pub name: Option<String>,
}

impl Link {
    /// A link that says only who.
    pub const fn new(seller: IdentityKey) -> Self {
        Self { seller, addresses: Vec::new(), name: None }
    }

    fn read_parameter(&mut self, parameter: &str) -> Result<(), LinkError> {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match key {
            "at" | "iroh" if self.addresses.len() == ADDRESSES_MAX => {
                return Err(LinkError::TooManyAddresses { max: ADDRESSES_MAX });
            }
            "at" => self.addresses.push(Address::Tcp(decode_percent(value)?.parse()?)),
            "iroh" => self.addresses.push(Address::Iroh(decode_percent(value)?.parse()?)),
            "name" => self.name = Some(display_name(&decode_percent(value)?)),
            _ => {}
        }
        Ok(())
    }
}

/// A name for a human, short enough for a link.
fn display_name(name: &str) -> String {
    display_text(name).chars().take(LINK_NAME_CHARS_MAX).collect()
}

impl From<IdentityKey> for Link {
    fn from(seller: IdentityKey) -> Self {
        Self::new(seller)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}:{}", self.seller)?;
        let addresses = self.addresses.iter().map(|address| match address {
            Address::Tcp(place) => ("at", place.to_string()),
            Address::Iroh(endpoint) => ("iroh", endpoint.to_string()),
        });
        let name = self.name.iter().map(|name| ("name", display_name(name)));
        for (index, (key, value)) in addresses.chain(name).enumerate() {
            f.write_char(if index == 0 { '?' } else { '&' })?;
            write!(f, "{key}=")?;
            encode_percent(&value, if key == "iroh" { IROH_PLAIN } else { PLAIN }, f)?;
        }
        Ok(())
    }
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        if text.len() > LINK_BYTES_MAX {
            return Err(LinkError::TooLong { bytes: text.len(), max: LINK_BYTES_MAX });
        }
        let Some((scheme, rest)) = text.split_once(':') else {
            return Ok(Self::new(text.parse()?));
        };
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(LinkError::Scheme);
        }
        let (key, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut link = Self::new(key.parse()?);
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            link.read_parameter(parameter)?;
        }
        Ok(link)
    }
}

/// What stays as it is besides letters and digits.
const PLAIN: &[u8] = b"-._~:";

/// The same in the address of an endpoint: a query may have these, and links stay short.
const IROH_PLAIN: &[u8] = b"-._~:,/";

fn encode_percent(text: &str, plain: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            f.write_char(char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

fn decode_percent(text: &str) -> Result<String, LinkError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex_digit(rest.next())? << 4 | hex_digit(rest.next())?,
            plain => plain,
        });
    }
    String::from_utf8(bytes).map_err(|_| LinkError::Escape)
}

fn hex_digit(byte: Option<u8>) -> Result<u8, LinkError> {
    match byte {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(LinkError::Escape),
    }
}

/// Why text is not a link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// More bytes than a link may have.
    #[error("a link has at most {max} bytes, this one has {bytes}")]
    TooLong {
        /// Bytes of the text.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// It begins with something other than `dazaar:`.
    #[error("a link begins with `dazaar:`")]
    Scheme,
    /// The seller's key is not a key.
    #[error("the seller of the link: {0}")]
    Seller(#[from] KeyError),
    /// An `at` is not an address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// More addresses than a link may have.
    #[error("a link has at most {max} addresses")]
    TooManyAddresses {
        /// Addresses allowed.
        max: usize,
    },
    /// A percent sign without two hex digits, or bytes that are no UTF-8.
    #[error("a `%` in a link is followed by two hex digits, and the bytes are UTF-8")]
    Escape,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::IROH_ADDRESS_CHARS_MAX;

    const KEY: &str = "fc4f685c171cc7fde967e1e833e9b1a7f2dba728439e16a6d2f670fcce5fad41";

    #[test]
    fn prints_and_reads() {
        let text =
            format!("dazaar:{KEY}?at=a.example:49737&at=%5B::1%5D:80&name=BTC%2FUSD%20trades%20%E2%82%BF");
        let link: Link = text.parse().unwrap();
        assert_eq!(link.seller.to_string(), KEY);
        assert_eq!(link.addresses[1].tcp().unwrap().host(), "::1");
        assert_eq!(link.name.as_deref(), Some("BTC/USD trades \u{20bf}"));
        assert_eq!(link.to_string(), text);
    }

    #[test]
    fn names_endpoints_of_iroh() {
        let text = format!(
            "dazaar:{KEY}?at=h:1&iroh={KEY},203.0.113.7:1,%5B::1%5D:80,https://relay.example/&name=x"
        );
        let link: Link = text.parse().unwrap();
        assert_eq!(
            link.addresses[1].iroh().unwrap().relays().collect::<Vec<_>>(),
            ["https://relay.example/"]
        );
        assert_eq!(link.to_string(), text);
        let escaped = text.replace(',', "%2C").replace("https://", "https%3A%2F%2F");
        assert_eq!(escaped.parse(), Ok(link));
    }

    #[test]
    fn the_longest_link_can_be_read() {
        let host: Address = format!("{}:65535", "h".repeat(255)).parse().unwrap();
        let endpoint = format!("iroh:{KEY}{}", ",[::1]:1".repeat((IROH_ADDRESS_CHARS_MAX - 64) / 8));
        for address in [host, endpoint.parse().unwrap()] {
            let name = Some("\u{1f4c8}".repeat(500));
            let link = Link { seller: KEY.parse().unwrap(), addresses: vec![address; ADDRESSES_MAX], name };
            assert_eq!(link.to_string().parse::<Link>().unwrap().addresses, link.addresses);
        }
    }

    #[test]
    fn a_name_cannot_play_tricks_with_the_terminal() {
        let link: Link = format!("dazaar:{KEY}?name=a%1B%5B2Jb%E2%80%AEc").parse().unwrap();
        assert_eq!(link.name.as_deref(), Some("a\u{fffd}[2Jb\u{fffd}c"));
    }

    #[test]
    fn a_bare_key_is_a_link() {
        let link: Link = KEY.parse().unwrap();
        assert_eq!(link, Link::new(KEY.parse().unwrap()));
        assert_eq!(link.to_string().parse(), Ok(link));
    }

    #[test]
    fn skips_unknown_parameters() {
        let link: Link = format!("DAZAAR:{KEY}?&v=2&flag&&name=x").parse().unwrap();
        assert_eq!(link.name.as_deref(), Some("x"));
    }

    #[test]
    fn names_the_rule_that_is_broken() {
        let many = "&at=h:1".repeat(ADDRESSES_MAX + 1);
        let long = "x".repeat(LINK_BYTES_MAX + 1);
        let cases = [
            (String::new(), LinkError::Seller(KeyError::NotHex { digits: 0 })),
            (format!("http:{KEY}"), LinkError::Scheme),
            ("dazaar:12?at=h:1".to_owned(), LinkError::Seller(KeyError::NotHex { digits: 2 })),
            (format!("dazaar:{KEY}?at=h"), LinkError::Address(AddressError::NoPort)),
            (format!("dazaar:{KEY}?at=iroh:{KEY}"), LinkError::Address(AddressError::Port)),
            (format!("dazaar:{KEY}?iroh=h:1"), LinkError::Address(AddressError::Endpoint)),
            (format!("dazaar:{KEY}?name=%2"), LinkError::Escape),
            (format!("dazaar:{KEY}?name=%FF"), LinkError::Escape),
            (format!("dazaar:{KEY}?{many}"), LinkError::TooManyAddresses { max: ADDRESSES_MAX }),
            (long, LinkError::TooLong { bytes: LINK_BYTES_MAX + 1, max: LINK_BYTES_MAX }),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Link>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_can_be_read(
            seller: [u8; 32], ports in proptest::collection::vec(1_u16.., 0..4), name in proptest::option::of(".{0,300}"),
        ) {
            let addresses =
                ports.iter().map(|port| format!("host-{port}.example:{port}").parse().unwrap()).collect();
            let link = Link { seller: IdentityKey(seller), addresses, name };
            let shown = Link { name: link.name.as_deref().map(display_name), ..link.clone() };
            prop_assert_eq!(link.to_string().parse(), Ok(shown));
        }

        #[test]
        fn no_text_panics(text in ".{0,200}", query in ".{0,100}") {
            let _ = text.parse::<Link>();
            let _ = format!("dazaar:{KEY}?{query}").parse::<Link>();
        }
    }
}
