//! A drive into a folder of the disk.

use std::io::{self, Write as _};
use std::path::Path;

use dazaar_trie::hyperdrive::{DriveError, DrivePath, Entry, Kind};

use super::Drive;
use super::destination::Destination;
use super::error::DriveAccessError;
use super::notice::{FileNotice, Summary};
use super::store::at;

/// A folder that is being exported.
struct Export<'a> {
    drive: &'a Drive,
    destination: Destination,
    /// Where the export begins.
    from: DrivePath,
}

impl Drive {
    /// Writes what is at and below a path of a version into a folder of the disk. Each file appears whole, and nothing is written
    /// outside the folder, whatever the drive says. Files of the same size and time are passed over, so an export that was cut off
    /// goes on. What cannot be written is told of and left out. Nothing is deleted.
    ///
    /// # Errors
    /// [`DriveAccessError::Folder`] if `to` cannot be written, [`DriveAccessError::Itself`] if it is in the drive's own folder; as
    /// [`ask_at`](Self::ask_at).
    pub async fn export(
        &self,
        version: u64,
        from: &DrivePath,
        to: &Path,
        mut notify: impl FnMut(&FileNotice),
    ) -> Result<Summary, DriveAccessError> {
        let found = self.ask_at(version, |view| view.stat(from)).await?;
        let mut summary = Summary::default();
        let mut tell = |notice: FileNotice| {
            summary.count(&notice);
            notify(&notice);
        };
        // Looked at before anything is made.
        if let Some(there) = to.ancestors().find(|path| path.exists())
            && self.store.contains(there)?
        {
            return Err(DriveAccessError::Itself { path: to.to_owned() });
        }
        let destination = Destination::open(to, self.store.identity()?).map_err(at(to))?;
        let place = DrivePath::new(&found.path);
        if !found.is_mount && !found.stat.is_directory() {
            let from = place.parent().unwrap_or_default();
            let mut export = Export { drive: self, destination, from };
            tell(export.entry(&found).await?);
            return Ok(summary);
        }
        let mut export = Export { drive: self, destination, from: place };
        let mut list = self.ask_at(version, |view| view.readdir(from, true)).await?;
        loop {
            match self.ask_at(version, |view| list.next(view)).await {
                Ok(Some(entry)) => tell(export.entry(&entry).await?),
                Ok(None) => break,
                Err(DriveAccessError::Drive(DriveError::Stat { path, fault, .. })) => {
                    tell(FileNotice::Failed { path: format!("/{path}"), error: fault.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        // Folders last: what is written into one changes its time, and its permissions may forbid that.
        let mut list = self.ask_at(version, |view| view.readdir(from, true)).await?;
        loop {
            match self.ask_at(version, |view| list.next(view)).await {
                Ok(Some(entry)) if entry.stat.is_directory() && !entry.is_mount => {
                    if let Err(error) = export.finish_folder(&entry) {
                        let (path, error) = (format!("/{}", entry.path), error.to_string());
                        tell(FileNotice::Failed { path, error });
                    }
                }
                Ok(Some(_)) | Err(DriveAccessError::Drive(DriveError::Stat { .. })) => {}
                Ok(None) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(summary)
    }
}

impl Export<'_> {
    /// Writes an entry. Only what is wrong with the drive as a whole is an error.
    async fn entry(&mut self, entry: &Entry) -> Result<FileNotice, DriveAccessError> {
        let path = format!("/{}", entry.path);
        let written = if entry.is_mount || entry.stat.mount.is_some() {
            Err(Refusal::Of(
                "another drive or feed is mounted here, which has to be exported by itself".to_owned(),
            ))
        } else {
            match entry.stat.kind() {
                Kind::Directory => self.folder(entry).map_err(Into::into),
                Kind::Symlink => self.link(entry),
                Kind::File => self.file(entry).await,
                Kind::Other => Err(Refusal::Of("it is a device, a pipe or a socket".to_owned())),
            }
        };
        match written {
            Ok(Some(bytes)) => Ok(FileNotice::Written { path, bytes }),
            Ok(None) => Ok(FileNotice::Unchanged { path }),
            Err(Refusal::Of(error)) => Ok(FileNotice::Failed { path, error }),
            Err(Refusal::Drive(error)) => Err(error),
        }
    }

    fn folder(&mut self, entry: &Entry) -> io::Result<Option<u64>> {
        Ok(self.destination.place(below(&self.from, &entry.path))?.folder(&entry.stat)?.then_some(0))
    }

    fn finish_folder(&mut self, entry: &Entry) -> io::Result<()> {
        let below = below(&self.from, &entry.path);
        self.destination.place(below)?.finish_folder(&entry.stat)
    }

    fn link(&mut self, entry: &Entry) -> Result<Option<u64>, Refusal> {
        let link = DrivePath::new(&entry.path);
        let place = link.resolve(entry.stat.target().unwrap_or_default());
        let Some(inside) = place.below(&self.from) else {
            return Err(Refusal::Of(format!("it leads to {place}, which is not in what is exported")));
        };
        // A key with backslashes in it is one name on this disk and a path in a drive, so it would lead elsewhere here.
        let is_plain = |path: &str| !path.split('/').any(|name| matches!(name, "." | ".."));
        if link.as_str() != entry.path || !is_plain(inside) {
            return Err(Refusal::Of("it has a name that cannot be kept".to_owned()));
        }
        // From its folder up to where the export begins, and down again: so it stays within the destination.
        let below = below(&self.from, &entry.path);
        let mut target = "../".repeat(below.matches('/').count());
        target.push_str(inside);
        if target.is_empty() {
            target.push('.');
        }
        if target.contains('\0') {
            return Err(Refusal::Of("it leads to a name with a zero byte".to_owned()));
        }
        let is_new = self.destination.place(below)?.link(&target, entry.seq.unwrap_or(0))?;
        Ok(is_new.then_some(0))
    }

    async fn file(&mut self, entry: &Entry) -> Result<Option<u64>, Refusal> {
        let below = below(&self.from, &entry.path);
        if self.destination.place(below)?.is_same(&entry.stat)? {
            return Ok(None);
        }
        let path = DrivePath::new(&entry.path);
        let mut reader = match self.drive.read_entry(&path, entry, 0..u64::MAX).await {
            Err(
                error @ (DriveAccessError::Extent { .. }
                | DriveAccessError::Misplaced { .. }
                | DriveAccessError::Missing { .. }
                | DriveAccessError::Drive(DriveError::Mounted { .. })),
            ) => return Err(Refusal::Of(error.to_string())),
            reader => reader.map_err(Refusal::Drive)?,
        };
        let (mut file, part) = self.destination.place(below)?.begin(entry.seq.unwrap_or(0))?;
        let written = loop {
            match reader.next().await {
                Ok(Some(bytes)) => {
                    if let Err(error) = file.write_all(&bytes) {
                        break Err(Refusal::from(error));
                    }
                }
                Ok(None) => break Ok(()),
                Err(error @ (DriveAccessError::Misplaced { .. } | DriveAccessError::Missing { .. })) => {
                    break Err(Refusal::Of(error.to_string()));
                }
                Err(error) => break Err(Refusal::Drive(error)),
            }
        };
        let place = self.destination.place(below)?;
        let written = written.and_then(|()| Ok(place.finish(&file, &part, &entry.stat)?));
        if written.is_err() {
            place.abandon(&part);
        }
        written.map(|()| Some(entry.stat.size))
    }
}

/// What is left of a key below the path that is exported.
fn below<'p>(from: &DrivePath, path: &'p str) -> &'p str {
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
        let mut export = Export { drive: &drive, destination, from: DrivePath::default() };
        for key in ["..\\..\\..\\x", "d\\..\\..\\x", "a\\x"] {
            let stat = Stat::symlink("etc/passwd");
            let entry = Entry { path: key.to_owned(), stat, is_mount: false, seq: Some(1) };
            assert!(export.link(&entry).is_err(), "{key}");
        }
        assert_eq!(std::fs::read_dir(to).unwrap().count(), 0);
    }
}
