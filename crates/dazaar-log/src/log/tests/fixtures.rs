//! Folders that npm hypercore 9.12.0 wrote; see `interop/js/make-fixtures.js`.

use std::path::{Path, PathBuf};

use super::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/hypercore-9")
}

fn load(name: &str) -> MemoryStorage {
    let mut storage = MemoryStorage::new();
    for file in FileName::ALL {
        if let Ok(bytes) = std::fs::read(root().join(name).join(file.as_str())) {
            storage.replace(file, bytes);
        }
    }
    storage
}

#[test]
fn our_folder_is_byte_for_byte_theirs() {
    let theirs = load("five");
    let mut log = log();
    for batch in [&["a", "bb", "ccc"][..], &["dddd"], &["eeeee"]] {
        log.append(batch).unwrap();
    }
    let ours = log.into_storage();
    for file in FileName::ALL.into_iter().filter(|file| ![FileName::Commit, FileName::Journal].contains(file))
    {
        assert_eq!(hex::encode(ours.bytes(file)), hex::encode(theirs.bytes(file)), "{file}");
    }
}

#[test]
fn a_writers_folder_opens_reads_and_goes_on() {
    let mut log = Log::open(load("five")).unwrap();
    assert!(log.is_writable());
    assert_eq!((log.length(), log.byte_length(), log.downloaded()), (5, 15, 5));
    assert_eq!(log.blocks(0..9).unwrap(), ["a", "bb", "ccc", "dddd", "eeeee"]);
    assert_eq!(log.audit().unwrap(), Audit { valid: 5, invalid: 0 });
    log.append(&["ffffff"]).unwrap();
    let mut log = Log::open(log.into_storage()).unwrap();
    assert_eq!(log.blocks(3..9).unwrap(), ["dddd", "eeeee", "ffffff"]);
    assert_eq!(log.audit().unwrap(), Audit { valid: 6, invalid: 0 });
}

#[test]
fn a_readers_folder_opens_with_its_holes() {
    let mut log = Log::open(load("sparse")).unwrap();
    assert!(!log.is_writable());
    assert_eq!(log.length(), 61);
    let held = [0, 3, 5, 6, 7, 8, 9, 30, 58];
    for block in 0..61 {
        let expected = held.contains(&block).then(|| row(block));
        assert_eq!(
            log.block(block).unwrap().as_deref(),
            expected.as_ref().map(|row| row.as_bytes()),
            "block {block}"
        );
    }
    assert_eq!(log.audit().unwrap(), Audit { valid: 9, invalid: 0 });
    assert!(matches!(log.append(&["x"]), Err(LogError::ReadOnly { .. })));
    assert!(log.signature(40).unwrap().is_some());
    assert!(log.signature(61).unwrap().is_some());
    assert_eq!(log.signature(41).unwrap(), None);
}

#[test]
fn pages_of_another_size_stay_and_lose_their_index() {
    let mut log = Log::open(load("small-pages")).unwrap();
    assert_eq!((log.length(), log.downloaded()), (40, 38));
    assert_eq!(log.block(7).unwrap(), None);
    assert_eq!(log.block(39).unwrap().unwrap(), row(39));
    let more: Vec<String> = (40..9000).map(row).collect();
    log.append(&more).unwrap();
    let storage = log.into_storage();
    let bitfield = storage.bytes(FileName::Bitfield);
    assert_eq!(bitfield[5..7], 3328_u16.to_be_bytes());
    assert_eq!(bitfield.len(), 32 + 2 * 3328);
    assert!(bitfield[32..].chunks(3328).all(|page| page[3072..] == [0; 256]));
    let mut log = Log::open(storage).unwrap();
    assert_eq!(log.audit().unwrap(), Audit { valid: 8998, invalid: 0 });
}

#[derive(serde::Deserialize)]
struct Bitfield {
    name: String,
    blocks: u64,
    batch: u64,
    cleared: Vec<(u64, u64)>,
}

#[test]
fn bitfields_are_byte_for_byte_theirs() {
    let cases = std::fs::read(root().join("bitfields.json")).unwrap();
    let cases: Vec<Bitfield> = serde_json::from_slice(&cases).unwrap();
    for case in cases {
        let mut log = log();
        while log.length() < case.blocks {
            let blocks = vec!["x"; case.batch.min(case.blocks - log.length()) as usize];
            log.append(&blocks).unwrap();
        }
        for (start, end) in case.cleared {
            log.clear(start..end).unwrap();
        }
        let storage = log.into_storage();
        let theirs = std::fs::read(root().join("bitfields").join(&case.name)).unwrap();
        let ours = storage.bytes(FileName::Bitfield);
        assert_eq!(ours.len(), theirs.len(), "{}", case.name);
        let differing: Vec<usize> = (0..ours.len()).filter(|&at| ours[at] != theirs[at]).collect();
        assert_eq!(differing, [0; 0], "{}", case.name);
    }
}
