//! Metadata of a writer who means harm.

use std::fmt::Write as _;
use std::ops::Range;

use bytes::Bytes;
use dazaar_log::codec::protobuf::{encode_bytes, encode_varint};
use proptest::prelude::*;

use super::support::*;
use crate::fault::Fault;
use crate::hyperdrive::*;
use crate::hypertrie::{Batch, Options, Trie};

fn put_raw(drive: &mut Memory, key: &str, value: Option<&[u8]>, flags: u32) {
    let mut batch = Batch::new(drive);
    batch.put(drive, key, value, Options { is_hidden: false, flags }).unwrap();
    let blocks: Vec<Bytes> = batch.blocks().iter().cloned().map(Bytes::from).collect();
    drive.blocks_mut().extend(blocks);
    drive.keep(batch);
}

/// A stat with one more field.
fn with(field: u64, number: u64) -> Vec<u8> {
    let mut value = Stat::file(0o644).encode();
    encode_varint(field, number, &mut value);
    value
}

#[test]
fn every_broken_rule_has_its_name() {
    let bytes = |field, content: &[u8]| {
        let mut value = Stat::file(0o644).encode();
        encode_bytes(field, content, &mut value);
        value
    };
    let negative = u64::MAX - 4;
    let cases = [
        (with(4, negative), Fault::Number { field: 4, value: negative }),
        (with(6, 1 << 53), Fault::Number { field: 6, value: 1 << 53 }),
        (with(8, negative), Fault::Number { field: 8, value: negative }),
        (with(1, 1 << 32), Fault::Number { field: 1, value: 1 << 32 }),
        (with(10, 1), Fault::FieldType { field: 10 }),
        (bytes(4, b"x"), Fault::FieldType { field: 4 }),
        (bytes(10, b"\xff"), Fault::Text { field: 10 }),
        (bytes(11, &[0x0a, 1, 7]), Fault::Key { field: 11 }),
        (bytes(11, b""), Fault::Key { field: 11 }),
        (bytes(12, &[0x0a, 1, 0xff]), Fault::Text { field: 12 }),
        (vec![0x10, 1], Fault::NoField { field: 1 }),
        (Vec::new(), Fault::NoField { field: 1 }),
    ];
    for (value, expected) in cases {
        assert_eq!(Stat::decode(&value), Err(expected));
        let mut drive = memory();
        put_raw(&mut drive, "bad", Some(&value), 0);
        let found = view(&drive).stat(&path("bad"));
        assert!(matches!(found, Err(DriveError::Stat { seq: 1, fault, .. }) if fault == expected));
    }
    let mut drive = memory();
    put_raw(&mut drive, "bad", None, 0);
    assert!(matches!(view(&drive).lstat(&path("bad")), Err(DriveError::Stat { .. })));
}

#[test]
fn a_list_goes_on_behind_what_cannot_be_read() {
    let mut drive = memory();
    for name in ["a", "b", "c"] {
        put(&mut drive, name, 1);
    }
    put_raw(&mut drive, "bad", Some(b"\x08"), 0);
    for is_recursive in [false, true] {
        let view = view(&drive);
        let mut list = view.readdir(&path("/"), is_recursive).unwrap();
        let (mut good, mut bad) = (Vec::new(), 0);
        loop {
            match list.next(&view) {
                Ok(Some(entry)) => good.push(entry.path),
                Ok(None) => break,
                Err(_) => bad += 1,
            }
        }
        good.sort();
        assert_eq!((good, bad), (["a", "b", "c"].map(str::to_owned).to_vec(), 1));
    }
}

#[test]
fn files_are_held_against_the_content_feed() {
    let of = |size, blocks, offset, byte_offset| {
        Extent::of(&Stat { size, blocks, offset, byte_offset, ..Stat::file(0o644) }, 10)
    };
    assert_eq!(of(5, 2, 8, 100).unwrap(), Extent { blocks: 8..10, bytes: 100..105 });
    assert_eq!(of(5, 2, 9, 0), Err(ExtentError::Beyond { end: 11, length: 10 }));
    assert_eq!(of(5, 0, 3, 0), Err(ExtentError::NoBlocks { size: 5 }));
    assert_eq!(of(5, u64::MAX, 3, 0), Err(ExtentError::Overflow));
    assert_eq!(of(1 << 53, 1, 3, 1), Err(ExtentError::Overflow));
    // Nothing is read of an empty file, wherever it claims to be.
    let empty = of(0, 7, 1 << 50, 1 << 50).unwrap();
    assert_eq!(empty.clamp(0..u64::MAX), 0..0);

    let extent = of(10, 1, 0, 100).unwrap();
    for (range, expected) in [
        (0..10, 100..110),
        (5..105, 105..110),
        (10..20, 110..110),
        (Range { start: 7, end: 3 }, 107..107),
        (0..u64::MAX, 100..110),
    ] {
        assert_eq!(extent.clamp(range), expected);
    }
}

#[test]
fn links_in_a_circle_or_too_many_end() {
    let mut drive = memory();
    let link = |drive: &mut Memory, name: &str, target: &str| {
        edit(drive, |edit| edit.symlink(&path(name), &Stat::symlink(target))).unwrap();
    };
    link(&mut drive, "a", "b");
    link(&mut drive, "b", "/a");
    link(&mut drive, "itself", "./itself");
    put(&mut drive, "0", 1);
    for nth in 1..=41 {
        link(&mut drive, &nth.to_string(), &(nth - 1).to_string());
    }
    for looped in ["a", "b", "itself", "41"] {
        assert!(matches!(
            view(&drive).stat(&path(looped)),
            Err(DriveError::LinkLoop { path: p }) if p == path(looped)
        ));
        assert!(view(&drive).lstat(&path(looped)).is_ok());
    }
    assert_eq!(view(&drive).stat(&path("40")).unwrap().path, "0");
    assert!(matches!(list(&drive, "a", false), Err(DriveError::LinkLoop { .. })));
}

#[test]
fn names_that_are_none_are_told_and_lead_nowhere() {
    let mut drive = memory();
    let value = file(1).encode();
    for key in ["../up", "a//b", "n\0ul", "back\\slash", "./x", "ok"] {
        put_raw(&mut drive, key, Some(&value), 0);
    }
    assert_eq!(names(&drive, "/", true), ["../up", "./x", "a//b", "back\\slash", "n\0ul", "ok"]);
    assert_eq!(names(&drive, "/", false), [".", "..", "a", "back\\slash", "n\0ul", "ok"]);
    assert_eq!(names(&drive, "a", false), ["a/"]);
    assert!(view(&drive).stat(&path("a//b")).is_err());
}

#[test]
fn ten_thousand_levels_are_read() {
    let mut drive = memory();
    let mut key = String::new();
    for nth in 0..10_000 {
        write!(key, "{}x", if nth == 0 { "" } else { "/" }).unwrap();
    }
    put_raw(&mut drive, &key, Some(&file(3).encode()), 0);
    assert_eq!(view(&drive).stat(&path(&key)).unwrap().stat.size, 3);
    assert_eq!(names(&drive, "x/x", false), ["x/x/x"]);
    assert!(matches!(view(&drive).stat(&path(&format!("{key}/x"))), Err(DriveError::NotFound { .. })));
    let moved = edit(&mut drive, |edit| edit.rename(&path("x"), &path("y")));
    assert!(matches!(moved, Err(DriveError::Path { rule: PathRule::TooLong { .. }, .. })));
}

#[test]
fn what_is_flagged_as_a_mount_is_left_alone() {
    let mut drive = memory();
    put_raw(&mut drive, "m", Some(&Stat::directory(0o755).encode()), 1);
    put_raw(&mut drive, "d/m", Some(&Stat::directory(0o755).encode()), 1);
    let mounted = |result: Result<(), DriveError>| matches!(result, Err(DriveError::NotMounted { .. }));
    assert!(mounted(edit(&mut drive, |edit| edit.put(&path("m/x"), &file(1)).map(|_| ()))));
    assert!(mounted(edit(&mut drive, |edit| edit.put(&path("m"), &file(1)).map(|_| ()))));
    assert!(mounted(edit(&mut drive, |edit| edit.unlink(&path("m")))));
    assert!(mounted(edit(&mut drive, |edit| edit.rename(&path("d"), &path("e")))));
    assert!(mounted(edit(&mut drive, |edit| edit.remove(&path("d"), 10).map(|_| ()))));
}

proptest! {
    #[test]
    fn a_stat_is_read_as_it_was_written(
        numbers in prop::array::uniform6(0..1_u64 << 53),
        mode: u32, uid: u32, gid: u32,
        linkname in prop::option::of("[a-z/]{0,9}"),
        mount in prop::option::of((any::<[u8; 32]>(), prop::option::of(1..1_u64 << 53), any::<bool>())),
        metadata in prop::collection::btree_map("[a-z]{0,4}", prop::option::of(prop::collection::vec(any::<u8>(), 0..9)), 0..3),
    ) {
        let [size, blocks, offset, byte_offset, mtime_ms, ctime_ms] = numbers;
        let mount = mount.map(|(key, version, is_feed)| Mount { key: dazaar_log::FeedKey(key), version, hash: None, is_feed });
        let stat = Stat { mode, uid, gid, size, blocks, offset, byte_offset, mtime_ms, ctime_ms, linkname, mount, metadata };
        prop_assert_eq!(Stat::decode(&stat.encode()), Ok(stat));
    }

    #[test]
    fn no_bytes_panic(value in prop::collection::vec(any::<u8>(), 0..80), keys in prop::collection::vec("[ab./]{1,6}", 1..6)) {
        let mut drive = memory();
        for key in &keys {
            let mut batch = Batch::new(&drive);
            let flags = (key.len() % 2) as u32;
            if batch.put(&drive, key, Some(&value), Options { is_hidden: false, flags }).is_err() {
                continue;
            }
            let blocks: Vec<Bytes> = batch.blocks().iter().cloned().map(Bytes::from).collect();
            drive.blocks_mut().extend(blocks);
        }
        let drive = Trie::new(drive.blocks().clone());
        for key in &keys {
            let _ = view(&drive).stat(&path(key)).map(|entry| Extent::of(&entry.stat, 10));
            let _ = list(&drive, key, true);
            let _ = list(&drive, key, false);
        }
    }
}
