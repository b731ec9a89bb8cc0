use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const TOPIC: Topic = [1; 32];
const ALL: usize = usize::MAX;

fn address(text: &str) -> SocketAddrV4 {
    text.parse().unwrap()
}

fn peers(records: &Records, now: Duration, asker: &str, local: Option<&str>) -> PeersOutput {
    records.peers(now, &TOPIC, address(asker), local.map(address), ALL, &mut Random::new([0; 32]))
}

#[test]
fn an_announcement_is_found_until_it_is_taken_back_or_too_old() {
    let (mut records, start, peer) = (Records::default(), Duration::from_secs(5), address("8.0.0.1:49737"));
    records.announce(start, TOPIC, peer, None);
    assert_eq!(peers(&records, start, "8.0.0.2:1", None).peers, [peer]);
    assert!(records.knows(peer) && !records.knows(address("8.0.0.1:1")));
    assert!(peers(&records, start + RECORD_LIFETIME, "8.0.0.2:1", None).peers.is_empty());
    records.unannounce(TOPIC, address("8.0.0.1:80"));
    assert_eq!(records.len(), 1);
    records.unannounce(TOPIC, peer);
    assert_eq!((records.len(), records.addresses.len(), records.topics.len()), (0, 0, 0));
}

#[test]
fn an_asker_does_not_find_itself() {
    let mut records = Records::default();
    records.announce(Duration::ZERO, TOPIC, address("8.0.0.1:1"), None);
    assert!(peers(&records, Duration::ZERO, "8.0.0.1:1", None).peers.is_empty());
}

#[test]
fn local_addresses_are_told_only_behind_the_same_public_address() {
    let mut records = Records::default();
    let local = address("192.168.1.7:4444");
    records.announce(Duration::ZERO, TOPIC, address("8.0.0.1:4444"), Some(local));
    let found = |asker, near| peers(&records, Duration::ZERO, asker, near).local;
    assert_eq!(found("8.0.0.1:9", Some("192.168.2.1:9")), [local]);
    assert!(found("8.0.0.1:9", Some("10.0.0.1:9")).is_empty());
    assert!(found("8.0.0.1:9", None).is_empty());
    assert!(found("8.0.0.2:9", Some("192.168.2.1:9")).is_empty());
}

#[test]
fn one_address_cannot_fill_the_memory_of_a_node() {
    let mut records = Records::default();
    for number in 0..3 * RECORDS_PER_IP_MAX {
        let mut topic = [0; 32];
        topic[..8].copy_from_slice(&number.to_le_bytes());
        records.announce(Duration::ZERO, topic, address("8.0.0.1:1"), None);
    }
    assert_eq!(records.len(), RECORDS_PER_IP_MAX);
}

#[test]
fn a_full_topic_gives_the_oldest_up() {
    let mut records = Records::default();
    let peer = |number: u32| SocketAddrV4::new(Ipv4Addr::from(0x0800_0000 + number), 1);
    for number in 0..=RECORDS_PER_TOPIC_MAX as u32 {
        records.announce(Duration::from_secs(number.into()), TOPIC, peer(number), None);
    }
    assert_eq!(records.len(), RECORDS_PER_TOPIC_MAX);
    assert!(!records.knows(peer(0)) && records.knows(peer(1)));
}

#[test]
fn one_public_address_does_not_own_a_topic() {
    let (mut records, honest) = (Records::default(), address("8.0.0.1:1"));
    records.announce(Duration::ZERO, TOPIC, honest, None);
    for port in 1..=600 {
        let liar = SocketAddrV4::new(Ipv4Addr::new(9, 0, 0, 1), port);
        records.announce(Duration::from_secs(1), TOPIC, liar, None);
    }
    assert_eq!(records.len(), 1 + RECORDS_PER_IP_IN_TOPIC_MAX);
    assert!(records.knows(honest));
    // Many addresses with several records each lose theirs before somebody with one.
    for number in 0..2000 {
        let host = Ipv4Addr::from(0x0a00_0000 - 2000 + number / 4);
        let liar = SocketAddrV4::new(host, 1 + (number % 4) as u16);
        records.announce(Duration::from_secs(2), TOPIC, liar, None);
    }
    assert_eq!(records.len(), RECORDS_PER_TOPIC_MAX);
    assert!(records.knows(honest));
}

proptest! {
    /// Against a plain set of everything that was announced and not taken back.
    #[test]
    fn counts_stay_right(steps in proptest::collection::vec((0u8..3, 0u8..4, 0u8..4, 0u8..3), 0..80)) {
        let (mut records, mut model, mut now) = (Records::default(), BTreeSet::new(), Duration::ZERO);
        for (what, topic, host, port) in steps {
            let (topic, port) = ([topic; 32], 1 + u16::from(port));
            let peer = SocketAddrV4::new(Ipv4Addr::new(8, 0, 0, host), port);
            match what {
                0 => {
                    records.announce(now, topic, peer, None);
                    model.retain(|(_, known)| *known != (topic, peer));
                    model.insert((now, (topic, peer)));
                }
                1 => {
                    records.unannounce(topic, peer);
                    model.retain(|(_, known)| *known != (topic, peer));
                }
                _ => {
                    now += RECORD_LIFETIME / 4;
                    records.expire(now);
                    model.retain(|(announced, _)| now < *announced + RECORD_LIFETIME);
                }
            }
            prop_assert_eq!(records.len(), model.len());
            prop_assert_eq!(records.addresses.values().sum::<usize>(), model.len());
            for (_, (topic, peer)) in &model {
                let asker = address("9.9.9.9:9");
                let found = records.peers(now, topic, asker, None, ALL, &mut Random::new([0; 32]));
                prop_assert!(found.peers.contains(peer));
            }
        }
    }
}
