//! Honest nodes.

use super::*;
use crate::discovery::limits::{ANNOUNCE_INTERVAL, PERSISTENT_AFTER, RECORD_LIFETIME};

const TOPIC: Topic = Topic([7; 32]);

fn seller(node: usize, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(*at(node).ip(), port)
}

#[test]
fn a_seller_is_found_until_it_withdraws() {
    let mut net = Net::new(&[Mode::Full, Mode::Full, Mode::Full, Mode::Client, Mode::Client]);
    assert!(net.find(4, TOPIC).is_empty());
    net.announce(3, TOPIC, 80);
    let announced = net.events(3);
    assert!(announced.contains(&NodeEvent::Announced { topic: TOPIC, nodes: 3 }), "{announced:?}");
    assert!((0..3).all(|node| net.nodes[3].is_announced_to(at(node))));
    assert_eq!(net.find(4, TOPIC), [seller(3, 80)]);
    assert!(net.nodes[3].withdraw(net.now, TOPIC));
    net.carry();
    assert!(net.events(3).contains(&NodeEvent::Withdrawn { topic: TOPIC }));
    assert!(net.find(4, TOPIC).is_empty());
    assert!(!net.nodes[3].withdraw(net.now, TOPIC));
}

#[test]
fn what_is_withdrawn_meanwhile_is_not_announced() {
    let mut net = Net::new(&[Mode::Full, Mode::Client]);
    net.nodes[1].announce(net.now, TOPIC, Announcement { port: 80, local: None });
    // The announcement is lost on the way, and would be made again.
    while let Some((_, datagram)) = net.nodes[1].poll_datagram() {
        if Message::decode(&datagram).unwrap().kind == Kind::Update {
            break;
        }
        net.nodes[0].handle_datagram(net.now, at(1), &datagram);
        while let Some((_, answer)) = net.nodes[0].poll_datagram() {
            net.nodes[1].handle_datagram(net.now, at(0), &answer);
        }
    }
    net.nodes[1].withdraw(net.now, TOPIC);
    net.carry();
    net.pass(Duration::from_secs(10));
    let events = net.events(1);
    assert!(events.contains(&NodeEvent::Withdrawn { topic: TOPIC }), "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, NodeEvent::Announced { .. })), "{events:?}");
    assert_eq!(net.nodes[0].records(), 0);
}

#[test]
fn an_announcement_is_repeated_before_it_is_too_old() {
    let mut net = Net::new(&[Mode::Full, Mode::Client, Mode::Client]);
    net.announce(1, TOPIC, 80);
    for _ in 0..4 {
        net.pass(RECORD_LIFETIME);
        assert_eq!(net.find(2, TOPIC), [seller(1, 80)]);
    }
    // A seller that is gone without a word is forgotten.
    net.nodes[1] = Node::new(
        NodeConfig { seed: [99; 32], mode: Mode::Client, bootstrap: vec![], reach: Reach::Public },
        net.now,
    );
    net.pass(RECORD_LIFETIME);
    assert!(net.find(2, TOPIC).is_empty());
    net.pass(RECORD_LIFETIME);
    assert_eq!(net.nodes[0].records(), 0);
}

#[test]
fn an_announcement_that_nobody_took_is_made_soon_again() {
    let mut net = Net::new(&[]);
    let config = |seed, bootstrap| NodeConfig { seed, mode: Mode::Full, bootstrap, reach: Reach::Public };
    let late = NodeConfig { mode: Mode::Client, ..config([2; 32], vec![at(1)]) };
    net.nodes.push(Node::new(late, net.now));
    net.announce(0, TOPIC, 80);
    net.pass(Duration::from_secs(20));
    assert!(net.events(0).contains(&NodeEvent::Announced { topic: TOPIC, nodes: 0 }));
    // Now the bootstrap node starts.
    net.nodes.push(Node::new(config([1; 32], vec![]), net.now));
    net.pass(Duration::from_secs(60));
    assert!(net.events(0).contains(&NodeEvent::Announced { topic: TOPIC, nodes: 1 }));
    assert!(Duration::from_secs(80) < ANNOUNCE_INTERVAL.0);
}

#[test]
fn nodes_come_to_know_each_other() {
    let mut net = Net::new(&[Mode::Full; 12]);
    net.pass(Duration::from_secs(400));
    for node in &net.nodes {
        assert_eq!(node.nodes(), 11);
    }
    // One that is dead is forgotten after a while.
    net.nodes.pop();
    net.pass(Duration::from_secs(400));
    assert!(net.nodes.iter().all(|node| node.nodes() == 10));
}

#[test]
fn clients_are_nobodys_neighbours() {
    let mut net = Net::new(&[Mode::Full, Mode::Client, Mode::Client]);
    net.pass(Duration::from_secs(100));
    assert_eq!(net.nodes.iter().map(Node::nodes).collect::<Vec<_>>(), [0, 1, 1]);
    assert!(net.nodes[1].public_address().is_none(), "one witness is not enough");
}

#[test]
fn an_adaptive_node_takes_part_once_others_agree_where_it_is() {
    let mut net = Net::new(&[Mode::Full, Mode::Full, Mode::Full, Mode::Adaptive]);
    assert_eq!(net.nodes[3].public_address(), Some(at(3)));
    assert!(!net.nodes[3].is_full());
    net.pass(PERSISTENT_AFTER.1);
    assert!(net.nodes[3].is_full() && net.events(3).contains(&NodeEvent::Persistent));
    net.pass(Duration::from_secs(60));
    assert!(net.nodes[..3].iter().all(|node| node.nodes() == 3));

    let mut lonely = Net::new(&[Mode::Full, Mode::Adaptive]);
    lonely.pass(2 * PERSISTENT_AFTER.1);
    assert!(!lonely.nodes[1].is_full(), "one witness may err");
}

#[test]
fn a_lookup_without_anybody_to_ask_is_over_at_once() {
    let mut net = Net::new(&[Mode::Full]);
    assert!(net.find(0, TOPIC).is_empty());
}
