//! Sessions and the replication on them.

use dazaar_log::{Feed, Log, MemoryStorage};
use dazaar_wire::replication::{Download, Options, PeerId, Replication, Transfer};
use dazaar_wire::{Channel, Event, PeerFault, Role, Session};

use crate::feed;
use crate::line::{Line, NOW, session as fresh_session};

const PEER: PeerId = PeerId(1);

/// Bytes that wait for a socket which never takes them; beyond that we stop making more.
const OUTGOING_MAX: usize = 1 << 20;

/// Bytes of a stranger who does not follow the handshake. The first says in which role we are, the second in which pieces
/// they arrive.
pub fn handshake(data: &[u8]) {
    let &[role, piece, ref bytes @ ..] = data else { return };
    let mut session = fresh_session(role_of(role), &[]);
    for piece in bytes.chunks(usize::from(piece) + 1) {
        if session.handle_bytes(NOW, piece).is_err() || !polls_to_the_end(&mut session) {
            return;
        }
    }
    assert_eq!(session.remote(), None, "a handshake without keys");
}

/// Bytes of somebody who completed the handshake. The first says in which role we are.
pub fn session(data: &[u8]) {
    let Some((role, plain)) = data.split_first() else { return };
    let mut line = Line::connect(role_of(*role));
    if line.say(plain).is_ok() {
        polls_to_the_end(&mut line.victim);
    }
}

/// Bytes of a buyer on a feed that we sell. The first says whether it is re-keyed, and whether ranges are sent.
pub fn upload(data: &[u8]) {
    let Some((kind, plain)) = data.split_first() else { return };
    let feed = match kind & 1 {
        0 => Feed::own(feed::pair().public()),
        _ => Feed::rekeyed(dazaar_log::FeedKeyPair::from_seed(&[8; 32])),
    };
    let mut log = feed::honest();
    let replication = Replication::new(feed, Options { download: Download::None, seed: 0 });
    converse(Role::Responder, transfer_of(*kind), replication, &mut log, plain);
    assert_eq!(log.length(), feed::LENGTH, "a buyer wrote into the feed");
    feed::assert_honest(&log);
}

/// Bytes of a seller whose feed we buy. The first says what we want, and whether ranges are sent.
pub fn download(data: &[u8]) {
    let Some((kind, plain)) = data.split_first() else { return };
    let download = [Download::All, Download::Linear, Download::Sparse][usize::from(*kind) % 3];
    let mut log = feed::reader();
    let mut replication = Replication::new(Feed::own(log.key()), Options { download, seed: 1 });
    replication.want(0..feed::LENGTH);
    converse(Role::Initiator, transfer_of(*kind), replication, &mut log, plain);
    feed::assert_honest(&log);
}

const fn transfer_of(kind: u8) -> Transfer {
    if kind & 0x80 == 0 { Transfer::Blocks } else { Transfer::Ranges }
}

const fn role_of(byte: u8) -> Role {
    if byte & 1 == 0 { Role::Initiator } else { Role::Responder }
}

/// Takes all events; whether the session still lives.
fn polls_to_the_end(session: &mut Session) -> bool {
    loop {
        match session.poll_event() {
            Ok(Some(Event::Offered { discovery_key })) => session.refuse(discovery_key),
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// What a driver does with a session and one feed on it, as long as the peer behaves. How many bytes it would send.
fn converse(
    role: Role,
    transfer: Transfer,
    mut replication: Replication,
    log: &mut Log<MemoryStorage>,
    plain: &[u8],
) -> usize {
    let mut line = Line::connect(role);
    let key = replication.feed().key();
    let channel = line.open(key);
    replication.add_peer(PEER, transfer);
    speak(&mut line.victim, channel, &mut replication, log);
    if line.say(plain).is_ok() {
        // The end of a session is as good as anything else.
        let _ = listen(&mut line.victim, channel, &mut replication, log);
    }
    while replication.poll_event(log).is_some() {}
    line.victim.outgoing_len()
}

fn listen(
    session: &mut Session,
    channel: Channel,
    replication: &mut Replication,
    log: &mut Log<MemoryStorage>,
) -> Result<(), PeerFault> {
    while let Some(event) = session.poll_event()? {
        match event {
            Event::Message { message, .. } => {
                let outcome = replication.handle_message(PEER, message, log, NOW);
                if outcome.is_err() {
                    return Ok(());
                }
            }
            Event::Offered { discovery_key } => session.refuse(discovery_key),
            Event::Closed { .. } | Event::Refused { .. } | Event::Ended => return Ok(()),
            _ => {}
        }
        speak(session, channel, replication, log);
    }
    Ok(())
}

fn speak(session: &mut Session, channel: Channel, replication: &mut Replication, log: &Log<MemoryStorage>) {
    while session.outgoing_len() < OUTGOING_MAX {
        let Ok(Some(message)) = replication.poll_message(PEER, log, NOW) else { return };
        session.send(channel, &message).expect("the channel is open");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds;

    #[test]
    fn an_honest_seller_is_understood() {
        for (nth, transfer) in [(0, Transfer::Blocks), (3, Transfer::Ranges)] {
            let mut log = feed::reader();
            let replication =
                Replication::new(Feed::own(log.key()), Options { download: Download::All, seed: 1 });
            let seed = &seeds::of("download")[nth];
            converse(Role::Initiator, transfer, replication, &mut log, &seed[1..]);
            assert_eq!(log.downloaded(), feed::LENGTH, "{transfer:?}");
        }
    }

    #[test]
    fn an_honest_buyer_is_answered() {
        let mut log = feed::honest();
        let replication =
            Replication::new(Feed::own(log.key()), Options { download: Download::None, seed: 0 });
        let seed = &seeds::of("upload")[0];
        let sent = converse(Role::Responder, Transfer::Blocks, replication, &mut log, &seed[1..]);
        assert!(sent > 3 * 64, "{sent} bytes hold no proofs");
        let replication =
            Replication::new(Feed::own(log.key()), Options { download: Download::None, seed: 0 });
        let seed = &seeds::of("upload")[2];
        let sent = converse(Role::Responder, Transfer::Ranges, replication, &mut log, &seed[1..]);
        assert!(sent > 3 * 64, "{sent} bytes hold no ranges");
    }

    #[test]
    fn control_messages_are_understood() {
        for role in [Role::Initiator, Role::Responder] {
            let mut line = Line::connect(role);
            line.say(&seeds::of("session")[0][1..]).expect("honest bytes");
            let mut events = Vec::new();
            while let Some(event) = line.victim.poll_event().expect("honest messages") {
                events.push(event);
            }
            assert!(
                matches!(&events[..], [Event::Extension { .. }, Event::Offered { .. }, ..]),
                "{events:?}"
            );
        }
    }
}
