//! How far files are on their way between a drive and the disk.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use dazaar::drive::{Drive, DriveAccessError, FileNotice};
use dazaar::maps::hyperdrive::{DrivePath, Kind, Reach};

use crate::event::Event;
use crate::output::Output;

/// How often progress is reported at most.
const REPORT_INTERVAL: Duration = Duration::from_millis(200);

/// Files, directories and links, and the bytes of the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    entries: u64,
    bytes: u64,
}

impl Amount {
    /// What is in a folder of the disk, or a file, as far as it can be looked at.
    pub(crate) fn of_source(source: &Path) -> Self {
        let Ok(metadata) = fs::metadata(source) else { return Self::default() };
        let mut amount = Self::default();
        if !metadata.is_dir() {
            amount.add(metadata.len());
            return amount;
        }
        let mut folders = vec![source.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let Ok(metadata) = entry.metadata() else { continue };
                amount.add(if metadata.is_file() { metadata.len() } else { 0 });
                if metadata.is_dir() {
                    folders.push(entry.path());
                }
            }
        }
        amount
    }

    /// What is at and below a path of a drive.
    pub(crate) async fn of_drive(
        drive: &Drive,
        version: u64,
        from: &DrivePath,
        reach: Reach,
    ) -> Result<Self, DriveAccessError> {
        let found = drive.stat(version, from).await?;
        let mut amount = Self::default();
        if !found.is_mount && !found.stat.is_directory() {
            amount.add(found.stat.size);
            return Ok(amount);
        }
        for entry in drive.list(version, from, reach).await? {
            if reach == Reach::Mounts || !(entry.is_mount || entry.feed().is_some()) {
                amount.add(if entry.stat.kind() == Kind::File { entry.stat.size } else { 0 });
            }
        }
        Ok(amount)
    }

    const fn add(&mut self, bytes: u64) {
        self.entries += 1;
        // Sizes in a drive may be a stranger's.
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// How far files are.
#[derive(Debug)]
pub(crate) struct FileProgress {
    total: Amount,
    done: Amount,
    told: Option<Instant>,
}

impl FileProgress {
    pub(crate) const fn new(total: Amount) -> Self {
        Self { total, done: Amount { entries: 0, bytes: 0 }, told: None }
    }

    /// Counts what became of a file, and reports that now and then.
    pub(crate) fn count(&mut self, output: &Output, notice: &FileNotice) -> io::Result<()> {
        match notice {
            FileNotice::Copied { bytes } => self.done.bytes += bytes,
            FileNotice::Unchanged { bytes, .. } => self.done.add(*bytes),
            // Its bytes went by before.
            FileNotice::Written { .. } | FileNotice::Failed { .. } => self.done.add(0),
            _ => return Ok(()),
        }
        let is_last = self.done.entries == self.total.entries;
        if !is_last && self.told.is_some_and(|told| told.elapsed() < REPORT_INTERVAL) {
            return Ok(());
        }
        self.told = Some(Instant::now());
        let (done, total) = (self.done, self.total);
        output.event(&Event::DriveProgress {
            entries: done.entries,
            // A folder may grow meanwhile.
            of_entries: total.entries.max(done.entries),
            bytes: done.bytes,
            of_bytes: total.bytes.max(done.bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_drive_has_as_much_as_what_was_imported() {
        let scene = tempfile::tempdir().unwrap();
        let source = scene.path().join("source");
        fs::create_dir_all(source.join("dir/empty")).unwrap();
        fs::write(source.join("dir/a"), "12345").unwrap();
        std::os::unix::fs::symlink("dir/a", source.join("link")).unwrap();
        let drive = Drive::create(&scene.path().join("drive")).await.unwrap();
        let amount = Amount { entries: 4, bytes: 5 };
        assert_eq!(Amount::of_source(&source), amount);
        let root = DrivePath::default();
        let mut progress = FileProgress::new(amount);
        let output = Output::new(false);
        let mut notify = |notice: &FileNotice| progress.count(&output, notice).unwrap();
        drive.import(&source, &root, &mut notify).await.unwrap();
        assert_eq!(progress.done, amount);
        assert_eq!(Amount::of_drive(&drive, drive.version(), &root, Reach::Mounts).await.unwrap(), amount);
        for _ in 0..2 {
            let mut progress = FileProgress::new(amount);
            let mut notify = |notice: &FileNotice| progress.count(&output, notice).unwrap();
            let to = scene.path().join("to");
            drive.export(drive.version(), &root, &to, Reach::Mounts, &mut notify).await.unwrap();
            assert_eq!(progress.done, amount);
        }
        let file = Amount { entries: 1, bytes: 5 };
        assert_eq!(Amount::of_source(&source.join("dir/a")), file);
        let path = DrivePath::new("dir/a");
        assert_eq!(Amount::of_drive(&drive, drive.version(), &path, Reach::Mounts).await.unwrap(), file);
    }
}
