//! Mounts of a writer who means harm, or of another program.

use bytes::Bytes;
use dazaar_log::codec::protobuf::{encode_bytes, encode_varint};

use super::support::*;
use crate::fault::Fault;
use crate::hyperdrive::*;
use crate::hypertrie::{Batch, Options};
use crate::limits::{MAX_MOUNT_DEPTH, MAX_MOUNTS_ENTERED, MAX_MOUNTS_OF_ONE};

fn put_raw(drive: &mut Memory, key: &str, value: &[u8], is_hidden: bool, flags: u32) {
    let mut batch = Batch::new(drive);
    batch.put(drive, key, Some(value), Options { is_hidden, flags }).unwrap();
    drive.blocks_mut().extend(batch.blocks().iter().cloned().map(Bytes::from));
    drive.keep(batch);
}

/// A record as npm mountable-hypertrie writes it, whatever it says.
fn record(target: &[u8], local: &str, version: u64, remote: &str) -> Vec<u8> {
    let mut value = Vec::new();
    encode_bytes(1, target, &mut value);
    encode_bytes(2, local.as_bytes(), &mut value);
    encode_varint(3, version, &mut value);
    encode_bytes(4, remote.as_bytes(), &mut value);
    value
}

/// Mounts drive `nth` at `m` of drive 0, by a record of one's own.
fn mount_raw(world: &mut World, value: &[u8]) {
    put_raw(world.drive(0), "mounts/m", value, true, 1);
    put_raw(world.drive(0), "m", &Stat::directory(0o755).encode(), false, 1);
}

fn failures(world: &World) -> Vec<(String, String)> {
    let failed = |found: Found| Some((found.path, found.entry.err()?.to_string()));
    world.walk(key(0), "", Reach::Mounts).unwrap().into_iter().filter_map(failed).collect()
}

#[test]
fn only_both_entries_are_a_mount() {
    let not_mounted = |world: &World, text| matches!(world.stat(text), Err(DriveError::NotMounted { .. }));
    let not_found = |world: &World, text| matches!(world.stat(text), Err(DriveError::NotFound { .. }));
    let directory = Stat::directory(0o755).encode();
    let mut world = World::new(2);
    put(world.drive(1), "file", 1);
    let value = record(&[1; 32], "m", 0, "");

    // The visible one alone is told of, and can be taken away.
    put_raw(world.drive(0), "m", &directory, false, 1);
    assert!(world.stat("m").unwrap().is_mount && not_mounted(&world, "m/file"));
    assert_eq!(
        failures(&world),
        [("m".to_owned(), "no drive is mounted at /m, or nothing says which".to_owned())]
    );
    assert!(view(world.drive(0)).mounts().unwrap().is_empty());
    assert!(edit(world.drive(0), |edit| edit.put(&path("m/x"), &file(1))).is_err());
    edit(world.drive(0), |edit| edit.unmount(&path("m"))).unwrap();

    // The hidden one alone is nothing, and in nobody's way.
    put_raw(world.drive(0), "mounts/m", &value, true, 1);
    assert!(not_found(&world, "m") && not_found(&world, "m/file"));
    assert!(view(world.drive(0)).mounts().unwrap().is_empty());
    put(world.drive(0), "m/x", 2);
    assert_eq!(world.paths("", Reach::Mounts), ["m/x"]);
    edit(world.drive(0), |edit| edit.unlink(&path("m/x"))).unwrap();

    // Other flags are none of ours.
    for (hidden, visible) in [(0, 1), (2, 1), (3, 1), (1, 0), (1, 2), (1, 3)] {
        put_raw(world.drive(0), "mounts/m", &value, true, hidden);
        put_raw(world.drive(0), "m", &directory, false, visible);
        assert_eq!(world.stat("m").unwrap().is_mount, visible == 1);
        assert!(world.stat("m/file").is_err(), "{hidden} {visible}");
        assert!(view(world.drive(0)).mounts().unwrap().is_empty());
    }
    put_raw(world.drive(0), "mounts/m", &value, true, 1);
    put_raw(world.drive(0), "m", &directory, false, 1);
    assert_eq!(world.stat("m/file").unwrap().stat.size, 1);
    // Records of paths that none can have.
    for name in ["mounts/../m", "mounts/a//b", "mounts"] {
        put_raw(world.drive(0), name, &value, true, 1);
    }
    assert_eq!(view(world.drive(0)).mounts().unwrap().len(), 1);
}

#[test]
fn a_record_that_is_none_is_told() {
    let mut unknown = record(&[1; 32], "m", 0, "");
    encode_bytes(9, b"later", &mut unknown);
    let number = |field, number| {
        let mut value = record(&[1; 32], "m", 0, "");
        encode_varint(field, number, &mut value);
        value
    };
    let mut text = record(&[1; 32], "m", 0, "");
    encode_bytes(4, b"\xff", &mut text);
    let cases = [
        (Vec::new(), Fault::NoField { field: 1 }),
        (record(&[1; 31], "m", 0, ""), Fault::Key { field: 1 }),
        (number(1, 7), Fault::FieldType { field: 1 }),
        (number(3, 1 << 53), Fault::Number { field: 3, value: 1 << 53 }),
        (text, Fault::Text { field: 4 }),
    ];
    for (value, expected) in cases {
        let mut world = World::new(2);
        mount_raw(&mut world, &value);
        let found = world.stat("m/file");
        assert!(matches!(found, Err(DriveError::Stat { fault, .. }) if fault == expected), "{found:?}");
        assert_eq!(failures(&world).len(), 1);
        assert!(view(world.drive(0)).mounts().unwrap().is_empty());
        edit(world.drive(0), |edit| edit.unmount(&path("m"))).unwrap();
    }
    let mut world = World::new(2);
    put(world.drive(1), "file", 1);
    mount_raw(&mut world, &unknown);
    assert_eq!(world.stat("m/file").unwrap().stat.size, 1);
}

#[test]
fn a_record_may_show_a_part_of_a_drive_and_leads_out_of_none() {
    let at = |remote: &str, local: &str| {
        let mut world = World::new(3);
        put(world.drive(1), "dir/sub/file", 1);
        put(world.drive(1), "file", 2);
        put(world.drive(2), "inner", 3);
        world.mount(1, "n", mount_of(2, None));
        edit(world.drive(1), |edit| edit.symlink(&path("dir/out"), &Stat::symlink("/file"))).unwrap();
        mount_raw(&mut world, &record(&[1; 32], local, 0, remote));
        world
    };
    let world = at("dir", "elsewhere");
    assert_eq!(world.stat("m/sub/file").unwrap().stat.size, 1);
    assert!(world.stat("m/file").is_err() && world.stat("elsewhere/sub/file").is_err());
    assert_eq!(world.paths("", Reach::Mounts), ["m", "m/out", "m/sub/file"]);
    assert_eq!(world.paths("m", Reach::Directory), ["m/out", "m/sub"]);
    let mut walk = Walk::new(Place::new(key(1), None, path("dir")), &path("m"), Reach::Mounts);
    walk.next(&view(&world.0[&key(1)])).unwrap();
    assert_eq!((walk.seen(&path("dir/x")), walk.seen(&path("file"))), (Some(path("m/x")), None));
    // Into another mount.
    assert_eq!(at("n", "m").paths("m", Reach::Mounts), ["m/inner"]);
    assert_eq!(at("/n/", "m").stat("m/inner").unwrap().stat.size, 3);
    for nowhere in ["..", "../..", "dir/../..", "none", "file", "."] {
        let world = at(nowhere, "m");
        assert!(world.stat("m/file").is_err() && world.stat("m/dir").is_err(), "{nowhere}");
        assert_eq!(failures(&world).len(), 1, "{nowhere}");
    }
}

#[test]
fn drives_in_circles_end() {
    let mut world = World::new(2);
    put(world.drive(0), "file", 1);
    world.mount(0, "itself", mount_of(0, None));
    world.mount(0, "before", mount_of(0, Some(2)));
    world.mount(0, "other", mount_of(1, None));
    world.mount(1, "back", mount_of(0, None));
    let deep = |times: usize| "itself/".repeat(times) + "file";
    assert_eq!(world.stat(&deep(MAX_MOUNT_DEPTH)).unwrap().stat.size, 1);
    assert!(matches!(world.stat(&deep(MAX_MOUNT_DEPTH + 1)), Err(DriveError::TooDeep { .. })));
    assert_eq!(world.paths("itself/itself", Reach::Directory).len(), 4);
    assert_eq!(
        world.paths("", Reach::Mounts),
        ["before", "before/file", "file", "itself", "other", "other/back"]
    );
    // Links and mounts that lead to each other.
    edit(world.drive(0), |edit| edit.symlink(&path("a"), &Stat::symlink("itself/a"))).unwrap();
    assert!(matches!(world.stat("a"), Err(DriveError::TooDeep { .. })));
}

#[test]
fn a_long_row_of_drives_is_followed_so_far_and_no_farther() {
    let drives = MAX_MOUNT_DEPTH as u8 + 3;
    let mut world = World::new(drives);
    for nth in 0..drives - 1 {
        world.mount(nth, "m", mount_of(nth + 1, None));
    }
    let found = world.walk(key(0), "", Reach::Mounts).unwrap();
    let last = "m/".repeat(MAX_MOUNT_DEPTH) + "m";
    let [.., told, failed] = &found[..] else { panic!("{found:?}") };
    assert_eq!(found.len(), MAX_MOUNT_DEPTH + 2);
    assert!(told.entry.is_ok() && told.path == last);
    assert!(matches!(failed.entry, Err(DriveError::TooDeep { .. })) && failed.path == last);
}

/// Mounts something at so many places of a drive.
fn mount_often(drive: &mut Memory, mount: &Mount, places: usize) {
    edit(drive, |edit| {
        (0..places).try_for_each(|nth| {
            let at = path(&format!("{}-{nth}", mount.key));
            let stat = if mount.is_feed { Stat::file(0o644) } else { Stat::directory(0o755) };
            edit.mount(&at, mount.clone(), stat).map(drop)
        })
    })
    .unwrap();
}

#[test]
fn one_drive_is_entered_at_so_many_places_and_no_more() {
    let mut world = World::new(5);
    for nth in 0..4 {
        mount_often(world.drive(nth), &mount_of(nth + 1, None), 12);
    }
    edit(world.drive(4), |edit| edit.put(&path("file"), &Stat::file(0o644))).unwrap();
    let found = world.walk(key(0), "", Reach::Mounts).unwrap();
    let copies = found.iter().filter(|found| found.path.ends_with("/file")).count();
    assert_eq!(copies, MAX_MOUNTS_OF_ONE, "and not 12 * 12 * 12 * 12");
    let left_out = found.iter().filter(|found| matches!(found.entry, Err(DriveError::MountedOften { .. })));
    assert!(left_out.count() > 0);

    // The same of what is seen as a file.
    let mut world = World::new(2);
    mount_often(world.drive(0), &Mount { is_feed: true, ..mount_of(1, None) }, 2 * MAX_MOUNTS_OF_ONE);
    let found = world.walk(key(0), "", Reach::Mounts).unwrap();
    assert_eq!(found.iter().filter(|found| found.entry.is_ok()).count(), MAX_MOUNTS_OF_ONE);
    let found = world.walk(key(0), "", Reach::Drive).unwrap();
    assert!(found.iter().all(|found| found.entry.is_ok()), "where nothing is copied they are named");
}

#[test]
fn no_more_than_so_many_mounts_are_entered() {
    let drives = (MAX_MOUNTS_ENTERED / MAX_MOUNTS_OF_ONE) as u8 + 2;
    let mut world = World::new(drives);
    for nth in 1..drives {
        mount_often(world.drive(0), &mount_of(nth, None), MAX_MOUNTS_OF_ONE);
    }
    let found = world.walk(key(0), "", Reach::Mounts).unwrap();
    let too_many = |found: &&Found| matches!(found.entry, Err(DriveError::TooManyMounts { .. }));
    let refused = found.iter().filter(too_many).count();
    assert_eq!(refused, MAX_MOUNTS_OF_ONE);
    assert_eq!(
        found.len(),
        MAX_MOUNTS_ENTERED + 2 * refused,
        "each is told of, and then why it is not entered"
    );
}
