//! Damage in the tree is found, mended or forgotten, and what was forgotten can be downloaded again.

use super::*;
use crate::sleep::{NODE_BYTES, node_offset};

fn writer() -> Log<MemoryStorage> {
    let mut writer = log();
    writer.append(&rows(0..37)).unwrap();
    writer
}

/// A reader with every block of `writer`.
fn full_reader(writer: &Log<MemoryStorage>) -> Log<MemoryStorage> {
    let mut reader = Log::create_reader(MemoryStorage::new(), writer.key()).unwrap();
    (0..writer.length()).for_each(|block| fetch(writer, &mut reader, block));
    reader
}

fn fetch(writer: &Log<MemoryStorage>, reader: &mut Log<MemoryStorage>, block: u64) {
    let verified = reader.verify(send(writer, reader, block)).unwrap();
    reader.store(verified).unwrap();
    assert_eq!(reader.block(block).unwrap().unwrap(), row(block));
}

fn flip(log: &mut Log<MemoryStorage>, index: NodeIndex) {
    let byte = log.storage.bytes(FileName::Tree)[node_offset(index) as usize];
    log.storage.write(FileName::Tree, node_offset(index), &[byte ^ 1]).unwrap();
}

fn zero(log: &mut Log<MemoryStorage>, index: NodeIndex) {
    log.storage.write(FileName::Tree, node_offset(index), &[0; NODE_BYTES]).unwrap();
}

/// Damages a full reader, audits it and completes it again.
fn heal(damage: impl Fn(&mut Log<MemoryStorage>)) -> Audit {
    let writer = writer();
    let mut reader = full_reader(&writer);
    (0..37).for_each(|block| assert!(reader.block(block).unwrap().is_some()));
    damage(&mut reader);
    let audit = reader.audit().unwrap();
    assert_eq!(audit.valid + audit.invalid, 37);
    assert_eq!(reader.audit().unwrap(), Audit { invalid: 0, ..audit });
    let mut reader = Log::open(reader.into_storage()).unwrap();
    assert_eq!((reader.length(), reader.downloaded()), (37, audit.valid));
    (0..37).rev().for_each(|block| fetch(&writer, &mut reader, block));
    assert_eq!(reader.storage.bytes(FileName::Tree), writer.storage.bytes(FileName::Tree));
    assert_eq!(reader.storage.bytes(FileName::Bitfield), writer.storage.bytes(FileName::Bitfield));
    assert_eq!(reader.audit().unwrap(), Audit { valid: 37, invalid: 0 });
    audit
}

#[test]
fn damaged_leaves_are_forgotten_with_their_sibling() {
    for block in 0..36 {
        assert_eq!(heal(|log| flip(log, NodeIndex::leaf(block))).invalid, 2, "block {block}");
        assert_eq!(heal(|log| zero(log, NodeIndex::leaf(block))).invalid, 2, "block {block}");
    }
}

#[test]
fn damaged_inner_nodes_and_roots_are_mended_from_below() {
    for index in (1..71).step_by(2).map(NodeIndex).chain([NodeIndex(72)]).filter(|index| index.0 != 63) {
        assert_eq!(heal(|log| flip(log, index)).invalid, 0, "{index}");
        assert_eq!(heal(|log| zero(log, index)).invalid, 0, "{index}");
    }
}

#[test]
fn an_inner_node_and_a_leaf_below_it_go_together() {
    let audit = heal(|log| {
        flip(log, NodeIndex(7));
        flip(log, NodeIndex(4));
    });
    assert_eq!(audit.invalid, 16);
}

#[test]
fn a_root_of_earlier_days_is_dropped_if_it_is_gone() {
    let mut writer = log();
    writer.append(&rows(0..3)).unwrap();
    let mut reader = Log::create_reader(MemoryStorage::new(), writer.key()).unwrap();
    fetch(&writer, &mut reader, 2);
    writer.append(&rows(3..10)).unwrap();
    fetch(&writer, &mut reader, 9);
    assert_eq!(reader.audit().unwrap(), Audit { valid: 2, invalid: 0 });
    zero(&mut reader, NodeIndex(1));
    zero(&mut reader, NodeIndex(4));
    assert_eq!(reader.audit().unwrap(), Audit { valid: 1, invalid: 1 });
    (0..10).for_each(|block| fetch(&writer, &mut reader, block));
    assert_eq!(reader.audit().unwrap(), Audit { valid: 10, invalid: 0 });
}
