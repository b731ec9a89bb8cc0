use proptest::prelude::*;

use super::*;

fn segment(nth: u64, rows: u64) -> Entry {
    let earliest = 1_700_000_000_000_000_000 + nth as i64 * 8_192_000_000_000;
    Entry {
        block: 1 + nth + nth / 32,
        first_row: nth * rows,
        rows,
        earliest,
        latest: earliest + 8_191_000_000_000,
        bytes: 50_000 + nth % 7,
        keys: BTreeSet::new(),
    }
}

/// The index blocks of a feed with so many segments, the last one at its end.
fn feed(segments: u64) -> Vec<(u64, Vec<u8>)> {
    let mut builder = IndexBuilder::default();
    let (mut blocks, mut next) = (Vec::new(), 1);
    for nth in 0..segments {
        builder.add(Entry { block: next, ..segment(nth, 10) });
        next += 1;
        if builder.is_due() || nth + 1 == segments {
            blocks.push((next, builder.write(next)));
            next += 1;
        }
    }
    blocks
}

/// Goes down from the newest index block to every segment. Returns them with the index blocks that led there.
fn descend(blocks: &[(u64, Vec<u8>)]) -> Vec<(Entry, usize)> {
    let read = |block: u64| {
        let place = blocks.binary_search_by_key(&block, |(number, _)| *number).unwrap();
        Index::decode(&blocks[place].1).unwrap()
    };
    let mut found = Vec::new();
    let newest = Index::decode(&blocks.last().unwrap().1).unwrap();
    let mut open: Vec<(Entry, usize, usize)> = Vec::new();
    for (level, list) in newest.levels.iter().enumerate() {
        // The newest rows are in the lowest list, and the stack gives the last one first.
        open.extend(list.iter().rev().map(|entry| (entry.clone(), level, 1)));
    }
    while let Some((entry, level, depth)) = open.pop() {
        if level == 0 {
            found.push((entry, depth));
            continue;
        }
        let list = read(entry.block).levels.swap_remove(level - 1);
        assert_eq!(Entry::over(entry.block, &list).unwrap(), entry);
        open.extend(list.into_iter().rev().map(|entry| (entry, level - 1, depth + 1)));
    }
    found
}

#[test]
fn every_segment_is_found_in_order_whatever_their_number() {
    for segments in [1, 31, 32, 33, 255, 256, 257, 600, 70_000] {
        let blocks = feed(segments);
        let found = descend(&blocks);
        assert_eq!(found.len() as u64, segments);
        let mut row = 0;
        for (entry, depth) in found {
            assert_eq!(entry.first_row, row);
            row = entry.end_row();
            assert!(depth <= 3);
        }
    }
}

#[test]
fn a_builder_goes_on_after_any_index_block() {
    let blocks = feed(600);
    for (nth, (block, bytes)) in blocks.iter().enumerate().take(blocks.len() - 1) {
        let index = Index::decode(bytes).unwrap();
        let rows = index.end_row();
        let mut builder = IndexBuilder::after(*block, index);
        let mut next = block + 1;
        for segment_number in rows / 10.. {
            builder.add(Entry { block: next, ..segment(segment_number, 10) });
            next += 1;
            if next == blocks[nth + 1].0 {
                break;
            }
        }
        assert_eq!(builder.write(next), blocks[nth + 1].1);
    }
}

#[test]
fn an_index_is_small_beside_the_rows() {
    let blocks = feed(5000);
    let index: usize = blocks.iter().map(|(_, block)| block.len()).sum();
    let largest = blocks.iter().map(|(_, block)| block.len()).max().unwrap();
    assert!(index < 5000 * 50_000 / 100, "{index} bytes");
    assert!(largest < 4000, "{largest} bytes");
}

#[test]
fn keys_are_named_while_they_are_few() {
    let keys = |count: usize| keys_of((0..count).map(|nth| (1, ["a", "b", "c", "d"][nth % 4])));
    assert_eq!(keys(100).len(), 4);
    let many: Vec<String> = (0..17).map(|nth| nth.to_string()).collect();
    assert!(keys_of(many.iter().map(|key| (0, key.as_str()))).is_empty());
    let few = Entry { keys: keys(2), ..segment(0, 1) };
    assert!(
        few.may_have(key_hash(1, "a")) && !few.may_have(key_hash(1, "c")) && !few.may_have(key_hash(2, "a"))
    );
    let any = segment(1, 1);
    assert!(any.may_have(7));
    assert_eq!(Entry::over(9, &[few.clone(), few.clone()]).unwrap().keys, few.keys);
    assert!(Entry::over(9, &[few, any]).unwrap().keys.is_empty());
}

#[test]
fn lists_may_have_as_many_keys_as_there_can_be() {
    for (keys, entries) in [(KEYS_MAX, INDEX_FAN_OUT), (UPPER_KEYS_MAX, 2), (UPPER_KEYS_MAX, INDEX_FAN_OUT)] {
        let keys: BTreeSet<u32> = (0..keys as u32).collect();
        let entry = |nth| Entry { keys: keys.clone(), ..segment(nth, 10) };
        let index = Index { levels: vec![(0..entries as u64).map(entry).collect()] };
        assert_eq!(Index::decode(&index.encode()), Ok(index));
    }
}

#[test]
fn more_rows_than_there_can_be_are_refused() {
    let index = |rows| Index { levels: vec![vec![Entry { first_row: 1, rows, ..segment(0, 1) }]] };
    assert!(Index::decode(&index(ROWS_MAX - 1).encode()).is_ok());
    let refused = BlockError::Value { part: "the number of rows", value: ROWS_MAX };
    assert_eq!(Index::decode(&index(ROWS_MAX).encode()), Err(refused));
}

#[test]
fn a_known_hash() {
    assert_eq!(key_hash(1, "BTCUSD"), 2937784197);
}

#[test]
fn a_known_index() {
    let second = |nth: i64| 1_767_605_400_000_000_000 + nth * 1_000_000_000;
    let keys = BTreeSet::from([key_hash(1, "BTCUSD")]);
    let first =
        Entry { block: 1, first_row: 0, rows: 2, earliest: second(0), latest: second(1), bytes: 57, keys };
    let keys = BTreeSet::new();
    let other =
        Entry { block: 2, first_row: 2, rows: 1, earliest: second(2), latest: second(2), bytes: 60, keys };
    let index = Index { levels: vec![vec![first, other]] };
    let block = index.encode();
    assert_eq!(Index::decode(&block).unwrap(), index);
    assert_eq!(
        hex::encode(block),
        concat!(
            "03",
            "01",
            "02",
            "00",
            "0001000000000000000200000000000000",
            "0002000000000000000100000000000000",
            "0000f00f02bfcb871800844579bfcb8718",
            "0000baaa3dbfcb871800844579bfcb8718",
            "0039000000000000003c00000000000000",
            "00",
            "000400000000000000",
            "04",
            "00",
            "85071baf",
        )
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(block: Vec<u8>) {
        let _ = Index::decode(&[&[INDEX][..], &block].concat());
    }

    #[test]
    fn damage_is_an_error_or_an_index_whose_rows_follow_each_other(
        segments in 1_u64..300,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut block = feed(segments).pop().unwrap().1;
        for (place, byte) in damage {
            let place = place.index(block.len());
            block[place] = byte;
        }
        if let Ok(index) = Index::decode(&block) {
            let entries: Vec<_> = index.lists().collect();
            prop_assert!(entries.windows(2).all(|pair| pair[0].end_row() == pair[1].first_row));
        }
    }
}
