//! Real drives, really mounted. Takes /dev/fuse, and root or fusermount3: `cargo xtask fuse`.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dazaar::drive::{Drive, Shown};
use dazaar::maps::hyperdrive::{DrivePath, Mount, Stat};
use dazaar::peer::replicate;
use dazaar::wire::Role;
use dazaar_fuse::{AttachError, Attached, attach};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// How long anything may take before the test fails.
const DEADLINE: Duration = Duration::from_secs(60);

/// A drive that is attached, until it is dropped.
struct Scene {
    root: TempDir,
    runtime: Runtime,
    drive: Drive,
    shown: watch::Sender<Shown>,
    attached: Option<Attached>,
}

impl Scene {
    /// What `make` made is seen in the folder `at`.
    fn new(make: impl AsyncFnOnce(&Drive)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let (drive, now) = runtime.block_on(async {
            let drive = Drive::create(&root.path().join("drive")).await.unwrap();
            make(&drive).await;
            (drive, snapshot(root.path()).await)
        });
        fs::create_dir(root.path().join("at")).unwrap();
        let (shown, watched) = watch::channel(now);
        let attached = runtime.block_on(attach(&root.path().join("at"), watched)).unwrap();
        Self { root, runtime, drive, shown, attached: Some(attached) }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join("at").join(path)
    }

    /// Changes the drive, and shows what came of it.
    fn change(&self, change: impl AsyncFnOnce(&Drive)) {
        self.runtime.block_on(change(&self.drive));
        self.shown.send_replace(self.runtime.block_on(snapshot(self.root.path())));
    }

    fn detach(&mut self) -> bool {
        self.runtime.block_on(self.attached.take().unwrap().detach()).unwrap()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(attached) = self.attached.take() {
            // A test that failed may have something open.
            let _ = self.runtime.block_on(attached.detach());
        }
    }
}

/// The drive as the program would show it.
async fn snapshot(root: &Path) -> Shown {
    let drive = Drive::snapshot(&root.join("drive"), None).await.unwrap();
    Shown { version: drive.version(), drive: Arc::new(drive) }
}

fn path(text: &str) -> DrivePath {
    DrivePath::new(text)
}

async fn write(drive: &Drive, text: &str, content: &[u8]) {
    let stat = Stat { mtime_ms: 1_600_000_000_123, ..Stat::file(0o640) };
    drive.write_file(&path(text), &mut &*content, stat).await.unwrap();
}

fn bytes(size: usize) -> Vec<u8> {
    (0..size).map(|nth| (nth / 7).wrapping_mul(31) as u8).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Waits until `found` is what is expected: the system may believe what it was told for a second.
fn eventually<T: PartialEq + std::fmt::Debug>(expected: &T, found: impl Fn() -> T) {
    let begun = Instant::now();
    while found() != *expected {
        assert!(begun.elapsed() < DEADLINE, "{:?} is not {expected:?}", found());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn kind<T: std::fmt::Debug>(result: std::io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn a_folder_is_the_same_as_that_which_was_imported() {
    let source = tempfile::tempdir().unwrap();
    let inside = |path: &str| source.path().join(path);
    fs::create_dir_all(inside("dir/deeper")).unwrap();
    fs::write(inside("dir/deeper/big"), bytes(700_001)).unwrap();
    fs::write(inside("empty"), "").unwrap();
    fs::write(inside("Umlaut \u{e4}"), "x").unwrap();
    fs::set_permissions(inside("empty"), fs::Permissions::from_mode(0o751)).unwrap();
    symlink("dir/deeper", inside("short")).unwrap();
    symlink("../empty", inside("dir/up")).unwrap();
    symlink("nowhere", inside("dangling")).unwrap();
    let scene = Scene::new(async |drive| {
        let summary = drive.import(source.path(), &path("/"), |_| {}).await.unwrap();
        assert_eq!(summary.failed, 0);
    });
    let run = |program: &str, arguments: &[&Path]| {
        let output = Command::new(program).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), text)
    };
    let (same, differences) =
        run("diff", &[Path::new("-r"), Path::new("--no-dereference"), source.path(), &scene.at("")]);
    assert!(same && differences.is_empty(), "{differences}");
    let copy = scene.root.path().join("copy");
    let (copied, complaint) = run("cp", &[Path::new("-a"), &scene.at(""), &copy]);
    assert!(copied, "{complaint}");
    let look = |root: &Path| {
        let mut seen = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let known = fs::symlink_metadata(&path).unwrap();
                let times = (known.mtime(), known.mtime_nsec() / 1_000_000);
                let known_as = match known.is_dir() {
                    true => (known.mode(), 0, (0, 0)),
                    false => (known.mode(), known.len(), times),
                };
                seen.insert(path.strip_prefix(root).unwrap().to_owned(), known_as);
                if known.is_dir() {
                    folders.push(path);
                }
            }
        }
        seen
    };
    let mut wanted = look(source.path());
    assert_eq!(look(&copy), wanted);
    assert_eq!(look(&scene.at("")), wanted);
    assert_eq!(wanted.remove(Path::new("empty")).unwrap().0, 0o100_751);
    assert_eq!(fs::read_to_string(scene.at("dir/up")).unwrap(), "");
    assert_eq!(fs::read(scene.at("short/big")).unwrap(), bytes(700_001));
    let owner = fs::metadata(scene.at("empty")).unwrap();
    let me = fs::metadata(source.path()).unwrap();
    assert_eq!((owner.uid(), owner.gid()), (me.uid(), me.gid()));
}

#[test]
fn parts_of_a_file_are_read_and_nothing_is_written() {
    let content = bytes(5_000_000);
    let scene = Scene::new(async |drive| write(drive, "dir/file", &content).await);
    let mut file = fs::File::open(scene.at("dir/file")).unwrap();
    for (start, size) in [(0, 10), (4_999_990, 100), (65_530, 12), (1_000_001, 2_000_003), (5_000_000, 1)] {
        file.seek(SeekFrom::Start(start)).unwrap();
        let mut part = Vec::new();
        (&file).take(size).read_to_end(&mut part).unwrap();
        let end = (start + size).min(5_000_000);
        assert!(part == content[start as usize..end as usize], "{start} {size}");
    }
    let before = scene.drive.version();
    assert_eq!(kind(fs::write(scene.at("dir/file"), "x")), ErrorKind::ReadOnlyFilesystem);
    assert_eq!(kind(fs::write(scene.at("new"), "x")), ErrorKind::ReadOnlyFilesystem);
    assert_eq!(kind(fs::remove_file(scene.at("dir/file"))), ErrorKind::ReadOnlyFilesystem);
    assert_eq!(kind(fs::create_dir(scene.at("more"))), ErrorKind::ReadOnlyFilesystem);
    assert_eq!(kind(fs::rename(scene.at("dir"), scene.at("d"))), ErrorKind::ReadOnlyFilesystem);
    assert_eq!(scene.drive.version(), before);
    assert_eq!(kind(fs::read(scene.at("none"))), ErrorKind::NotFound);
    assert_eq!(kind(fs::read(scene.at("dir/file/below"))), ErrorKind::NotADirectory);
    assert_eq!(kind(fs::read_dir(scene.at("dir/file"))), ErrorKind::NotADirectory);
}

#[test]
fn a_newer_version_is_seen_and_a_file_that_is_open_stays() {
    let scene = Scene::new(async |drive| {
        write(drive, "a", &bytes(300_000)).await;
        write(drive, "gone", b"x").await;
        write(drive, "same", b"x").await;
    });
    let number = |name: &str| fs::metadata(scene.at(name)).map(|found| found.ino()).ok();
    let (first, same, root) = (number("a"), number("same"), number(""));
    let mut open = fs::File::open(scene.at("a")).unwrap();
    let mut begin = [0; 1000];
    open.read_exact(&mut begin).unwrap();
    scene.change(async |drive| {
        write(drive, "a", b"another").await;
        write(drive, "b/c", b"new").await;
        drive.write(|edit| edit.unlink(&path("gone"))).await.unwrap();
    });
    eventually(&Some("another".to_owned()), || fs::read_to_string(scene.at("a")).ok());
    assert_ne!(number("a"), first, "it is another file");
    assert_eq!((number("same"), number("")), (same, root));
    eventually(&vec!["a".to_owned(), "b".to_owned(), "same".to_owned()], || names(&scene.at("")));
    eventually(&None, || fs::read(scene.at("gone")).ok());
    assert_eq!(fs::read(scene.at("b/c")).unwrap(), b"new");
    let mut rest = Vec::new();
    open.read_to_end(&mut rest).unwrap();
    assert!([&begin[..], &rest].concat() == bytes(300_000), "what is open is what it was");
    // The list tells the numbers by which files are found.
    for entry in fs::read_dir(scene.at("")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(std::os::unix::fs::DirEntryExt::ino(&entry), fs::metadata(entry.path()).unwrap().ino());
    }
}

#[test]
fn what_a_stranger_wrote_does_no_harm() {
    let scene = Scene::new(async |drive| {
        write(drive, "fine", b"fine").await;
        write(drive, "d/inner", b"inner").await;
        let put = async |name: &str, stat: Stat| {
            drive.write(|edit| edit.put(&path(name), &stat)).await.unwrap();
        };
        let link = async |name: &str, target: &str| {
            drive.write(|edit| edit.symlink(&path(name), &Stat::symlink(target))).await.unwrap();
        };
        put("beyond", Stat { size: 10, blocks: 1, offset: 1 << 40, ..Stat::file(0o644) }).await;
        put("huge", Stat { size: 1 << 50, blocks: 1, ..Stat::file(0o644) }).await;
        put("misplaced", Stat { size: 4, blocks: 1, byte_offset: 3, ..Stat::file(0o644) }).await;
        put("device", Stat { mode: 0o020_666, ..Stat::default() }).await;
        put("setuid", Stat { size: 4, blocks: 1, ..Stat::file(0o6755) }).await;
        put(&"x".repeat(256), Stat { size: 4, blocks: 1, ..Stat::file(0o644) }).await;
        link("passwd", "/etc/passwd").await;
        link("d/up", "../../../../../../../../../etc/passwd").await;
        link("d/around", "root/../../../../../etc/passwd").await;
        link("d/root", "/").await;
        link("circle", "circle").await;
    });
    let listed = ["beyond", "circle", "d", "fine", "huge", "misplaced", "passwd", "setuid"];
    assert_eq!(names(&scene.at("")), listed);
    for lie in ["beyond", "misplaced"] {
        fs::metadata(scene.at(lie)).unwrap();
        assert_eq!(fs::read(scene.at(lie)).unwrap_err().raw_os_error(), Some(5), "{lie}");
    }
    assert_eq!(fs::metadata(scene.at("huge")).unwrap().len(), 1 << 50);
    let mut huge = fs::File::open(scene.at("huge")).unwrap();
    huge.seek(SeekFrom::Start(1 << 49)).unwrap();
    assert!(huge.read(&mut [0; 10]).is_err());
    for absent in ["device", "none", &"x".repeat(256), "d/..\\..\\etc"] {
        assert!(fs::symlink_metadata(scene.at(absent)).is_err(), "{absent}");
    }
    assert_eq!(fs::metadata(scene.at("setuid")).unwrap().mode() & 0o7777, 0o755);
    for outside in ["passwd", "d/up", "d/around"] {
        assert_eq!(kind(fs::read(scene.at(outside))), ErrorKind::NotFound, "{outside}");
    }
    assert_eq!(fs::read(scene.at("d/root/fine")).unwrap(), b"fine");
    assert_eq!(fs::metadata(scene.at("circle")).unwrap_err().raw_os_error(), Some(40));
}

#[test]
fn drives_in_drives_are_folders_and_a_circle_ends() {
    let scene = Scene::new(async |drive| {
        write(drive, "a", b"first").await;
        let (key, old) = (drive.key(), drive.version());
        write(drive, "a", b"later").await;
        let mount = |version| Mount { key, version, hash: None, is_feed: false };
        drive.mount(&path("old"), mount(Some(old))).await.unwrap();
        drive.mount(&path("self"), mount(None)).await.unwrap();
        let feed =
            Mount { key: drive.content_key().await.unwrap(), version: None, hash: None, is_feed: true };
        drive
            .write(|edit| edit.mount(&path("feed"), feed.clone(), Stat::file(0o644)).map(drop))
            .await
            .unwrap();
        let absent =
            Mount { key: dazaar::log::FeedKey([7; 32]), version: Some(3), hash: None, is_feed: false };
        drive.mount(&path("absent"), absent).await.unwrap();
    });
    assert_eq!(names(&scene.at("")), ["a", "absent", "feed", "old", "self"]);
    assert_eq!(fs::read(scene.at("old/a")).unwrap(), b"first");
    assert_eq!(names(&scene.at("old")), ["a"]);
    assert_eq!(names(&scene.at("self")), Vec::<String>::new());
    assert_eq!(fs::read(scene.at("feed")).unwrap(), b"firstlater");
    scene.change(async |drive| write(drive, "b", b"!").await);
    eventually(&b"firstlater!".to_vec(), || fs::read(scene.at("feed")).unwrap());
}

#[test]
fn who_detaches_leaves_an_empty_folder_even_if_it_is_used() {
    let mut scene = Scene::new(async |drive| write(drive, "a", b"x").await);
    assert!(scene.detach());
    assert_eq!(names(&scene.at("")), Vec::<String>::new());

    let mut scene = Scene::new(async |drive| write(drive, "a", b"x").await);
    let open = fs::File::open(scene.at("a")).unwrap();
    assert!(!scene.detach());
    assert_eq!(names(&scene.at("")), Vec::<String>::new());
    drop(open);

    let mut scene = Scene::new(async |drive| write(drive, "a", b"x").await);
    let ended = Command::new("umount").arg(scene.at("")).status().unwrap();
    assert!(ended.success());
    scene.runtime.block_on(async {
        let attached = scene.attached.as_mut().unwrap();
        tokio::time::timeout(DEADLINE, attached.ended()).await.expect("it is told that it has ended");
    });
    assert!(scene.detach());
}

#[test]
fn a_folder_that_is_in_use_is_refused() {
    let scene = Scene::new(async |_| {});
    let again = scene.runtime.block_on(attach(&scene.at(""), scene.shown.subscribe()));
    assert!(matches!(again, Err(AttachError::Taken { .. })), "{again:?}");
    let root = scene.root.path();
    let full = scene.runtime.block_on(attach(root, scene.shown.subscribe()));
    assert!(matches!(full, Err(AttachError::NotEmpty { .. })), "{full:?}");
}

#[test]
fn many_files_are_looked_at_at_once() {
    let scene = Scene::new(async |drive| {
        let source = tempfile::tempdir().unwrap();
        for nth in 0..2000 {
            fs::write(source.path().join(format!("file {nth}")), nth.to_string()).unwrap();
        }
        drive.import(source.path(), &path("/"), |_| {}).await.unwrap();
    });
    assert_eq!(names(&scene.at("")).len(), 2000);
    std::thread::scope(|scope| {
        for part in 0..8 {
            let scene = &scene;
            scope.spawn(move || {
                for nth in (part..2000).step_by(8) {
                    let found = fs::read_to_string(scene.at(&format!("file {nth}"))).unwrap();
                    assert_eq!(found, nth.to_string());
                }
            });
        }
    });
}

#[test]
fn of_a_drive_that_is_elsewhere_only_what_is_read_comes() {
    let root = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let content = bytes(4_000_000);
    let (theirs, ours, tasks) = runtime.block_on(async {
        let theirs = Drive::create(&root.path().join("theirs")).await.unwrap();
        write(&theirs, "dir/big", &content).await;
        write(&theirs, "small", b"small").await;
        let ours = Drive::open(&root.path().join("ours"), Some(theirs.key())).await.unwrap();
        let (left, right) = tokio::io::duplex(1 << 16);
        let (server, client) = (Arc::clone(theirs.feeds()), Arc::clone(ours.feeds()));
        let tasks = [
            tokio::spawn(async move { replicate(left, Role::Responder, &server).await }),
            tokio::spawn(async move { replicate(right, Role::Initiator, &client).await }),
        ];
        ours.update().await;
        (theirs, Arc::new(ours), tasks)
    });
    let at = root.path().join("at");
    fs::create_dir(&at).unwrap();
    let shown = Shown { version: ours.version(), drive: Arc::clone(&ours) };
    let (_shown, watched) = watch::channel(shown);
    let attached = runtime.block_on(attach(&at, watched)).unwrap();
    assert_eq!(names(&at), ["dir", "small"]);
    assert_eq!(fs::metadata(at.join("dir/big")).unwrap().len(), 4_000_000);
    assert_eq!(fs::read(at.join("small")).unwrap(), b"small");
    let mut file = fs::File::open(at.join("dir/big")).unwrap();
    file.seek(SeekFrom::Start(3_000_000)).unwrap();
    let mut part = [0; 1000];
    file.read_exact(&mut part).unwrap();
    assert!(part == content[3_000_000..3_001_000]);
    drop(file);
    let (metadata, held) = runtime.block_on(ours.held());
    assert!(metadata <= theirs.version() && held < 30, "{held} of 63 blocks");
    assert!(fs::read(at.join("dir/big")).unwrap() == content);
    assert!(runtime.block_on(attached.detach()).unwrap());
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}
