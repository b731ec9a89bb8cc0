//! Datagrams of the DHT and packets of multicast DNS.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use dazaar_wire::discovery::limits::{ANSWER_BYTES_MAX, OUTGOING_MAX};
use dazaar_wire::discovery::mdns::Packet;
use dazaar_wire::discovery::message::{Kind, Message};
use dazaar_wire::discovery::{Announcement, Contact, Lan, Mode, Node, NodeConfig, NodeId, Reach, Topic};

/// What the node is busy with.
pub(crate) const TOPIC: Topic = Topic([7; 32]);

/// Who says everything.
const STRANGER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(8, 0, 0, 1), 49737);

/// A datagram: the same again, and a node that survives it. The first byte says how the node is busy; the rest are datagrams, each
/// behind its length. The number of an answer is taken from the node's last request, or no answer would ever count.
pub fn dht(data: &[u8]) {
    if let Ok(message) = Message::decode(data) {
        let again = Message::decode(&message.encode()).expect("what we write we read");
        assert_eq!(again, message);
    }
    let Some((busy, mut rest)) = data.split_first() else { return };
    let mode = if busy & 1 == 0 { Mode::Full } else { Mode::Client };
    let config = NodeConfig { seed: [*busy; 32], mode, bootstrap: vec![STRANGER], reach: Reach::Public };
    let mut now = Duration::ZERO;
    let mut node = Node::new(config, now);
    if busy & 2 != 0 {
        node.announce(now, TOPIC, Announcement { port: 80, local: None });
    }
    if busy & 4 != 0 {
        node.look_up(now, TOPIC, Some(SocketAddrV4::new(Ipv4Addr::new(192, 168, 0, 1), 0)));
    }
    let mut asked = (STRANGER, 0);
    while let Some((length, after)) = rest.split_first() {
        let (datagram, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        drain(&mut node, &mut asked);
        match Message::decode(datagram) {
            Ok(message) if message.kind == Kind::Response => {
                let answer = Message { number: asked.1, ..message };
                node.handle_datagram(now, asked.0, &answer.encode());
            }
            _ => node.handle_datagram(now, STRANGER, datagram),
        }
        drain(&mut node, &mut asked);
        now = node.poll_timeout();
        node.handle_timeout(now);
    }
}

/// Takes what the node sends, and remembers whom it asked last.
fn drain(node: &mut Node, asked: &mut (SocketAddrV4, u64)) {
    let mut sent = 0;
    while let Some((to, datagram)) = node.poll_datagram() {
        sent += 1;
        assert!(sent <= OUTGOING_MAX && datagram.len() <= ANSWER_BYTES_MAX);
        let message = Message::decode(&datagram).expect("what we send we read");
        if message.kind != Kind::Response {
            *asked = (to, message.number);
        }
    }
    while node.poll_event().is_some() {}
}

/// A packet: the same again, and a machine that survives it.
pub fn mdns(data: &[u8]) {
    if let Some(packet) = Packet::decode(data) {
        let bytes = packet.encode().expect("what we read we write");
        assert_eq!(Packet::decode(&bytes).map(|again| again == packet), Some(true));
    }
    let mut lan = Lan::new([1; 32]);
    lan.announce(TOPIC, 80);
    lan.look_up(Duration::ZERO, TOPIC);
    for second in 0..3 {
        lan.handle_packet(Duration::from_secs(second), *STRANGER.ip(), data);
        while let Some(packet) = lan.poll_packet() {
            assert!(Packet::decode(&packet).is_some());
        }
        while let Some((topic, _)) = lan.poll_peer() {
            assert_eq!(topic, TOPIC);
        }
    }
}

/// The seeds of a target; none if it is not about discovery.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    match target {
        "dht" => vec![talk(0, &questions()), talk(6, &answers()), talk(7, &answers()), answers().concat()],
        "mdns" => packets(),
        _ => Vec::new(),
    }
}

fn talk(busy: u8, datagrams: &[Vec<u8>]) -> Vec<u8> {
    let framed =
        datagrams.iter().flat_map(|datagram| [&[datagram.len() as u8], datagram.as_slice()].concat());
    std::iter::once(busy).chain(framed).collect()
}

fn questions() -> Vec<Vec<u8>> {
    let question = |command: &str, value: Option<&[u8]>| {
        let (target, command) = (Some(TOPIC.0), Some(command.to_owned()));
        let value = value.map(<[u8]>::to_vec);
        Message { id: Some(NodeId([9; 32])), target, command, value, ..Message::new(Kind::Query, 5) }.encode()
    };
    vec![
        question("_ping", None),
        question("_find_node", None),
        question("peers", Some(&[8, 80])),
        question("peers", Some(&[0x12, 6, 192, 168, 0, 2, 0, 80])),
        question("_holepunch", Some(&[0x1a, 6, 8, 0, 0, 2, 0, 80])),
        question("_holepunch", Some(&[0x12, 6, 8, 0, 0, 3, 0, 80])),
    ]
}

fn answers() -> Vec<Vec<u8>> {
    let closer = (1..4).map(|number| Contact {
        id: NodeId([number; 32]),
        address: SocketAddrV4::new(Ipv4Addr::new(8, 0, 1, number), 49737),
    });
    let answer = Message {
        to: Some(STRANGER),
        id: Some(NodeId([8; 32])),
        token: Some(dazaar_wire::discovery::message::Token([3; 32])),
        value: Some(vec![0x0a, 6, 8, 0, 0, 9, 0, 80]),
        ..Message::new(Kind::Response, 0)
    };
    let named = Message { closer: closer.collect(), ..answer.clone() };
    let (first, last) = (named.encode(), answer.encode());
    vec![first, last.clone(), last]
}

fn packets() -> Vec<Vec<u8>> {
    let (mut announcer, mut seeker) = (Lan::new([2; 32]), Lan::new([3; 32]));
    announcer.announce(TOPIC, 80);
    seeker.look_up(Duration::ZERO, TOPIC);
    let question = seeker.poll_packet().unwrap_or_default();
    announcer.handle_packet(Duration::ZERO, *STRANGER.ip(), &question);
    let answers = std::iter::from_fn(|| announcer.poll_packet()).collect::<Vec<_>>();
    std::iter::once(question).chain(answers).collect()
}
