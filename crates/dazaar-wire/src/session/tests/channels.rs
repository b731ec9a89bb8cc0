use super::*;
use crate::limits::{CHANNELS_MAX, OFFERS_MAX};

#[test]
fn an_offer_can_be_taken() {
    let mut pair = Pair::connected(SecurityPolicy::Classic);
    let buyer = pair.buyer.session.open(feed(1)).unwrap();
    pair.settle();
    assert_eq!(pair.buyer.happened(), []);
    let discovery_key = feed(1).discovery_key();
    assert_eq!(pair.seller.happened(), [Event::Offered { discovery_key }]);

    let seller = pair.seller.session.open(feed(1)).unwrap();
    assert_eq!(pair.seller.happened(), [Event::Opened { channel: seller }]);
    assert_eq!(pair.seller.session.open(feed(1)), Ok(seller), "a feed keeps its channel");
    assert_eq!(pair.seller.session.feed(seller), Some(feed(1)));
    pair.settle();
    assert_eq!(pair.buyer.happened(), [Event::Opened { channel: buyer }]);
    assert_eq!(pair.seller.happened(), []);
}

#[test]
fn an_offer_can_be_refused_and_made_again() {
    let mut pair = Pair::connected(SecurityPolicy::Classic);
    let discovery_key = feed(1).discovery_key();
    for _ in 0..3 {
        let channel = pair.buyer.session.open(feed(1)).unwrap();
        pair.settle();
        assert_eq!(pair.seller.happened(), [Event::Offered { discovery_key }]);
        pair.seller.session.refuse(discovery_key);
        pair.seller.session.refuse(discovery_key);
        pair.settle();
        assert_eq!(pair.buyer.happened(), [Event::Refused { channel, discovery_key }]);
        assert_eq!(pair.seller.happened(), []);
    }
    assert!(pair.buyer.session.channels.is_empty());
    assert!(pair.seller.session.channels.is_empty());
}

#[test]
fn refusing_a_feed_agrees_with_the_vector() {
    let mut pair = Pair::connected(SecurityPolicy::Classic);
    let key = DiscoveryKey([0x99; 32]);
    let body = Close::encode(Some(&key));
    let mut out = Vec::new();
    frame::encode(1, kind::CLOSE, &body, &mut out);
    assert_eq!(hex::encode(&out), format!("231a0a20{}", "99".repeat(32)));
    pair.buyer.session.write(1, kind::OPEN, &Open::encode(&key, &crate::capability::Capability([0; 32])));
    pair.settle();
    pair.seller.session.refuse(key);
    assert_eq!(pair.seller.session.outgoing_len(), out.len());
}

#[test]
fn closing_is_answered_and_the_last_close_ends() {
    let (mut pair, buyer, seller) = opened(SecurityPolicy::Offer);
    let other = pair.buyer.session.open(feed(2)).unwrap();
    pair.seller.session.open(feed(2)).unwrap();
    pair.settle();
    pair.buyer.happened();
    pair.seller.happened();

    pair.seller.session.close(seller);
    pair.settle();
    assert_eq!(pair.buyer.happened(), [Event::Closed { channel: buyer }]);
    assert_eq!(pair.seller.happened(), []);
    pair.buyer.session.close(other);
    pair.settle();
    assert!(matches!(pair.seller.happened()[..], [Event::Closed { .. }, Event::Ended]));
    assert!(pair.buyer.session.channels.is_empty());
    assert!(pair.seller.session.channels.is_empty());
}

#[test]
fn a_closed_feed_can_be_opened_again_on_a_new_channel() {
    let (mut pair, first, seller) = opened(SecurityPolicy::Classic);
    pair.seller.session.close(seller);
    pair.settle();
    let again = pair.buyer.session.open(feed(1)).unwrap();
    assert_ne!(first, again);
    pair.settle();
    pair.seller.session.open(feed(1)).unwrap();
    pair.settle();
    assert_eq!(
        pair.buyer.happened(),
        [Event::Closed { channel: first }, Event::Ended, Event::Opened { channel: again },]
    );
}

#[test]
fn both_may_close_at_the_same_time() {
    let (mut pair, buyer, seller) = opened(SecurityPolicy::Classic);
    pair.buyer.session.close(buyer);
    pair.seller.session.close(seller);
    pair.settle();
    assert_eq!((pair.buyer.happened(), pair.seller.happened()), (vec![], vec![]));
    assert!(pair.buyer.session.channels.is_empty());
    assert!(pair.seller.session.channels.is_empty());
}

#[test]
fn messages_of_a_closed_or_unopened_channel_are_ignored() {
    let (mut pair, buyer, seller) = opened(SecurityPolicy::Classic);
    let late = Message::Want { start: 0, length: 1 << 20 };
    pair.seller.session.send(seller, &late).unwrap();
    pair.buyer.session.close(buyer);
    pair.buyer.session.send(buyer, &late).unwrap();
    let unopened = pair.seller.session.open(feed(3)).unwrap();
    pair.seller.session.send(unopened, &late).unwrap();
    pair.seller.session.write(999, kind::WANT, &Body::default());
    pair.seller.session.write(0, kind::WANT, &Body::default());
    pair.settle();
    let discovery_key = feed(3).discovery_key();
    assert_eq!(pair.buyer.happened(), [Event::Offered { discovery_key }]);
    assert!(matches!(pair.seller.happened()[..], [Event::Closed { .. }]));
}

#[test]
fn any_channel_number_will_do() {
    for number in [5, 7, 1 << 40] {
        let mut pair = Pair::connected(SecurityPolicy::Classic);
        let channel = pair.buyer.session.open(feed(1)).unwrap();
        let Phase::Connected(link) = &pair.seller.session.phase else { panic!("connected") };
        let open = Open::encode(&feed(1).discovery_key(), &link.keys.capability(&feed(1)));
        pair.seller.session.write(number, kind::OPEN, &open);
        let (kind, body) = message::encode(&Message::Unhave { start: 3, length: 1 }, &[]);
        pair.seller.session.write(number, kind, &body);
        pair.settle();
        let message = Message::Unhave { start: 3, length: 1 };
        let expected = [Event::Opened { channel }, Event::Message { channel, message }];
        assert_eq!(pair.buyer.happened(), expected);
    }
}

#[test]
fn a_feed_cannot_be_opened_before_the_handshake() {
    let mut pair = Pair::new(SecurityPolicy::Offer, SecurityPolicy::Offer, 10);
    assert_eq!(pair.buyer.session.open(feed(1)), Err(OpenError::NotConnected));
}

#[test]
fn the_number_of_offers_is_bounded() {
    let mut pair = Pair::connected(SecurityPolicy::Offer);
    for seed in 0..=OFFERS_MAX as u8 {
        pair.buyer.session.open(feed(seed)).unwrap();
    }
    assert_eq!(pair.try_settle(), Err(PeerFault::TooManyChannels { max: OFFERS_MAX }));
    assert_eq!(pair.seller.events.len(), OFFERS_MAX);
}

#[test]
fn the_number_of_channels_is_bounded() {
    let mut pair = Pair::connected(SecurityPolicy::Offer);
    for seed in 0..=CHANNELS_MAX as u8 {
        pair.seller.session.open(feed(seed)).unwrap();
        pair.buyer.session.open(feed(seed)).unwrap();
    }
    assert_eq!(pair.try_settle(), Err(PeerFault::TooManyChannels { max: CHANNELS_MAX }));
}
