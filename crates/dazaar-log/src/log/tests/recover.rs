//! Folders in every state between two commits.

use super::faulty::{Fault, FaultyStorage};
use super::*;
use crate::commit::Slot;

/// The files of a log after each of some appends.
fn history(lengths: &[u64]) -> Vec<MemoryStorage> {
    let mut log = log();
    let mut states = Vec::new();
    for &length in lengths {
        log.append(&rows(log.length()..length)).unwrap();
        states.push(log.into_storage());
        log = Log::open(states.last().unwrap().clone()).unwrap();
    }
    states
}

/// `new`, but some files as they were in `old`.
fn mixed(new: &MemoryStorage, old: &MemoryStorage, stale: &[FileName]) -> MemoryStorage {
    let mut storage = new.clone();
    for &file in stale {
        storage.replace(file, old.bytes(file).to_vec());
    }
    storage
}

/// Opens, and checks that exactly the first `length` blocks are there.
fn opened(storage: MemoryStorage, length: u64) -> Log<MemoryStorage> {
    let mut log = Log::open(storage).unwrap();
    assert_eq!(log.length(), length);
    assert_eq!(log.tree().length(), length);
    assert_eq!(log.have().len(), length);
    assert_eq!(log.audit().unwrap(), Audit { valid: length, invalid: 0 });
    assert_eq!(log.byte_length(), rows(0..length).concat().len() as u64);
    log.append(&rows(length..length + 2)).unwrap();
    assert_eq!(log.downloaded(), length + 2);
    let mut log = Log::open(log.into_storage()).unwrap();
    assert_eq!(log.audit().unwrap(), Audit { valid: length + 2, invalid: 0 });
    log
}

fn flip(storage: &mut MemoryStorage, file: FileName, offset: usize) {
    let mut bytes = storage.bytes(file).to_vec();
    bytes[offset] ^= 1;
    storage.replace(file, bytes);
}

#[test]
fn a_log_that_hypercore_extended_opens_at_its_length() {
    let [old, new] = &history(&[5, 5000])[..] else { unreachable!() };
    opened(mixed(new, old, &[FileName::Commit]), 5000);
    opened(mixed(new, &MemoryStorage::new(), &[FileName::Commit]), 5000);
}

#[test]
fn a_longer_bitfield_without_signature_is_cut_back() {
    let [old, new] = &history(&[5, 12])[..] else { unreachable!() };
    opened(mixed(new, old, &[FileName::Commit, FileName::Signatures]), 5);
    let mut forged = mixed(new, old, &[FileName::Commit]);
    flip(&mut forged, FileName::Signatures, 32 + 11 * 64);
    opened(forged, 5);
    opened(mixed(new, old, &[FileName::Commit, FileName::Tree]), 5);
}

#[test]
fn a_longer_bitfield_without_its_data_is_cut_back() {
    let [old, new] = &history(&[5, 12])[..] else { unreachable!() };
    let mut damaged = mixed(new, old, &[FileName::Commit]);
    flip(&mut damaged, FileName::Data, new.bytes(FileName::Data).len() - 1);
    opened(damaged, 5);
    opened(mixed(new, old, &[FileName::Commit, FileName::Data]), 5);
}

#[test]
fn a_signature_that_the_bitfield_does_not_know_counts() {
    let [old, new] = &history(&[5, 12])[..] else { unreachable!() };
    opened(mixed(new, old, &[FileName::Commit, FileName::Bitfield]), 12);
}

#[test]
fn a_lost_bitfield_is_rebuilt() {
    let [old, new] = &history(&[5, 9000])[..] else { unreachable!() };
    opened(mixed(new, old, &[FileName::Bitfield]), 9000);
    opened(mixed(new, &MemoryStorage::new(), &[FileName::Bitfield]), 9000);
    let mut log =
        Log::open(mixed(new, &MemoryStorage::new(), &[FileName::Bitfield, FileName::Commit])).unwrap();
    assert_eq!(log.audit().unwrap(), Audit { valid: 9000, invalid: 0 });
}

#[test]
fn what_a_rebuilt_bitfield_cannot_prove_is_not_held() {
    let mut log = Log::open(history(&[12]).remove(0)).unwrap();
    log.flush().unwrap();
    let mut storage = mixed(&log.into_storage(), &MemoryStorage::new(), &[FileName::Bitfield]);
    flip(&mut storage, FileName::Data, 0);
    let log = Log::open(storage).unwrap();
    assert_eq!((log.length(), log.has(0), log.downloaded()), (12, false, 11));
}

#[test]
fn a_power_cut_leaves_what_was_flushed() {
    let mut log = log();
    log.append(&rows(0..9)).unwrap();
    log.flush().unwrap();
    let flushed = log.into_storage();
    let mut log = Log::open(flushed.clone()).unwrap();
    log.append(&rows(9..11)).unwrap();
    log.append(&rows(11..30)).unwrap();
    let new = log.into_storage();
    opened(mixed(&new, &flushed, &[FileName::Tree, FileName::Data, FileName::Signatures]), 9);
    opened(mixed(&new, &flushed, &[FileName::Tree]), 9);
    opened(mixed(&new, &flushed, &[FileName::Tree, FileName::Bitfield]), 9);
}

#[test]
fn a_power_cut_may_lose_any_of_the_files_written_since() {
    let mut log = log();
    log.append(&rows(0..9)).unwrap();
    log.flush().unwrap();
    let flushed = log.storage.clone();
    for end in [10, 11, 13, 16, 17, 30] {
        log.append(&rows(log.length()..end)).unwrap();
    }
    let new = log.into_storage();
    let files = [FileName::Data, FileName::Tree, FileName::Signatures, FileName::Bitfield, FileName::Commit];
    for (lost, zeros) in (0..1_u32 << files.len()).flat_map(|lost| [(lost, false), (lost, true)]) {
        let lost = (0..files.len()).filter(|nth| lost >> nth & 1 == 1).map(|nth| files[nth]);
        let lost: Vec<FileName> = lost.collect();
        let mut cut = mixed(&new, &flushed, &lost);
        for &file in lost.iter().filter(|_| zeros) {
            cut.set_len(file, new.bytes(file).len() as u64).unwrap();
        }
        let length = Log::open(cut.clone()).unwrap().length();
        assert!((9..=30).contains(&length), "{lost:?}: {length}");
        opened(cut, length);
    }
}

#[test]
fn a_log_ends_before_the_first_block_that_a_power_cut_damaged() {
    let mut log = log();
    log.append(&rows(0..9)).unwrap();
    log.flush().unwrap();
    for end in [10, 11, 13, 16, 17, 30] {
        log.append(&rows(log.length()..end)).unwrap();
    }
    let new = log.into_storage();
    let start = rows(0..9).concat().len();
    for kept in start..new.bytes(FileName::Data).len() {
        let mut cut = new.clone();
        let byte = new.bytes(FileName::Data)[kept];
        cut.write(FileName::Data, kept as u64, &[byte ^ 1]).unwrap();
        let before = (0..30).take_while(|&block| rows(0..block + 1).concat().len() <= kept).count() as u64;
        let signed = [9, 10, 11, 13, 16, 17].into_iter().rfind(|&length| length <= before).unwrap();
        opened(cut, signed);
    }
}

#[test]
fn a_reader_forgets_what_a_power_cut_took() {
    let mut writer = log();
    writer.append(&rows(0..9)).unwrap();
    let mut reader = Log::create_reader(MemoryStorage::new(), writer.key()).unwrap();
    let fetch = |writer: &Log<MemoryStorage>, reader: &mut Log<MemoryStorage>, block| {
        let verified = reader.verify(send(writer, reader, block)).unwrap();
        reader.store(verified).unwrap();
    };
    (0..9).for_each(|block| fetch(&writer, &mut reader, block));
    reader.flush().unwrap();
    let flushed = reader.storage.clone();
    writer.append(&rows(9..30)).unwrap();
    (9..30).for_each(|block| fetch(&writer, &mut reader, block));
    let mut cut = Log::open(mixed(&reader.storage, &flushed, &[FileName::Data])).unwrap();
    assert_eq!((cut.length(), cut.downloaded()), (30, 9));
    (9..30).for_each(|block| fetch(&writer, &mut cut, block));
    assert_eq!(cut.audit().unwrap(), Audit { valid: 30, invalid: 0 });
}

#[test]
fn a_power_cut_while_blocks_are_cleared_leaves_none_that_is_held_and_gone() {
    let mut log = log();
    log.append(&rows(0..9)).unwrap();
    log.flush().unwrap();
    let flushed = log.into_storage();
    for after in 0..8 {
        let fault = Fault { after, eighths: 8, ..Fault::default() };
        let storage = FaultyStorage::new(flushed.clone(), fault);
        let mut log = Log::open(storage.clone()).unwrap();
        let cleared = log.clear(2..5).is_ok();
        let cut = mixed(&storage.synced(), &storage.files(), &[FileName::Data]);
        let mut log = Log::open(cut).unwrap();
        let audit = log.audit().unwrap();
        assert_eq!((log.length(), audit.invalid), (9, 0), "after {after}");
        assert!(!cleared || audit.valid == 6);
    }
}

#[test]
fn a_flushed_log_opens_without_a_look_at_its_blocks() {
    let mut log = log();
    log.append(&rows(0..5000)).unwrap();
    log.flush().unwrap();
    let bytes = log.byte_length();
    let mut files = mixed(&log.into_storage(), &MemoryStorage::new(), &[FileName::Data]);
    files.set_len(FileName::Data, bytes).unwrap();
    let leaf = crate::sleep::node_offset(NodeIndex::leaf(4000));
    files.write(FileName::Tree, leaf, &[0; crate::sleep::NODE_BYTES]).unwrap();
    let log = Log::open(files).unwrap();
    assert_eq!((log.length(), log.downloaded()), (5000, 5000));
}

#[test]
fn without_a_record_the_highest_signed_length_counts() {
    let [old, new] = &history(&[5, 12])[..] else { unreachable!() };
    let unsigned = mixed(new, old, &[FileName::Signatures]);
    opened(mixed(&unsigned, &MemoryStorage::new(), &[FileName::Commit]), 5);
}

#[test]
fn a_folder_that_proves_nothing_is_refused_not_emptied() {
    let storage = mixed(&history(&[12])[0], &log().into_storage(), &[FileName::Signatures]);
    let storage = mixed(&storage, &MemoryStorage::new(), &[FileName::Commit]);
    assert!(matches!(Log::open(storage), Err(LogError::Unproven { length: 12 })));
}

#[test]
fn records_of_another_log_and_torn_records_do_not_count() {
    let [old, new] = &history(&[5, 12])[..] else { unreachable!() };
    let mut torn = new.clone();
    for slot in [Slot::Synced, Slot::Even, Slot::Odd] {
        if let Some(byte) = new.bytes(FileName::Commit).get(slot.offset() as usize + 40) {
            assert!(*byte < 255);
            flip(&mut torn, FileName::Commit, slot.offset() as usize + 40);
        }
    }
    opened(torn, 12);
    let other = Log::create(MemoryStorage::new(), FeedKeyPair::from_seed(&[2; 32])).unwrap().into_storage();
    opened(mixed(new, &other, &[FileName::Commit]), 12);
    opened(old.clone(), 5);
}

#[test]
fn a_page_cut_short_is_filled_up() {
    let [_, new] = &history(&[5, 12])[..] else { unreachable!() };
    let mut cut = new.clone();
    let bitfield = cut.bytes(FileName::Bitfield);
    cut.replace(FileName::Bitfield, bitfield[..32 + 1030].to_vec());
    opened(cut, 12);
}

#[test]
fn foreign_folders_are_named() {
    let good = history(&[5]).remove(0);
    assert!(matches!(Log::open(MemoryStorage::new()), Err(LogError::NotALog)));
    for file in [FileName::Tree, FileName::Signatures, FileName::Bitfield] {
        let mut bad = good.clone();
        flip(&mut bad, file, 1);
        assert!(matches!(Log::open(bad), Err(LogError::Header { file: named }) if named == file));
    }
    let mut bad = good.clone();
    bad.write(FileName::Bitfield, 5, &[0, 100]).unwrap();
    assert!(matches!(Log::open(bad), Err(LogError::Header { file: FileName::Bitfield })));
    let mut bad = good.clone();
    bad.replace(FileName::SecretKey, FeedKeyPair::from_seed(&[2; 32]).to_secret_bytes().to_vec());
    assert!(matches!(Log::open(bad), Err(LogError::SecretKey { .. })));
    let mut bad = good.clone();
    bad.replace(FileName::SecretKey, vec![1; 10]);
    assert!(matches!(Log::open(bad), Err(LogError::SecretKey { .. })));
    assert!(matches!(Log::create(good, pair()), Err(LogError::Exists { .. })));
}
