//! Nodes of the DHT: 32 random bytes, and an address.
//!
//! Grade: plain. An id is bound to nothing: whoever wants one takes it.
//! Source: classic protocol, section 8.2.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

/// Bytes of an id and of what it is compared with.
pub(super) const ID_BYTES: usize = 32;

/// Bytes of an address and port.
pub(super) const ADDRESS_BYTES: usize = 6;

/// Bytes of a node in an answer.
pub(super) const CONTACT_BYTES: usize = ID_BYTES + ADDRESS_BYTES;

/// The place of a node among the keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; ID_BYTES]);

impl NodeId {
    /// How far it is to `target`: smaller is closer.
    pub(super) fn distance(&self, target: &[u8; ID_BYTES]) -> [u8; ID_BYTES] {
        std::array::from_fn(|place| self.0[place] ^ target[place])
    }

    /// How many leading bits it shares with `other`.
    pub(super) fn shared_bits(&self, other: &[u8; ID_BYTES]) -> u32 {
        let distance = self.distance(other);
        let zeros = distance.iter().take_while(|byte| **byte == 0).count();
        let rest = distance.get(zeros).map_or(0, |byte| byte.leading_zeros());
        8 * zeros as u32 + rest
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, ..] = self.0;
        write!(f, "NodeId({a:02x}{b:02x}{c:02x}..)")
    }
}

/// A node, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact {
    /// Who it says it is.
    pub id: NodeId,
    /// Its UDP address.
    pub address: SocketAddrV4,
}

/// An address as bytes: IP, then port, both big endian.
pub(super) fn encode_address(address: SocketAddrV4) -> [u8; ADDRESS_BYTES] {
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    [a, b, c, d, high, low]
}

/// The address that these bytes are.
pub(super) fn decode_address(bytes: [u8; ADDRESS_BYTES]) -> SocketAddrV4 {
    let [a, b, c, d, high, low] = bytes;
    SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low]))
}

/// Nodes one after the other.
pub(super) fn encode_contacts(contacts: &[Contact]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(contacts.len() * CONTACT_BYTES);
    for contact in contacts {
        bytes.extend(contact.id.0);
        bytes.extend(encode_address(contact.address));
    }
    bytes
}

/// The nodes that these bytes are; an incomplete one at the end is left out, as npm does.
pub(super) fn decode_contacts(bytes: &[u8]) -> Vec<Contact> {
    let (contacts, _) = bytes.as_chunks::<CONTACT_BYTES>();
    let contacts = contacts.iter().filter_map(|contact| {
        let (id, address) = contact.split_first_chunk()?;
        Some(Contact { id: NodeId(*id), address: decode_address(address.try_into().ok()?) })
    });
    contacts.take(super::limits::NODES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shared_bits_are_those_before_the_first_difference() {
        let zero = [0; ID_BYTES];
        assert_eq!(NodeId(zero).shared_bits(&zero), 256);
        let mut one = zero;
        one[2] = 0x10;
        assert_eq!(NodeId(one).shared_bits(&zero), 19);
    }

    proptest! {
        #[test]
        fn contacts_come_back(ids in proptest::collection::vec(any::<([u8; 32], [u8; 6])>(), 0..20)) {
            let contacts: Vec<Contact> = ids
                .into_iter()
                .map(|(id, address)| Contact { id: NodeId(id), address: decode_address(address) })
                .collect();
            let mut bytes = encode_contacts(&contacts);
            prop_assert_eq!(&decode_contacts(&bytes), &contacts);
            bytes.extend([1; CONTACT_BYTES - 1]);
            prop_assert_eq!(decode_contacts(&bytes), contacts);
        }
    }
}
