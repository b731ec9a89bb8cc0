use bytes::Bytes;

use super::*;

/// The first `count` blocks.
fn first(count: u64) -> HaveMap {
    let mut have = HaveMap::new();
    have.set_range(0..count);
    have
}

fn all(announcements: &mut Announcements, have: &HaveMap) -> Vec<Message> {
    std::iter::from_fn(|| announcements.poll(have, have.len())).collect()
}

fn wanting() -> Announcements {
    let mut announcements = Announcements::default();
    announcements.handle_want(0, 8192).unwrap();
    assert!(announcements.poll(&HaveMap::new(), 0).is_some());
    announcements
}

fn map(start: u64, length: u64, bits: &'static [u8]) -> Message {
    Message::Have(Have { start, length, bitfield: Some(Bytes::from_static(bits)), ack: false })
}

#[test]
fn the_first_want_is_answered_with_the_length_first() {
    let mut announcements = Announcements::default();
    announcements.handle_want(0, 1 << 20).unwrap();
    let have = first(5);
    let answer = map(0, 1 << 20, &[0x02, 0xf8]);
    assert_eq!(all(&mut announcements, &have), [Message::Have(Have::range(4, 1)), answer.clone()]);
    announcements.handle_want(0, 1 << 20).unwrap();
    announcements.handle_want(1 << 20, 8192).unwrap();
    assert_eq!(all(&mut announcements, &have), [answer, map(1 << 20, 8192, &[])]);
}

#[test]
fn a_length_that_is_not_held_is_not_told() {
    let mut announcements = Announcements::default();
    announcements.handle_want(0, 8192).unwrap();
    let have = first(5);
    assert_eq!(announcements.poll(&have, 6), Some(map(0, 8192, &[0x02, 0xf8])));
}

#[test]
fn other_wants_than_of_whole_pages_are_ignored() {
    let mut announcements = Announcements::default();
    for (start, length) in [(0, 0), (1, 8192), (8192, 100), (u64::MAX, 8192)] {
        announcements.handle_want(start, length).unwrap();
    }
    assert_eq!(all(&mut announcements, &first(5)), []);
}

#[test]
fn a_want_of_everything_is_answered_in_part() {
    let mut announcements = Announcements::default();
    announcements.handle_want(0, 1 << 63).unwrap();
    let have = first(2 * WANT_ANSWERED_BLOCKS_MAX);
    assert!(matches!(announcements.poll(&have, have.len()), Some(Message::Have(_))));
    let Some(Message::Have(Have { length, bitfield: Some(bits), .. })) =
        announcements.poll(&have, have.len())
    else {
        panic!("no answer")
    };
    assert_eq!(length, 1 << 63);
    let bits = rle::decode(&bits, usize::MAX).unwrap();
    assert_eq!(bits.len() as u64 * 8, WANT_ANSWERED_BLOCKS_MAX);
}

#[test]
fn want_flood() {
    let mut announcements = Announcements::default();
    for range in 0..WANTS_QUEUED_MAX as u64 {
        announcements.handle_want(range * 8192, 8192).unwrap();
        announcements.handle_want(0, 8192).unwrap();
    }
    let fault = announcements.handle_want(1 << 30, 8192).unwrap_err();
    assert!(matches!(fault, ReplicationFault::TooManyWants), "{fault}");
}

#[test]
fn nothing_is_said_before_the_first_want() {
    let mut announcements = Announcements::default();
    announcements.add(0..5);
    announcements.remove(2..3);
    assert_eq!(all(&mut announcements, &first(5)), []);
}

#[test]
fn changes_join_and_only_the_last_state_is_told() {
    let mut announcements = wanting();
    announcements.add(0..3);
    announcements.add(3..9);
    announcements.remove(4..6);
    announcements.add(5..6);
    announcements.remove(20..22);
    let mut have = first(9);
    have.clear(4);
    have.set(21);
    assert_eq!(
        all(&mut announcements, &have),
        [
            Message::Unhave { start: 4, length: 1 },
            Message::Unhave { start: 20, length: 1 },
            Message::Have(Have::range(0, 4)),
            Message::Have(Have::range(5, 4)),
        ]
    );
}

#[test]
fn a_slow_peer_costs_a_bounded_list() {
    let mut announcements = wanting();
    let mut have = HaveMap::new();
    for block in 0..10 * COARSE_RANGES_MAX as u64 {
        have.set(2 * block);
        announcements.add(2 * block..2 * block + 1);
        assert!(announcements.added.ranges() <= COARSE_RANGES_MAX);
    }
    let told = all(&mut announcements, &have);
    let blocks = told.iter().map(|message| match message {
        Message::Have(Have { start, length: 1, .. }) => *start,
        other => panic!("{other:?}"),
    });
    assert_eq!(blocks.collect::<Vec<_>>(), have.runs(0..u64::MAX).flatten().collect::<Vec<_>>());
}

#[test]
fn long_runs_are_told_in_pieces() {
    let mut announcements = wanting();
    announcements.add(0..1 << 20);
    let told = all(&mut announcements, &first(1 << 20));
    assert_eq!(told.len() as u64, (1 << 20) / HAVE_BLOCKS_MAX);
    assert_eq!(told[1], Message::Have(Have::range(HAVE_BLOCKS_MAX, HAVE_BLOCKS_MAX)));
}
