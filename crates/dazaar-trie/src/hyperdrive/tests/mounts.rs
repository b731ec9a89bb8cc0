//! Drives in drives: what npm hyperdrive wrote, and what each change does.

use std::collections::BTreeMap;

use bytes::Bytes;
use dazaar_log::FeedKey;
use serde::Deserialize;

use super::support::*;
use crate::hyperdrive::*;
use crate::hypertrie::{Batch, Trie};

const TIME: u64 = 1_600_000_000_000;

/// Made by tests/vectors/mounts.js.
#[derive(Deserialize)]
struct Vectors {
    feed: String,
    drives: Vec<Drive>,
    stats: BTreeMap<String, Option<u64>>,
    children: BTreeMap<String, Vec<String>>,
    changes: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Drive {
    key: String,
    blocks: Vec<String>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../../tests/vectors/mounts.json")).unwrap()
}

fn parsed(key: &str) -> FeedKey {
    key.parse().unwrap()
}

fn at(stat: Stat, offset: u64, byte_offset: u64) -> Stat {
    Stat { offset, byte_offset, mtime_ms: TIME, ctime_ms: TIME, ..stat }
}

/// Makes the same changes as JavaScript, on top of its header.
fn repeat(
    drive: &Drive,
    change: impl FnOnce(&mut Edit<'_, Vec<Bytes>>) -> Result<(), DriveError>,
) -> Vec<String> {
    let mut trie = Trie::new(vec![Bytes::from(hex::decode(&drive.blocks[0]).unwrap())]);
    edit(&mut trie, change).unwrap();
    trie.blocks().iter().map(hex::encode).collect()
}

#[test]
fn each_mount_makes_the_blocks_that_javascript_makes() {
    let Vectors { feed, drives, .. } = vectors();
    let [a, b, c] = &drives[..] else { panic!("three drives") };
    let file =
        |size, offset, byte_offset| at(Stat { size, blocks: 1, ..Stat::file(0o644) }, offset, byte_offset);
    let drive = |key: &str| Mount { key: parsed(key), version: None, hash: None, is_feed: false };
    let directory = |offset, byte_offset| at(Stat::directory(0o755), offset, byte_offset);
    let made = repeat(a, |edit| {
        edit.put(&path("own"), &file(1, 0, 0))?;
        edit.mount(&path("old"), Mount { version: Some(2), ..drive(&b.key) }, directory(1, 1))?;
        edit.mount(&path("deep/new"), drive(&b.key), directory(1, 1))?;
        let bytes = Mount { is_feed: true, ..drive(&feed) };
        let stat = at(Stat { size: 11, blocks: 3, ..Stat::file(0o644) }, 1, 1);
        edit.mount(&path("feed"), bytes.clone(), stat.clone())?;
        edit.mount(&path("gone"), drive(&c.key), directory(1, 1))?;
        edit.mount(&path("bytes"), bytes, stat)?;
        edit.unmount(&path("gone"))?;
        edit.unmount(&path("bytes"))
    });
    assert_eq!(made, a.blocks);
    let made = repeat(b, |edit| {
        edit.put(&path("file"), &file(3, 0, 0))?;
        edit.put(&path("file"), &file(5, 1, 3))?;
        edit.put(&path("dir/file"), &file(5, 2, 8))?;
        edit.mount(&path("c"), drive(&c.key), directory(3, 13)).map(drop)
    });
    assert_eq!(made, b.blocks);
    let made = repeat(c, |edit| {
        edit.put(&path("last"), &file(1, 0, 0))?;
        edit.mount(&path("round/a"), drive(&a.key), directory(1, 1)).map(drop)
    });
    assert_eq!(made, c.blocks);
}

#[test]
fn what_javascript_mounted_is_found() {
    let Vectors { feed, drives, stats, children, changes } = vectors();
    let blocks =
        |drive: &Drive| drive.blocks.iter().map(|block| hex::decode(block).unwrap().into()).collect();
    let world = World(drives.iter().map(|drive| (parsed(&drive.key), Trie::new(blocks(drive)))).collect());
    let (first, second) = (parsed(&drives[0].key), parsed(&drives[1].key));
    for (path, size) in stats {
        let found = world.stat_from(first, &path);
        assert_eq!(found.ok().map(|entry| entry.stat.size), size, "{path}");
    }
    for (directory, expected) in children {
        let found = world.walk(first, &directory, Reach::Directory).unwrap();
        let names: Vec<&str> = found.iter().map(|found| found.path.rsplit('/').next().unwrap()).collect();
        assert_eq!(names, expected, "{directory}");
    }
    let drive = &world.0[&first];
    let view = view(drive);
    let mut mounts = view.mounts().unwrap();
    mounts.sort_by(|a, b| a.path.cmp(&b.path));
    let point = |at: &str, version| MountPoint { path: path(at), key: second, version, remote: path("") };
    assert_eq!(mounts, [point("deep/new", None), point("old", Some(2))]);
    let entry = view.stat(&path("feed")).unwrap();
    assert_eq!(entry.feed().map(|mount| mount.key), Some(parsed(&feed)));
    assert_eq!(view.stat(&path("old")).unwrap().feed(), None);

    let mut diff = DriveDiff::new(drive.version(), 2, &path(""));
    let mut found = Vec::new();
    while let Some(change) = diff.next(&view).unwrap() {
        let kind = if change.kind == ChangeKind::Mount { "mount" } else { "put" };
        found.push((kind.to_owned(), change.path));
    }
    found.sort();
    assert_eq!(found, changes);
    let mut diff = DriveDiff::new(2, drive.version(), &path("old"));
    assert_eq!(diff.next(&view).unwrap().unwrap().kind, ChangeKind::Unmount);
}

/// Drive 0 mounts 1 at `a/m`, and drive 1 mounts 2 at `n`.
fn three() -> World {
    let mut world = World::new(3);
    put(world.drive(2), "x/last", 3);
    put(world.drive(1), "file", 2);
    world.mount(1, "n", mount_of(2, None));
    put(world.drive(0), "a/own", 1);
    world.mount(0, "a/m", mount_of(1, None));
    world
}

#[test]
fn questions_go_on_where_the_drive_is() {
    let world = three();
    let found = |text: &str| world.stat(text).map(|entry| (entry.path, entry.stat.size)).unwrap();
    assert_eq!(found("a/own"), ("a/own".to_owned(), 1));
    assert_eq!(found("a/m/file"), ("file".to_owned(), 2));
    assert_eq!(found("a/m/n/x/last"), ("x/last".to_owned(), 3));
    assert!(world.stat("a/m").unwrap().is_mount && world.stat("a/m/n").unwrap().is_mount);
    assert!(world.stat("a/m/n/x").unwrap().stat.is_directory());
    assert!(matches!(world.stat("a/m/none"), Err(DriveError::NotFound { path: p }) if p == path("none")));
    assert_eq!(world.paths("a", Reach::Directory), ["a/m", "a/own"]);
    assert_eq!(world.paths("a/m", Reach::Directory), ["a/m/file", "a/m/n"]);
    assert_eq!(world.paths("", Reach::Drive), ["a/m", "a/own"]);
    let all = ["a/m", "a/m/file", "a/m/n", "a/m/n/x/last", "a/own"];
    assert_eq!(world.paths("", Reach::Mounts), all);
    assert_eq!(world.paths("a/m/n", Reach::Mounts), ["a/m/n/x/last"]);
    assert!(matches!(world.walk(key(0), "a/m/file", Reach::Mounts), Err(DriveError::NotADirectory { .. })));
    assert!(matches!(world.walk(key(0), "none", Reach::Mounts), Err(DriveError::NotFound { .. })));
    // What is mounted and not here is told of, and holds up nothing else.
    let mut world = world;
    world.0.remove(&key(1));
    assert_eq!(world.paths("", Reach::Mounts), ["a/m", "a/own"]);
}

#[test]
fn a_mount_of_a_version_stays_as_it_is() {
    let mut world = World::new(2);
    put(world.drive(1), "file", 1);
    world.mount(0, "old", mount_of(1, Some(2)));
    world.mount(0, "new", mount_of(1, None));
    put(world.drive(1), "file", 2);
    put(world.drive(1), "more", 3);
    assert_eq!(world.stat("old/file").unwrap().stat.size, 1);
    assert_eq!(world.stat("new/file").unwrap().stat.size, 2);
    assert_eq!(world.paths("", Reach::Mounts), ["new", "new/file", "new/more", "old", "old/file"]);
}

#[test]
fn links_lead_into_mounts_and_not_out_of_them() {
    let mut world = three();
    let link = |world: &mut World, nth, at: &str, target: &str| {
        edit(world.drive(nth), |edit| edit.symlink(&path(at), &Stat::symlink(target))).unwrap();
    };
    link(&mut world, 0, "in", "a/m/n/x");
    link(&mut world, 0, "far", "/a/m/near");
    link(&mut world, 1, "near", "/n/x/last");
    link(&mut world, 1, "up", "../../file");
    assert_eq!(world.stat("far").unwrap().stat.size, 3);
    assert_eq!(world.stat("a/m/up").unwrap().path, "file");
    // What is listed is seen at the link.
    assert_eq!(world.paths("in", Reach::Mounts), ["in/last"]);
    let mut walk = Walk::new(Place::new(key(0), None, path("in")), &path("in"), Reach::Mounts);
    while let Some(place) = walk.place() {
        if walk.next(&view(&world.0[&place.key])).unwrap().is_some() {
            break;
        }
    }
    assert_eq!(walk.seen(&path("x/last")), Some(path("in/last")));
    assert_eq!(walk.seen(&path("xx")), None);
}

#[test]
fn what_is_in_a_mount_is_not_changed_here() {
    let mut world = three();
    let drive = world.drive(0);
    let before = drive.version();
    type Change = dyn Fn(&mut Edit<'_, Vec<Bytes>>) -> Result<(), DriveError>;
    let changes: [&Change; 9] = [
        &|edit| edit.put(&path("a/m"), &file(1)).map(drop),
        &|edit| edit.put(&path("a/m/x"), &file(1)).map(drop),
        &|edit| edit.replace(&path("a/m"), &Stat::directory(0o755)).map(drop),
        &|edit| edit.mkdir(&path("a/m/x/y"), &Stat::directory(0o755)).map(drop),
        &|edit| edit.mount(&path("a/m/x"), mount_of(2, None), Stat::directory(0o755)).map(drop),
        &|edit| edit.unlink(&path("a/m")),
        &|edit| edit.unmount(&path("a/m/n")),
        &|edit| edit.rename(&path("a"), &path("b")),
        &|edit| edit.remove(&path("a"), 10).map(drop),
    ];
    for change in changes {
        let refused = edit(drive, |edit| change(edit));
        let Err(DriveError::Mounted { mount, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!((mount.path, mount.key), (path("a/m"), key(1)));
    }
    let exists = |text: &str, drive: &mut Memory| {
        let mounted = edit(drive, |edit| edit.mount(&path(text), mount_of(2, None), Stat::directory(0o755)));
        matches!(mounted, Err(DriveError::Exists { .. }))
    };
    assert!(exists("a", drive) && exists("a/own", drive) && exists("a/m", drive));
    for not_mounted in ["a", "a/own", "none"] {
        let refused = edit(drive, |edit| edit.unmount(&path(not_mounted)));
        assert!(matches!(refused, Err(DriveError::NotMounted { .. })), "{not_mounted}");
    }
    assert_eq!(drive.version(), before);
    edit(drive, |edit| edit.unmount(&path("a/m"))).unwrap();
    assert!(view(drive).mounts().unwrap().is_empty());
    assert!(matches!(view(drive).stat(&path("a/m/file")), Err(DriveError::NotFound { .. })));
    put(drive, "a/m/x", 1);
    assert_eq!(names(drive, "a", true), ["a/m/x", "a/own"]);
}

#[test]
fn a_feed_is_a_file() {
    let mut drive = memory();
    let feed = Mount { is_feed: true, ..mount_of(9, None) };
    edit(&mut drive, |edit| edit.mount(&path("f"), feed.clone(), file(7))).unwrap();
    let entry = view(&drive).stat(&path("f")).unwrap();
    assert_eq!((entry.stat.kind(), entry.is_mount, entry.feed()), (Kind::File, false, Some(&feed)));
    assert!(view(&drive).mounts().unwrap().is_empty());
    assert!(matches!(view(&drive).stat(&path("f/x")), Err(DriveError::NotFound { .. })));
    edit(&mut drive, |edit| edit.rename(&path("f"), &path("g"))).unwrap();
    assert_eq!(view(&drive).stat(&path("g")).unwrap().feed(), Some(&feed));
    edit(&mut drive, |edit| edit.unmount(&path("g"))).unwrap();
    assert!(names(&drive, "", true).is_empty());
}

#[test]
fn a_block_that_is_missing_holds_a_walk_up_and_loses_nothing() {
    let world = three();
    /// Blocks that come one at a time.
    struct Slow(Vec<Bytes>, std::cell::RefCell<std::collections::BTreeSet<u64>>);
    impl crate::Blocks for Slow {
        fn length(&self) -> u64 {
            self.0.length()
        }
        fn block(&self, seq: u64) -> Result<Option<Bytes>, dazaar_log::LogError> {
            if self.1.borrow_mut().insert(seq) { Ok(None) } else { self.0.block(seq) }
        }
    }
    let slow: BTreeMap<FeedKey, _> = world
        .0
        .iter()
        .map(|(key, drive)| (*key, Trie::new(Slow(drive.blocks().clone(), Default::default()))))
        .collect();
    let mut walk = Walk::new(Place::new(key(0), None, path("")), &path(""), Reach::Mounts);
    let (mut found, mut missing) = (Vec::new(), 0);
    while let Some(place) = walk.place() {
        let drive = &slow[&place.key];
        match walk.next(&View::new(drive, drive.version())) {
            Ok(next) => found.extend(next.map(|found| found.path)),
            Err(error) => {
                assert!(crate::hypertrie::Lack::missing(&error).is_some(), "{error}");
                missing += 1;
            }
        }
    }
    found.sort();
    assert_eq!(found, world.paths("", Reach::Mounts));
    assert!(missing > 3, "{missing}");
    let mut batch = Batch::new(&slow[&key(0)]);
    let unmounted = Edit::new(&mut batch, &slow[&key(0)]).unmount(&path("a/m"));
    assert!(unmounted.is_ok());
}
