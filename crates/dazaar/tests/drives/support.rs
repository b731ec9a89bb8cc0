//! What the tests of drives share.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use dazaar::drive::{Drive, DriveAccessError};
use dazaar::log::FeedKey;
use dazaar::maps::hyperdrive::{DrivePath, Reach, Stat};

/// How long anything may take before the test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn path(text: &str) -> DrivePath {
    DrivePath::new(text)
}

/// Bytes that follow from a size and a number; the JavaScript peer makes the same.
pub(crate) fn bytes(size: usize, salt: u8) -> Vec<u8> {
    (0..size).map(|nth| (nth.wrapping_mul(7) as u8).wrapping_add(salt)).collect()
}

/// Opens the drive in a folder, or makes one.
pub(crate) async fn create(folder: &Path) -> Drive {
    loop {
        match Drive::create(folder).await {
            // A checkpoint of whoever had it open before may still be under way.
            Err(DriveAccessError::Folder { source, .. }) if source.kind() == ErrorKind::WouldBlock => {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            drive => return drive.unwrap(),
        }
    }
}

pub(crate) async fn reader(folder: &Path, key: FeedKey) -> Drive {
    Drive::open(folder, Some(key)).await.unwrap()
}

pub(crate) async fn write(drive: &Drive, text: &str, content: &[u8]) -> Stat {
    drive.write_file(&path(text), &mut &*content, Stat::file(0o644)).await.unwrap()
}

pub(crate) async fn read(drive: &Drive, text: &str) -> Vec<u8> {
    read_part(drive, text, 0..u64::MAX).await
}

pub(crate) async fn read_part(drive: &Drive, text: &str, range: std::ops::Range<u64>) -> Vec<u8> {
    let mut reader = drive.read(drive.version(), &path(text), range).await.unwrap();
    reader.read_to_end().await.unwrap()
}

/// The paths of all entries.
pub(crate) async fn all(drive: &Drive) -> Vec<String> {
    let entries = drive.list(drive.version(), &path("/"), Reach::Mounts).await.unwrap();
    entries.into_iter().map(|entry| entry.path).collect()
}
