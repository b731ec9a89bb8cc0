//! Folders of the disk into drives, and back.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use dazaar::drive::{Drive, DriveAccessError, FileNotice, Summary};
use dazaar::maps::hyperdrive::{DriveError, Reach, Stat};
use tempfile::TempDir;

use crate::support::*;

fn fill(folder: &Path) {
    fs::create_dir_all(folder.join("dir/sub")).unwrap();
    fs::create_dir(folder.join("empty")).unwrap();
    fs::write(folder.join("small"), "hello").unwrap();
    fs::write(folder.join("nothing"), "").unwrap();
    fs::write(folder.join("dir/big"), bytes(300_000, 5)).unwrap();
    fs::write(folder.join("dir/sub/exact"), bytes(65_536 * 2, 6)).unwrap();
    symlink("../small", folder.join("dir/up")).unwrap();
    symlink("dir/sub", folder.join("down")).unwrap();
    fs::set_permissions(folder.join("small"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(folder.join("empty"), fs::Permissions::from_mode(0o700)).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_600_000_000_123);
    fs::File::options().write(true).open(folder.join("small")).unwrap().set_modified(time).unwrap();
}

/// Everything below a folder: path, mode, and content, target or nothing.
fn snapshot(folder: &Path) -> Vec<(String, u32, Vec<u8>)> {
    let mut rows = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let content = if metadata.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else if metadata.is_symlink() {
                fs::read_link(&path).unwrap().to_str().unwrap().into()
            } else {
                fs::read(&path).unwrap()
            };
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            rows.push((name, metadata.permissions().mode(), content));
        }
    }
    rows.sort();
    rows
}

async fn import(drive: &Drive, from: &Path, into: &str) -> (Summary, Vec<FileNotice>) {
    let mut notices = Vec::new();
    let summary = drive.import(from, &path(into), |notice| notices.push(notice.clone())).await.unwrap();
    (summary, notices)
}

async fn export(drive: &Drive, from: &str, to: &Path) -> (Summary, Vec<FileNotice>) {
    let mut notices = Vec::new();
    let version = drive.version();
    let summary = drive
        .export(version, &path(from), to, Reach::Mounts, |notice| notices.push(notice.clone()))
        .await
        .unwrap();
    (summary, notices)
}

fn failures(notices: &[FileNotice]) -> Vec<(&str, &str)> {
    let mut failures: Vec<_> = notices
        .iter()
        .filter_map(|notice| match notice {
            FileNotice::Failed { path, error } => Some((path.as_str(), error.as_str())),
            _ => None,
        })
        .collect();
    failures.sort_unstable();
    failures
}

#[tokio::test]
async fn a_folder_comes_back_as_it_was() {
    let scene = TempDir::new().unwrap();
    let (source, to) = (scene.path().join("source"), scene.path().join("to"));
    fill(&source);
    let drive = create(&scene.path().join("drive")).await;
    let (summary, notices) = import(&drive, &source, "/in/side").await;
    assert_eq!(failures(&notices), []);
    assert_eq!((summary.written, summary.unchanged, summary.bytes), (9, 0, 5 + 300_000 + 131_072));
    let (summary, notices) = export(&drive, "/in/side", &to).await;
    assert_eq!(failures(&notices), []);
    assert_eq!(summary.written, 9);
    assert_eq!(snapshot(&to), snapshot(&source));
    let times = [&source, &to].map(|folder| fs::metadata(folder.join("small")).unwrap().modified().unwrap());
    assert_eq!(times[0], times[1]);

    // Both are at their end already.
    let version = drive.version();
    assert_eq!(import(&drive, &source, "/in/side").await.0, Summary { unchanged: 9, ..Summary::default() });
    assert_eq!(drive.version(), version);
    assert_eq!(export(&drive, "/in/side", &to).await.0, Summary { unchanged: 9, ..Summary::default() });
    // Only what changed is written.
    fs::write(source.join("small"), "other").unwrap();
    fs::set_permissions(source.join("nothing"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(import(&drive, &source, "/in/side").await.0.written, 2);
    fs::remove_file(to.join("dir/big")).unwrap();
    assert_eq!(export(&drive, "/in/side", &to).await.0.written, 2);
    assert_eq!(snapshot(&to), snapshot(&source));
    // One file alone.
    export(&drive, "/in/side/dir/up", &scene.path().join("one")).await;
    assert_eq!(fs::read(scene.path().join("one/small")).unwrap(), b"other");
}

#[tokio::test]
async fn what_cannot_be_kept_is_told() {
    let scene = TempDir::new().unwrap();
    let source = scene.path().join("source");
    fs::create_dir(&source).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(source.join("socket")).unwrap();
    fs::write(source.join("back\\slash"), "x").unwrap();
    fs::write(source.join("fine"), "x").unwrap();
    symlink("/etc/passwd", source.join("absolute")).unwrap();
    symlink("../outside", source.join("outside")).unwrap();
    let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"no\xfftext");
    fs::write(source.join(name), "x").unwrap();
    let drive = create(&scene.path().join("drive")).await;
    let (summary, notices) = import(&drive, &source, "/").await;
    assert_eq!((summary.written, summary.failed), (1, 5));
    let failures = failures(&notices);
    let says = |path: &str, part: &str| {
        failures.iter().any(|(found, error)| found.ends_with(path) && error.contains(part))
    };
    assert!(says("/socket", "a socket") && says("back\\slash", "backslash"), "{failures:?}");
    assert!(says("/absolute", "/etc/passwd") && says("/outside", "not in what is imported"), "{failures:?}");
    assert_eq!(all(&drive).await, ["fine"]);
}

#[tokio::test]
async fn an_export_never_leaves_its_folder() {
    let scene = TempDir::new().unwrap();
    let drive = create(&scene.path().join("drive")).await;
    write(&drive, "fine", b"fine").await;
    write(&drive, "taken/by/a/link", b"x").await;
    write(&drive, "folder", b"a file where a folder is").await;
    drive.write(|edit| edit.symlink(&path("root"), &Stat::symlink("/../../etc/passwd"))).await.unwrap();
    drive.write(|edit| edit.symlink(&path("d/up"), &Stat::symlink("../../../fine"))).await.unwrap();
    let hostile = |stat: Stat, name: &'static str| {
        let drive = &drive;
        async move { drive.write(|edit| edit.put(&path(name), &stat)).await.unwrap() }
    };
    hostile(Stat { size: 10, blocks: 1, offset: 1 << 40, ..Stat::file(0o644) }, "beyond").await;
    hostile(Stat { size: 1 << 50, blocks: 3, ..Stat::file(0o644) }, "huge").await;
    hostile(Stat { size: 4, blocks: 1, byte_offset: 3, ..Stat::file(0o644) }, "misplaced").await;
    hostile(Stat { mode: 0o020_644, ..Stat::default() }, "device").await;
    hostile(Stat { size: 4, blocks: 1, ..Stat::file(0o6755) }, "setuid").await;

    let (outside, to) = (scene.path().join("outside"), scene.path().join("to"));
    fs::create_dir(&outside).unwrap();
    fs::create_dir_all(to.join("folder")).unwrap();
    symlink(&outside, to.join("taken")).unwrap();
    symlink(outside.join("fine"), to.join("fine")).unwrap();
    let (summary, notices) = export(&drive, "/", &to).await;
    let failures = failures(&notices);
    let paths: Vec<&str> = failures.iter().map(|(path, _)| *path).collect();
    assert_eq!(
        paths,
        ["/beyond", "/device", "/folder", "/huge", "/misplaced", "/taken/by/a/link"],
        "{failures:?}"
    );
    assert_eq!(summary.written, 4);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    assert!(fs::symlink_metadata(to.join("fine")).unwrap().is_file());
    assert_eq!(fs::read_link(to.join("root")).unwrap(), Path::new("etc/passwd"));
    assert_eq!(fs::read_link(to.join("d/up")).unwrap(), Path::new("../fine"));
    let mode = fs::metadata(to.join("setuid")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
    let parts = snapshot(&to).into_iter().filter(|(name, ..)| name.contains(".part")).count();
    assert_eq!(parts, 0);
}

#[tokio::test]
async fn a_snapshot_reads_beside_the_writer_and_writes_nothing() {
    let scene = TempDir::new().unwrap();
    assert!(matches!(Drive::snapshot(scene.path(), None).await, Err(DriveAccessError::NoDrive { .. })));
    assert!(matches!(Drive::open(scene.path(), None).await, Err(DriveAccessError::NoDrive { .. })));
    let drive = create(scene.path()).await;
    write(&drive, "a", b"first").await;
    let version = drive.version();
    write(&drive, "a", b"second").await;
    let beside = Drive::snapshot(scene.path(), None).await.unwrap();
    assert_eq!(read(&beside, "a").await, b"second");
    let mut older = beside.read(version, &path("a"), 0..u64::MAX).await.unwrap();
    assert_eq!(older.read_to_end().await.unwrap(), b"first");
    let denied = beside.write(|edit| edit.unlink(&path("a"))).await;
    assert!(matches!(denied, Err(DriveAccessError::ReadOnly)));
    assert!(matches!(
        beside.ask_at(99, |view| view.stat(&path("a"))).await,
        Err(DriveAccessError::Version { .. })
    ));
    // Only one process writes.
    assert!(matches!(Drive::create(scene.path()).await, Err(DriveAccessError::Folder { .. })));
}

/// A stream that fails in the middle.
struct Broken(usize);

impl tokio::io::AsyncRead for Broken {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        if self.0 == 0 {
            return std::task::Poll::Ready(Err(std::io::ErrorKind::ConnectionReset.into()));
        }
        let length = self.0.min(buffer.remaining());
        buffer.put_slice(&vec![7; length]);
        self.0 -= length;
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_stream_that_fails_leaves_the_file_as_it_was() {
    let scene = TempDir::new().unwrap();
    let drive = create(scene.path()).await;
    write(&drive, "a", b"whole").await;
    let broken = drive.write_file(&path("a"), &mut Broken(2_000_000), Stat::file(0o644)).await;
    assert!(matches!(broken, Err(DriveAccessError::Read(_))));
    assert_eq!(read(&drive, "a").await, b"whole");
    write(&drive, "b", b"next").await;
    assert_eq!(read(&drive, "b").await, b"next");
    let denied = drive.write_file(&path("a/b"), &mut &b"x"[..], Stat::file(0o644)).await;
    assert!(matches!(denied, Err(DriveAccessError::Drive(DriveError::NotADirectory { .. }))));
}

#[tokio::test]
async fn a_drive_is_not_imported_into_itself_and_not_exported_over_itself() {
    let scene = TempDir::new().unwrap();
    let source = scene.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("fine"), "x").unwrap();
    let folder = source.join("inner.drive");
    let drive = create(&folder).await;
    let (summary, notices) = import(&drive, &source, "/").await;
    assert_eq!((summary.written, failures(&notices)), (1, vec![("/inner.drive", "it is the drive itself")]));
    let itself = drive.import(&folder, &path("/"), |_| {}).await;
    assert!(matches!(itself, Err(DriveAccessError::Itself { .. })));
    assert_eq!(all(&drive).await, ["fine"]);

    let key = fs::read(folder.join("master_key")).unwrap();
    write(&drive, "inner.drive/master_key", &[1; 32]).await;
    let into = drive.export(drive.version(), &path("/"), &folder, Reach::Mounts, |_| {}).await;
    assert!(matches!(into, Err(DriveAccessError::Itself { .. })));
    let (_, notices) = export(&drive, "/", &source).await;
    assert_eq!(failures(&notices), [("/inner.drive/master_key", "the drive itself is there")]);
    assert_eq!(fs::read(folder.join("master_key")).unwrap(), key);
}

#[tokio::test]
async fn what_is_in_the_way_of_one_entry_holds_up_no_other() {
    let scene = TempDir::new().unwrap();
    let source = scene.path().join("source");
    fs::create_dir_all(source.join("dir")).unwrap();
    fs::write(source.join("dir/file"), "x").unwrap();
    let drive = create(&scene.path().join("drive")).await;
    import(&drive, &source, "/").await;
    fs::remove_dir_all(source.join("dir")).unwrap();
    fs::write(source.join("other"), "x").unwrap();
    symlink("other", source.join("dir")).unwrap();
    let (summary, notices) = import(&drive, &source, "/").await;
    assert_eq!((summary.written, summary.failed), (1, 1));
    assert_eq!(failures(&notices)[0].0, "/dir");
    assert_eq!(all(&drive).await, ["dir", "dir/file", "other"]);
}

#[tokio::test]
async fn a_folder_is_closed_to_others_from_the_beginning() {
    let scene = TempDir::new().unwrap();
    let source = scene.path().join("source");
    fs::create_dir_all(source.join("private")).unwrap();
    fs::write(source.join("private/file"), "x").unwrap();
    fs::set_permissions(source.join("private"), fs::Permissions::from_mode(0o700)).unwrap();
    let drive = create(&scene.path().join("drive")).await;
    import(&drive, &source, "/").await;
    let to = scene.path().join("to");
    let mut modes = Vec::new();
    let look = |notice: &FileNotice| {
        if matches!(notice, FileNotice::Written { path, .. } if path == "/private/file") {
            modes.push(fs::metadata(to.join("private")).unwrap().permissions().mode() & 0o777);
        }
    };
    drive.export(drive.version(), &path("/"), &to, Reach::Mounts, look).await.unwrap();
    assert_eq!(modes, [0o700]);
}

#[tokio::test]
async fn where_somebody_elses_drive_is_none_of_ours_begins() {
    let scene = TempDir::new().unwrap();
    let theirs = create(&scene.path().join("theirs")).await;
    let folder = scene.path().join("copy");
    drop(reader(&folder, theirs.key()).await);
    assert!(matches!(Drive::open(&folder, None).await, Err(DriveAccessError::NoDrive { .. })));
}
