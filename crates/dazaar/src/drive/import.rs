//! A folder of the disk into a drive.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use dazaar_trie::hyperdrive::{DriveError, DrivePath, Stat};
use rustix::fs::{Mode, OFlags};
use tokio::io::{AsyncReadExt as _, BufReader};

use super::Drive;
use super::content::BLOCK_BYTES;
use super::error::DriveAccessError;
use super::notice::{FileNotice, Summary};
use super::store::{FolderId, at};

/// Entries that are appended to the metadata at once.
const ENTRIES_AT_ONCE: usize = 1024;

/// Bytes of files whose entries wait at most.
const BYTES_AT_ONCE: u64 = 64 * 1024 * 1024;

/// Bytes of a large file that are read at once.
const READ_BYTES: usize = 1024 * 1024;

/// Bytes of small files that wait in memory at most.
const SMALL_BYTES_AT_ONCE: usize = 8 * 1024 * 1024;

/// A folder that is being imported.
struct Import<'a, F> {
    drive: &'a Drive,
    /// The folder of the drive, in which its secret keys are.
    own: FolderId,
    notify: F,
    summary: Summary,
    waiting: Vec<Waiting>,
    waiting_bytes: u64,
    /// How much of that is in memory.
    small_bytes: usize,
}

impl Drive {
    /// Writes what is below a folder of the disk, or a single file, at a path of the drive: files, directories, and links that stay
    /// within it, with their modes and times. Files of the same size and time as in the drive are passed over. What cannot be kept is
    /// told of and left out. Nothing is deleted.
    ///
    /// # Errors
    /// [`DriveAccessError::Folder`] if `source` cannot be read, [`DriveAccessError::Itself`] if it is in the drive's own folder,
    /// [`DriveAccessError::Keys`] if it is in that of a market or of another drive, which is left out elsewhere; why
    /// the drive cannot be written.
    pub async fn import(
        &self,
        source: &Path,
        into: &DrivePath,
        notify: impl FnMut(&FileNotice),
    ) -> Result<Summary, DriveAccessError> {
        let source = &fs::canonicalize(source).map_err(at(source))?;
        if self.store.contains(source)? {
            return Err(DriveAccessError::Itself { path: source.clone() });
        }
        if source.ancestors().any(holds_keys) {
            return Err(DriveAccessError::Keys { path: source.clone() });
        }
        let mut import = Import {
            drive: self,
            own: self.store.identity()?,
            notify,
            summary: Summary::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            small_bytes: 0,
        };
        let metadata = fs::metadata(source).map_err(at(source))?;
        if metadata.is_dir() {
            import.folder(source, into).await?;
        } else {
            let read = import.file(source, into, &metadata).await;
            import.tell_failure(into, read)?;
        }
        import.write_waiting().await?;
        self.flush().await?;
        Ok(import.summary)
    }
}

/// What became of a file of the source.
enum Read {
    Notice(FileNotice),
    Entry(Waiting),
}

/// An entry that is not written yet.
struct Waiting {
    path: DrivePath,
    stat: Stat,
    /// Bytes that are written for it.
    bytes: u64,
    /// All of the file, if it is small: many are appended together. None if it is in the content feed, or has been before.
    small: Option<Vec<u8>>,
}

impl Waiting {
    fn new(path: &DrivePath, stat: Stat) -> Self {
        Self { path: path.clone(), stat, bytes: 0, small: None }
    }
}

impl<F: FnMut(&FileNotice)> Import<'_, F> {
    async fn folder(&mut self, source: &Path, into: &DrivePath) -> Result<(), DriveAccessError> {
        let mut folders = vec![(source.to_owned(), into.clone())];
        while let Some((folder, place)) = folders.pop() {
            let names = match names(&folder) {
                Ok(names) => names,
                Err(error) if folder != source => {
                    self.tell(FileNotice::Failed { path: place.to_string(), error: error.to_string() });
                    continue;
                }
                Err(error) => return Err(at(&folder)(error)),
            };
            for (name, path) in names {
                let inner = match name.and_then(|name| writable(&place, &name)) {
                    Ok(inner) => inner,
                    Err(error) => {
                        let path = path.display().to_string();
                        self.tell(FileNotice::Failed { path, error });
                        continue;
                    }
                };
                let read = self.entry(&path, &inner, into).await;
                let is_folder = matches!(&read, Ok((_, true)));
                self.tell_failure(&inner, read.map(|(read, _)| read))?;
                if is_folder {
                    folders.push((path, inner));
                }
                if self.waiting.len() >= ENTRIES_AT_ONCE
                    || self.waiting_bytes >= BYTES_AT_ONCE
                    || self.small_bytes >= SMALL_BYTES_AT_ONCE
                {
                    self.write_waiting().await?;
                }
            }
        }
        Ok(())
    }

    /// Reads a file, directory or link, and tells whether there is more below it.
    async fn entry(
        &mut self,
        path: &Path,
        inner: &DrivePath,
        into: &DrivePath,
    ) -> Result<(Read, bool), DriveAccessError> {
        let metadata = fs::symlink_metadata(path).map_err(at(path))?;
        let kind = metadata.file_type();
        if kind.is_dir() && FolderId::of_metadata(&metadata) == self.own {
            return Ok((failed(inner, "it is the drive itself".to_owned()), false));
        }
        if kind.is_dir() && holds_keys(path) {
            return Ok((failed(inner, "it is a market or a drive, with its keys".to_owned()), false));
        }
        if kind.is_dir() {
            return Ok((self.directory(inner, &metadata).await?, true));
        }
        let read = if kind.is_symlink() {
            self.link(path, inner, into, &metadata).await?
        } else {
            self.file(path, inner, &metadata).await?
        };
        Ok((read, false))
    }

    async fn file(
        &mut self,
        path: &Path,
        inner: &DrivePath,
        metadata: &Metadata,
    ) -> Result<Read, DriveAccessError> {
        let kind = metadata.file_type();
        if !kind.is_file() {
            let kind = match () {
                () if kind.is_socket() => "a socket",
                () if kind.is_fifo() => "a pipe",
                () => "a device",
            };
            return Ok(failed(inner, format!("it is {kind}; only files, directories and links are kept")));
        }
        let wanted = stat_of(metadata, Stat::file(metadata.mode()));
        let known = self.known(inner).await?.filter(|known| known.kind() == wanted.kind());
        if let Some(known) =
            known.filter(|known| (known.size, known.mtime_ms) == (metadata.len(), wanted.mtime_ms))
        {
            if known.permissions() == wanted.permissions() {
                let (path, bytes) = (inner.to_string(), known.size);
                return Ok(Read::Notice(FileNotice::Unchanged { path, bytes }));
            }
            let mut stat = known;
            stat.set_permissions(wanted.permissions());
            stat.ctime_ms = wanted.ctime_ms;
            return Ok(Read::Entry(Waiting::new(inner, stat)));
        }
        self.drive.write(|edit| edit.check_place(inner)).await?;
        let file = open(path).map_err(at(path))?;
        // It may be another one now than that which was looked at.
        let metadata = file.metadata().map_err(at(path))?;
        if !metadata.is_file() {
            return Ok(failed(inner, "it is no file any more".to_owned()));
        }
        let wanted = stat_of(&metadata, Stat::file(metadata.mode()));
        // What is appended meanwhile comes with the next import.
        if metadata.len() <= BLOCK_BYTES as u64 {
            let mut body = Vec::with_capacity(BLOCK_BYTES.min(metadata.len() as usize));
            io::Read::read_to_end(&mut io::Read::take(file, metadata.len()), &mut body).map_err(at(path))?;
            let bytes = body.len() as u64;
            (self.notify)(&FileNotice::Copied { bytes });
            return Ok(Read::Entry(Waiting { bytes, small: Some(body), ..Waiting::new(inner, wanted) }));
        }
        let file = tokio::fs::File::from_std(file).take(metadata.len());
        let mut file = BufReader::with_capacity(READ_BYTES, file);
        let _one_at_a_time = self.drive.writing.lock().await;
        let copied = |bytes| (self.notify)(&FileNotice::Copied { bytes });
        let stat = self.drive.content().await?.append(&mut file, wanted, copied).await?;
        let bytes = stat.size;
        Ok(Read::Entry(Waiting { bytes, ..Waiting::new(inner, stat) }))
    }

    async fn directory(&self, inner: &DrivePath, metadata: &Metadata) -> Result<Read, DriveAccessError> {
        let wanted = stat_of(metadata, Stat::directory(metadata.mode()));
        match self.known(inner).await? {
            Some(known) if known.is_directory() && known.mode == wanted.mode => {
                Ok(Read::Notice(FileNotice::Unchanged { path: inner.to_string(), bytes: 0 }))
            }
            Some(known) if !known.is_directory() => {
                Err(DriveError::NotADirectory { path: inner.clone() }.into())
            }
            _ => Ok(Read::Entry(Waiting::new(inner, wanted))),
        }
    }

    async fn link(
        &self,
        path: &Path,
        inner: &DrivePath,
        into: &DrivePath,
        metadata: &Metadata,
    ) -> Result<Read, DriveAccessError> {
        let target = fs::read_link(path).map_err(at(path))?;
        let Some(target) = target.to_str().filter(|target| !target.is_empty() && !target.contains('\\'))
        else {
            return Ok(failed(inner, "it leads to a name that cannot be kept".to_owned()));
        };
        if !stays_within(inner, target, into) {
            return Ok(failed(inner, format!("it leads to {target}, which is not in what is imported")));
        }
        let wanted = stat_of(metadata, Stat::symlink(target));
        match self.known(inner).await? {
            Some(known) if known.linkname == wanted.linkname => {
                Ok(Read::Notice(FileNotice::Unchanged { path: inner.to_string(), bytes: 0 }))
            }
            _ => Ok(Read::Entry(Waiting::new(inner, wanted))),
        }
    }

    /// What the drive has at a path.
    async fn known(&self, inner: &DrivePath) -> Result<Option<Stat>, DriveAccessError> {
        match self.drive.ask(|view| view.lstat(inner)).await {
            Ok(entry) if entry.is_mount => {
                let mount = Box::new(self.drive.ask(|view| view.mount_point(inner)).await?);
                Err(DriveError::Mounted { path: inner.clone(), mount }.into())
            }
            // A directory without entry gets one.
            Ok(entry) if entry.seq.is_none() && entry.stat.is_directory() => Ok(None),
            Ok(entry) => Ok(Some(entry.stat)),
            Err(DriveAccessError::Drive(DriveError::NotFound { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn tell_failure(
        &mut self,
        inner: &DrivePath,
        read: Result<Read, DriveAccessError>,
    ) -> Result<(), DriveAccessError> {
        match read {
            Ok(Read::Notice(notice)) => self.tell(notice),
            Ok(Read::Entry(waiting)) => {
                self.waiting_bytes += waiting.bytes;
                self.small_bytes += waiting.small.as_ref().map_or(0, Vec::len);
                self.waiting.push(waiting);
            }
            // What is wrong with one file is no reason to leave out the others.
            Err(error) => {
                let is_of_one = match &error {
                    DriveAccessError::Folder { .. } | DriveAccessError::Read(_) => true,
                    DriveAccessError::Drive(error) => is_of_one(error),
                    _ => false,
                };
                if !is_of_one {
                    return Err(error);
                }
                self.tell(FileNotice::Failed { path: inner.to_string(), error: error.to_string() });
            }
        }
        Ok(())
    }

    fn tell(&mut self, notice: FileNotice) {
        self.summary.count(&notice);
        (self.notify)(&notice);
    }

    /// Writes the entries that wait, whose bytes survive a power cut before anything speaks of them.
    async fn write_waiting(&mut self) -> Result<(), DriveAccessError> {
        let mut waiting = std::mem::take(&mut self.waiting);
        (self.waiting_bytes, self.small_bytes) = (0, 0);
        if waiting.is_empty() {
            return Ok(());
        }
        let content = self.drive.content().await?;
        {
            let _one_at_a_time = self.drive.writing.lock().await;
            let small = waiting.iter_mut();
            content.append_small(
                small.filter_map(|Waiting { stat, small, .. }| Some((stat, small.as_deref()?))),
            )?;
        }
        content.flush().await?;
        let write = |edit: &mut dazaar_trie::hyperdrive::Edit<'_, _>| {
            let replaced =
                waiting.iter().map(|Waiting { path, stat, bytes, .. }| match edit.replace(path, stat) {
                    Ok(_) => Ok(FileNotice::Written { path: path.to_string(), bytes: *bytes }),
                    Err(error) if is_of_one(&error) => {
                        Ok(FileNotice::Failed { path: path.to_string(), error: error.to_string() })
                    }
                    Err(error) => Err(error),
                });
            replaced.collect::<Result<Vec<_>, _>>()
        };
        let notices = self.drive.write(write).await?;
        notices.into_iter().for_each(|notice| self.tell(notice));
        Ok(())
    }
}

/// Whether a folder is a market's or a drive's, whose keys must never become a part of what is sold.
pub(super) fn holds_keys(folder: &Path) -> bool {
    let has = |name: &str| folder.join(name).exists();
    (has("master.key") && has("market.db")) || Drive::is_in(folder)
}

/// Whether something is wrong with one entry only.
const fn is_of_one(error: &DriveError) -> bool {
    matches!(
        error,
        DriveError::IsADirectory { .. }
            | DriveError::NotADirectory { .. }
            | DriveError::Mounted { .. }
            | DriveError::NotMounted { .. }
            | DriveError::Path { .. }
            | DriveError::Stat { .. }
    )
}

/// Opens a file and nothing else: no link is followed, and no pipe is waited for.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

fn failed(inner: &DrivePath, error: String) -> Read {
    Read::Notice(FileNotice::Failed { path: inner.to_string(), error })
}

/// The names in a folder, sorted; an error for each that is no text.
fn names(folder: &Path) -> io::Result<Vec<(Result<String, String>, PathBuf)>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| "its name is not UTF-8".to_owned());
        names.push((name, entry.path()));
    }
    names.sort();
    Ok(names)
}

/// The path of a name in a directory of the drive.
fn writable(directory: &DrivePath, name: &str) -> Result<DrivePath, String> {
    if name.contains('\\') {
        return Err("its name has a backslash, which is a slash in a drive".to_owned());
    }
    let path = directory.join(name);
    path.check_writable().map(|()| path).map_err(|error| error.to_string())
}

/// Whether a link of the disk leads to something below the folder that is imported.
fn stays_within(link: &DrivePath, target: &str, into: &DrivePath) -> bool {
    if target.starts_with('/') {
        return false;
    }
    let Some(mut depth) = link.below(into).map(|below| below.split('/').count() - 1) else { return false };
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(above) => depth = above,
                None => return false,
            },
            _ => depth += 1,
        }
    }
    true
}

/// Owner and times of a file of the disk.
fn stat_of(metadata: &Metadata, stat: Stat) -> Stat {
    let ms = |seconds: i64, nanos: i64| {
        u64::try_from(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000)).unwrap_or(0)
    };
    Stat {
        uid: metadata.uid(),
        gid: metadata.gid(),
        mtime_ms: ms(metadata.mtime(), metadata.mtime_nsec()),
        ctime_ms: ms(metadata.ctime(), metadata.ctime_nsec()),
        ..stat
    }
}
