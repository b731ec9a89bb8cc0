//! What is gone on one side is deleted on the other, and nothing else.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use dazaar::drive::{Drive, DriveAccessError, FileNotice};
use dazaar::maps::hyperdrive::{DrivePath, Reach};

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
    symlink("stays", folder.join("link")).unwrap();
    let drive = create(&scene.path().join("drive")).await;
    import(&drive, &folder).await;
    let before = drive.version();
    drive.export(before, &DrivePath::default(), &copy, Reach::Mounts, |_| {}).await.unwrap();
    for name in ["gone", "used"] {
        fs::remove_dir_all(folder.join(name)).unwrap();
    }
    for name in ["changed", "link"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    drive.forget(&folder, &DrivePath::default(), |_| {}).await.unwrap();
    fs::write(copy.join("changed"), "by somebody").unwrap();
    fs::write(copy.join("used/own"), "by somebody").unwrap();
    let mut deleted = Vec::new();
    let tell = |notice: &FileNotice| deleted.push(notice.clone());
    drive.prune((before, drive.version()), &copy, tell).await.unwrap();
    let gone = ["/used/b", "/link", "/gone/a", "/gone"];
    assert_eq!(deleted, gone.map(|path| FileNotice::Deleted { path: path.to_owned() }));
    for name in ["changed", "used/own", "stays"] {
        assert!(copy.join(name).exists(), "{name}");
    }
    assert_eq!(fs::read_dir(&copy).unwrap().count(), 3);
}
