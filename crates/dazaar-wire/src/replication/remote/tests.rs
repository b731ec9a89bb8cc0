use super::*;

#[test]
fn claims_add_up() {
    let mut map = RemoteMap::default();
    assert_eq!(map.handle_have(4, 0).unwrap(), 4..5);
    assert_eq!(map.handle_bitfield(0, &[0x02, 0xf8]).unwrap(), 0..5);
    assert_eq!(map.handle_bitfield(8192, &[0x02, 0x10]).unwrap(), 8192..8196);
    assert_eq!(map.handle_bitfield(8192, &[]).unwrap(), 8192..8192);
    assert_eq!(map.blocks().runs(0..u64::MAX).collect::<Vec<_>>(), [0..5, 8195..8196]);
    assert_eq!(map.length(), 8196);
    assert_eq!(map.handle_unhave(1, 2), 1..3);
    assert_eq!(map.blocks().runs(0..10).collect::<Vec<_>>(), [0..1, 3..5]);
}

#[test]
fn an_unhave_of_everything_resets_the_length() {
    let mut map = RemoteMap::default();
    map.handle_have(0, 10).unwrap();
    map.handle_unhave(9, 1);
    assert_eq!(map.length(), 10);
    map.handle_unhave(0, u64::MAX);
    assert_eq!((map.length(), map.blocks().next_set(0)), (0, None));
}

#[test]
fn have_with_huge_length() {
    let mut map = RemoteMap::default();
    map.handle_have(1, MAX_LENGTH - 1).unwrap();
    assert_eq!((map.blocks().full_runs(), map.blocks().mixed_pages()), (1, 1));
    for (start, length) in [(0, 1 << 44), (1, MAX_LENGTH), (u64::MAX, 1), (MAX_LENGTH, 0), (5, u64::MAX)] {
        let fault = map.handle_have(start, length).unwrap_err();
        assert!(matches!(fault, ReplicationFault::HaveBeyondLimit { .. }), "{fault}");
    }
    let fault = map.handle_bitfield(MAX_LENGTH, &[0x02, 0xf8]).unwrap_err();
    assert!(matches!(fault, ReplicationFault::HaveBeyondLimit { .. }), "{fault}");
    assert_eq!(map.length(), MAX_LENGTH);
}

#[test]
fn run_length_bomb() {
    let mut map = RemoteMap::default();
    let bomb = [0x83, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    let fault = map.handle_bitfield(0, &bomb).unwrap_err();
    assert!(matches!(fault, ReplicationFault::HaveBitfield { start: 0 }), "{fault}");
    let fault = map.handle_bitfield(100, &[0x02, 0xf8]).unwrap_err();
    assert!(matches!(fault, ReplicationFault::HaveMisaligned { start: 100 }), "{fault}");
    assert_eq!(map.blocks().next_set(0), None);
}

#[test]
fn sparse_claims_far_out_stay_within_bounds() {
    let bounded = |map: &RemoteMap| {
        map.blocks().mixed_pages() <= REMOTE_PAGES_MAX + 2 && map.blocks().full_runs() <= REMOTE_RUNS_MAX + 1
    };
    let mut map = RemoteMap::default();
    for at in 0..2 * REMOTE_PAGES_MAX as u64 {
        map.handle_have(at * 2 * PAGE_BITS, 1).unwrap();
    }
    assert!(bounded(&map));
    map = RemoteMap::default();
    for at in 0..2 * REMOTE_RUNS_MAX as u64 {
        map.handle_have(at * 2 * PAGE_BITS, PAGE_BITS).unwrap();
    }
    assert!(bounded(&map));
    map = RemoteMap::default();
    map.handle_have(0, MAX_LENGTH).unwrap();
    for at in 0..2 * REMOTE_PAGES_MAX as u64 {
        map.handle_unhave(MAX_LENGTH - at * 2 * PAGE_BITS - 10, 1);
        assert!(bounded(&map));
    }
}
