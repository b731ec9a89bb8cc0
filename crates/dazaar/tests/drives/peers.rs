//! A drive over a connection: sparse readers of either side at writers of the other.

use std::sync::Arc;

use dazaar::drive::Drive;
use dazaar::log::FeedKey;
use dazaar::maps::hyperdrive::Reach;
use dazaar::peer::replicate;
use dazaar::wire::Role;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::node::Node;
use crate::support::*;

const BIG: usize = 1_500_000;

/// Reads a drive as `drive-peer.js --serve` makes it, of which nothing is here yet.
async fn read_everything(drive: &Drive) {
    assert_eq!(drive.update().await, 52);
    // Of a file, only a part.
    let big = bytes(BIG, 3);
    assert_eq!(read_part(drive, "big", 900_000..900_100).await, big[900_000..900_100]);
    assert_eq!(read_part(drive, "/big", BIG as u64 - 5..u64::MAX).await, big[BIG - 5..]);
    assert_eq!(read(drive, "dir3/file28").await, bytes(128, 28));
    let names = drive.list(52, &path("/"), Reach::Directory).await.unwrap();
    assert_eq!(names.len(), 6);
    assert_eq!(read(drive, "big").await, big);
    assert_eq!(all(drive).await.len(), 51);
}

#[tokio::test]
async fn we_read_sparsely_from_javascript() {
    let mut node = Node::start("drive-peer.js", &["--serve"]);
    let listening = node.wait_for("listening");
    let key: FeedKey = listening["key"].as_str().unwrap().parse().unwrap();
    let address = format!("127.0.0.1:{}", listening["port"]);
    let folder = TempDir::new().unwrap();
    let drive = reader(folder.path(), key).await;
    assert!(!drive.is_writable());
    let feeds = Arc::clone(drive.feeds());
    let task = tokio::spawn(async move {
        let stream = TcpStream::connect(address).await.unwrap();
        replicate(stream, Role::Initiator, &feeds).await
    });
    timeout(DEADLINE, read_everything(&drive)).await.unwrap();
    task.abort();
    // What came is here for whoever looks later.
    let later = Drive::snapshot(folder.path(), Some(key)).await.unwrap();
    assert_eq!(read(&later, "big").await, bytes(BIG, 3));
}

/// A drive of ours as `drive-peer.js --serve` makes it.
async fn writer(folder: &TempDir) -> Drive {
    let drive = create(folder.path()).await;
    for nth in 0..50_u8 {
        let name = format!("/dir{}/file{nth}", nth % 5);
        write(&drive, &name, &bytes(100 + usize::from(nth), nth)).await;
    }
    write(&drive, "/big", &bytes(BIG, 3)).await;
    drive
}

#[tokio::test]
async fn javascript_reads_sparsely_from_us() {
    let folder = TempDir::new().unwrap();
    let drive = writer(&folder).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (key, feeds) = (drive.key().to_string(), Arc::clone(drive.feeds()));
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        replicate(stream, Role::Responder, &feeds).await
    });
    let talk = tokio::task::spawn_blocking(move || {
        let mut node = Node::start("drive-peer.js", &["--port", &port, "--key", &key]);
        assert_eq!(node.ask("update", "updated")["version"], 52);
        let digest = |content: &[u8]| {
            Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        assert_eq!(node.ask("read /dir3/file28", "read")["sha256"], digest(&bytes(128, 28)));
        assert_eq!(node.ask("read /big", "read")["sha256"], digest(&bytes(BIG, 3)));
        assert_eq!(node.ask("list /dir1", "listed")["names"].as_array().unwrap().len(), 10);
    });
    timeout(DEADLINE, talk).await.unwrap().unwrap();
    task.abort();
}

#[tokio::test]
async fn we_read_sparsely_from_each_other() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let ours = writer(&folders[0]).await;
    let theirs = reader(folders[1].path(), ours.key()).await;
    let (left, right) = tokio::io::duplex(1 << 16);
    let (server, client) = (Arc::clone(ours.feeds()), Arc::clone(theirs.feeds()));
    let tasks = [
        tokio::spawn(async move { replicate(left, Role::Responder, &server).await }),
        tokio::spawn(async move { replicate(right, Role::Initiator, &client).await }),
    ];
    timeout(DEADLINE, read_everything(&theirs)).await.unwrap();
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

/// Readers and connections on several threads, each of which takes the locks of the feed.
#[test]
fn many_read_sparsely_at_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let scene = TempDir::new().unwrap();
    let (theirs, ours) = (scene.path().join("theirs"), scene.path().join("ours"));
    let (done, outcome) = std::sync::mpsc::channel();
    runtime.spawn(async move {
        let content = bytes(8_000_000, 5);
        let theirs = create(&theirs).await;
        write(&theirs, "big", &content).await;
        let ours = Arc::new(reader(&ours, theirs.key()).await);
        let (left, right) = tokio::io::duplex(1 << 16);
        let (server, client) = (Arc::clone(theirs.feeds()), Arc::clone(ours.feeds()));
        tokio::spawn(async move { replicate(left, Role::Responder, &server).await });
        tokio::spawn(async move { replicate(right, Role::Initiator, &client).await });
        let readers = (0..8).map(|nth| {
            let ours = Arc::clone(&ours);
            tokio::spawn(async move {
                ours.update().await;
                read_part(&ours, "big", nth * 900_000..u64::MAX).await
            })
        });
        for (nth, reader) in readers.collect::<Vec<_>>().into_iter().enumerate() {
            assert!(reader.await.unwrap() == content[nth * 900_000..]);
        }
        done.send(()).unwrap();
    });
    // Threads that wait for a lock would let no timer of theirs run.
    let outcome = outcome.recv_timeout(DEADLINE);
    runtime.shutdown_background();
    outcome.unwrap();
}
