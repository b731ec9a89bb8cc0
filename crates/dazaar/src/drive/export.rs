//! A drive into a folder of the disk.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use dazaar_trie::hyperdrive::{DrivePath, Entry, Kind, Reach, Walk};

use super::Drive;
use super::destination::{Destination, seal};
use super::error::DriveAccessError;
use super::mounts::Step;
use super::notice::{FileNotice, Summary};
use super::store::at;

/// Files that are synced together: the disk takes little longer for many than for one.
const FILES_AT_ONCE: usize = 64;

/// Bytes of files that wait to be synced at most.
const BYTES_AT_ONCE: u64 = 64 * 1024 * 1024;

/// A folder that is being exported.
struct Export<'a, F> {
    drive: &'a Drive,
    destination: Destination,
    /// Where the export begins.
    from: DrivePath,
    /// Files without their names yet.
    waiting: Vec<Whole>,
    waiting_bytes: u64,
    notify: F,
    summary: Summary,
}

/// A file with all its bytes, which has no name until these are safe from a power cut: then a file of its name and time is whole.
struct Whole {
    /// Its path in the drive in which the export began.
    path: String,
    file: File,
    part: String,
    bytes: u64,
}

/// What became of an entry.
enum Written {
    /// It is there now.
    New,
    /// It was there already.
    Unchanged,
    /// It waits to be named.
    Waiting,
}

/// What is exported of a drive, the one in which the export began or one that is mounted.
struct Exported<'a> {
    drive: &'a Drive,
    entry: &'a Entry,
    /// Its path, as seen from the drive in which the export began.
    path: &'a str,
    /// The walk that came by it.
    walk: &'a Walk,
}

impl Drive {
    /// Writes what is at and below a path of a version into a folder of the disk, [`Reach::Mounts`] with what is mounted there. Each file
    /// appears whole, and nothing is written outside the folder, whatever the drive says. Files of the same size and time are passed over, so
    /// an export that was cut off goes on. What cannot be written is told of and left out. Nothing is deleted.
    ///
    /// # Errors
    /// [`DriveAccessError::Folder`] if `to` cannot be written, [`DriveAccessError::Itself`] if it is in the drive's own folder; as
    /// [`ask_at`](Self::ask_at); [`DriveAccessError::Within`] if the path is in another drive.
    pub async fn export(
        &self,
        version: u64,
        from: &DrivePath,
        to: &Path,
        reach: Reach,
        notify: impl FnMut(&FileNotice),
    ) -> Result<Summary, DriveAccessError> {
        let (drive, found) = self.ask_through(version, from, |view, path| view.stat(path)).await?;
        // Looked at before anything is made.
        if let Some(there) = to.ancestors().find(|path| path.exists())
            && self.store.contains(there)?
        {
            return Err(DriveAccessError::Itself { path: to.to_owned() });
        }
        let destination = Destination::open(to, self.store.identity()?).map_err(at(to))?;
        let mut walk = self.walk(version, from, reach);
        let from = from.clone();
        let mut export = Export::new(self, destination, from, notify);
        if !found.is_mount && !found.stat.is_directory() {
            export.from = DrivePath::new(&found.path).parent().unwrap_or_default();
            let (drive, walk) = (drive.as_deref().unwrap_or(self), &walk);
            export.entry(&Exported { drive, entry: &found, path: &found.path, walk }).await?;
            export.settle().await;
            return Ok(export.summary);
        }
        loop {
            let step = self.step(&mut walk).await;
            if !matches!(step, Ok(Some(_))) {
                // What was written has its name, however this ends.
                export.settle().await;
            }
            let Some(Step { path, found }) = step? else { break };
            match found {
                Ok((_, entry)) if reach != Reach::Mounts && (entry.is_mount || entry.feed().is_some()) => {}
                Ok((drive, entry)) => {
                    let drive = drive.as_deref().unwrap_or(self);
                    let exported = Exported { drive, entry: &entry, path: &path, walk: &walk };
                    let written = export.entry(&exported).await;
                    if written.is_err() || export.is_full() {
                        export.settle().await;
                    }
                    written?;
                }
                Err(error) => {
                    export.tell(FileNotice::Failed { path: format!("/{path}"), error: error.to_string() });
                }
            }
        }
        // Folders last: what is written into one changes its time, and its permissions may forbid that.
        let mut walk = self.walk(version, &export.from, reach);
        while let Some(Step { path, found }) = self.step(&mut walk).await? {
            if let Ok((_, entry)) = found
                && entry.stat.is_directory()
                && (reach == Reach::Mounts || !entry.is_mount)
                && let Err(error) = export.finish_folder(&path, &entry)
            {
                export.tell(FileNotice::Failed { path: format!("/{path}"), error: error.to_string() });
            }
        }
        if let Err(error) = export.destination.tidy() {
            tracing::warn!(%error, folder = %to.display(), "what an earlier export left is not taken away");
        }
        Ok(export.summary)
    }
}

impl<'a, F: FnMut(&FileNotice)> Export<'a, F> {
    fn new(drive: &'a Drive, destination: Destination, from: DrivePath, notify: F) -> Self {
        let summary = Summary::default();
        Self { drive, destination, from, waiting: Vec::new(), waiting_bytes: 0, notify, summary }
    }

    /// Writes an entry, and tells of it once it is there. Only what is wrong with the drive in which the export began is an error.
    async fn entry(&mut self, exported: &Exported<'_>) -> Result<(), DriveAccessError> {
        let path = format!("/{}", exported.path);
        let kind = if exported.entry.is_mount { Kind::Directory } else { exported.entry.stat.kind() };
        let written = match kind {
            Kind::Directory => self.folder(exported).map_err(Into::into),
            Kind::Symlink => self.link(exported),
            Kind::File => self.file(exported).await,
            Kind::Other => Err(Refusal::Of("it is a device, a pipe or a socket".to_owned())),
        };
        self.tell(match written {
            Ok(Written::New) => FileNotice::Written { path, bytes: 0 },
            Ok(Written::Unchanged) if kind == Kind::File => {
                FileNotice::Unchanged { path, bytes: exported.entry.stat.size }
            }
            Ok(Written::Unchanged) => FileNotice::Unchanged { path, bytes: 0 },
            Ok(Written::Waiting) => return Ok(()),
            Err(Refusal::Of(error)) => FileNotice::Failed { path, error },
            Err(Refusal::Drive(error)) => return Err(error),
        });
        Ok(())
    }

    fn tell(&mut self, notice: FileNotice) {
        self.summary.count(&notice);
        (self.notify)(&notice);
    }

    const fn is_full(&self) -> bool {
        self.waiting.len() >= FILES_AT_ONCE || self.waiting_bytes >= BYTES_AT_ONCE
    }

    /// Names the files that wait, and tells what became of them.
    async fn settle(&mut self) {
        self.waiting_bytes = 0;
        let sync = |whole: Whole| {
            tokio::task::spawn_blocking(move || {
                let synced = whole.file.sync_all();
                (whole, synced)
            })
        };
        let waiting: Vec<_> = std::mem::take(&mut self.waiting).into_iter().map(sync).collect();
        for synced in waiting {
            // It does not panic, and nobody stops it.
            let Ok((Whole { path, file, part, bytes }, synced)) = synced.await else { continue };
            let named = self.destination.place(below(&self.from, &path)).and_then(|place| {
                let named = synced.and_then(|()| place.finish(&part));
                if named.is_err() {
                    place.abandon(&part);
                }
                named
            });
            // Locked until it has its name: nobody takes it for left behind.
            drop(file);
            let path = format!("/{path}");
            self.tell(match named {
                Ok(()) => FileNotice::Written { path, bytes },
                Err(error) => FileNotice::Failed { path, error: error.to_string() },
            });
        }
    }

    fn folder(&mut self, exported: &Exported<'_>) -> io::Result<Written> {
        let below = below(&self.from, exported.path);
        let is_new = self.destination.place(below)?.folder(&exported.entry.stat)?;
        Ok(if is_new { Written::New } else { Written::Unchanged })
    }

    fn finish_folder(&mut self, path: &str, entry: &Entry) -> io::Result<()> {
        let place = self.destination.place(below(&self.from, path))?;
        // What cannot be taken away is no fault of the drive's.
        if let Err(error) = place.tidy() {
            tracing::warn!(%error, path, "what an earlier export left is not taken away");
        }
        place.finish_folder(&entry.stat)
    }

    fn link(&mut self, exported: &Exported<'_>) -> Result<Written, Refusal> {
        let Exported { entry, path, walk, .. } = *exported;
        let target = link_target((path, entry), walk, &self.from).map_err(Refusal::Of)?;
        let below = below(&self.from, path);
        let is_new = self.destination.place(below)?.link(&target, entry.seq.unwrap_or(0))?;
        Ok(if is_new { Written::New } else { Written::Unchanged })
    }

    async fn file(&mut self, exported: &Exported<'_>) -> Result<Written, Refusal> {
        let Exported { entry, path, drive, .. } = *exported;
        let below = below(&self.from, path);
        let mut stat = entry.stat.clone();
        if let Some(mount) = entry.feed() {
            let feed = self.drive.feed_file(mount, &stat).await;
            (_, stat) = feed.map_err(|error| self.refusal(exported, error))?;
        }
        if self.destination.place(below)?.is_same(&stat)? {
            return Ok(Written::Unchanged);
        }
        let reader = self.drive.read_entry(drive, &DrivePath::new(path), entry, 0..u64::MAX).await;
        let mut reader = reader.map_err(|error| self.refusal(exported, error))?;
        let (mut file, part) = self.destination.place(below)?.begin()?;
        let written = loop {
            match reader.next().await {
                Ok(Some(bytes)) => {
                    if let Err(error) = file.write_all(&bytes) {
                        break Err(Refusal::from(error));
                    }
                    (self.notify)(&FileNotice::Copied { bytes: bytes.len() as u64 });
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(self.refusal(exported, error)),
            }
        };
        if let Err(refusal) = written.and_then(|()| Ok(seal(&file, &stat)?)) {
            self.destination.place(below)?.abandon(&part);
            return Err(refusal);
        }
        self.waiting_bytes += stat.size;
        self.waiting.push(Whole { path: path.to_owned(), file, part, bytes: stat.size });
        Ok(Written::Waiting)
    }

    /// Whether nothing else can be exported either, since a file cannot be read.
    fn refusal(&self, exported: &Exported<'_>, error: DriveAccessError) -> Refusal {
        let is_own = std::ptr::eq(exported.drive, self.drive) && exported.entry.feed().is_none();
        match error {
            DriveAccessError::Extent { .. }
            | DriveAccessError::Misplaced { .. }
            | DriveAccessError::Missing { .. } => Refusal::Of(error.to_string()),
            error if is_own => Refusal::Drive(error),
            error => Refusal::Of(error.to_string()),
        }
    }
}

/// Where a link leads on the disk, or why it is not written: from its folder up to where the export begins, and down again, so it stays within
/// the destination.
pub(super) fn link_target(
    (path, entry): (&str, &Entry),
    walk: &Walk,
    from: &DrivePath,
) -> Result<String, String> {
    let link = DrivePath::new(&entry.path);
    let place = link.resolve(entry.stat.target().unwrap_or_default());
    let seen = walk.seen(&place);
    let Some(inside) = seen.as_ref().and_then(|seen| seen.below(from)) else {
        return Err(format!("it leads to {place}, which is not in what is exported"));
    };
    // A key with backslashes in it is one name on this disk and a path in a drive, so it would lead elsewhere here.
    let is_plain = |path: &str| !path.split('/').any(|name| matches!(name, "." | ".."));
    if link.as_str() != entry.path || !is_plain(inside) {
        return Err("it has a name that cannot be kept".to_owned());
    }
    let mut target = "../".repeat(below(from, path).matches('/').count());
    target.push_str(inside);
    if target.is_empty() {
        target.push('.');
    }
    if target.contains('\0') {
        return Err("it leads to a name with a zero byte".to_owned());
    }
    Ok(target)
}

/// What is left of a key below the path that is exported.
pub(super) fn below<'p>(from: &DrivePath, path: &'p str) -> &'p str {
    let rest = path.strip_prefix(from.as_str()).unwrap_or(path);
    if from.is_root() { rest } else { rest.strip_prefix('/').unwrap_or(rest) }
}

/// Why an entry was not written.
enum Refusal {
    /// This entry cannot be.
    Of(String),
    /// None can.
    Drive(DriveAccessError),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Of(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use dazaar_trie::hyperdrive::Stat;

    use super::*;

    #[tokio::test]
    async fn a_link_whose_key_has_backslashes_leads_nowhere() {
        let scene = tempfile::tempdir().unwrap();
        let drive = Drive::create(&scene.path().join("drive")).await.unwrap();
        let to = scene.path().join("to");
        let destination = Destination::open(&to, drive.store.identity().unwrap()).unwrap();
        let mut export = Export::new(&drive, destination, DrivePath::default(), |_: &FileNotice| {});
        for key in ["..\\..\\..\\x", "d\\..\\..\\x", "a\\x"] {
            let stat = Stat::symlink("etc/passwd");
            let entry = Entry { path: key.to_owned(), stat, is_mount: false, seq: Some(1) };
            let walk = drive.walk(1, &DrivePath::default(), Reach::Mounts);
            let exported = Exported { drive: &drive, entry: &entry, path: key, walk: &walk };
            let Err(Refusal::Of(error)) = export.link(&exported) else { panic!("{key}") };
            assert!(error.contains("cannot be kept"), "{error}");
        }
        assert_eq!(std::fs::read_dir(to).unwrap().count(), 0);
    }
}
