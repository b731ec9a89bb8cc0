//! An endpoint of iroh: its key, and where it may be.
//!
//! Grade: plain. `<id>,<hint>,<hint>...`: the key of the endpoint in hex, and `host:port` of UDP or the URL of a relay for each hint.

use std::fmt;
use std::str::FromStr;

use dazaar_log::key::KEY_BYTES;

use super::{AddressError, HostPort};
use crate::limits::IROH_ADDRESS_CHARS_MAX;

/// An endpoint that is dialled by its key (Ed25519).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IrohAddress {
    id: [u8; KEY_BYTES],
    hints: Vec<Hint>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Hint {
    Direct(HostPort),
    Relay(String),
}

impl IrohAddress {
    /// The endpoint `id`, which may be at these places, and which these relays may know.
    ///
    /// # Errors
    /// [`AddressError::Relay`], [`AddressError::TooLong`].
    pub fn new(id: [u8; KEY_BYTES], direct: &[HostPort], relays: &[String]) -> Result<Self, AddressError> {
        let relays = relays.iter().map(|url| is_relay(url).then(|| Hint::Relay(url.clone())));
        let hints = direct.iter().map(|place| Some(Hint::Direct(place.clone()))).chain(relays);
        let address = Self { id, hints: hints.collect::<Option<_>>().ok_or(AddressError::Relay)? };
        check_length(&address.to_string())?;
        Ok(address)
    }

    /// Its key.
    pub const fn id(&self) -> &[u8; KEY_BYTES] {
        &self.id
    }

    /// Where it may be, by UDP.
    pub fn direct(&self) -> impl Iterator<Item = &HostPort> {
        self.hints.iter().filter_map(|hint| if let Hint::Direct(place) = hint { Some(place) } else { None })
    }

    /// URLs of relays that may know it.
    pub fn relays(&self) -> impl Iterator<Item = &str> {
        self.hints
            .iter()
            .filter_map(|hint| if let Hint::Relay(url) = hint { Some(url.as_str()) } else { None })
    }
}

impl fmt::Display for IrohAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.id))?;
        self.hints.iter().try_for_each(|hint| match hint {
            Hint::Direct(place) => write!(f, ",{place}"),
            Hint::Relay(url) => write!(f, ",{url}"),
        })
    }
}

impl FromStr for IrohAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        check_length(text)?;
        let mut parts = text.split(',');
        let key = parts.next().unwrap_or_default();
        let mut id = [0; KEY_BYTES];
        hex::decode_to_slice(key, &mut id).map_err(|_| AddressError::Endpoint)?;
        // One way to write it, so that text, parsed and printed again, is the same text.
        if hex::encode(id) != key {
            return Err(AddressError::Endpoint);
        }
        let hint = |part: &str| match part.contains("://") {
            true if is_relay(part) => Ok(Hint::Relay(part.to_owned())),
            true => Err(AddressError::Relay),
            false => part.parse().map(Hint::Direct),
        };
        Ok(Self { id, hints: parts.map(hint).collect::<Result<_, _>>()? })
    }
}

fn check_length(text: &str) -> Result<(), AddressError> {
    let chars = text.len();
    if chars <= IROH_ADDRESS_CHARS_MAX { Ok(()) } else { Err(AddressError::TooLong { chars }) }
}

/// Whether text may be the URL of a relay: no name and password, no question.
fn is_relay(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]".contains(&byte);
    rest.is_some_and(|rest| rest.starts_with(|first: char| first != '/') && rest.bytes().all(is_plain))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "fc4f685c171cc7fde967e1e833e9b1a7f2dba728439e16a6d2f670fcce5fad41";

    #[test]
    fn keeps_its_text() {
        let text = format!("{ID},203.0.113.7:49737,https://relay.example/,[::1]:80,http://127.0.0.1:3340");
        let address: IrohAddress = text.parse().unwrap();
        assert_eq!(address.to_string(), text);
        assert_eq!(hex::encode(address.id()), ID);
        assert_eq!(address.direct().map(HostPort::host).collect::<Vec<_>>(), ["203.0.113.7", "::1"]);
        assert_eq!(address.relays().collect::<Vec<_>>(), ["https://relay.example/", "http://127.0.0.1:3340"]);
        assert_eq!(ID.parse::<IrohAddress>().unwrap().to_string(), ID);
    }

    #[test]
    fn names_the_rule_that_is_broken() {
        for (text, error) in [
            (String::new(), AddressError::Endpoint),
            (ID[1..].to_owned(), AddressError::Endpoint),
            (ID.to_uppercase(), AddressError::Endpoint),
            (format!("{ID},"), AddressError::NoPort),
            (format!("{ID},203.0.113.7"), AddressError::NoPort),
            (format!("{ID},h:0"), AddressError::Port),
            (format!("{ID},ws://relay.example"), AddressError::Relay),
            (format!("{ID},https://"), AddressError::Relay),
            (format!("{ID},https:///path"), AddressError::Relay),
            (format!("{ID},https://me@relay.example"), AddressError::Relay),
            (format!("{ID},https://relay.example/?a"), AddressError::Relay),
            (format!("{ID}{}", ",h:1".repeat(200)), AddressError::TooLong { chars: 864 }),
        ] {
            assert_eq!(text.parse::<IrohAddress>(), Err(error), "{text}");
        }
        assert_eq!(IrohAddress::new([0; 32], &[], &["relay".to_owned()]), Err(AddressError::Relay));
        let many = vec!["h:1".parse().unwrap(); 200];
        assert_eq!(IrohAddress::new([0; 32], &many, &[]), Err(AddressError::TooLong { chars: 864 }));
    }

    proptest! {
        #[test]
        fn what_is_made_can_be_read(id: [u8; 32], ports in proptest::collection::vec(1_u16.., 0..5), relays in 0..3_usize) {
            let direct: Vec<_> = ports.iter().map(|port| format!("h{port}:{port}").parse().unwrap()).collect();
            let relays = vec!["https://relay.example:3340/".to_owned(); relays];
            let address = IrohAddress::new(id, &direct, &relays).unwrap();
            prop_assert_eq!(address.to_string().parse(), Ok(address));
        }

        #[test]
        fn what_is_read_keeps_its_text(hints in ".{0,60}") {
            let text = format!("{ID},{hints}");
            if let Ok(address) = text.parse::<IrohAddress>() {
                prop_assert_eq!(address.to_string(), text);
            }
        }
    }
}
