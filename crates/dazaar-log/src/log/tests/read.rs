//! Reading, finding, forgetting.

use super::*;
use crate::limits::{MAX_BLOCK_BYTES, MAX_READ_BLOCKS, MAX_READ_BYTES};
use crate::sleep::{NODE_BYTES, node_offset};

#[test]
fn every_byte_is_found() {
    let mut log = log();
    log.append(&["a", "", "bb", "", "", "ccc", "d"]).unwrap();
    let expected = [(0, 0), (2, 0), (2, 1), (5, 0), (5, 1), (5, 2), (6, 0), (7, 0)];
    for (byte, place) in (0..).zip(expected) {
        assert_eq!(log.seek(byte).unwrap(), Some(place), "byte {byte}");
    }
    assert_eq!(log.seek(8).unwrap(), None);
    let offsets = [0, 1, 1, 3, 3, 3, 6, 7];
    for (block, offset) in (0..).zip(offsets) {
        assert_eq!(log.byte_offset(block).unwrap(), Some(offset));
    }
    assert_eq!(log.byte_offset(8).unwrap(), None);
    assert_eq!(log.byte_offset(u64::MAX).unwrap(), None);
}

#[test]
fn a_sparse_log_finds_what_its_tree_knows() {
    let mut writer = log();
    writer.append(&rows(0..20)).unwrap();
    let mut reader = Log::create_reader(MemoryStorage::new(), writer.key()).unwrap();
    let verified = reader.verify(send(&writer, &reader, 9)).unwrap();
    assert_eq!(reader.store(verified).unwrap(), Stored { block: Some(9), length: 20 });
    let start = writer.byte_offset(9).unwrap().unwrap();
    assert_eq!(reader.byte_offset(9).unwrap(), Some(start));
    assert_eq!(reader.seek(start + 3).unwrap(), Some((9, 3)));
    assert_eq!(reader.seek(start - 1).unwrap(), Some((8, row(8).len() as u64 - 1)));
    assert_eq!(reader.seek(1).unwrap(), None);
    assert_eq!(reader.byte_offset(3).unwrap(), None);
    assert_eq!(reader.seek(reader.byte_length()).unwrap(), Some((20, 0)));
}

#[test]
fn many_blocks_are_read_up_to_the_first_hole_and_the_limits() {
    let mut log = log();
    let blocks: Vec<String> = rows(0..MAX_READ_BLOCKS + 10);
    log.append(&blocks).unwrap();
    assert_eq!(log.blocks(0..u64::MAX).unwrap().len() as u64, MAX_READ_BLOCKS);
    assert_eq!(log.blocks(MAX_READ_BLOCKS..u64::MAX).unwrap(), blocks[MAX_READ_BLOCKS as usize..]);
    assert_eq!(log.blocks(5..8).unwrap(), blocks[5..8]);
    log.clear(8..10).unwrap();
    assert_eq!(log.blocks(5..20).unwrap(), blocks[5..8]);
    assert!(log.blocks(8..20).unwrap().is_empty());
    let inverted = Range { start: 20, end: 10 };
    assert!(log.blocks(inverted).unwrap().is_empty());
}

#[test]
fn large_blocks_are_read_one_by_one() {
    let mut log = log();
    let large = vec![7; MAX_BLOCK_BYTES];
    log.append(&[&large[..], &large, b"small"]).unwrap();
    assert_eq!(log.blocks(0..3).unwrap(), [&large]);
    assert_eq!(log.blocks(1..3).unwrap().len(), 1);
    assert_eq!(log.blocks(2..3).unwrap(), [&b"small"[..]]);
    assert!(MAX_READ_BYTES >= MAX_BLOCK_BYTES as u64);
    let larger = vec![7; MAX_BLOCK_BYTES + 1];
    let error = log.append(&[&b"x"[..], &larger]).unwrap_err();
    assert!(matches!(error, LogError::BlockTooLarge { block: 4, .. }), "{error}");
    assert_eq!(log.length(), 3);
}

#[test]
fn damaged_data_is_never_returned() {
    let mut log = log();
    log.append(&["a", "bb", "ccc"]).unwrap();
    log.flush().unwrap();
    let mut storage = log.into_storage();
    storage.write(FileName::Data, 2, b"B").unwrap();
    let mut log = Log::open(storage).unwrap();
    assert!(matches!(log.block(1), Err(LogError::Corrupt { file: FileName::Data, offset: 1 })));
    assert!(matches!(log.blocks(0..3), Err(LogError::Corrupt { file: FileName::Data, offset: 1 })));
    assert_eq!(log.audit().unwrap(), Audit { valid: 2, invalid: 1 });
    assert_eq!(log.block(1).unwrap(), None);
    assert_eq!(log.audit().unwrap(), Audit { valid: 2, invalid: 0 });
    let mut storage = log.into_storage();
    storage.write(FileName::Tree, 32, &[0; 40]).unwrap();
    let log = Log::open(storage).unwrap();
    assert!(matches!(log.block(0), Err(LogError::Corrupt { file: FileName::Tree, offset: 32 })));
    let error = log.block(0).unwrap_err();
    assert_eq!(error.to_string(), "`tree` is damaged at byte 32");
}

#[test]
fn cleared_blocks_free_their_bytes_and_can_come_back() {
    let mut writer = log();
    writer.append(&rows(0..6)).unwrap();
    let mut log = Log::open(writer.into_storage()).unwrap();
    let whole = Log::open(log.storage.clone()).unwrap();
    log.clear(1..3).unwrap();
    log.clear(5..99).unwrap();
    log.clear(40..50).unwrap();
    assert_eq!((log.length(), log.downloaded()), (6, 3));
    let data = log.storage.bytes(FileName::Data);
    let (start, end) = (row(0).len(), row(0).len() + row(1).len() + row(2).len());
    assert!(data[start..end].iter().all(|byte| *byte == 0));
    assert!(data.starts_with(row(0).as_bytes()));
    let verified = log.verify(send(&whole, &log, 2)).unwrap();
    assert_eq!(log.store(verified).unwrap(), Stored { block: Some(2), length: 6 });
    assert_eq!(log.block(2).unwrap().unwrap(), row(2));
    assert_eq!(log.append(&["x"]).unwrap(), 6..7);
}

/// Overwrites the size of a leaf.
fn resize(storage: &mut MemoryStorage, block: u64, size: u64) {
    let offset = node_offset(NodeIndex::leaf(block)) + Hash::BYTES as u64;
    storage.write(FileName::Tree, offset, &size.to_be_bytes()).unwrap();
}

#[test]
fn a_damaged_leaf_frees_no_space_of_others() {
    for size in [0, 500, u64::from(u32::MAX), u64::MAX] {
        let mut written = log();
        written.append(&rows(0..40)).unwrap();
        written.flush().unwrap();
        let mut storage = written.into_storage();
        resize(&mut storage, 5, size);
        let mut log = Log::open(storage).unwrap();
        log.clear(2..6).unwrap();
        let (start, kept) = (rows(0..2).concat().len(), rows(0..6).concat().len());
        let (whole, left) = (rows(0..40).concat().into_bytes(), log.storage.bytes(FileName::Data));
        assert!(left[..start] == whole[..start] && left[kept..] == whole[kept..], "with {size}");
        assert!(left[start..rows(0..5).concat().len()].iter().all(|byte| *byte == 0), "the others are freed");
        assert_eq!(log.downloaded(), 36);
    }
}

#[test]
fn blocks_that_are_all_damaged_are_forgotten() {
    let mut written = log();
    written.append(&rows(0..4)).unwrap();
    written.flush().unwrap();
    let mut storage = written.into_storage();
    storage.write(FileName::Data, 0, &[0; 200][..rows(0..2).concat().len()]).unwrap();
    let mut log = Log::open(storage).unwrap();
    log.clear(0..2).unwrap();
    assert_eq!(log.downloaded(), 2);
}

#[test]
fn an_upper_node_is_read_once() {
    let mut log = log();
    log.append(&rows(0..100)).unwrap();
    let mut fresh = Log::open(log.storage.clone()).unwrap();
    (0..100).for_each(|index| assert_eq!(log.block(index).unwrap().unwrap(), row(index)));
    for index in (0..200).map(NodeIndex).filter(|index| index.block().is_none()) {
        for log in [&mut log, &mut fresh] {
            log.storage.write(FileName::Tree, node_offset(index), &[0; NODE_BYTES]).unwrap();
        }
    }
    (0..100).for_each(|index| assert_eq!(log.block(index).unwrap().unwrap(), row(index)));
    assert!(matches!(fresh.block(33), Err(LogError::Corrupt { file: FileName::Tree, .. })));
}

#[test]
fn nothing_appended_is_nothing_done() {
    let mut log = log();
    log.append(&["a"]).unwrap();
    let before = log.storage.clone();
    assert_eq!(log.append::<&str>(&[]).unwrap(), 1..1);
    assert_eq!(log.storage, before);
}
