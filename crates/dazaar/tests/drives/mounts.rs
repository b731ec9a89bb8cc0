//! Drives in drives: of npm hyperdrive and for it, in folders and over connections, and into folders of the disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use dazaar::drive::{Drive, DriveAccessError, FileNotice};
use dazaar::log::FeedKey;
use dazaar::maps::hyperdrive::{DriveError, Mount, Reach, Stat};
use dazaar::peer::replicate;
use dazaar::wire::Role;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::node::Node;
use crate::support::*;

/// What `drive-mounts.js --make` makes, and some paths at which nothing is.
const PATHS: [&str; 13] = [
    "/",
    "/own",
    "/old",
    "/old/file",
    "/old/c",
    "/deep",
    "/deep/new",
    "/deep/new/file",
    "/deep/new/dir/inner",
    "/deep/new/c",
    "/deep/new/c/last",
    "/feed",
    "/gone",
];

fn mount(key: FeedKey, version: Option<u64>) -> Mount {
    Mount { key, version, hash: None, is_feed: false }
}

/// What is at a path, as the JavaScript peer tells it.
async fn look(drive: &Drive, text: &str) -> Value {
    match drive.list(drive.version(), &path(text), Reach::Directory).await {
        Ok(entries) => {
            let names = entries.iter().map(|entry| entry.path.rsplit('/').next().unwrap().to_owned());
            json!(names.collect::<Vec<_>>())
        }
        Err(error) => match innermost(error) {
            DriveError::NotFound { .. } => Value::Null,
            DriveError::NotADirectory { .. } => {
                let digest = Sha256::digest(read(drive, text).await);
                json!(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
            }
            error => panic!("{error}"),
        },
    }
}

/// What is wrong with a drive, whichever it is.
fn innermost(error: DriveAccessError) -> DriveError {
    match error {
        DriveAccessError::Within { source, .. } => innermost(*source),
        DriveAccessError::Drive(error) => error,
        error => panic!("{error}"),
    }
}

async fn look_everywhere(drive: &Drive) -> Value {
    let mut found = Vec::new();
    for path in PATHS {
        found.push(look(drive, path).await);
    }
    json!(found)
}

fn javascript(scene: &TempDir, arguments: &[&str]) -> Node {
    let paths = scene.path().join("paths");
    fs::write(&paths, json!(PATHS).to_string()).unwrap();
    Node::start("drive-mounts.js", &[arguments, &["--paths", paths.to_str().unwrap()]].concat())
}

#[tokio::test]
async fn mounts_of_either_side_are_read_by_the_other_in_a_folder() {
    let scene = TempDir::new().unwrap();
    let folder = scene.path().join("drives");
    let at = folder.to_str().unwrap();
    let mut node = javascript(&scene, &["--dir", at, "--make"]);
    let told = node.wait_for("drive");
    node.succeed();
    let beside = Drive::snapshot(&folder, None).await.unwrap();
    assert_eq!(look_everywhere(&beside).await, told["found"]);

    let drive = create(&folder).await;
    assert_eq!(look_everywhere(&drive).await, told["found"]);
    let mut mounts: Vec<_> = drive.open_mounts().await.unwrap();
    mounts.sort_by(|a, b| a.0.cmp(&b.0));
    let ours: Vec<_> =
        mounts.iter().map(|(at, mount)| json!([at.to_string(), mount.key.to_string()])).collect();
    let mut theirs = told["mounts"].as_array().unwrap()[1..].to_vec();
    theirs.sort_by_key(|mount| mount[0].to_string());
    assert_eq!(ours, theirs);
    let paths: Vec<_> = all(&drive).await;
    assert_eq!(
        paths,
        [
            "deep/new",
            "deep/new/c",
            "deep/new/c/last",
            "deep/new/dir/inner",
            "deep/new/file",
            "feed",
            "old",
            "old/file",
            "own"
        ]
    );

    // We mount, and JavaScript reads.
    let (b, feed) = (mounts[0].1.key, drive.lstat(drive.version(), &path("feed")).await.unwrap());
    drive.write(|edit| edit.unmount(&path("deep/new"))).await.unwrap();
    drive.write(|edit| edit.unmount(&path("feed"))).await.unwrap();
    drive.mount(&path("gone"), mount(b, None)).await.unwrap();
    drive.mount(&path("deep/new/file"), mount(b, Some(3))).await.unwrap();
    let feed_file = Mount { is_feed: true, ..mount(feed.feed().unwrap().key, None) };
    drive.mount(&path("feed"), feed_file).await.unwrap();
    assert_eq!(drive.lstat(drive.version(), &path("feed")).await.unwrap().stat.size, feed.stat.size);
    drive.flush().await.unwrap();
    let expected = look_everywhere(&drive).await;
    assert_ne!(expected, told["found"]);
    drop((beside, drive));
    let mut node = javascript(&scene, &["--dir", at]);
    assert_eq!(node.wait_for("drive")["found"], expected);
}

#[tokio::test]
async fn mounted_drives_are_fetched_from_javascript() {
    let scene = TempDir::new().unwrap();
    let mut node = javascript(&scene, &["--make", "--serve"]);
    let told = node.wait_for("drive");
    let address = format!("127.0.0.1:{}", node.wait_for("listening")["port"]);
    let key: FeedKey = told["key"].as_str().unwrap().parse().unwrap();
    let folder = scene.path().join("copy");
    let drive = reader(&folder, key).await;
    let feeds = Arc::clone(drive.feeds());
    let task = tokio::spawn(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        replicate(stream, Role::Initiator, &feeds).await
    });
    let read = async {
        drive.update().await;
        assert_eq!(look_everywhere(&drive).await, told["found"]);
        assert_eq!(read_part(&drive, "feed", 5..15).await, [&bytes(10, 10)[5..], &bytes(5, 112)].concat());
    };
    timeout(DEADLINE, read).await.unwrap();
    task.abort();
    // What came is here for whoever looks later.
    let later = Drive::snapshot(&folder, Some(key)).await.unwrap();
    assert_eq!(look_everywhere(&later).await, told["found"]);
}

/// A drive with a file, and one in a directory.
async fn other(folder: &Path) -> Drive {
    let drive = create(folder).await;
    write(&drive, "file", b"first").await;
    write(&drive, "dir/inner", &bytes(100_000, 7)).await;
    drive
}

#[tokio::test]
async fn what_we_mounted_and_fetched_is_served_to_javascript() {
    let scene = TempDir::new().unwrap();
    let theirs = other(&scene.path().join("theirs")).await;
    let ours = create(&scene.path().join("ours")).await;
    write(&ours, "own", b"ours").await;
    ours.mount(&path("m"), mount(theirs.key(), None)).await.unwrap();
    assert_eq!(ours.open_mounts().await.unwrap().len(), 1);
    let (left, right) = tokio::io::duplex(1 << 16);
    let (server, client) = (Arc::clone(theirs.feeds()), Arc::clone(ours.feeds()));
    let tasks = [
        tokio::spawn(async move { replicate(left, Role::Responder, &server).await }),
        tokio::spawn(async move { replicate(right, Role::Initiator, &client).await }),
    ];
    let everything = async {
        assert_eq!(all(&ours).await, ["m", "m/dir/inner", "m/file", "own"]);
        assert_eq!(read(&ours, "m/dir/inner").await, bytes(100_000, 7));
        assert_eq!(read(&ours, "m/file").await, b"first");
        // What they write later is seen as well.
        write(&theirs, "file", b"second").await;
        while read(&ours, "m/file").await != b"second" {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, everything).await.unwrap();
    tasks.iter().for_each(tokio::task::JoinHandle::abort);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (key, feeds) = (ours.key().to_string(), Arc::clone(ours.feeds()));
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        replicate(stream, Role::Responder, &feeds).await
    });
    let talk = tokio::task::spawn_blocking(move || {
        let mut node = Node::start("drive-peer.js", &["--port", &port, "--key", &key]);
        node.ask("update", "updated");
        let digest = |content: &[u8]| {
            Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        assert_eq!(node.ask("list /m", "listed")["names"], json!(["dir", "file"]));
        assert_eq!(node.ask("read /m/file", "read")["sha256"], digest(b"second"));
        assert_eq!(node.ask("read /m/dir/inner", "read")["sha256"], digest(&bytes(100_000, 7)));
    });
    timeout(DEADLINE, talk).await.unwrap().unwrap();
    task.abort();
}

/// Puts the feeds of one drive into the folder of another, as if they had been fetched.
fn adopt(from: &Path, to: &Path) {
    let mut folders = vec![from.to_owned()];
    while let Some(folder) = folders.pop() {
        let target = to.join(folder.strip_prefix(from).unwrap());
        fs::create_dir_all(&target).unwrap();
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if !["master_key", "name", "secret_key"].iter().any(|other| name == *other) {
                fs::copy(entry.path(), target.join(name)).unwrap();
            }
        }
    }
}

/// Our drive with a file `own`, and another one that is here, in two folders of the scene.
async fn two(scene: &TempDir) -> (Drive, FeedKey) {
    let [ours, theirs] = ["ours", "theirs"].map(|name| scene.path().join(name));
    let drive = create(&ours).await;
    write(&drive, "own", b"ours").await;
    let other = other(&theirs).await;
    other.write(|edit| edit.symlink(&path("dir/up"), &Stat::symlink("/file"))).await.unwrap();
    other.flush().await.unwrap();
    adopt(&theirs, &ours);
    (drive, other.key())
}

async fn export(drive: &Drive, from: &str, to: &Path, reach: Reach) -> BTreeMap<String, String> {
    let mut failed = BTreeMap::new();
    let note = |notice: &FileNotice| {
        if let FileNotice::Failed { path, error } = notice {
            failed.insert(path.clone(), error.clone());
        }
    };
    drive.export(drive.version(), &path(from), to, reach, note).await.unwrap();
    failed
}

#[tokio::test]
async fn an_export_has_what_is_mounted() {
    let scene = TempDir::new().unwrap();
    let (drive, other) = two(&scene).await;
    drive.mount(&path("a/m"), mount(other, None)).await.unwrap();
    drive.mount(&path("old"), mount(other, Some(2))).await.unwrap();
    drive.write(|edit| edit.symlink(&path("a/in"), &Stat::symlink("m/dir"))).await.unwrap();
    let [to, without, part, one, linked] =
        ["to", "without", "part", "one", "linked"].map(|name| scene.path().join(name));
    assert_eq!(export(&drive, "/", &to, Reach::Mounts).await, BTreeMap::new());
    assert_eq!(fs::read(to.join("a/m/dir/inner")).unwrap(), bytes(100_000, 7));
    assert_eq!(fs::read(to.join("old/file")).unwrap(), b"first");
    assert!(!to.join("old/dir").exists());
    // Links lead to the same files as in the drives.
    assert_eq!(fs::read(to.join("a/m/dir/up")).unwrap(), b"first");
    assert_eq!(fs::read(to.join("a/in/up")).unwrap(), b"first");
    let version = drive.version();
    let again = drive.export(version, &path("/"), &to, Reach::Mounts, |_| {}).await.unwrap();
    assert_eq!((again.written, again.failed), (0, 0));

    assert_eq!(export(&drive, "/", &without, Reach::Drive).await, BTreeMap::new());
    let mut names: Vec<_> = fs::read_dir(&without).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a", "own"]);
    assert!(!without.join("a/m").exists());
    let failed = export(&drive, "/a/m/dir", &part, Reach::Mounts).await;
    assert_eq!(failed.keys().collect::<Vec<_>>(), ["/a/m/dir/up"], "it leads out of what is exported");
    assert_eq!(fs::read(part.join("inner")).unwrap(), bytes(100_000, 7));
    assert_eq!(export(&drive, "/a/m/dir/up", &one, Reach::Mounts).await, BTreeMap::new());
    assert_eq!(fs::read(one.join("file")).unwrap(), b"first");
    let failed = export(&drive, "/a/in", &linked, Reach::Mounts).await;
    assert_eq!(failed.keys().collect::<Vec<_>>(), ["/a/in/up"]);
    assert_eq!(fs::read(linked.join("inner")).unwrap(), bytes(100_000, 7));
}

#[tokio::test]
async fn a_mounted_drive_that_is_not_here_holds_up_nothing_else() {
    let scene = TempDir::new().unwrap();
    let (drive, other) = two(&scene).await;
    drive.mount(&path("here"), mount(other, None)).await.unwrap();
    drive.mount(&path("later"), mount(other, Some(99))).await.unwrap();
    drive.mount(&path("missing"), mount(FeedKey([9; 32]), None)).await.unwrap();
    drive
        .write(|edit| {
            edit.mount(
                &path("feed"),
                Mount { is_feed: true, ..mount(FeedKey([8; 32]), None) },
                Stat::file(0o644),
            )
        })
        .await
        .unwrap();
    drive.flush().await.unwrap();
    drop(drive);
    let drive = Drive::snapshot(&scene.path().join("ours"), None).await.unwrap();
    let to = scene.path().join("to");
    let failed = export(&drive, "/", &to, Reach::Mounts).await;
    assert_eq!(failed.keys().collect::<Vec<_>>(), ["/feed", "/later", "/missing"], "{failed:?}");
    assert!(failed["/missing"].contains("nothing of 0909"), "{failed:?}");
    assert_eq!(fs::read(to.join("here/file")).unwrap(), b"first");
    let version = drive.version();
    let within = drive.read(version, &path("here/none"), 0..1).await;
    assert!(matches!(within, Err(DriveAccessError::Within { key, .. }) if key == other));
    let missing = drive.list(version, &path("missing"), Reach::Directory).await;
    assert!(matches!(missing, Err(DriveAccessError::NotHere { .. })));
    assert!(matches!(drive.read(version, &path("feed"), 0..1).await, Err(DriveAccessError::NotHere { .. })));
    assert!(matches!(
        drive.read(version, &path("here"), 0..1).await,
        Err(DriveAccessError::Drive(DriveError::IsADirectory { .. }))
    ));
    assert_eq!(all(&drive).await.len(), 8);
}

#[tokio::test]
async fn a_drive_in_itself_is_exported_once() {
    let scene = TempDir::new().unwrap();
    let drive = create(&scene.path().join("drive")).await;
    write(&drive, "file", b"first").await;
    let version = drive.version();
    write(&drive, "file", b"second").await;
    drive.mount(&path("before"), mount(drive.key(), Some(version))).await.unwrap();
    drive.mount(&path("itself"), mount(drive.key(), None)).await.unwrap();
    let content = drive.content_key().await.unwrap();
    drive.mount(&path("content"), mount(content, None)).await.unwrap();
    assert_eq!(read(&drive, "itself/itself/before/file").await, b"first");
    let opened = drive.open_mounts().await.unwrap();
    assert_eq!(opened.iter().map(|(at, _)| at.to_string()).collect::<Vec<_>>(), ["/before"]);
    let to = scene.path().join("to");
    let failed = export(&drive, "/", &to, Reach::Mounts).await;
    assert_eq!(failed.keys().collect::<Vec<_>>(), ["/content"], "{failed:?}");
    assert_eq!(fs::read(to.join("before/file")).unwrap(), b"first");
    assert_eq!(fs::read_dir(to.join("itself")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_in_a_mounted_drive_is_written_there() {
    let scene = TempDir::new().unwrap();
    let (drive, other) = two(&scene).await;
    drive.mount(&path("m"), mount(other, None)).await.unwrap();
    let mounted = |error: DriveAccessError| match innermost(error) {
        DriveError::Mounted { mount, .. } => mount.key,
        error => panic!("{error}"),
    };
    let written = drive.write_file(&path("m/x"), &mut &b"x"[..], Stat::file(0o644)).await;
    assert_eq!(mounted(written.unwrap_err()), other);
    let source = scene.path().join("source");
    fs::create_dir_all(source.join("m")).unwrap();
    fs::write(source.join("m/x"), "x").unwrap();
    let mut failed = Vec::new();
    let summary = drive.import(&source, &path("/"), |notice| failed.push(notice.clone())).await.unwrap();
    assert_eq!((summary.written, summary.failed), (0, 1), "{failed:?}");
    assert!(matches!(
        drive.mount(&path("own"), mount(other, None)).await,
        Err(DriveAccessError::Drive(DriveError::Exists { .. }))
    ));
}

#[tokio::test]
async fn many_mounted_drives_are_not_all_open_at_once() {
    const MANY: usize = 40;
    let scene = TempDir::new().unwrap();
    let folder = scene.path().join("ours");
    let drive = create(&folder).await;
    for nth in 0..MANY {
        let theirs = scene.path().join(nth.to_string());
        let other = create(&theirs).await;
        write(&other, "file", nth.to_string().as_bytes()).await;
        other.flush().await.unwrap();
        adopt(&theirs, &folder);
        drive.mount(&path(&nth.to_string()), mount(other.key(), None)).await.unwrap();
    }
    assert!(matches!(drive.open_mounts().await, Err(DriveAccessError::TooManyMounted { .. })));
    drive.flush().await.unwrap();
    drop(drive);
    let drive = Drive::snapshot(&folder, None).await.unwrap();
    assert_eq!(all(&drive).await.len(), 2 * MANY);
    assert_eq!(read(&drive, "0/file").await, b"0");
    assert_eq!(read(&drive, "39/file").await, b"39");
}

#[tokio::test]
async fn what_is_mounted_is_not_forgotten() {
    let scene = TempDir::new().unwrap();
    let (drive, other) = two(&scene).await;
    let source = scene.path().join("source");
    fs::create_dir(&source).unwrap();
    drive.mount(&path("m"), mount(other, None)).await.unwrap();
    let feed = Mount { is_feed: true, ..mount(FeedKey([8; 32]), None) };
    drive.mount(&path("feed"), feed).await.unwrap();
    let summary = drive.forget(&source, &path("/"), |_| {}).await.unwrap();
    assert_eq!((summary.deleted, summary.failed), (1, 0));
    assert_eq!(all(&drive).await, ["feed", "m", "m/dir/inner", "m/dir/up", "m/file"]);
}
