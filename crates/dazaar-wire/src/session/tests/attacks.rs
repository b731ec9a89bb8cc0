//! What section 9 of the classic protocol says about this layer, and some more.

use super::*;
use crate::capability::Capability;
use crate::limits::{EXTENSION_NAME_BYTES_MAX, EXTENSIONS_MAX, OUTGOING_BYTES_MAX};

/// The buyer's verdict on a frame that the seller made up.
fn verdict(pair: &mut Pair, channel: u64, kind: u8, fields: Vec<u8>) -> Result<(), PeerFault> {
    pair.seller.session.write(channel, kind, &Body { fields, ..Body::default() });
    pair.try_settle()
}

fn capability(pair: &Pair, key: &FeedKey) -> Capability {
    let Phase::Connected(link) = &pair.seller.session.phase else { panic!("connected") };
    link.keys.capability(key)
}

#[test]
fn a_wrong_capability_ends_the_session() {
    let mut pair = Pair::connected(SecurityPolicy::Offer);
    pair.buyer.session.open(feed(1)).unwrap();
    let discovery_key = feed(1).discovery_key();
    let wrong = capability(&pair, &feed(2));
    let open = Open::encode(&discovery_key, &wrong).fields;
    assert_eq!(verdict(&mut pair, 1, kind::OPEN, open), Err(PeerFault::Capability { discovery_key }));
    let again = pair.buyer.session.handle_bytes(pair.now, b"more");
    assert_eq!(again, Err(PeerFault::Capability { discovery_key }), "it stays ended");
    assert_eq!(pair.buyer.session.open(feed(1)), Err(OpenError::NotConnected));
}

#[test]
fn a_missing_capability_ends_the_session() {
    let mut pair = Pair::connected(SecurityPolicy::Offer);
    pair.buyer.session.open(feed(1)).unwrap();
    let discovery_key = feed(1).discovery_key();
    let open = Close::encode(Some(&discovery_key)).fields;
    assert_eq!(verdict(&mut pair, 1, kind::OPEN, open), Err(PeerFault::Capability { discovery_key }));
}

#[test]
fn a_reflected_capability_is_not_accepted() {
    let mut pair = Pair::connected(SecurityPolicy::Offer);
    pair.buyer.session.open(feed(1)).unwrap();
    let Phase::Connected(link) = &pair.buyer.session.phase else { panic!("connected") };
    let discovery_key = feed(1).discovery_key();
    let open = Open::encode(&discovery_key, &link.keys.capability(&feed(1))).fields;
    assert_eq!(verdict(&mut pair, 1, kind::OPEN, open), Err(PeerFault::Capability { discovery_key }));
}

#[test]
fn an_offer_without_proof_is_refused_when_it_is_taken() {
    let mut pair = Pair::connected(SecurityPolicy::Offer);
    let discovery_key = feed(1).discovery_key();
    let open = Open::encode(&discovery_key, &Capability([7; 32])).fields;
    verdict(&mut pair, 1, kind::OPEN, open).unwrap();
    assert_eq!(pair.buyer.happened(), [Event::Offered { discovery_key }]);
    assert_eq!(pair.buyer.session.open(feed(1)), Err(OpenError::Capability { discovery_key }));
    assert!(pair.buyer.session.outgoing_len() > 0, "the refusal");
    assert!(pair.buyer.session.channels.is_empty());
}

#[test]
fn a_number_or_feed_cannot_be_opened_twice() {
    for (number, seed, fault) in [
        (0, 1, PeerFault::ChannelNumber { number: 0 }),
        (9, 2, PeerFault::ChannelNumber { number: 9 }),
        (8, 1, PeerFault::OpenedTwice { discovery_key: feed(1).discovery_key() }),
    ] {
        let mut pair = Pair::connected(SecurityPolicy::Offer);
        let open = |seed| Open::encode(&feed(seed).discovery_key(), &Capability([7; 32])).fields;
        verdict(&mut pair, 9, kind::OPEN, open(1)).unwrap();
        assert_eq!(verdict(&mut pair, number, kind::OPEN, open(seed)), Err(fault));
    }
}

#[test]
fn a_refusal_does_not_close_a_feed_that_is_open() {
    let (mut pair, ..) = opened(SecurityPolicy::Offer);
    let close = Close::encode(Some(&feed(1).discovery_key())).fields;
    verdict(&mut pair, 50, kind::CLOSE, close).unwrap();
    assert_eq!(pair.buyer.happened(), []);
}

#[test]
fn malformed_control_messages_are_faults() {
    let invalid = |message, field| PeerFault::FieldInvalid { message, field };
    let long_name = "n".repeat(EXTENSION_NAME_BYTES_MAX + 1);
    let many_names = vec!["n".to_owned(); EXTENSIONS_MAX + 1];
    let repeated = PeerFault::FieldRepeated { message: "Options", field: "extensions", max: EXTENSIONS_MAX };
    for (kind, fields, fault) in [
        (kind::OPEN, vec![], PeerFault::FieldMissing { message: "Open", field: "discoveryKey" }),
        (kind::OPEN, vec![0x0a, 1, 1], invalid("Open", "discoveryKey")),
        (kind::OPEN, vec![0x08, 1], invalid("Open", "discoveryKey")),
        (kind::CLOSE, vec![0x0a, 1, 1], invalid("Close", "discoveryKey")),
        (kind::CLOSE, vec![0x0a], PeerFault::Malformed { message: "Close" }),
        (kind::OPTIONS, vec![0x0a, 1, 0xff], invalid("Options", "extensions")),
        (kind::OPTIONS, Options::encode(&[long_name], false).fields, invalid("Options", "extensions")),
        (kind::OPTIONS, Options::encode(&many_names, false).fields, repeated),
        (kind::EXTENSION, vec![], invalid("Extension", "id")),
        (kind::EXTENSION, vec![0xff; 11], invalid("Extension", "id")),
    ] {
        let mut pair = Pair::connected(SecurityPolicy::Offer);
        assert_eq!(verdict(&mut pair, 0, kind, fields), Err(fault));
    }
}

/// In the classic session a flipped bit arrives as another message; here it is noticed, wherever it is.
#[test]
fn a_flipped_byte_is_detected_when_frames_are_authenticated() {
    let (mut pair, _, seller) = opened(SecurityPolicy::Require);
    pair.seller.session.send(seller, &Message::Status { uploading: true, downloading: true }).unwrap();
    let bytes = pair.seller.take();
    for at in 2..bytes.len() {
        let (mut pair, ..) = opened(SecurityPolicy::Require);
        let mut changed = bytes.clone();
        changed[at] ^= 0x40;
        // One record was the seller's `Open`.
        assert_eq!(pair.buyer.receive(pair.now, &changed), Err(PeerFault::Tampered { record: 1 }));
    }

    let (mut pair, buyer, seller) = opened(SecurityPolicy::Classic);
    pair.seller.session.send(seller, &Message::Status { uploading: true, downloading: true }).unwrap();
    let mut bytes = pair.seller.take();
    *bytes.last_mut().unwrap() ^= 1;
    pair.buyer.receive(pair.now, &bytes).unwrap();
    let message = Message::Status { uploading: true, downloading: false };
    assert_eq!(
        pair.buyer.happened(),
        [Event::Message { channel: buyer, message }],
        "why one would require it"
    );
}

#[test]
fn a_remote_that_does_not_read_is_given_up() {
    let (mut pair, _, seller) = opened(SecurityPolicy::Classic);
    let message = block(0, vec![0; 1 << 20]);
    while pair.seller.session.outgoing_len() <= OUTGOING_BYTES_MAX {
        pair.seller.session.send(seller, &message).unwrap();
    }
    let bytes = pair.seller.session.outgoing_len();
    let fault = PeerFault::NotReading { bytes, max: OUTGOING_BYTES_MAX };
    assert_eq!(pair.seller.receive(pair.now, &[0]), Err(fault));
    assert_eq!(pair.seller.session.outgoing_len(), 0);
}

#[test]
fn an_announced_block_takes_no_memory_until_its_bytes_come() {
    let (mut pair, _, seller) = opened(SecurityPolicy::Classic);
    pair.seller.session.send(seller, &block(0, vec![0; 8_000_000])).unwrap();
    let bytes = pair.seller.take();
    pair.buyer.receive(pair.now, &bytes[..1000]).unwrap();
    let Phase::Connected(link) = &pair.buyer.session.phase else { panic!("connected") };
    assert!(link.buffered() < 10_000);
}

#[test]
fn no_fault_is_silent() {
    let (mut pair, ..) = opened(SecurityPolicy::Offer);
    let fault = verdict(&mut pair, 1, kind::DATA, vec![0x12, 0]).unwrap_err();
    assert_eq!(fault, PeerFault::FieldMissing { message: "Data", field: "index" });
    let session = &mut pair.buyer.session;
    assert_eq!(session.poll_event(), Err(fault.clone()));
    assert_eq!(session.handle_timeout(pair.now), Err(fault.clone()));
    assert_eq!(session.handle_bytes(pair.now, &[]), Err(fault));
    assert_eq!(session.send_extension("a", b""), Err(SendError::NotConnected));
}

/// Whatever a buyer says, a session ends or goes on, and holds no more than what it was given.
fn survive(pair: &mut Pair, pieces: &[Vec<u8>]) {
    let given: usize = pieces.iter().map(Vec::len).sum();
    for piece in pieces {
        if pair.seller.receive(pair.now, piece).is_err() {
            return;
        }
        if let Phase::Connected(link) = &pair.seller.session.phase {
            assert!(link.buffered() <= 2 * given + 4096);
        }
    }
}

fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 0..10)
}

proptest! {
    #[test]
    fn any_bytes_before_the_handshake(pieces in pieces()) {
        let mut pair = Pair::new(SecurityPolicy::Offer, SecurityPolicy::Offer, 10);
        survive(&mut pair, &pieces);
    }

    #[test]
    fn any_bytes_for_an_initiator(pieces in pieces()) {
        let mut pair = Pair::new(SecurityPolicy::Offer, SecurityPolicy::Offer, 10);
        std::mem::swap(&mut pair.buyer, &mut pair.seller);
        survive(&mut pair, &pieces);
    }

    #[test]
    fn any_bytes_after_the_handshake(pieces in pieces(), authenticated: bool) {
        let policy = if authenticated { SecurityPolicy::Offer } else { SecurityPolicy::Classic };
        let (mut pair, ..) = opened(policy);
        survive(&mut pair, &pieces);
    }

    /// Frames that are well encrypted, with any content: this gets past the cipher.
    #[test]
    fn any_frames_after_the_handshake(
        frames in prop::collection::vec((0..4u64, 0..16u8, prop::collection::vec(any::<u8>(), 0..80)), 0..20),
        authenticated: bool,
    ) {
        let policy = if authenticated { SecurityPolicy::Offer } else { SecurityPolicy::Classic };
        let (mut pair, ..) = opened(policy);
        for (channel, kind, fields) in frames {
            pair.buyer.session.write(channel, kind, &Body { fields, ..Body::default() });
        }
        let bytes = pair.buyer.take();
        survive(&mut pair, &[bytes]);
    }
}
