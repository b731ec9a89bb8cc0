//! A folder of a drive that both sides write.

use std::path::Path;

use dazaar::drive::Drive;
use dazaar::maps::hyperdrive::{ChangeKind, DriveDiff, Kind, Reach, Stat};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::node::Node;
use crate::support::*;

const TIME: u64 = 1_600_000_000_123;

/// One change, as the JavaScript peer reads it too; it knows no `Rename`.
#[derive(Debug, Clone)]
enum Op {
    Put(String, usize, u8),
    Mkdir(String),
    Symlink(String, String),
    Unlink(String),
    Rmdir(String),
    Rename(String, String),
}

impl Op {
    fn json(&self) -> Value {
        match self {
            Self::Put(path, size, salt) => json!(["put", path, size, salt, 0o640, TIME]),
            Self::Mkdir(path) => json!(["mkdir", path, 0o750]),
            Self::Symlink(path, target) => json!(["symlink", path, target]),
            Self::Unlink(path) => json!(["unlink", path]),
            Self::Rmdir(path) => json!(["rmdir", path]),
            Self::Rename(..) => unreachable!("npm hyperdrive cannot"),
        }
    }
}

fn any_path() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["a", "b", "dir", "\u{e9}", "x y", "c:d"]);
    prop::collection::vec(word, 1..4).prop_map(|words| format!("/{}", words.join("/")))
}

fn op(renames: u32) -> impl Strategy<Value = Op> {
    let size = prop_oneof![8 => 0..300_usize, 1 => 60_000..200_000_usize];
    prop_oneof![
        8 => (any_path(), size, any::<u8>()).prop_map(|(path, size, salt)| Op::Put(path, size, salt)),
        3 => any_path().prop_map(Op::Mkdir),
        2 => (any_path(), any_path()).prop_map(|(path, target)| Op::Symlink(path, target)),
        4 => any_path().prop_map(Op::Unlink),
        2 => any_path().prop_map(Op::Rmdir),
        renames => (any_path(), any_path()).prop_map(|(from, to)| Op::Rename(from, to)),
    ]
}

/// Makes a change, and tells whether it was not refused.
async fn apply(drive: &Drive, op: &Op) -> bool {
    let stamped = |stat: Stat| Stat { mtime_ms: TIME, ctime_ms: TIME, ..stat };
    let done = match op {
        Op::Put(at, size, salt) => {
            let stat = stamped(Stat::file(0o640));
            drive.write_file(&path(at), &mut &*bytes(*size, *salt), stat).await.map(|_| ())
        }
        Op::Mkdir(at) => {
            drive.write(|edit| edit.mkdir(&path(at), &stamped(Stat::directory(0o750))).map(|_| ())).await
        }
        Op::Symlink(at, target) => {
            drive.write(|edit| edit.symlink(&path(at), &stamped(Stat::symlink(target))).map(|_| ())).await
        }
        Op::Unlink(at) => drive.write(|edit| edit.unlink(&path(at))).await,
        Op::Rmdir(at) => drive.write(|edit| edit.rmdir(&path(at))).await,
        Op::Rename(from, to) => drive.write(|edit| edit.rename(&path(from), &path(to))).await,
    };
    done.is_ok()
}

fn digest(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Has JavaScript make changes in a folder, and tell about it.
fn javascript(folder: &Path, ops: &[Value], since: u64, ranges: &Value) -> Value {
    let scratch = TempDir::new().unwrap();
    let file = |name: &str, content: Value| {
        let path = scratch.path().join(name);
        std::fs::write(&path, content.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (ops, ranges) = (file("ops", json!(ops)), file("ranges", ranges.clone()));
    let (folder, since) = (folder.to_str().unwrap(), since.to_string());
    let mut node =
        Node::start("drive.js", &["--dir", folder, "--ops", &ops, "--since", &since, "--ranges", &ranges]);
    let told = node.wait_for("drive");
    node.succeed();
    told
}

/// What JavaScript should tell of the entries, by what we read.
async fn entries(drive: &Drive) -> Value {
    let mut rows = Vec::new();
    for entry in drive.list(drive.version(), &path("/"), Reach::Drive).await.unwrap() {
        let content = match entry.stat.kind() {
            Kind::File => Some(digest(&read(drive, &entry.path).await)),
            _ => None,
        };
        let Stat { mode, size, linkname, .. } = entry.stat;
        rows.push((entry.path, mode, size, linkname, content));
    }
    // JavaScript sorts by UTF-16, which is the same for these names.
    json!(rows)
}

async fn changes(drive: &Drive, since: u64) -> Vec<(String, String)> {
    let mut diff = DriveDiff::new(drive.version(), since, &path("/"));
    let mut found = Vec::new();
    while let Some(change) = drive.ask(|view| diff.next(view)).await.unwrap() {
        let kind = if change.kind == ChangeKind::Put { "put" } else { "del" };
        found.push((kind.to_owned(), change.path));
    }
    found.sort();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn one_goes_on_where_the_other_stopped(
        first in prop::collection::vec(op(3), 1..40),
        second in prop::collection::vec(op(0), 1..40),
        third in prop::collection::vec(op(3), 1..20),
        javascript_first: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let scene = TempDir::new().unwrap();
            let (shared, ours) = (scene.path().join("shared"), scene.path().join("ours"));
            let ours = create(&ours).await;
            if javascript_first {
                javascript(&shared, &[], 1, &json!([]));
            }
            let drive = create(&shared).await;
            for op in &first {
                assert_eq!(apply(&drive, op).await, apply(&ours, op).await, "{op:?}");
            }
            let since = drive.version();
            let own = ours.version();
            assert_eq!(since, own);
            drive.flush().await.unwrap();
            drop(drive);

            let mut accepted = Vec::new();
            for op in &second {
                // Npm hyperdrive follows a link for ever that leads to itself, so files are not written over links.
                if let Op::Put(at, ..) = op
                    && let Ok(entry) = ours.ask(|view| view.lstat(&path(at))).await
                    && entry.stat.kind() == Kind::Symlink
                {
                    continue;
                }
                if apply(&ours, op).await {
                    accepted.push(op.json());
                }
            }
            let told = javascript(&shared, &accepted, since, &json!([]));
            let expected = entries(&ours).await;
            assert_eq!(told["entries"], expected);
            assert_eq!(told["version"], ours.version());

            let drive = create(&shared).await;
            assert_eq!(told["key"], drive.key().to_string());
            assert_eq!(entries(&drive).await, expected);
            let children = drive.list(drive.version(), &path("/"), Reach::Directory).await.unwrap();
            let children: Vec<String> = children.into_iter().map(|entry| entry.path).collect();
            assert_eq!(told["children"], json!(children));
            // JavaScript also tells of neighbours that were only written again.
            let found = changes(&drive, since).await;
            let theirs: Vec<(String, String)> = serde_json::from_value(told["diff"].clone()).unwrap();
            assert!(found.iter().all(|change| theirs.contains(change)), "{found:?} {theirs:?}");
            assert!(theirs.iter().all(|change| change.0 == "put" || found.contains(change)));

            for op in &third {
                assert_eq!(apply(&drive, op).await, apply(&ours, op).await, "{op:?}");
            }
            drive.flush().await.unwrap();
            let expected = entries(&ours).await;
            assert_eq!(entries(&drive).await, expected);
            drop(drive);
            assert_eq!(javascript(&shared, &[], 1, &json!([]))["entries"], expected);
        });
    }
}

#[tokio::test]
async fn parts_of_files_of_either_side_are_read_by_the_other() {
    let scene = TempDir::new().unwrap();
    let big = bytes(1_200_000, 9);
    let theirs = json!(["put", "/theirs", big.len(), 9, 0o644, TIME]);
    javascript(scene.path(), &[json!(["put", "/before", 10, 1, 0o644, TIME]), theirs], 1, &json!([]));
    let drive = create(scene.path()).await;
    let stat = write(&drive, "ours", &big).await;
    assert_eq!((stat.size, stat.blocks), (1_200_000, 19));
    write(&drive, "after", b"the next file").await;
    drive.write(|edit| edit.put_tag("v1", 3)).await.unwrap();
    let parts = [(0, 10), (65_535, 65_537), (524_280, 524_300), (1_199_990, 1_199_999)];
    for name in ["theirs", "ours"] {
        for (start, end) in parts {
            let part = read_part(&drive, name, start..end + 1).await;
            assert_eq!(part, big[start as usize..=end as usize], "{name} {start}");
        }
        // Reading does not leave the file.
        assert_eq!(read_part(&drive, name, 1_199_999..u64::MAX).await.len(), 1);
        assert_eq!(read_part(&drive, name, 1_200_000..u64::MAX).await.len(), 0);
    }
    drive.flush().await.unwrap();
    drop(drive);
    let ranges: Value = ["/theirs", "/ours"]
        .iter()
        .flat_map(|name| parts.map(|(start, end)| json!([name, start, end])))
        .collect();
    let told = javascript(scene.path(), &[], 1, &ranges);
    let expected: Vec<String> =
        parts.iter().map(|&(start, end)| digest(&big[start as usize..=end as usize])).collect();
    assert_eq!(told["ranges"], json!([expected.clone(), expected].concat()));
    assert_eq!(told["tags"], json!([["v1", 3]]));
}
