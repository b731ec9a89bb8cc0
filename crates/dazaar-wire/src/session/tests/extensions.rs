use super::*;
use crate::frame;

const SIX: [&str; 6] = [
    "dazaar/valid",
    "dazaar/user-message",
    "dazaar/terms-of-use",
    "dazaar/seller-id",
    "dazaar/one-time-feed",
    "dazaar/invalid",
];

fn received(name: &str, payload: &'static [u8]) -> Event {
    Event::Extension { name: name.to_owned(), payload: Bytes::from_static(payload) }
}

fn frame(kind: u8, body: &Body<'_>) -> String {
    let mut out = Vec::new();
    frame::encode(0, kind, body, &mut out);
    hex::encode(out)
}

#[test]
fn frames_agree_with_the_vectors() {
    let mut names = LocalExtensions::default();
    names.set(SIX);
    let options = "71010a0e64617a6161722f696e76616c69640a1464617a6161722f6f6e652d74696d652d666565640a1064617a6161722f73\
        656c6c65722d69640a1364617a6161722f7465726d732d6f662d7573650a1364617a6161722f757365722d6d6573736167650a0c64617a\
        6161722f76616c6964";
    assert_eq!(frame(kind::OPTIONS, &Options::encode(names.announce().unwrap(), false)), options);
    let invalid = r#"{"error":"no pay"}"#;
    let user = r#"{"name":"ping","message":{"n":1}}"#;
    let valid = r#"{"type":"time","remaining":5}"#;
    let key = hex::decode("59de81e93f3436451f6b8ac6d17a2036acbf85de44ad7db644caf306ce04c0a9").unwrap();
    let id = [0x10; 32];
    for (name, payload, head) in [
        ("dazaar/invalid", invalid.as_bytes(), "140f00"),
        ("dazaar/one-time-feed", &key, "220f01"),
        ("dazaar/seller-id", &id, "220f02"),
        ("dazaar/terms-of-use", b"be nice", "090f03"),
        ("dazaar/user-message", user.as_bytes(), "230f04"),
        ("dazaar/valid", valid.as_bytes(), "1f0f05"),
    ] {
        let encoded = frame(kind::EXTENSION, &Extension::encode(names.id(name).unwrap(), payload));
        assert_eq!(encoded, format!("{head}{}", hex::encode(payload)));
    }
}

/// A JS seller registers `user-message` late, so that the number of `valid` changes from 4 to 5 on the way.
#[test]
fn numbers_follow_the_list_that_was_announced_last() {
    let mut pair = Pair::connected(SecurityPolicy::Classic);
    pair.buyer.session.set_extensions(SIX);
    let seller = &mut pair.seller.session;
    seller.set_extensions(SIX.into_iter().filter(|name| *name != "dazaar/user-message"));
    seller.send_extension("dazaar/seller-id", b"me").unwrap();
    seller.send_extension("dazaar/valid", b"4").unwrap();
    seller.set_extensions(SIX);
    seller.send_extension("dazaar/valid", b"5").unwrap();
    seller.set_extensions(["dazaar/valid"]);
    seller.send_extension("dazaar/valid", b"0").unwrap();
    pair.settle();
    assert_eq!(
        pair.buyer.happened(),
        [
            received("dazaar/seller-id", b"me"),
            received("dazaar/valid", b"4"),
            received("dazaar/valid", b"5"),
            received("dazaar/valid", b"0"),
        ]
    );
    assert_eq!(pair.buyer.session.remote_extensions(), ["dazaar/valid"]);
}

#[test]
fn names_are_announced_once_and_only_when_needed() {
    let mut pair = Pair::connected(SecurityPolicy::Classic);
    let session = &mut pair.seller.session;
    session.set_extensions(["b", "a"]);
    assert_eq!(session.outgoing_len(), 0);
    session.send_extension("a", b"1").unwrap();
    assert_eq!(session.outgoing_len(), "0701".len() / 2 + 6 + "030f0031".len() / 2);
    let before = session.outgoing_len();
    session.set_extensions(["a", "b", "a"]);
    session.send_extension("b", b"2").unwrap();
    assert_eq!(session.outgoing_len(), before + 4);
}

#[test]
fn unknown_numbers_and_names_are_ignored() {
    let mut pair = Pair::connected(SecurityPolicy::Classic);
    pair.buyer.session.set_extensions(["known", "unannounced"]);
    pair.seller.session.set_extensions(["known", "strange"]);
    pair.seller.session.send_extension("strange", b"?").unwrap();
    for id in [2, 1 << 53, u64::MAX] {
        pair.seller.session.write(0, kind::EXTENSION, &Extension::encode(id, b"?"));
        pair.seller.session.write(77, kind::EXTENSION, &Extension::encode(id, b"?"));
    }
    pair.seller.session.send_extension("known", b"!").unwrap();
    pair.settle();
    assert_eq!(pair.buyer.happened(), [received("known", b"!")]);
    assert_eq!(pair.seller.session.send_extension("other", b""), Err(SendError::UnknownExtension));
}

#[test]
fn nothing_is_sent_before_the_handshake_is_done() {
    let mut pair = Pair::new(SecurityPolicy::Offer, SecurityPolicy::Offer, 10);
    pair.seller.session.set_extensions(["a"]);
    assert_eq!(pair.seller.session.send_extension("a", b""), Err(SendError::NotConnected));
    pair.buyer.session.set_extensions(["a"]);
    pair.settle();
    pair.buyer.happened();
    pair.seller.session.send_extension("a", b"").unwrap();
    pair.settle();
    assert_eq!(pair.buyer.happened(), [received("a", b"")]);
}

#[test]
fn a_channel_has_extensions_of_its_own() {
    let mut pair = Pair::connected(SecurityPolicy::Offer);
    pair.buyer.session.set_extensions(["range"]);
    let buyer = pair.buyer.session.open(feed(1)).unwrap();
    pair.buyer.session.set_channel_extensions(buyer, ["zeta", "range"]);
    pair.settle();
    let seller = pair.seller.session.open(feed(1)).unwrap();
    pair.seller.session.set_channel_extensions(seller, ["alpha", "range"]);
    pair.settle();
    assert_eq!(pair.buyer.session.channel_extensions(buyer), ["alpha", "range"]);
    assert_eq!(pair.seller.session.channel_extensions(seller), ["range", "zeta"]);

    pair.buyer.happened();
    pair.seller.session.send_channel_extension(seller, "alpha", b"?").unwrap();
    pair.seller.session.send_channel_extension(seller, "range", b"0..9").unwrap();
    pair.settle();
    let (name, payload) = ("range".to_owned(), Bytes::from_static(b"0..9"));
    assert_eq!(pair.buyer.happened(), [Event::ChannelExtension { channel: buyer, name, payload }]);
}
