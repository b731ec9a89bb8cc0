use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A few pages, so that random ranges often begin, end and meet at the edge of a page.
const SPACE: u64 = 5 * PAGE_BITS;

#[derive(Debug, Clone)]
enum Change {
    Set(u64),
    Clear(u64),
    SetRange(Range<u64>),
    ClearRange(Range<u64>),
    SetBytes(u64, Vec<u8>),
}

fn bit() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..SPACE,
        (0..5u64, 0..3u64).prop_map(|(page, near)| (page * PAGE_BITS + near).saturating_sub(1))
    ]
}

fn range() -> impl Strategy<Value = Range<u64>> {
    (bit(), bit()).prop_map(|(one, other)| one.min(other)..one.max(other))
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        bit().prop_map(Change::Set),
        bit().prop_map(Change::Clear),
        range().prop_map(Change::SetRange),
        range().prop_map(Change::ClearRange),
        (bit(), prop::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(start, bytes)| Change::SetBytes(start / 8 * 8, bytes)),
    ]
}

fn apply(change: Change, map: &mut HaveMap, model: &mut BTreeSet<u64>) {
    match change {
        Change::Set(bit) => assert_eq!(map.set(bit), model.insert(bit)),
        Change::Clear(bit) => assert_eq!(map.clear(bit), model.remove(&bit)),
        Change::SetRange(range) => {
            map.set_range(range.clone());
            model.extend(range);
        }
        Change::ClearRange(range) => {
            map.clear_range(range.clone());
            model.retain(|bit| !range.contains(bit));
        }
        Change::SetBytes(start, bytes) => {
            map.set_bytes(start, &bytes);
            model.extend(bits_of(&bytes).map(|bit| start + bit));
        }
    }
}

fn bits_of(bytes: &[u8]) -> impl Iterator<Item = u64> {
    (0..bytes.len() as u64 * 8).filter(|bit| bytes[(bit / 8) as usize] & (0x80 >> (bit % 8)) != 0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn agrees_with_a_plain_set(
        changes in prop::collection::vec(change(), 0..20),
        probes in prop::collection::vec((bit(), range()), 16),
    ) {
        let (mut map, mut model) = (HaveMap::new(), BTreeSet::new());
        for change in changes {
            apply(change, &mut map, &mut model);
        }
        prop_assert_eq!(map.len(), model.last().map_or(0, |bit| bit + 1));
        prop_assert_eq!(map.is_empty(), model.is_empty());
        prop_assert_eq!(map.runs(0..u64::MAX).flatten().collect::<BTreeSet<_>>(), model.clone());
        for (bit, range) in probes {
            prop_assert_eq!(map.get(bit), model.contains(&bit));
            prop_assert_eq!(map.next_set(bit), model.range(bit..).next().copied());
            prop_assert_eq!(map.next_clear(bit), (bit..).find(|bit| !model.contains(bit)).unwrap());
            prop_assert_eq!(map.count_ones(range.clone()), model.range(range.clone()).count() as u64);
            let range = range.start / 8 * 8..range.end.max(range.start);
            let bytes = map.bytes(range.clone());
            prop_assert_ne!(bytes.last(), Some(&0));
            prop_assert!(bits_of(&bytes).map(|bit| range.start + bit).eq(model.range(range.clone()).copied()));
        }
        let mut copy = HaveMap::new();
        for page in 0..=map.len() / PAGE_BITS {
            copy.set_page(page, &map.page(page));
        }
        prop_assert_eq!(copy, map);
    }
}

#[test]
fn huge_ranges_cost_nothing() {
    let mut map = HaveMap::new();
    map.set_range(3..u64::MAX);
    assert_eq!(map.mixed_pages(), 1);
    assert_eq!(map.count_ones(0..u64::MAX), CAPACITY - 3);
    assert_eq!(map.len(), CAPACITY);
    assert_eq!((map.next_set(0), map.next_clear(3)), (Some(3), CAPACITY));
    assert!(!map.set(u64::MAX) && !map.get(u64::MAX) && !map.clear(u64::MAX));
    map.set_page(u64::MAX, &[0xff; PAGE_BYTES]);
    map.set_bytes(u64::MAX - 7, &[0xff; 2]);
    assert_eq!((map.next_set(u64::MAX), map.next_clear(u64::MAX)), (None, u64::MAX));
    map.clear_range(1 << 40..1 << 41);
    assert_eq!(map.next_clear(3), 1 << 40);
    assert_eq!(map.next_set(1 << 40), Some(1 << 41));
    map.clear_range(0..u64::MAX);
    assert!(map.is_empty());
}

#[test]
fn ten_million_blocks_one_after_the_other() {
    let mut map = HaveMap::new();
    for block in 0..10_000_000 {
        map.set(block);
    }
    assert_eq!(map.mixed_pages(), 1);
    assert_eq!(map.count_ones(0..u64::MAX), 10_000_000);
}

#[test]
fn the_first_bit_is_the_highest() {
    let mut map = HaveMap::new();
    map.set_range(0..5);
    assert_eq!(map.bytes(0..1 << 20), [0xf8]);
    assert_eq!(map.bytes(0..3), [0xe0]);
    assert_eq!(map.page(0)[0], 0xf8);
}
