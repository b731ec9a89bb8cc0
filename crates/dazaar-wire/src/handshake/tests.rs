use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::{CryptoResolver, DefaultResolver};
use snow::types::{Cipher, Dh, Hash, Random};

use super::*;
use crate::frame;
use crate::limits::VARINT_BYTES_MAX;

const SELLER: &str = "fae01880b49af2948bf3e7fdff920daaea3ab85fcd1ad38210081f703ff8159f";
const BUYER: &str = "62a83df332d35d4e325322e0771d51fba1f19b689d5f2d528ebe8307a37c3a9c";
const SELLER_EPHEMERAL: &str = "52fdc6ee10175753a7dbf152ba4ee0c4e9014936fdb1316f97430fbf1a6eeb9c";
const BUYER_EPHEMERAL: &str = "36f2bb061c77c1e1eb283c39fabe8eab7ae27e749778a0dcba5ff57483f61c75";
const MESSAGES: [&str; 3] = [
    "3a6891783b6c009b7dcd335c378db5e8210d8ec258af539e3649f36926b462cf3f\
     0a18121212121212121212121212121212121212121212121212",
    "7a7d82ee4397680f36f05b381929ad6347366879bb60c79aa4faa665fc571b140e2f1892e952a8d90139a112e0ffbbe2ad495cdb\
     c523d81a04bafaa9343329b3cda2b7f696b535c341a46b35b9fbd5c30e41b92d845c1cb2d98f57810360053af422f12762784927\
     ed28a0508de49f43d3ed62d79aca1e8b239752",
    "5ac65a715ff5800d27d019ddb1327e7e4c9f2ddc0d255788e63a462cc2790a26dfe1b18a426e4231d39f2a9924070a36e64ee95d\
     a84c343ceea9fa70920048738835fc8759e7c61c725f5d4684374d33df8bb1b4b6c604ea817886",
];

fn bytes(hex: &str) -> [u8; 32] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

fn identity(secret: &str) -> IdentityKeyPair {
    IdentityKeyPair::from_secret(&bytes(secret))
}

/// A handshake with the secrets of the vectors, and the bytes that it begins with.
fn start(role: Role, policy: SecurityPolicy, expected: Option<IdentityKey>) -> (Handshake, Vec<u8>) {
    let (secret, ephemeral, nonce) = match role {
        Role::Initiator => (BUYER, BUYER_EPHEMERAL, 0x12),
        Role::Responder => (SELLER, SELLER_EPHEMERAL, 0x11),
    };
    let secrets = Secrets { ephemeral: bytes(ephemeral), nonce: [nonce; NONCE_BYTES] };
    let expected = expected.map_or(Expected::Anybody, Expected::Only);
    Handshake::new(role, &identity(secret), expected, policy, &secrets)
}

/// Hands over bytes a few at a time; returns the answer, the outcome, and what does not belong to the handshake.
fn hand(
    handshake: &mut Handshake,
    bytes: &[u8],
    chunk: usize,
) -> Result<(Vec<u8>, Option<Established>), PeerFault> {
    let mut out = Vec::new();
    let mut established = None;
    for mut piece in bytes.chunks(chunk) {
        assert!(established.is_none(), "surplus bytes");
        established = handshake.handle_bytes(&mut piece, &mut out)?;
        assert!(piece.is_empty());
    }
    Ok((out, established))
}

/// Both sides' outcome, initiator first.
fn run(
    initiator: SecurityPolicy,
    responder: SecurityPolicy,
) -> (Result<Established, PeerFault>, Result<Established, PeerFault>) {
    let (mut buyer, first) = start(Role::Initiator, initiator, None);
    let (mut seller, _) = start(Role::Responder, responder, None);
    let (second, _) = hand(&mut seller, &first, 7).unwrap();
    let (third, bought) = match hand(&mut buyer, &second, 11) {
        Ok((third, established)) => (third, Ok(established.unwrap())),
        Err(fault) => (Vec::new(), Err(fault)),
    };
    let sold = hand(&mut seller, &third, 13).map(|(_, established)| established);
    (bought, sold.map(|established| established.expect("the third message")))
}

#[test]
fn agrees_with_the_vector() {
    for chunk in [1, 2, 57, 1000] {
        let (mut buyer, first) = start(Role::Initiator, SecurityPolicy::Classic, None);
        let (mut seller, nothing) = start(Role::Responder, SecurityPolicy::Classic, None);
        assert!(nothing.is_empty());
        let (second, _) = hand(&mut seller, &first, chunk).unwrap();
        let (third, bought) = hand(&mut buyer, &second, chunk).unwrap();
        let (fourth, sold) = hand(&mut seller, &third, chunk).unwrap();
        assert_eq!([&first, &second, &third].map(hex::encode), MESSAGES);
        assert!(fourth.is_empty());

        let (bought, sold) = (bought.unwrap(), sold.unwrap());
        let k1 = "970a0b1b92ebcb47b2372164352152ece69747927178cf61928b301e94f7f083";
        let k2 = "2dde3f8ff3a7aef1dca2702976ef9e03d9fdc5c54a31afc0bb0d07fb40123128";
        assert_eq!((bought.keys.tx, bought.keys.rx), (bytes(k1), bytes(k2)));
        assert_eq!((sold.keys.tx, sold.keys.rx), (bytes(k2), bytes(k1)));
        assert_eq!((bought.remote, sold.remote), (identity(SELLER).public(), identity(BUYER).public()));
        assert_eq!((bought.remote_nonce, sold.remote_nonce), ([0x11; 24], [0x12; 24]));
        assert_eq!(hex::encode(buyer.noise.get_handshake_hash()), HASH);
    }
}

const HASH: &str = "890afdfcef961f31edd43217fae22202288501e3d90f933b7dd416181fbde86c\
                    fba584f105840c164966d785145a18f0175fc26330352e38716a3078334ac93f";

#[test]
fn both_sides_agree_on_the_cipher() {
    use Security::{Authenticated, Classic as Unauthenticated};
    use SecurityPolicy::{Classic, Offer, Require};
    for (initiator, responder, expected) in [
        (Classic, Classic, Unauthenticated),
        (Classic, Offer, Unauthenticated),
        (Offer, Classic, Unauthenticated),
        (Offer, Offer, Authenticated),
        (Offer, Require, Authenticated),
        (Require, Offer, Authenticated),
        (Require, Require, Authenticated),
    ] {
        let (bought, sold) = run(initiator, responder);
        let (bought, sold) = (bought.unwrap(), sold.unwrap());
        assert_eq!((bought.security, sold.security), (expected, expected), "{initiator:?} {responder:?}");
        assert_eq!(bought.remote_authenticates, responder != Classic);
        assert_eq!(sold.remote_authenticates, expected == Authenticated);
    }
}

#[test]
fn a_required_authentication_that_is_not_offered_ends_the_session() {
    let (bought, _) = {
        let (mut buyer, first) = start(Role::Initiator, SecurityPolicy::Require, None);
        let (mut seller, _) = start(Role::Responder, SecurityPolicy::Classic, None);
        let (second, _) = hand(&mut seller, &first, 1000).unwrap();
        let mut out = Vec::new();
        let result = buyer.handle_bytes(&mut &second[..], &mut out).map(|_| ());
        assert!(out.is_empty(), "the third message is not sent");
        (result, ())
    };
    assert_eq!(bought, Err(PeerFault::NotAuthenticated));
    let (_, sold) = run(SecurityPolicy::Classic, SecurityPolicy::Require);
    assert_eq!(sold.map(|_| ()), Err(PeerFault::NotAuthenticated));
}

#[test]
fn a_wrong_seller_hears_no_third_message() {
    let expected = identity(BUYER).public();
    let (mut buyer, first) = start(Role::Initiator, SecurityPolicy::Offer, Some(expected));
    let (mut seller, _) = start(Role::Responder, SecurityPolicy::Offer, None);
    let (second, _) = hand(&mut seller, &first, 1000).unwrap();
    let mut out = Vec::new();
    let result = buyer.handle_bytes(&mut &second[..], &mut out).map(|_| ());
    assert_eq!(result, Err(PeerFault::WrongIdentity { expected, actual: identity(SELLER).public() }));
    assert!(out.is_empty());
}

#[test]
fn who_is_not_wanted_hears_no_third_message() {
    let unwanted = identity(SELLER).public();
    let secrets = Secrets { ephemeral: bytes(BUYER_EPHEMERAL), nonce: [0x12; NONCE_BYTES] };
    let other = identity(BUYER).public();
    for expected in [[unwanted, other], [other, unwanted]].map(Expected::AllBut) {
        let (mut buyer, first) =
            Handshake::new(Role::Initiator, &identity(BUYER), expected, SecurityPolicy::Offer, &secrets);
        let (mut seller, _) = start(Role::Responder, SecurityPolicy::Offer, None);
        let (second, _) = hand(&mut seller, &first, 1000).unwrap();
        let mut out = Vec::new();
        let result = buyer.handle_bytes(&mut &second[..], &mut out).map(|_| ());
        assert_eq!(result, Err(PeerFault::UnwantedIdentity { actual: unwanted }));
        assert!(out.is_empty());
    }
}

#[test]
fn surplus_bytes_are_left_for_the_cipher() {
    let (mut buyer, first) = start(Role::Initiator, SecurityPolicy::Classic, None);
    let (mut seller, _) = start(Role::Responder, SecurityPolicy::Classic, None);
    let (second, _) = hand(&mut seller, &first, 1000).unwrap();
    let (mut third, _) = hand(&mut buyer, &second, 1000).unwrap();
    third.extend_from_slice(b"surplus");
    let mut rest = &third[..];
    assert!(seller.handle_bytes(&mut rest, &mut Vec::new()).unwrap().is_some());
    assert_eq!(rest, b"surplus");
}

#[test]
fn an_oversize_or_endless_handshake_message_is_refused_at_its_length() {
    for bytes in [HANDSHAKE_BYTES_MAX as u64 + 1, 65_536, 1 << 40] {
        let (mut seller, _) = start(Role::Responder, SecurityPolicy::Offer, None);
        let mut message = Vec::new();
        varint::encode(bytes, &mut message);
        let result = hand(&mut seller, &message, 1).map(|_| ());
        assert_eq!(result, Err(PeerFault::HandshakeTooLong { bytes, max: HANDSHAKE_BYTES_MAX }));
        assert!(seller.received.len() <= VARINT_BYTES_MAX);
    }
    let (mut seller, _) = start(Role::Responder, SecurityPolicy::Offer, None);
    let result = hand(&mut seller, &[0xff; 60_000], 999).map(|_| ());
    assert_eq!(result, Err(PeerFault::VarintTooLong { max: VARINT_BYTES_MAX }));
    assert!(frame::decode_varint(&[0xff; 3]).is_ok_and(|varint| varint.is_none()));
}

#[test]
fn an_empty_short_or_long_message_is_refused() {
    for length in [0, 1, 31] {
        let (mut seller, _) = start(Role::Responder, SecurityPolicy::Offer, None);
        let message = [&[length][..], &vec![9; usize::from(length)]].concat();
        assert_eq!(hand(&mut seller, &message, 1000).map(|_| ()), Err(PeerFault::Handshake { message: 1 }));
    }
    for length in [0, 31, 79, 95, 500] {
        let (mut buyer, _) = start(Role::Initiator, SecurityPolicy::Offer, None);
        let mut message = Vec::new();
        varint::encode(length, &mut message);
        message.resize(message.len() + length as usize, 9);
        assert_eq!(hand(&mut buyer, &message, 1000).map(|_| ()), Err(PeerFault::Handshake { message: 2 }));
    }
}

#[test]
fn a_flipped_bit_or_stripped_offer_is_detected() {
    let (_, first) = start(Role::Initiator, SecurityPolicy::Offer, None);
    let (mut seller, _) = start(Role::Responder, SecurityPolicy::Offer, None);
    let (second, _) = hand(&mut seller, &first, 1000).unwrap();
    for at in 1..second.len() {
        let (mut buyer, _) = start(Role::Initiator, SecurityPolicy::Offer, None);
        let mut changed = second.clone();
        changed[at] ^= 1;
        assert_eq!(hand(&mut buyer, &changed, 1000).map(|_| ()), Err(PeerFault::Handshake { message: 2 }));
    }
    // Without its last three bytes, the payload in clear would be one without the offer.
    let (mut buyer, _) = start(Role::Initiator, SecurityPolicy::Offer, None);
    let mut stripped = second[..second.len() - 3].to_vec();
    stripped[0] -= 3;
    assert_eq!(hand(&mut buyer, &stripped, 1000).map(|_| ()), Err(PeerFault::Handshake { message: 2 }));
}

#[test]
fn an_ephemeral_key_of_small_order_is_refused() {
    for key in SMALL_ORDER {
        let message =
            [&[58][..], &hex::decode(key).unwrap(), &hex::decode(&MESSAGES[0][66..]).unwrap()].concat();
        let (mut seller, _) = start(Role::Responder, SecurityPolicy::Offer, None);
        assert_eq!(hand(&mut seller, &message, 1000).map(|_| ()), Err(PeerFault::WeakKey), "{key}");
    }
}

/// Keys that make every shared secret zero.
const SMALL_ORDER: [&str; 5] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// A responder that runs the protocol with any primitives and any payload.
fn respond(resolver: impl CryptoResolver + Send + 'static, payload: &[u8], first: &[u8]) -> Vec<u8> {
    let secret = bytes(SELLER);
    let builder = Builder::with_resolver(PATTERN.parse().unwrap(), Box::new(resolver));
    let mut noise = builder.local_private_key(&secret).unwrap().build_responder().unwrap();
    let mut buffer = [0; HANDSHAKE_BYTES_MAX];
    noise.read_message(&first[1..], &mut buffer).unwrap();
    let length = noise.write_message(payload, &mut buffer).unwrap();
    let mut out = Vec::new();
    varint::encode(length as u64, &mut out);
    out.extend_from_slice(&buffer[..length]);
    out
}

fn honest() -> Resolver {
    Resolver { ephemeral: bytes(SELLER_EPHEMERAL) }
}

#[test]
fn a_payload_needs_a_nonce_and_may_have_more() {
    let nonce = [&[0x0a, 24][..], &[0x11; 24]].concat();
    for (payload, valid) in [
        (nonce.clone(), true),
        ([&[0x50, 1, 0x7a, 2, 9, 9], &nonce[..]].concat(), true),
        (vec![], false),
        (nonce[..25].to_vec(), false),
        ([&[0x0a, 23][..], &[0x11; 23]].concat(), false),
        ([&nonce[..], &[0x0b]].concat(), false),
    ] {
        let (mut buyer, first) = start(Role::Initiator, SecurityPolicy::Offer, None);
        let result = hand(&mut buyer, &respond(honest(), &payload, &first), 1000);
        let result = result.map(|(_, established)| established.unwrap().security);
        let expected = if valid { Ok(Security::Classic) } else { Err(PeerFault::Nonce { message: 2 }) };
        assert_eq!(result, expected);
    }
}

/// A responder whose static key is zero, so that it needs no secret to compute what that key adds.
struct Impostor;

/// A key that is zero if it was set, and a real one if it was generated.
struct ZeroKey {
    real: Box<dyn Dh>,
    zero: bool,
}

impl CryptoResolver for Impostor {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        honest().resolve_rng()
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        Some(Box::new(ZeroKey { real: DefaultResolver.resolve_dh(choice)?, zero: false }))
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

impl Dh for ZeroKey {
    fn name(&self) -> &'static str {
        self.real.name()
    }

    fn pub_len(&self) -> usize {
        self.real.pub_len()
    }

    fn priv_len(&self) -> usize {
        self.real.priv_len()
    }

    fn set(&mut self, _secret: &[u8]) {
        self.zero = true;
    }

    fn generate(&mut self, random: &mut dyn Random) -> Result<(), snow::Error> {
        self.real.generate(random)
    }

    fn pubkey(&self) -> &[u8] {
        if self.zero { &[0; 32] } else { self.real.pubkey() }
    }

    fn privkey(&self) -> &[u8] {
        self.real.privkey()
    }

    fn dh(&self, remote: &[u8], shared: &mut [u8]) -> Result<(), snow::Error> {
        if self.zero {
            shared.fill(0);
            return Ok(());
        }
        self.real.dh(remote, shared)
    }
}

#[test]
fn a_static_key_of_small_order_is_refused() {
    let (mut buyer, first) = start(Role::Initiator, SecurityPolicy::Offer, None);
    let payload = [&[0x0a, 24][..], &[0x11; 24]].concat();
    let second = respond(Impostor, &payload, &first);
    assert_eq!(hand(&mut buyer, &second, 1000).map(|_| ()), Err(PeerFault::WeakKey));
}
