//! Blocks of a writer who means harm: whatever they are, reading ends soon and with an error that names the block.

use std::cell::Cell;

use bytes::Bytes;
use dazaar_log::LogError;
use dazaar_log::codec::protobuf::{encode_bytes, encode_varint};
use dazaar_log::codec::varint;
use proptest::prelude::*;

use super::support::*;
use crate::hypertrie::*;
use crate::{Blocks, Fault};

fn block(key: &[u8], index: &[u8], flags: u64) -> Bytes {
    let mut block = Vec::new();
    encode_bytes(1, key, &mut block);
    encode_bytes(3, index, &mut block);
    encode_varint(5, flags, &mut block);
    block.into()
}

fn trie(nodes: &[Bytes]) -> Memory {
    let header = Bytes::from(Header::default().encode());
    Trie::new(std::iter::once(header).chain(nodes.iter().cloned()).collect())
}

#[test]
fn another_log_is_no_trie() {
    for header in ["0a0a68797065726472697665", "", "0809", "12021234"] {
        let trie = Trie::new(vec![Bytes::from(hex::decode(header).unwrap())]);
        assert!(matches!(trie.header(), Err(TrieError::NotATrie)), "{header}");
    }
    let rows = Trie::new(vec![Bytes::from_static(b"a row of data")]);
    assert!(matches!(rows.header(), Err(TrieError::Block { seq: 0, .. })));
    assert_eq!(memory().header().unwrap(), None);
}

#[test]
fn every_broken_rule_has_its_name() {
    let long = vec![b'k'; crate::limits::MAX_KEY_BYTES + 1];
    let wide = vec![0; crate::limits::MAX_INDEX_BYTES + 1];
    let cases = [
        (block(b"\xff", b"", 0), Fault::KeyNotUtf8),
        (hex::decode("2001").unwrap().into(), Fault::NoField { field: 1 }),
        (hex::decode("0801").unwrap().into(), Fault::FieldType { field: 1 }),
        (hex::decode("0a0161100c").unwrap().into(), Fault::FieldType { field: 2 }),
        (hex::decode("0a01612a00").unwrap().into(), Fault::FieldType { field: 5 }),
        (block(&long, b"", 0), Fault::KeyTooLong { bytes: long.len() }),
        (block(b"a", &wide, 0), Fault::IndexTooLong { bytes: wide.len() }),
        (block(b"a", &[2, 1, 2, 1], 0), Fault::Index),
    ];
    for (bytes, expected) in cases {
        let found = trie(&[bytes]).snapshot().get("a");
        assert!(
            matches!(&found, Err(TrieError::Block { seq: 1, fault }) if *fault == expected),
            "{expected:?}: {found:?}"
        );
    }
    assert!(matches!(
        trie(&[hex::decode("0a0561").unwrap().into()]).snapshot().get("a"),
        Err(TrieError::Block { seq: 1, .. })
    ));
}

#[test]
fn a_pointer_to_a_node_of_another_place_is_refused() {
    // `a` begins with the digits 1 2 0, `hello` with 1 2 3: they part at position 3, where `hello` has digit 3.
    let honest = trie(&[block(b"hello", &[0], 0), block(b"a", &[4, 3, 8, 1], 0)]);
    assert!(honest.snapshot().get("hello").unwrap().is_some());
    for index in [[4, 3, 4, 1], [3, 2, 8, 1]] {
        let trie = trie(&[block(b"hello", &[0], 0), block(b"a", &index, 0)]);
        let listed: Result<Vec<_>, _> = trie.snapshot().iter(&below("")).collect();
        assert!(matches!(listed, Err(TrieError::Pointer { seq: 2, target: 1 })), "{index:?}");
    }
}

/// Counts how many blocks are read.
struct Counting(Vec<Bytes>, Cell<usize>);

impl Blocks for Counting {
    fn length(&self) -> u64 {
        self.0.length()
    }

    fn block(&self, seq: u64) -> Result<Option<Bytes>, LogError> {
        self.1.set(self.1.get() + 1);
        self.0.block(seq)
    }
}

#[test]
fn pointers_that_would_double_the_work_at_each_step_are_refused() {
    // Every node points to the one before it at every position, by its own digits.
    let header = Bytes::from(Header::default().encode());
    let mut blocks = vec![header];
    for seq in 1..40_u8 {
        let mut index = vec![34];
        if seq > 1 {
            for position in 1..=32_u8 {
                let digit = crate::Path::new("hello").digit(usize::from(position) - 1);
                index.extend([position, 1 << digit, seq - 1]);
            }
        }
        blocks.push(block(b"hello", &index, 0));
    }
    let trie = Trie::new(Counting(blocks, Cell::new(0)));
    let listed: Result<Vec<_>, _> = trie.snapshot().iter(&below("")).collect();
    assert!(matches!(listed, Err(TrieError::Pointer { .. })));
    let diffed: Result<Vec<_>, _> = trie.snapshot().diff(20, &DiffOptions::default()).collect();
    assert!(matches!(diffed, Err(TrieError::Pointer { .. })));
    assert!(trie.blocks().1.get() < 100);
}

#[test]
fn keys_that_do_not_part_where_they_claim_to_collide_are_refused() {
    // Two nodes of one key in one bucket, behind a third of the same hash.
    let [first, second] = TWINS.map(str::as_bytes);
    let nodes =
        [block(first, &[0], 0), block(first, &[0], 0), block(second, &[33, 32, 0b0010_0001, 1, 2], 0)];
    let digit = crate::Path::new(TWINS[0]).digit(31);
    let slots = 1_u8 << digit;
    assert_eq!(digit, 2);
    let both = [33, 32, slots, 1];
    assert!(trie(&[nodes[0].clone(), block(second, &both, 0)]).snapshot().get(TWINS[0]).unwrap().is_some());
    let twice = [&[33, 32][..], &[0x84, 1], &[1, 2]].concat();
    let trie = trie(&[nodes[0].clone(), nodes[1].clone(), block(second, &twice, 0)]);
    let listed: Result<Vec<_>, _> = trie.snapshot().iter(&below("")).collect();
    assert!(matches!(listed, Err(TrieError::Pointer { .. })), "{listed:?}");
}

#[test]
fn twins_behind_each_component_that_collides_are_refused() {
    // At each depth six nodes of one key, all of which point to all six of the next depth, where their hashes collide.
    const DEPTHS: usize = 12;
    let [first, second] = TWINS;
    let slots = (0..6).fold(0_u64, |slots, nth| slots | 1 << (2 + 5 * nth));
    let mut blocks = vec![Bytes::from(Header::default().encode())];
    for depth in (1..=DEPTHS).rev() {
        let key = [first].repeat(depth - 1).into_iter().chain([second]).collect::<Vec<_>>().join("/");
        let mut index = Vec::new();
        if depth < DEPTHS {
            varint::encode(32 * depth as u64 + 1, &mut index);
            varint::encode(32 * depth as u64, &mut index);
            varint::encode(slots, &mut index);
            (blocks.len() - 6..blocks.len()).for_each(|seq| varint::encode(seq as u64, &mut index));
        }
        blocks.extend((0..6).map(|_| block(key.as_bytes(), &index, 0)));
    }
    let trie = Trie::new(blocks);
    for (newer, older) in [(trie.version(), 1), (1, trie.version())] {
        let (newer, older) = (trie.checkout(newer), trie.checkout(older));
        let mut changes = newer.diff(older.version(), &DiffOptions::default()).take(1000);
        assert!(matches!(changes.find(Result::is_err), Some(Err(TrieError::Pointer { .. }))));
    }
    let listed: Result<Vec<_>, _> = trie.snapshot().iter(&below("")).collect();
    assert!(matches!(listed, Err(TrieError::Pointer { .. })));
}

#[test]
fn a_reset_that_is_pointed_to_is_nothing() {
    let trie = trie(&[block(b"", &[0], 0), block(b"a", &[2, 1, 16, 1], 0)]);
    assert_eq!(keys(&trie, &below("")), ["a"]);
    assert!(trie.snapshot().get("hello").unwrap().is_none());
}

proptest! {
    #[test]
    fn no_blocks_panic(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..6)) {
        let trie = trie(&blocks.into_iter().map(Bytes::from).collect::<Vec<_>>());
        try_everything(&trie);
    }

    #[test]
    fn changed_blocks_do_not_panic(
        puts in prop::collection::vec("[ab]{1,2}(/[ab]{1,2}){0,2}", 1..12),
        place in 0..10_000_usize,
        bit in 0..8,
    ) {
        let mut honest = memory();
        puts.iter().for_each(|key| put(&mut honest, key, "v"));
        let mut blocks = honest.blocks().clone();
        let count = blocks.len();
        let block = &mut blocks[1 + place % (count - 1)];
        let mut bytes = block.to_vec();
        let length = bytes.len();
        bytes[place % length] ^= 1_u8 << bit;
        *block = bytes.into();
        try_everything(&Trie::new(blocks));
    }
}

/// Reads in every way; only the end matters.
fn try_everything(trie: &Memory) {
    let bound = 200;
    for prefix in ["", "a", "a/b"] {
        for is_recursive in [true, false] {
            assert!(
                trie.snapshot().iter(&IterOptions { is_recursive, ..below(prefix) }).take(bound).count()
                    < bound
            );
        }
        let _ = trie.snapshot().get(prefix);
        let _ = trie.snapshot().diff(2, &DiffOptions { prefix, ..DiffOptions::default() }).take(bound).last();
        let mut batch = Batch::new(trie);
        let _ = batch.put(trie, "b/a", None, Options::default());
        let _ = batch.delete(trie, "a");
    }
}
