//! Deleting from a folder of the disk whatever a drive has not.
//!
//! Every folder is opened below the one before it, without following links, so nothing outside is deleted. What might be there in the
//! drive, but cannot be read of it, stays; and so does whatever holds keys, and what else is mounted in the folder.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use dazaar_trie::hyperdrive::{DriveError, DrivePath, Reach};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::Drive;
use super::destination::{LEVELS, open_folder};
use super::error::DriveAccessError;
use super::export::below;
use super::import::holds_keys;
use super::mounts::Step;
use super::notice::{FileNotice, Summary};
use super::store::at;

/// What a drive has, by paths below the directory that is compared.
#[derive(Debug, Default)]
struct Wanted {
    directories: BTreeSet<String>,
    others: BTreeSet<String>,
    /// Of these, and of what is below, nothing is known.
    unknown: BTreeSet<String>,
}

/// A folder of the disk that is being cleared.
struct Clearing<F> {
    wanted: Wanted,
    folder: PathBuf,
    /// The file system that it is on.
    device: u64,
    notify: F,
    summary: Summary,
}

/// A name in a folder.
struct Found<'a> {
    folder: &'a OwnedFd,
    name: &'a std::ffi::CStr,
    /// Its path below the folder that is cleared.
    path: String,
    level: usize,
}

impl Drive {
    /// Deletes from the folder `to` what is not at and below the directory `from` of a version, or is something else there: an
    /// [`export`](Self::export) then makes the two the same. A folder that holds any of `protected`, the folder of the drive or keys is refused.
    ///
    /// # Errors
    /// [`DriveAccessError::Protected`], [`DriveAccessError::Keys`]; [`DriveAccessError::Folder`] if `to` cannot be read;
    /// [`DriveError::NotADirectory`]; as [`ask_at`](Self::ask_at). Nothing was deleted then.
    pub async fn clear(
        &self,
        (version, from): (u64, &DrivePath),
        to: &Path,
        reach: Reach,
        protected: &[&Path],
        notify: impl FnMut(&FileNotice),
    ) -> Result<Summary, DriveAccessError> {
        let folder = match fs::canonicalize(to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Summary::default()),
            folder => folder.map_err(at(to))?,
        };
        let kept =
            protected.iter().filter_map(|kept| fs::canonicalize(kept).ok()).chain([self.store.home()?]);
        if let Some(kept) = held(&folder, kept) {
            return Err(DriveAccessError::Protected { path: folder, kept });
        }
        if folder.ancestors().any(holds_keys) {
            return Err(DriveAccessError::Keys { path: folder });
        }
        let wanted = self.wanted(version, from, reach).await?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::open(&folder, flags, Mode::empty()).map_err(|error| at(to)(error.into()))?;
        let device = rustix::fs::fstat(&opened).map_err(|error| at(to)(error.into()))?.st_dev;
        let mut clearing = Clearing { wanted, folder, device, notify, summary: Summary::default() };
        clearing.folder(&opened, "", 0).map_err(at(to))?;
        Ok(clearing.summary)
    }

    async fn wanted(&self, version: u64, from: &DrivePath, reach: Reach) -> Result<Wanted, DriveAccessError> {
        let found = self.stat(version, from).await?;
        if !found.is_mount && !found.stat.is_directory() {
            return Err(DriveError::NotADirectory { path: from.clone() }.into());
        }
        let (mut wanted, mut walk) = (Wanted::default(), self.walk(version, from, reach));
        while let Some(Step { path, found }) = self.step(&mut walk).await? {
            let path = below(from, &path);
            let directories = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
            wanted.directories.extend(directories.map(str::to_owned));
            let paths = match found {
                Ok((_, entry)) if reach != Reach::Mounts && (entry.is_mount || entry.feed().is_some()) => {
                    &mut wanted.unknown
                }
                Ok((_, entry)) if entry.is_mount || entry.stat.is_directory() => &mut wanted.directories,
                Ok(_) => &mut wanted.others,
                Err(_) => &mut wanted.unknown,
            };
            paths.insert(path.to_owned());
        }
        Ok(wanted)
    }
}

/// What of this a folder is or holds, or the whole disk if that is the folder.
fn held(folder: &Path, kept: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    kept.chain([PathBuf::from("/")]).find(|kept| kept.starts_with(folder))
}

impl<F: FnMut(&FileNotice)> Clearing<F> {
    /// Clears what is in a folder, and tells whether that is everything.
    fn folder(&mut self, folder: &OwnedFd, path: &str, level: usize) -> io::Result<bool> {
        let mut names = Vec::new();
        for entry in Dir::read_from(folder)? {
            let name = entry?.file_name().to_owned();
            if !matches!(name.to_bytes(), b"." | b"..") {
                names.push(name);
            }
        }
        names.sort();
        let mut is_empty = true;
        for name in names {
            let text = name.to_string_lossy();
            let path = if path.is_empty() { text.into_owned() } else { format!("{path}/{text}") };
            let found = Found { folder, name: &name, path, level };
            let is_gone = self.entry(&found).unwrap_or_else(|error| {
                self.tell(FileNotice::Failed { path: format!("/{}", found.path), error: error.to_string() });
                false
            });
            is_empty &= is_gone;
        }
        Ok(is_empty)
    }

    /// Deletes what has a name, or what is in it, unless the drive has that; whether it is gone.
    fn entry(&mut self, found: &Found<'_>) -> io::Result<bool> {
        // A name that is no text is in no drive.
        let is_in = |paths: &BTreeSet<String>| found.name.to_str().is_ok() && paths.contains(&found.path);
        if is_in(&self.wanted.unknown) {
            return Ok(false);
        }
        let known = rustix::fs::statat(found.folder, found.name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(known.st_mode) != FileType::Directory {
            return if is_in(&self.wanted.others) { Ok(false) } else { self.delete(found, AtFlags::empty()) };
        }
        let is_wanted = is_in(&self.wanted.directories);
        let folder = open_folder(found.folder, found.name)?;
        let is_elsewhere = rustix::fs::fstat(&folder)?.st_dev != self.device;
        if is_elsewhere && is_wanted {
            return Ok(false);
        }
        let refusal = match () {
            () if is_elsewhere => Some("something else is mounted there".to_owned()),
            () if holds_keys(&self.folder.join(&found.path)) => {
                Some("it is a market or a drive, with its keys".to_owned())
            }
            () if found.level >= LEVELS => Some(format!("more than {LEVELS} levels of folders")),
            () => None,
        };
        if let Some(refusal) = refusal {
            return Err(io::Error::other(refusal));
        }
        let is_empty = self.folder(&folder, &found.path, found.level + 1)?;
        if is_empty && !is_wanted { self.delete(found, AtFlags::REMOVEDIR) } else { Ok(false) }
    }

    fn delete(&mut self, found: &Found<'_>, flags: AtFlags) -> io::Result<bool> {
        rustix::fs::unlinkat(found.folder, found.name, flags)?;
        self.tell(FileNotice::Deleted { path: format!("/{}", found.path) });
        Ok(true)
    }

    fn tell(&mut self, notice: FileNotice) {
        self.summary.count(&notice);
        (self.notify)(&notice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_holds_itself_and_what_is_in_it() {
        let held = |folder: &str, kept: &[&str]| {
            held(Path::new(folder), kept.iter().map(PathBuf::from)).map(|kept| kept.display().to_string())
        };
        assert_eq!(held("/", &[]).as_deref(), Some("/"));
        assert_eq!(held("/home/me", &["/home/me"]).as_deref(), Some("/home/me"));
        assert_eq!(held("/home", &["/data", "/home/me"]).as_deref(), Some("/home/me"));
        assert_eq!(held("/home/me/copy", &["/home/me", "/home/me/copies"]), None);
    }
}
