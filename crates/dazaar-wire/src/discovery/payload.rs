//! What the commands carry: announcements and questions for peers, their answers, and requests to punch a hole.
//!
//! Grade: plain. Source: classic protocol, sections 8.2 and 8.3.

use std::net::{Ipv4Addr, SocketAddrV4};

use dazaar_log::codec::protobuf::{Reader, Value, encode_bytes, encode_varint};

use super::id::{ADDRESS_BYTES, decode_address, encode_address};

/// Bytes of a peer in the local network: the rest of its address, and its port.
const LOCAL_BYTES: usize = 4;

/// With `peers`: who announces or asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PeersInput {
    /// The TCP port; the UDP port that the message comes from if there is none.
    pub(super) port: Option<u16>,
    /// The address in the local network.
    pub(super) local: Option<SocketAddrV4>,
    /// Whether the announcement is taken back.
    pub(super) unannounce: bool,
}

impl PeersInput {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(port) = self.port {
            encode_varint(1, port.into(), &mut out);
        }
        if let Some(local) = self.local {
            encode_bytes(2, &encode_address(local), &mut out);
        }
        if self.unannounce {
            encode_varint(3, 1, &mut out);
        }
        out
    }

    /// Reads it; none if there is something wrong with it.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut input = Self::default();
        for field in Reader::new(bytes) {
            match field.ok()? {
                (1, port) => input.port = Some(u16::try_from(port.varint()?).ok()?).filter(|port| *port != 0),
                (2, local) => input.local = Some(decode_address(local.bytes()?.try_into().ok()?)),
                (3, unannounce) => input.unannounce = unannounce.varint()? != 0,
                _ => {}
            }
        }
        Some(input)
    }
}

/// What comes back: who announced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PeersOutput {
    /// Everybody.
    pub(super) peers: Vec<SocketAddrV4>,
    /// Those in the asker's local network, by their addresses there.
    pub(super) local: Vec<SocketAddrV4>,
}

impl PeersOutput {
    pub(super) fn encode(&self) -> Vec<u8> {
        let peers: Vec<u8> = self.peers.iter().copied().flat_map(encode_address).collect();
        let local: Vec<u8> = self.local.iter().copied().flat_map(|peer| local_suffix(peer).1).collect();
        let mut out = Vec::with_capacity(peers.len() + local.len() + 6);
        for (number, bytes) in [(1, peers), (2, local)] {
            if !bytes.is_empty() {
                encode_bytes(number, &bytes, &mut out);
            }
        }
        out
    }

    /// Reads what was answered to somebody whose address in the local network is `asker`; none if there is something wrong
    /// with it.
    pub(super) fn decode(bytes: &[u8], asker: Option<SocketAddrV4>) -> Option<Self> {
        let mut output = Self::default();
        for field in Reader::new(bytes) {
            match field.ok()? {
                (1, peers) => output.peers = chunks::<ADDRESS_BYTES>(peers)?.map(decode_address).collect(),
                (2, local) => {
                    let Some(asker) = asker else { continue };
                    let [a, b, ..] = asker.ip().octets();
                    let peer = |[c, d, high, low]: [u8; LOCAL_BYTES]| decode_address([a, b, c, d, high, low]);
                    output.local = chunks::<LOCAL_BYTES>(local)?.map(peer).collect();
                }
                _ => {}
            }
        }
        Some(output)
    }
}

/// The first half of an address in the local network, and the rest with the port.
fn local_suffix(address: SocketAddrV4) -> ([u8; 2], [u8; LOCAL_BYTES]) {
    let [a, b, rest @ ..] = encode_address(address);
    ([a, b], rest)
}

/// Whether two addresses are in what the protocol takes for one local network: their first halves are the same.
pub(super) fn share_network(one: Ipv4Addr, other: Ipv4Addr) -> bool {
    let half = |ip: Ipv4Addr| [ip.octets()[0], ip.octets()[1]];
    half(one) == half(other)
}

fn chunks<const N: usize>(value: Value<'_>) -> Option<impl Iterator<Item = [u8; N]>> {
    match value.bytes()?.as_chunks() {
        (chunks, []) => Some(chunks.iter().copied()),
        _ => None,
    }
}

/// With `_holepunch`: for whom, or from whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holepunch {
    /// Nothing: only to open the sender's own way.
    Knock,
    /// To a referrer: tell this one to answer me.
    To(SocketAddrV4),
    /// From a referrer: answer this one.
    From(SocketAddrV4),
}

impl Holepunch {
    pub(super) fn encode(self) -> Option<Vec<u8>> {
        let (number, address) = match self {
            Self::Knock => return None,
            Self::From(address) => (2, address),
            Self::To(address) => (3, address),
        };
        let mut out = Vec::new();
        encode_bytes(number, &encode_address(address), &mut out);
        Some(out)
    }

    /// Reads it; none if there is something wrong with it.
    pub(super) fn decode(bytes: Option<&[u8]>) -> Option<Self> {
        let mut punch = Self::Knock;
        for field in Reader::new(bytes.unwrap_or_default()) {
            let (number, value) = field.ok()?;
            let address = || Some(decode_address(value.bytes()?.try_into().ok()?));
            match (number, punch) {
                // Who is named as a goal comes first, as with npm.
                (3, _) => punch = Self::To(address()?),
                (2, Self::Knock) => punch = Self::From(address()?),
                _ => {}
            }
        }
        Some(punch)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> SocketAddrV4 {
        text.parse().unwrap()
    }

    /// Values of @hyperswarm/dht 4.0.1 and dht-rpc 4.9.6.
    #[test]
    fn known_values() {
        let local = Some(address("192.168.1.77:4444"));
        let input = PeersInput { port: Some(4444), local, unannounce: false };
        assert_eq!(hex::encode(input.encode()), "08dc221206c0a8014d115c");
        assert_eq!(PeersInput::decode(&input.encode()), Some(input));
        assert_eq!(PeersInput::decode(&[8, 0]), Some(PeersInput::default()));
        let answer = hex::decode("0a067f000001115c1204014d115c").unwrap();
        let output =
            PeersOutput { peers: vec![address("127.0.0.1:4444")], local: local.into_iter().collect() };
        assert_eq!(output.encode(), answer);
        assert_eq!(PeersOutput::decode(&answer, Some(address("192.168.9.9:1"))), Some(output));
        let to = Holepunch::To(address("127.0.0.1:44551"));
        assert_eq!(to.encode().map(hex::encode).as_deref(), Some("1a067f000001ae07"));
        let from = Holepunch::From(address("127.0.0.1:46049"));
        assert_eq!(from.encode().map(hex::encode).as_deref(), Some("12067f000001b3e1"));
    }

    #[test]
    fn wrong_lengths_are_refused() {
        assert_eq!(PeersOutput::decode(&[0x0a, 1, 7], None), None);
        assert_eq!(PeersInput::decode(&[0x12, 1, 7]), None);
        assert_eq!(PeersInput::decode(&[8, 0x80, 0x80, 4]), None);
        assert_eq!(Holepunch::decode(Some(&[0x12, 1, 7])), None);
    }

    #[test]
    fn who_asks_is_told_whom_to_answer_before_whom_to_reach() {
        let both = [Holepunch::From(address("8.8.8.8:1")), Holepunch::To(address("9.9.9.9:2"))];
        let bytes: Vec<u8> = both.into_iter().filter_map(Holepunch::encode).flatten().collect();
        assert_eq!(Holepunch::decode(Some(&bytes)), Some(both[1]));
        assert_eq!(Holepunch::decode(None), Some(Holepunch::Knock));
    }

    proptest! {
        #[test]
        fn inputs_come_back(port in 1u16.., local: Option<[u8; 6]>, unannounce: bool) {
            let input = PeersInput { port: Some(port), local: local.map(decode_address), unannounce };
            prop_assert_eq!(PeersInput::decode(&input.encode()), Some(input));
        }

        #[test]
        fn outputs_come_back(peers in proptest::collection::vec(any::<[u8; 6]>(), 0..80), asker: [u8; 6]) {
            let asker = decode_address(asker);
            let [a, b, ..] = encode_address(asker);
            let local = peers.iter().map(|[c, d, e, f, ..]| decode_address([a, b, *c, *d, *e, *f])).collect();
            let output = PeersOutput { peers: peers.into_iter().map(decode_address).collect(), local };
            prop_assert_eq!(PeersOutput::decode(&output.encode(), Some(asker)), Some(output));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = PeersInput::decode(&bytes);
            let _ = PeersOutput::decode(&bytes, None);
            let _ = Holepunch::decode(Some(&bytes));
        }
    }
}
