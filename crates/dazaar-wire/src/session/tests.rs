mod attacks;
mod channels;
mod extensions;
mod pair;
mod timers;

use std::time::Duration;

use bytes::Bytes;
use dazaar_log::{DiscoveryKey, FeedKey, FeedKeyPair};
use proptest::prelude::*;

use self::pair::{Pair, identity, session};
use super::*;
use crate::control::{Close, Extension, Open, Options};
use crate::frame::kind;
use crate::limits::BODY_BYTES_MAX;
use crate::message::{self, Data, Have, Message, Request};

fn feed(seed: u8) -> FeedKey {
    FeedKeyPair::from_seed(&[seed; 32]).public()
}

fn block(index: u64, value: Vec<u8>) -> Message {
    Message::Data(Data { index, value: Some(Bytes::from(value)), nodes: vec![], signature: None })
}

/// A connected pair with one feed open on both sides.
fn opened(policy: SecurityPolicy) -> (Pair, Channel, Channel) {
    let mut pair = Pair::connected(policy);
    let buyer = pair.buyer.session.open(feed(1)).unwrap();
    let seller = pair.seller.session.open(feed(1)).unwrap();
    pair.settle();
    assert_eq!(pair.buyer.happened(), [Event::Opened { channel: buyer }]);
    assert_eq!(pair.seller.happened(), [Event::Opened { channel: seller }]);
    (pair, buyer, seller)
}

#[test]
fn a_session_can_move_between_threads_and_does_not_print_secrets() {
    const fn movable<T: Send>() {}
    movable::<Session>();
    let config = Config {
        role: Role::Initiator,
        identity: &identity(1),
        expected: Expected::Anybody,
        security: SecurityPolicy::Offer,
        seed: [0xe7; 32],
        extensions: vec![],
    };
    assert!(!format!("{config:?}").contains("231"));
    let (pair, ..) = opened(SecurityPolicy::Classic);
    assert!(format!("{:?}", pair.buyer.session).contains("SplitKeys(..)"));
}

#[test]
fn both_sides_learn_who_the_other_is() {
    for (policy, security) in [
        (SecurityPolicy::Classic, Security::Classic),
        (SecurityPolicy::Offer, Security::Authenticated),
        (SecurityPolicy::Require, Security::Authenticated),
    ] {
        for chunk in [1, 3, 1000] {
            let mut pair = Pair::new(policy, policy, chunk);
            pair.settle();
            let connected = |remote| Event::Connected { remote, security };
            assert_eq!(pair.buyer.happened(), [connected(identity(2).public())]);
            assert_eq!(pair.seller.happened(), [connected(identity(1).public())]);
            let ours = policy != SecurityPolicy::Classic;
            assert_eq!(pair.buyer.session.remote_authenticates(), ours);
            assert_eq!(pair.seller.session.remote_authenticates(), ours);
        }
    }
}

fn secret(hex: &str) -> [u8; 32] {
    hex::decode(hex).unwrap().try_into().unwrap()
}

/// The first frames of a real buyer and a real seller, whose handshake the tests of `handshake` follow.
#[test]
fn the_first_frames_agree_with_the_vector() {
    let now = Duration::ZERO;
    let start = |role, key, ephemeral, nonce| {
        let names = ["valid", "invalid", "terms-of-use", "seller-id", "one-time-feed"];
        let config = Config {
            role,
            identity: &IdentityKeyPair::from_secret(&secret(key)),
            expected: Expected::Anybody,
            security: SecurityPolicy::Classic,
            seed: [0; 32],
            extensions: names.map(|name| format!("dazaar/{name}")).to_vec(),
        };
        Session::with_secrets(config, &Secrets { ephemeral: secret(ephemeral), nonce: [nonce; 24] }, now)
    };
    let mut buyer = start(
        Role::Initiator,
        "62a83df332d35d4e325322e0771d51fba1f19b689d5f2d528ebe8307a37c3a9c",
        "36f2bb061c77c1e1eb283c39fabe8eab7ae27e749778a0dcba5ff57483f61c75",
        0x12,
    );
    let mut seller = start(
        Role::Responder,
        "fae01880b49af2948bf3e7fdff920daaea3ab85fcd1ad38210081f703ff8159f",
        "52fdc6ee10175753a7dbf152ba4ee0c4e9014936fdb1316f97430fbf1a6eeb9c",
        0x11,
    );
    seller.handle_bytes(now, buyer.outgoing()).unwrap();
    buyer.consume(buyer.outgoing_len());
    buyer.handle_bytes(now, seller.outgoing()).unwrap();
    seller.consume(seller.outgoing_len());
    seller.handle_bytes(now, buyer.outgoing()).unwrap();
    buyer.consume(buyer.outgoing_len());

    buyer.open("59de81e93f3436451f6b8ac6d17a2036acbf85de44ad7db644caf306ce04c0a9".parse().unwrap()).unwrap();
    let first = "46d0788876828555e7d517f900597a3db8a8901f3f348e7ba475dec34dd2ff87f3c66842698e026eac93f70cf415515a92c7\
        18c776997e1f2343ea4256dafdf0f61bb8a29837";
    assert_eq!(hex::encode(buyer.outgoing()), first);
    seller.send_extension("dazaar/seller-id", &[0x10; 32]).unwrap();
    let first = "8e60c401cd361d595234d7184e01e4ce22d4db4ef8a724cef231fca7421fff61440dab98b9d38d70a4d5ec52dc2b4a3abd20\
        921daa4aeb775307f58cf97901cd90961433c739f9af6dd7195ac5b517bab8c99ed30535f87074965cf196";
    assert_eq!(hex::encode(&seller.outgoing()[..93]), first);
}

#[test]
fn blocks_arrive_in_order_whatever_their_size() {
    for policy in [SecurityPolicy::Classic, SecurityPolicy::Offer] {
        let (mut pair, buyer, seller) = opened(policy);
        let messages: Vec<Message> = [0, 1, 65_000, 65_519, 200_000, 3]
            .iter()
            .enumerate()
            .map(|(index, size)| block(index as u64, vec![index as u8; *size]))
            .collect();
        for message in &messages {
            pair.seller.session.send(seller, message).unwrap();
        }
        pair.settle();
        let expected: Vec<Event> =
            messages.into_iter().map(|message| Event::Message { channel: buyer, message }).collect();
        assert!(pair.buyer.happened() == expected);
    }
}

#[test]
fn the_longest_block_fits_and_a_longer_one_is_not_sent() {
    let (mut pair, _, seller) = opened(SecurityPolicy::Offer);
    // Index and heads take seven bytes.
    let longest = BODY_BYTES_MAX - 7;
    pair.seller.session.send(seller, &block(1, vec![1; longest])).unwrap();
    pair.settle();
    assert_eq!(pair.buyer.happened().len(), 1);
    let too_long = SendError::TooLong { bytes: BODY_BYTES_MAX + 1, max: BODY_BYTES_MAX };
    assert_eq!(pair.seller.session.send(seller, &block(1, vec![1; longest + 1])), Err(too_long));
}

#[test]
fn the_socket_may_take_any_number_of_bytes() {
    let (mut pair, buyer, seller) = opened(SecurityPolicy::Classic);
    let mut carried = Vec::new();
    for index in 0..100 {
        pair.seller.session.send(seller, &block(index, vec![7; 100])).unwrap();
        let count = pair.seller.session.outgoing_len() * (index as usize % 4) / 3;
        let count = count.min(pair.seller.session.outgoing_len());
        carried.extend_from_slice(&pair.seller.session.outgoing()[..count]);
        pair.seller.session.consume(count);
    }
    carried.extend(pair.seller.take());
    pair.buyer.receive(pair.now, &carried).unwrap();
    let messages = pair.buyer.happened().into_iter().map(|event| match event {
        Event::Message { channel, message: Message::Data(data) } if channel == buyer => data.index,
        other => panic!("{other:?}"),
    });
    assert!(messages.eq(0..100));
}

fn any_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        Just(Message::Options { ack: true }),
        (any::<u64>(), any::<u64>()).prop_map(|(start, length)| Message::Have(Have::range(start, length))),
        (any::<u64>(), any::<u64>()).prop_map(|(start, length)| Message::Want { start, length }),
        any::<u64>().prop_map(|index| Message::Request(Request { index, bytes: 0, hash: true, nodes: 9 })),
        (any::<u64>(), prop::collection::vec(any::<u8>(), 0..400))
            .prop_map(|(index, value)| block(index, value)),
    ]
}

proptest! {
    #[test]
    fn messages_arrive_however_the_bytes_are_cut(
        messages in prop::collection::vec(any_message(), 0..20),
        chunk in 1..500usize,
        authenticated: bool,
    ) {
        let policy = if authenticated { SecurityPolicy::Offer } else { SecurityPolicy::Classic };
        let mut pair = Pair::new(policy, policy, chunk);
        pair.settle();
        let channel = pair.buyer.session.open(feed(1)).unwrap();
        let remote = pair.seller.session.open(feed(1)).unwrap();
        pair.settle();
        pair.buyer.happened();
        for message in &messages {
            pair.seller.session.send(remote, message).unwrap();
        }
        pair.settle();
        let expected: Vec<Event> =
            messages.into_iter().map(|message| Event::Message { channel, message }).collect();
        prop_assert_eq!(pair.buyer.happened(), expected);
    }
}
