//! Strangers who break rules.

use super::*;
use crate::discovery::limits::{
    ANSWER_BYTES_MAX, PEERS_NEAR_MAX, REQUESTS_PER_IP, RETRIES, VERIFICATIONS_MAX,
};
use crate::discovery::message::{Token, command};
use crate::discovery::payload::{Holepunch, PeersInput, PeersOutput};

const TOPIC: Topic = Topic([7; 32]);

fn request(kind: Kind, name: &str, value: Option<Vec<u8>>) -> Message {
    Message { target: Some(TOPIC.0), command: Some(name.to_owned()), value, ..Message::new(kind, 5) }
}

/// A stranger says something to the first node; what comes back to whom.
fn say(net: &mut Net, from: SocketAddrV4, message: &Message) -> Vec<(SocketAddrV4, Message)> {
    net.nodes[0].handle_datagram(net.now, from, &message.encode());
    let sent = std::iter::from_fn(|| net.nodes[0].poll_datagram());
    sent.map(|(to, datagram)| (to, Message::decode(&datagram).unwrap())).collect()
}

fn stranger(number: u8) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::new(9, 0, 0, number), 1000)
}

fn announcement() -> Option<Vec<u8>> {
    Some(PeersInput { port: Some(80), ..PeersInput::default() }.encode())
}

#[test]
fn nothing_is_announced_without_a_token_for_the_address() {
    let mut net = Net::new(&[Mode::Full]);
    let query = request(Kind::Query, command::PEERS, announcement());
    let token = say(&mut net, stranger(1), &query)[0].1.token;
    let update = Message { token, ..request(Kind::Update, command::PEERS, announcement()) };
    assert!(say(&mut net, stranger(2), &update).is_empty(), "a token of somebody else");
    let none = Message { token: None, ..update.clone() };
    let wrong = Message { token: Some(Token([0; 32])), ..update.clone() };
    assert!(say(&mut net, stranger(1), &none).is_empty() && say(&mut net, stranger(1), &wrong).is_empty());
    assert_eq!(net.nodes[0].records(), 0);
    assert_eq!(say(&mut net, stranger(1), &update).len(), 1);
    assert_eq!(net.nodes[0].records(), 1);
}

#[test]
fn one_address_gets_no_more_answers_than_the_limit() {
    let mut net = Net::new(&[Mode::Full]);
    let query = request(Kind::Query, command::FIND_NODE, None);
    let answers: usize = (0..10_000).map(|_| say(&mut net, stranger(1), &query).len()).sum();
    assert_eq!(answers, REQUESTS_PER_IP.1 as usize);
    assert_eq!(say(&mut net, stranger(2), &query).len(), 1, "others are answered");
}

#[test]
fn the_longest_answer_fits_into_a_datagram() {
    let mut net = Net::new(&[Mode::Full; 40]);
    net.pass(Duration::from_secs(400));
    for number in 0..200 {
        let local = Some(SocketAddrV4::new(Ipv4Addr::new(192, 168, 0, number), 80));
        let node = &mut net.nodes[0];
        let address = SocketAddrV4::new(*stranger(number).ip(), 80);
        node.records.announce(net.now, TOPIC.0, address, local);
    }
    let local = Some(SocketAddrV4::new(Ipv4Addr::new(192, 168, 0, 250), 80));
    let value = Some(PeersInput { local, ..PeersInput::default() }.encode());
    let query = request(Kind::Query, command::PEERS, value);
    net.nodes[0].handle_datagram(net.now, stranger(1), &query.encode());
    let (_, datagram) = net.nodes[0].poll_datagram().unwrap();
    assert!(datagram.len() > 1000 && datagram.len() <= ANSWER_BYTES_MAX, "{}", datagram.len());
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    let mut net = Net::new(&[Mode::Full]);
    let lie =
        Message { id: Some(NodeId([1; 32])), token: Some(Token([1; 32])), ..Message::new(Kind::Response, 5) };
    assert!(say(&mut net, stranger(1), &lie).is_empty());
    assert_eq!(net.nodes[0].nodes(), 0);
}

#[test]
fn whoever_says_that_it_is_a_node_is_asked_before_it_is_believed() {
    let mut net = Net::new(&[Mode::Full]);
    let id = Some(NodeId([1; 32]));
    let query = Message { id, ..request(Kind::Query, command::FIND_NODE, None) };
    let sent = say(&mut net, stranger(1), &query);
    let (_, ping) = sent.iter().find(|(_, message)| message.kind == Kind::Query).unwrap();
    assert_eq!((net.nodes[0].nodes(), ping.command.as_deref()), (0, Some(command::PING)));
    let pong = Message { id, ..Message::new(Kind::Response, ping.number) };
    say(&mut net, stranger(2), &pong);
    assert_eq!(net.nodes[0].nodes(), 0, "an answer from elsewhere");
    say(&mut net, stranger(1), &pong);
    assert_eq!(net.nodes[0].nodes(), 1);
}

#[test]
fn a_flood_of_new_nodes_keeps_nobody_out() {
    let mut net = Net::new(&[Mode::Full]);
    let join = |net: &mut Net, number: u8| {
        let id = Some(NodeId([number; 32]));
        let sent = say(net, stranger(number), &Message { id, ..request(Kind::Query, command::PING, None) });
        let ping = sent.into_iter().find(|(_, message)| message.kind == Kind::Query)?;
        Some(Message { id, ..Message::new(Kind::Response, ping.1.number) })
    };
    for number in 0..=250 {
        assert!(join(&mut net, number).is_some());
    }
    assert_eq!(net.nodes[0].requests.len(), VERIFICATIONS_MAX);
    let answer = join(&mut net, 251).unwrap();
    say(&mut net, stranger(251), &answer);
    assert_eq!(net.nodes[0].nodes(), 1);
    // Who does not answer is not asked again, and soon not waited for.
    net.now += RETRIES[0];
    net.nodes[0].handle_timeout(net.now);
    assert!(net.nodes[0].poll_datagram().is_none() && net.nodes[0].requests.len() == 0);
    assert!(net.nodes[0].upkeep.verifications.is_empty());
}

#[test]
fn nobody_is_written_to_on_behalf_of_strangers_unless_we_named_them() {
    let mut net = Net::new(&[Mode::Full, Mode::Full, Mode::Client]);
    net.announce(2, TOPIC, 80);
    let seller = SocketAddrV4::new(*at(2).ip(), 80);
    let punch = |to| request(Kind::Query, command::HOLEPUNCH, Holepunch::To(to).encode());
    assert!(say(&mut net, stranger(1), &punch(stranger(2))).is_empty());
    for named in [at(1), seller] {
        let sent = say(&mut net, stranger(1), &punch(named));
        assert_eq!(sent.len(), 1);
        assert_eq!((sent[0].0, sent[0].1.number), (named, 5));
        let value = Holepunch::decode(sent[0].1.value.as_deref());
        assert_eq!(value, Some(Holepunch::From(stranger(1))));
    }
    let from = request(Kind::Query, command::HOLEPUNCH, Holepunch::From(stranger(3)).encode());
    let sent = say(&mut net, at(1), &from);
    assert_eq!((sent[0].0, sent[0].1.kind, sent[0].1.number), (stranger(3), Kind::Response, 5));
    assert!(say(&mut net, stranger(2), &from).is_empty(), "only nodes that we know name us");
    for _ in 0..REQUESTS_PER_IP.1 {
        say(&mut net, stranger(3), &request(Kind::Query, command::PING, None));
    }
    assert!(say(&mut net, at(1), &from).is_empty(), "nor is anybody written to more often than else");
    let own =
        request(Kind::Query, command::HOLEPUNCH, Holepunch::From("127.0.0.1:9".parse().unwrap()).encode());
    assert!(say(&mut net, at(1), &own).is_empty(), "nor to ourselves");
}

#[test]
fn a_client_serves_nobody() {
    let mut net = Net::new(&[Mode::Client]);
    assert!(say(&mut net, stranger(1), &request(Kind::Query, command::FIND_NODE, None)).is_empty());
    assert!(say(&mut net, stranger(1), &request(Kind::Query, command::PEERS, announcement())).is_empty());
    let ping = Message { target: None, ..request(Kind::Query, command::PING, None) };
    let sent = say(&mut net, stranger(1), &ping);
    assert_eq!(sent[0].1.id, None);
}

#[test]
fn unknown_commands_are_refused_as_the_reference_does() {
    let mut net = Net::new(&[Mode::Full, Mode::Full]);
    let sent = say(&mut net, stranger(1), &request(Kind::Query, "mutable-store", None));
    let (_, answer) = &sent[0];
    assert_eq!((answer.error.as_deref(), answer.token), (Some("Unsupported command"), None));
    assert_eq!(answer.closer.len(), 1);
}

#[test]
fn a_public_node_keeps_and_names_no_private_addresses() {
    let mut net = Net::new(&[Mode::Full]);
    let local: SocketAddrV4 = "192.168.0.5:1000".parse().unwrap();
    let query = request(Kind::Query, command::PEERS, announcement());
    let token = say(&mut net, local, &query)[0].1.token;
    let update = Message { token, ..request(Kind::Update, command::PEERS, announcement()) };
    let (_, answer) = say(&mut net, local, &update).remove(0);
    assert_eq!((net.nodes[0].records(), answer.error.as_deref()), (0, Some("Not kept")));
}

#[test]
fn a_public_node_stays_one_whatever_names_resolve_to() {
    let mut net = Net::new(&[Mode::Full]);
    net.nodes[0].add_bootstrap(net.now, &["192.168.0.5:1000".parse().unwrap()]);
    assert_eq!(net.nodes[0].reach, Reach::Public);
}

#[test]
fn datagrams_from_nowhere_are_not_answered() {
    let mut net = Net::new(&[Mode::Full]);
    for from in ["224.0.0.1:5", "255.255.255.255:5", "0.0.0.0:5", "9.9.9.9:0"] {
        let ping = request(Kind::Query, command::PING, None);
        assert!(say(&mut net, from.parse().unwrap(), &ping).is_empty(), "{from}");
    }
    let too_long = vec![0; DATAGRAM_BYTES_MAX + 1];
    net.nodes[0].handle_datagram(net.now, stranger(1), &too_long);
    assert!(net.nodes[0].poll_datagram().is_none());
}

#[test]
fn a_liar_names_few_addresses_in_our_own_network() {
    let mut net = Net::new(&[]);
    let bootstrap = vec![stranger(1), stranger(2)];
    let config = NodeConfig { seed: [1; 32], mode: Mode::Client, bootstrap, reach: Reach::Public };
    net.nodes.push(Node::new(config, net.now));
    let at_home = |host| SocketAddrV4::new(Ipv4Addr::new(192, 168, 0, host), 80);
    net.nodes[0].look_up(net.now, TOPIC, Some(at_home(250)));
    let asked: Vec<_> = std::iter::from_fn(|| net.nodes[0].poll_datagram()).collect();
    for (number, (to, datagram)) in asked.iter().enumerate() {
        let query = Message::decode(datagram).unwrap();
        let local = (0..20).map(|host| at_home(20 * number as u8 + host)).collect();
        let value = Some(PeersOutput { peers: vec![stranger(9)], local }.encode());
        say(&mut net, *to, &Message { value, ..Message::new(Kind::Response, query.number) });
    }
    let peers = net.events(0).into_iter().filter_map(|event| match event {
        NodeEvent::Found { peer, .. } => Some(peer),
        _ => None,
    });
    let (near, far): (Vec<_>, Vec<_>) = peers.partition(|peer| peer.is_local);
    assert_eq!((near.len(), far.len()), (PEERS_NEAR_MAX, 2));
}
