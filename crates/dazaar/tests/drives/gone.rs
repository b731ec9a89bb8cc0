//! What is gone on one side is deleted on the other, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use dazaar::drive::{Drive, DriveAccessError, FileNotice};
use dazaar::log::FeedKey;
use dazaar::maps::hyperdrive::{DriveError, DrivePath, Mount, Reach, Stat};

use crate::support::*;

async fn forget(drive: &Drive, folder: &Path, into: &str) -> Vec<String> {
    let mut deleted = Vec::new();
    let mut tell = |notice: &FileNotice| match notice {
        FileNotice::Deleted { path } => deleted.push(path.clone()),
        other => panic!("{other:?}"),
    };
    let summary = drive.forget(folder, &path(into), &mut tell).await.unwrap();
    assert_eq!(summary.deleted, deleted.len() as u64);
    deleted
}

async fn import(drive: &Drive, folder: &Path) {
    let summary = drive.import(folder, &DrivePath::default(), |_| {}).await.unwrap();
    assert_eq!(summary.failed, 0);
}

#[tokio::test]
async fn a_drive_forgets_what_its_folder_has_no_more() {
    let scene = tempfile::tempdir().unwrap();
    let folder = scene.path().join("folder");
    fs::create_dir_all(folder.join("a/deep")).unwrap();
    for name in ["a/deep/x", "a/y", "a-b", "becomes-a-folder", "stays"] {
        fs::write(folder.join(name), name).unwrap();
    }
    fs::create_dir(folder.join("becomes-a-link")).unwrap();
    fs::write(folder.join("becomes-a-link/stays"), "").unwrap();
    fs::create_dir(folder.join("becomes-a-file")).unwrap();
    fs::write(folder.join("becomes-a-file/x"), "").unwrap();
    let drive = create(&scene.path().join("drive")).await;
    import(&drive, &folder).await;
    assert_eq!(forget(&drive, &folder, "/").await, Vec::<String>::new());

    fs::remove_dir_all(folder.join("a")).unwrap();
    fs::remove_file(folder.join("a-b")).unwrap();
    fs::remove_file(folder.join("becomes-a-folder")).unwrap();
    fs::create_dir(folder.join("becomes-a-folder")).unwrap();
    fs::remove_dir_all(folder.join("becomes-a-file")).unwrap();
    fs::write(folder.join("becomes-a-file"), "a file").unwrap();
    // Through the link there is a file of that name still.
    fs::remove_dir_all(folder.join("becomes-a-link")).unwrap();
    symlink(".", folder.join("becomes-a-link")).unwrap();
    let mut deleted = forget(&drive, &folder, "/").await;
    deleted.sort();
    let expected = [
        "/a",
        "/a-b",
        "/a/deep",
        "/a/deep/x",
        "/a/y",
        "/becomes-a-file",
        "/becomes-a-file/x",
        "/becomes-a-folder",
        "/becomes-a-link",
        "/becomes-a-link/stays",
    ];
    assert_eq!(deleted, expected);
    import(&drive, &folder).await;
    assert_eq!(all(&drive).await, ["becomes-a-file", "becomes-a-folder", "becomes-a-link", "stays"]);
}

#[tokio::test]
async fn only_what_is_below_the_place_is_forgotten_and_nothing_for_a_folder_that_is_not_there() {
    let scene = tempfile::tempdir().unwrap();
    let folder = scene.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let drive = create(&scene.path().join("drive")).await;
    write(&drive, "/in/gone", b"1").await;
    write(&drive, "/out", b"2").await;
    let missing = drive.forget(&scene.path().join("other"), &path("/"), |_| {}).await;
    assert!(matches!(missing, Err(DriveAccessError::Folder { .. })), "{missing:?}");
    assert_eq!(forget(&drive, &folder, "/in").await, ["/in/gone"]);
    assert_eq!(forget(&drive, &folder, "/nothing").await, Vec::<String>::new());
    assert_eq!(all(&drive).await, ["out"]);
}

#[tokio::test]
async fn a_copy_loses_what_the_drive_lost_unless_it_was_changed() {
    let scene = tempfile::tempdir().unwrap();
    let (folder, copy) = (scene.path().join("folder"), scene.path().join("copy"));
    fs::create_dir_all(folder.join("gone")).unwrap();
    fs::create_dir_all(folder.join("used")).unwrap();
    for name in ["gone/a", "used/b", "changed", "stays"] {
        fs::write(folder.join(name), name).unwrap();
    }
    symlink("../stays", folder.join("used/link")).unwrap();
    symlink("stays", folder.join("own-link")).unwrap();
    let drive = create(&scene.path().join("drive")).await;
    import(&drive, &folder).await;
    let before = drive.version();
    drive.export(before, &DrivePath::default(), &copy, Reach::Mounts, |_| {}).await.unwrap();
    for name in ["gone", "used"] {
        fs::remove_dir_all(folder.join(name)).unwrap();
    }
    for name in ["changed", "own-link"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    drive.forget(&folder, &DrivePath::default(), |_| {}).await.unwrap();
    fs::write(copy.join("changed"), "by somebody").unwrap();
    fs::write(copy.join("used/own"), "by somebody").unwrap();
    assert_eq!(fs::read_link(copy.join("used/link")).unwrap(), Path::new("../stays"));
    fs::remove_file(copy.join("own-link")).unwrap();
    symlink("used/own", copy.join("own-link")).unwrap();
    let mut deleted = Vec::new();
    let tell = |notice: &FileNotice| deleted.push(notice.clone());
    let (then, now) = ((&drive, before, Reach::Mounts), (drive.version(), Reach::Mounts));
    drive.prune(then, now, &copy, tell).await.unwrap();
    let gone = ["/used/link", "/used/b", "/gone/a", "/gone"];
    assert_eq!(deleted, gone.map(|path| FileNotice::Deleted { path: path.to_owned() }));
    for name in ["changed", "used/own", "own-link", "stays"] {
        assert!(copy.join(name).exists(), "{name}");
    }
    assert_eq!(fs::read_dir(&copy).unwrap().count(), 4);
}

#[tokio::test]
async fn a_copy_loses_what_a_mounted_drive_lost() {
    let scene = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| scene.path().join(name));
    let (drive, other) = (create(&ours).await, create(&theirs).await);
    write(&drive, "own", b"own").await;
    for name in ["gone", "dir/gone", "stays"] {
        write(&other, name, name.as_bytes()).await;
    }
    let mount = Mount { key: other.key(), version: None, hash: None, is_feed: false };
    drive.mount(&path("m"), mount).await.unwrap();
    let (copy, root) = (scene.path().join("copy"), DrivePath::default());
    let parts = [drive.parts().await.unwrap(), other.parts().await.unwrap()].concat();
    let logs: BTreeMap<_, _> = parts.iter().map(|part| (part.feed, Arc::clone(&part.log))).collect();
    let lengths = || logs.iter().map(|(feed, log)| (*feed, log.lock().length())).collect::<BTreeMap<_, _>>();
    let home = scene.path().join("home");
    fs::create_dir(&home).unwrap();
    let of = async |lengths: BTreeMap<FeedKey, u64>| {
        let metadata = Arc::clone(&logs[&drive.key()]);
        Drive::of_feeds(&home, metadata, logs.clone()).await.unwrap().with_lengths(lengths)
    };
    let prune = async |then: &(Drive, u64), now: &Drive| {
        let mut deleted = Vec::new();
        let tell = |notice: &FileNotice| match notice {
            FileNotice::Deleted { path } => deleted.push(path.clone()),
            other => panic!("{other:?}"),
        };
        let reach = Reach::Mounts;
        now.prune((&then.0, then.1, reach), (now.version(), reach), &copy, tell).await.unwrap();
        deleted
    };
    let then = (of(lengths()).await, drive.version());
    then.0.export(then.1, &root, &copy, Reach::Mounts, |_| {}).await.unwrap();
    for name in ["gone", "dir/gone"] {
        other.write(|edit| edit.unlink(&path(name))).await.unwrap();
    }
    write(&other, "new", b"new").await;
    // What cannot be read now is not known to be gone.
    let own = [drive.key(), drive.content_key().await.unwrap()];
    let own = lengths().into_iter().filter(|(feed, _)| own.contains(feed)).collect();
    assert_eq!(prune(&then, &of(own).await).await, Vec::<String>::new());
    let now = of(lengths()).await;
    assert_eq!(prune(&then, &now).await, ["/m/gone", "/m/dir/gone"]);
    assert!(copy.join("m/stays").exists() && copy.join("own").exists());

    let then = (now, drive.version());
    drive.write(|edit| edit.unmount(&path("m"))).await.unwrap();
    // A drive that was made later sees the newest version.
    let now = of(lengths()).await;
    let deleted = prune(&then, &now).await;
    assert_eq!(
        deleted,
        ["/m/stays"],
        "and what somebody else has in it stays: the folder of what was deleted before"
    );
    assert!(copy.join("own").exists());
}

/// What is deleted from a folder that is compared with `/in` of the drive, and what is left out.
async fn clear(drive: &Drive, to: &Path, reach: Reach) -> (Vec<String>, Vec<String>) {
    let (mut deleted, mut failed) = (Vec::new(), Vec::new());
    let tell = |notice: &FileNotice| match notice {
        FileNotice::Deleted { path } => deleted.push(path.clone()),
        FileNotice::Failed { path, .. } => failed.push(path.clone()),
        other => panic!("{other:?}"),
    };
    let summary = drive.clear((drive.version(), &path("/in")), to, reach, &[], tell).await.unwrap();
    assert_eq!((summary.deleted, summary.failed), (deleted.len() as u64, failed.len() as u64));
    (deleted, failed)
}

#[tokio::test]
async fn a_folder_is_cleared_of_what_the_drive_has_not() {
    let scene = tempfile::tempdir().unwrap();
    let (to, outside) = (scene.path().join("to"), scene.path().join("outside"));
    let drive = create(&scene.path().join("drive")).await;
    for name in ["in/a", "in/dir/b", "in/becomes-a-folder/c", "in/becomes-a-file", "out"] {
        write(&drive, name, name.as_bytes()).await;
    }
    drive.export(drive.version(), &path("/in"), &to, Reach::Mounts, |_| {}).await.unwrap();
    assert_eq!(clear(&drive, &to, Reach::Mounts).await, (vec![], vec![]));

    fs::create_dir_all(outside.join("dir")).unwrap();
    fs::write(outside.join("stays"), "").unwrap();
    symlink(&outside, to.join("dir/link")).unwrap();
    fs::create_dir_all(to.join("dir/more/deep")).unwrap();
    fs::write(to.join("dir/more/deep/x"), "").unwrap();
    fs::write(to.join("out"), "").unwrap();
    let odd = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff");
    fs::write(to.join::<&std::ffi::OsStr>(odd), "").unwrap();
    fs::remove_dir_all(to.join("becomes-a-folder")).unwrap();
    // Through the link there is a folder where the drive has one.
    symlink(&outside, to.join("becomes-a-folder")).unwrap();
    fs::remove_file(to.join("becomes-a-file")).unwrap();
    fs::create_dir(to.join("becomes-a-file")).unwrap();
    fs::write(to.join("becomes-a-file/x"), "").unwrap();
    let (deleted, failed) = clear(&drive, &to, Reach::Mounts).await;
    let expected = [
        "/becomes-a-file/x",
        "/becomes-a-file",
        "/becomes-a-folder",
        "/dir/link",
        "/dir/more/deep/x",
        "/dir/more/deep",
        "/dir/more",
        "/out",
        "/\u{fffd}",
    ];
    assert_eq!((deleted, failed), (expected.map(str::to_owned).to_vec(), vec![]));
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 2, "nothing outside is deleted");
    let done = drive.export(drive.version(), &path("/in"), &to, Reach::Mounts, |_| {}).await.unwrap();
    assert_eq!((done.written, done.failed), (2, 0));
    assert_eq!(fs::read(to.join("becomes-a-folder/c")).unwrap(), b"in/becomes-a-folder/c");
    assert_eq!(clear(&drive, &scene.path().join("none"), Reach::Mounts).await, (vec![], vec![]));
    assert!(!scene.path().join("none").exists());
}

#[tokio::test]
async fn what_holds_keys_or_must_stay_is_not_cleared() {
    let scene = tempfile::tempdir().unwrap();
    let to = scene.path().join("to");
    fs::create_dir_all(to.join("in")).unwrap();
    let drive = create(&scene.path().join("drive")).await;
    write(&drive, "in/a", b"").await;
    write(&drive, "other/b", b"").await;
    let other = create(&to.join("other")).await;
    write(&other, "x", b"x").await;
    drop(other);
    fs::create_dir(to.join("market")).unwrap();
    for name in ["master.key", "market.db"] {
        fs::write(to.join("market").join(name), "").unwrap();
    }
    fs::write(to.join("gone"), "").unwrap();
    let (deleted, failed) = clear(&drive, &to, Reach::Mounts).await;
    assert_eq!(deleted, ["/gone", "/in"]);
    assert_eq!(failed, ["/market", "/other"]);
    // Nor what is in a drive where the drive has a folder of the same name.
    let summary = drive.clear((drive.version(), &path("/")), &to, Reach::Mounts, &[], |_| {}).await.unwrap();
    assert_eq!((summary.deleted, summary.failed), (0, 2));
    assert!(Drive::is_in(&to.join("other")));

    let refused = async |to: &Path, kept: &[&Path]| {
        let cleared = drive.clear((drive.version(), &path("/in")), to, Reach::Mounts, kept, |_| {}).await;
        cleared.map(drop).unwrap_err()
    };
    let keys = refused(&to.join("other"), &[]).await;
    assert!(matches!(keys, DriveAccessError::Keys { .. }), "{keys}");
    fs::create_dir_all(scene.path().join("kept/inside")).unwrap();
    let (kept, inside) = (scene.path().join("kept"), scene.path().join("kept/inside"));
    symlink(&kept, scene.path().join("link")).unwrap();
    for (folder, stays) in [
        (scene.path(), &to),
        (&scene.path().join("drive"), &to),
        (&kept, &inside),
        (&scene.path().join("link"), &inside),
        (&inside, &inside),
    ] {
        let error = refused(folder, &[stays]).await;
        assert!(matches!(error, DriveAccessError::Protected { .. }), "{}: {error}", folder.display());
    }
    let file = drive.clear((drive.version(), &path("/in/a")), &to, Reach::Mounts, &[], |_| {}).await;
    assert!(matches!(file, Err(DriveAccessError::Drive(DriveError::NotADirectory { .. }))), "{file:?}");
}

#[tokio::test]
async fn what_is_not_known_of_the_drive_stays() {
    let scene = tempfile::tempdir().unwrap();
    let to = scene.path().join("to");
    for folder in ["absent", "old"] {
        fs::create_dir_all(to.join(folder)).unwrap();
        fs::write(to.join(folder).join("x"), "").unwrap();
    }
    let drive = create(&scene.path().join("drive")).await;
    write(&drive, "in/a", b"").await;
    let mount = |key, version| Mount { key, version: Some(version), hash: None, is_feed: false };
    drive.mount(&path("in/old"), mount(drive.key(), 1)).await.unwrap();
    drive
        .write(|edit| {
            edit.mount(&path("in/absent"), mount(FeedKey([7; 32]), 3), Stat::directory(0o755)).map(drop)
        })
        .await
        .unwrap();
    let drive = Drive::snapshot(&scene.path().join("drive"), None).await.unwrap();
    assert_eq!(clear(&drive, &to, Reach::Drive).await, (vec![], vec![]), "mounts are left out");
    // Of the other drive nothing is here.
    assert_eq!(clear(&drive, &to, Reach::Mounts).await, (vec!["/old/x".to_owned()], vec![]));
    assert!(to.join("absent/x").exists());
}
