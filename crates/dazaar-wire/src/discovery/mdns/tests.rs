use proptest::prelude::*;

use super::*;

const TOPIC: Topic = Topic([7; 32]);
const NOW: Duration = Duration::from_secs(5);
const HOST: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 9);

fn entry(id: u8) -> Entry {
    Entry { name: [7; 20], port: 15, id: [id; 32] }
}

/// Packets of @hyperswarm/discovery 2.0.1.
#[test]
fn known_packets() {
    let name = format!("28{}0a6879706572737761726d056c6f63616c00", hex::encode("07".repeat(20)));
    let question = Packet::Question { names: vec![[7; 20]] };
    let bytes = format!("000000000001000000000000{name}00210001");
    assert_eq!(question.encode().map(hex::encode), Some(bytes.clone()));
    assert_eq!(Packet::decode(&hex::decode(bytes).unwrap()), Some(question));
    let bytes = format!(
        "000084000000000200000000{name}0021000100000000000f00000000000f013001300130013000{name}001000010000000000242369643d{}",
        "09".repeat(32)
    );
    let answer = Packet::Answer { entries: vec![entry(9)], asker: None };
    assert_eq!(answer.encode().map(hex::encode), Some(bytes.clone()));
    assert_eq!(Packet::decode(&hex::decode(bytes).unwrap()), Some(answer));
}

fn packets(lan: &mut Lan) -> Vec<Packet> {
    std::iter::from_fn(|| lan.poll_packet()).filter_map(|bytes| Packet::decode(&bytes)).collect()
}

fn peers(lan: &mut Lan) -> Vec<(Topic, SocketAddrV4)> {
    std::iter::from_fn(|| lan.poll_peer()).collect()
}

#[test]
fn a_seller_is_found_at_once_whoever_comes_first() {
    let (mut seller, mut buyer) = (Lan::new([1; 32]), Lan::new([2; 32]));
    let found = [(TOPIC, SocketAddrV4::new(HOST, 80))];
    buyer.look_up(NOW, TOPIC);
    buyer.poll_packet();
    seller.announce(TOPIC, 80);
    buyer.handle_packet(NOW, HOST, &seller.poll_packet().unwrap());
    assert_eq!(peers(&mut buyer), found);

    let mut late = Lan::new([3; 32]);
    late.look_up(NOW, TOPIC);
    seller.handle_packet(NOW, Ipv4Addr::new(192, 168, 0, 3), &late.poll_packet().unwrap());
    let answer = seller.poll_packet().unwrap();
    assert!(matches!(Packet::decode(&answer), Some(Packet::Answer { asker: Some(_), .. })));
    late.handle_packet(NOW, HOST, &answer);
    assert_eq!(peers(&mut late), found);
}

#[test]
fn what_was_withdrawn_is_not_answered_and_what_was_forgotten_is_not_heard() {
    let mut lan = Lan::new([1; 32]);
    lan.announce(TOPIC, 80);
    lan.withdraw(TOPIC);
    packets(&mut lan);
    lan.handle_packet(NOW, HOST, &Packet::Question { names: vec![[7; 20]] }.encode().unwrap());
    assert_eq!(packets(&mut lan), []);
    lan.look_up(NOW, TOPIC);
    lan.forget(TOPIC);
    lan.handle_packet(NOW, HOST, &Packet::Answer { entries: vec![entry(9)], asker: None }.encode().unwrap());
    assert_eq!(peers(&mut lan), []);
    assert_eq!((lan.topics.len(), lan.poll_timeout()), (0, None));
}

#[test]
fn we_do_not_find_ourselves() {
    let mut lan = Lan::new([1; 32]);
    lan.look_up(NOW, TOPIC);
    lan.announce(TOPIC, 80);
    for bytes in std::iter::from_fn(|| lan.poll_packet()).collect::<Vec<_>>() {
        lan.handle_packet(NOW, HOST, &bytes);
    }
    for bytes in std::iter::from_fn(|| lan.poll_packet()).collect::<Vec<_>>() {
        lan.handle_packet(NOW, HOST, &bytes);
    }
    assert_eq!(peers(&mut lan), []);
}

#[test]
fn a_lookup_is_repeated_every_minute() {
    let mut lan = Lan::new([1; 32]);
    lan.look_up(NOW, TOPIC);
    assert_eq!(packets(&mut lan).len(), 1);
    for _ in 0..3 {
        let due = lan.poll_timeout().unwrap();
        lan.handle_timeout(due - Duration::from_millis(1));
        assert_eq!(packets(&mut lan), []);
        lan.handle_timeout(due);
        assert_eq!(packets(&mut lan), [Packet::Question { names: vec![[7; 20]] }]);
        let next = lan.poll_timeout().unwrap() - due;
        assert!(LAN_INTERVAL.0 <= next && next <= LAN_INTERVAL.1);
    }
}

#[test]
fn a_flood_of_questions_is_not_answered_by_a_flood() {
    let mut lan = Lan::new([1; 32]);
    lan.announce(TOPIC, 80);
    packets(&mut lan);
    let question = Packet::Question { names: vec![[7; 20]; packet::ENTRIES_MAX] }.encode().unwrap();
    for _ in 0..1000 {
        lan.handle_packet(NOW, HOST, &question);
    }
    let answers = packets(&mut lan);
    assert_eq!(answers.len(), LAN_ANSWERS.1 as usize);
    assert!(
        answers.iter().all(|answer| matches!(answer, Packet::Answer { entries, .. } if entries.len() == 1))
    );
}

#[test]
fn others_are_not_announced() {
    let mut packet = Packet::Answer { entries: vec![entry(9)], asker: None }.encode().unwrap();
    let target =
        packet.windows(9).position(|bytes| bytes == [1, b'0', 1, b'0', 1, b'0', 1, b'0', 0]).unwrap();
    packet[target + 1] = b'9';
    assert_eq!(Packet::decode(&packet), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        Packet::decode(&bytes);
    }

    #[test]
    fn packets_come_back(entries in proptest::collection::vec(any::<([u8; 20], u16, [u8; 32])>(), 1..10), asker: Option<[u8; 4]>) {
        let mut entries: Vec<Entry> =
            entries.into_iter().map(|(name, port, id)| Entry { name, port, id }).collect();
        entries.dedup_by_key(|entry| entry.name);
        let packet = Packet::Answer { entries, asker: asker.map(Ipv4Addr::from) };
        prop_assert_eq!(Packet::decode(&packet.encode().unwrap()), Some(packet));
    }
}
