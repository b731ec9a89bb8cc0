use std::time::Duration;

use super::*;
use crate::limits::{HANDSHAKE_TIMEOUT, SILENCE_TIMEOUT};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_idle_session_is_kept_alive() {
    for policy in [SecurityPolicy::Classic, SecurityPolicy::Offer] {
        let (mut pair, buyer, seller) = opened(policy);
        pair.pass(Duration::from_secs(3600)).unwrap();
        pair.seller.session.send(seller, &block(1, vec![1])).unwrap();
        pair.settle();
        let message = block(1, vec![1]);
        assert_eq!(pair.buyer.happened(), [Event::Message { channel: buyer, message }]);
    }
}

#[test]
fn a_keep_alive_is_due_ten_seconds_after_the_last_bytes() {
    let mut pair = Pair::connected(SecurityPolicy::Classic);
    let session = &mut pair.buyer.session;
    let due = pair.now + 10 * SECOND;
    assert_eq!(session.poll_timeout(), Some(due));
    session.handle_timeout(due - SECOND / 1000).unwrap();
    assert_eq!(session.outgoing_len(), 0);
    session.handle_timeout(due).unwrap();
    assert_eq!(session.outgoing_len(), 1);
    session.handle_timeout(due + 9 * SECOND).unwrap();
    assert_eq!(session.outgoing_len(), 1);
    assert_eq!(session.poll_timeout(), Some(pair.now + SILENCE_TIMEOUT));
}

#[test]
fn keep_alives_do_not_pile_up_before_a_slow_socket() {
    let mut pair = Pair::connected(SecurityPolicy::Classic);
    for second in 1..200 {
        let now = pair.now + second * SECOND;
        pair.buyer.receive(now, &[]).unwrap();
        pair.buyer.session.handle_timeout(now).unwrap();
    }
    assert_eq!(pair.buyer.session.outgoing_len(), 1);
}

#[test]
fn a_silent_remote_is_given_up() {
    let mut pair = Pair::connected(SecurityPolicy::Offer);
    let (now, session) = (pair.now, &mut pair.buyer.session);
    session.handle_timeout(now + SILENCE_TIMEOUT - SECOND / 1000).unwrap();
    let fault = PeerFault::Silent { limit: SILENCE_TIMEOUT };
    assert_eq!(session.handle_timeout(now + SILENCE_TIMEOUT), Err(fault.clone()));
    assert_eq!(session.poll_timeout(), None);
    assert_eq!(session.outgoing_len(), 0);
    assert_eq!(session.poll_event(), Err(fault));
}

#[test]
fn a_handshake_that_drips_in_is_given_up_at_its_deadline() {
    let start = Duration::from_secs(5);
    let mut seller = session(Role::Responder, SecurityPolicy::Offer, start);
    let message = [&[58][..], &[9; 57]].concat();
    let mut now = start;
    let fault = PeerFault::HandshakeTimeout { limit: HANDSHAKE_TIMEOUT };
    for byte in message {
        now += SECOND;
        let result = seller.handle_bytes(now, &[byte]);
        if now < start + HANDSHAKE_TIMEOUT {
            assert_eq!(result, Ok(()));
            assert_eq!(seller.poll_timeout(), Some(start + HANDSHAKE_TIMEOUT));
        } else {
            assert_eq!(result, Err(fault.clone()));
        }
    }
    let mut seller = session(Role::Responder, SecurityPolicy::Offer, start);
    assert_eq!(seller.handle_timeout(start + HANDSHAKE_TIMEOUT), Err(fault));
}
