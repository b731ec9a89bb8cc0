//! Deleting what is gone: from a drive what its folder has no more, and from a folder what the drive has no more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use dazaar_trie::hyperdrive::{DriveError, DrivePath, Entry, Kind, Reach, Stat};

use super::Drive;
use super::destination::Destination;
use super::error::DriveAccessError;
use super::export::link_target;
use super::mounts::Step;
use super::notice::{FileNotice, Summary};
use super::store::at;

/// Entries that are deleted with one append.
const ENTRIES_AT_ONCE: usize = 256;

impl Drive {
    /// Deletes from the drive what is below `into` and no longer below the folder `source` of the disk, or is something else there:
    /// an [`import`](Self::import) then makes the two the same. Mounts stay.
    ///
    /// # Errors
    /// [`DriveAccessError::Folder`] if `source` cannot be read; why the drive cannot be written.
    pub async fn forget(
        &self,
        source: &Path,
        into: &DrivePath,
        mut notify: impl FnMut(&FileNotice),
    ) -> Result<Summary, DriveAccessError> {
        // Whoever mistypes the source empties no drive.
        fs::read_dir(source).map_err(at(source))?;
        let (mut gone, mut gone_directories) = (Vec::new(), BTreeSet::new());
        let entries = match self.list(self.version(), into, Reach::Drive).await {
            Err(DriveAccessError::Drive(DriveError::NotFound { .. })) => Vec::new(),
            entries => entries?,
        };
        for entry in entries {
            let mut ancestors = entry.path.match_indices('/').filter_map(|(end, _)| entry.path.get(..end));
            let is_below_gone = ancestors.any(|directory| gone_directories.contains(directory));
            if !is_below_gone && is_there(source, into, &entry) {
                continue;
            }
            if entry.stat.is_directory() {
                gone_directories.insert(entry.path.clone());
            }
            if !entry.is_mount && entry.feed().is_none() && entry.seq.is_some() {
                gone.push(entry);
            }
        }
        // What is in a directory goes before it.
        gone.reverse();
        let mut summary = Summary::default();
        for some in gone.chunks(ENTRIES_AT_ONCE) {
            let notices = self
                .write(|edit| {
                    let delete = |entry: &Entry| {
                        let path = DrivePath::new(&entry.path);
                        let deleted =
                            if entry.stat.is_directory() { edit.rmdir(&path) } else { edit.unlink(&path) };
                        let path = format!("/{}", entry.path);
                        match deleted {
                            Ok(()) => Ok(FileNotice::Deleted { path }),
                            // A mount is in it.
                            Err(error @ DriveError::NotEmpty { .. }) => {
                                Ok(FileNotice::Failed { path, error: error.to_string() })
                            }
                            Err(error) => Err(error),
                        }
                    };
                    some.iter().map(delete).collect::<Result<Vec<_>, _>>()
                })
                .await?;
            for notice in notices {
                summary.count(&notice);
                notify(&notice);
            }
        }
        Ok(summary)
    }

    /// Deletes from the folder `to` what an [`export`](Self::export) of `before` with a reach wrote there, a version of this drive, or of the same
    /// drive as it was then with what is mounted in it, and what an export of the version `now` has no more. What was changed there since
    /// stays, and so does what is below a mount that cannot be read now. A file of the same size and time is taken for what was written.
    ///
    /// # Errors
    /// [`DriveAccessError::Folder`] if `to` cannot be used; as [`ask_at`](Self::ask_at).
    pub async fn prune(
        &self,
        (drive, before, reach_before): (&Self, u64, Reach),
        (now, reach): (u64, Reach),
        to: &Path,
        mut notify: impl FnMut(&FileNotice),
    ) -> Result<Summary, DriveAccessError> {
        let mut gone = drive.exported(before, reach_before).await?.known;
        let there = self.exported(now, reach).await?;
        // What became a file or a folder is gone as what it was.
        let is_same = |path: &String, stat: &Stat| {
            there.known.get(path).is_some_and(|now| now.stat.is_directory() == stat.is_directory())
        };
        gone.retain(|path, before| !is_same(path, &before.stat) && !there.is_unknown(path));
        let Some(mut destination) = Destination::find(to, self.store.identity()?).map_err(at(to))? else {
            return Ok(Summary::default());
        };
        let mut summary = Summary::default();
        for (path, Left { stat, target }) in gone.iter().rev() {
            let removed = destination.place(path).and_then(|place| place.remove(stat, target.as_deref()));
            let path = format!("/{path}");
            let notice = match removed {
                Ok(true) => FileNotice::Deleted { path },
                Ok(false) => continue,
                // With all that was in it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => FileNotice::Failed { path, error: error.to_string() },
            };
            summary.count(&notice);
            notify(&notice);
        }
        Ok(summary)
    }

    /// What an export of all of a version writes.
    async fn exported(&self, version: u64, reach: Reach) -> Result<Exported, DriveAccessError> {
        let (mut exported, root) = (Exported::default(), DrivePath::default());
        let mut walk = self.walk(version, &root, reach);
        while let Some(Step { path, found }) = self.step(&mut walk).await? {
            let mut target = None;
            let stat = match found {
                Ok((_, entry)) if reach != Reach::Mounts && (entry.is_mount || entry.feed().is_some()) => {
                    continue;
                }
                Ok((_, entry)) if entry.is_mount => Ok(Stat::directory(entry.stat.permissions())),
                Ok((_, entry)) if entry.stat.kind() == Kind::Symlink => {
                    target = link_target((&path, &entry), &walk, &root).ok();
                    Ok(entry.stat)
                }
                Ok((_, entry)) => match entry.feed() {
                    Some(mount) => self.feed_file(mount, &entry.stat).await.map(|(_, stat)| stat),
                    None => Ok(entry.stat),
                },
                Err(error) => Err(error),
            };
            match stat {
                Ok(stat) => drop(exported.known.insert(path, Left { stat, target })),
                Err(_) => drop(exported.unknown.insert(path)),
            }
        }
        Ok(exported)
    }
}

/// What an export writes, by path.
#[derive(Debug, Default)]
struct Exported {
    known: BTreeMap<String, Left>,
    /// What is there, or below, cannot be read.
    unknown: BTreeSet<String>,
}

/// What an export writes in one place.
#[derive(Debug)]
struct Left {
    stat: Stat,
    /// Where it leads on the disk, if it is a link that is written.
    target: Option<String>,
}

impl Exported {
    fn is_unknown(&self, path: &str) -> bool {
        let above = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
        above.chain([path]).any(|path| self.unknown.contains(path))
    }
}

/// Whether the disk has the same kind of thing.
fn is_there(source: &Path, into: &DrivePath, entry: &Entry) -> bool {
    let Some(below) = DrivePath::new(&entry.path).below(into).map(str::to_owned) else { return true };
    match fs::symlink_metadata(source.join(below)) {
        Ok(metadata) => metadata.is_dir() == entry.stat.is_directory(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => false,
        // What cannot be looked at may be there: the import tells of it.
        Err(_) => true,
    }
}
