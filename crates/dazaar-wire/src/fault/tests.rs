use super::*;

#[test]
fn every_fault_says_which_rule_was_broken() {
    let (message, field) = ("Data", "index");
    let limit = Duration::from_secs(20);
    let key = |byte| IdentityKey([byte; 32]);
    let discovery_key = DiscoveryKey([0x99; 32]);
    let nines = "99".repeat(32);
    for (fault, text) in [
        (
            PeerFault::HandshakeTooLong { bytes: 1025, max: 1024 },
            "handshake message of 1025 bytes, at most 1024 are accepted",
        ),
        (PeerFault::Handshake { message: 2 }, "handshake message 2 is not valid"),
        (PeerFault::WeakKey, "the remote used a key of small order"),
        (PeerFault::Nonce { message: 3 }, "handshake message 3 carries no nonce"),
        (PeerFault::NotAuthenticated, "the remote does not support authenticated frames"),
        (PeerFault::Tampered { record: 7 }, "encrypted record 7 is not authentic"),
        (PeerFault::VarintTooLong { max: 7 }, "a frame's varint is longer than 7 bytes"),
        (PeerFault::FrameTooLong { bytes: 9, max: 8 }, "frame of 9 bytes, at most 8 are accepted"),
        (PeerFault::FrameTooShort { bytes: 1 }, "a frame of 1 bytes ends within its header"),
        (PeerFault::Malformed { message }, "a `Data` message is not valid protobuf"),
        (PeerFault::FieldInvalid { message, field }, "field `index` of a `Data` message is not valid"),
        (PeerFault::FieldMissing { message, field }, "a `Data` message lacks `index`"),
        (
            PeerFault::FieldRepeated { message, field, max: 256 },
            "more than 256 times `index` in a `Data` message",
        ),
        (PeerFault::ChannelNumber { number: 0 }, "channel number 0 cannot be opened"),
        (PeerFault::TooManyChannels { max: 128 }, "more than 128 channels"),
        (PeerFault::NotReading { bytes: 9, max: 8 }, "9 bytes wait to be read by the remote, at most 8 may"),
        (PeerFault::HandshakeTimeout { limit }, "no handshake within 20 s"),
        (PeerFault::Silent { limit }, "nothing received for 20 s"),
    ] {
        assert_eq!(fault.to_string(), text);
    }
    let fault = PeerFault::WrongIdentity { expected: key(1), actual: key(2) };
    assert_eq!(fault.to_string(), format!("expected peer {}, reached {}", "01".repeat(32), "02".repeat(32)));
    let fault = PeerFault::Capability { discovery_key };
    assert_eq!(fault.to_string(), format!("wrong capability for feed {nines}"));
    let fault = PeerFault::OpenedTwice { discovery_key };
    assert_eq!(fault.to_string(), format!("feed {nines} is already open"));
}
