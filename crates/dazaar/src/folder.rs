//! A feed on disk: one folder, one file each for key, secret key, blocks, tree, signatures, bitfield, commit record, journal
//! and mark of a fork.
//!
//! The folder is locked the way npm hypercore locks it (an exclusive `flock` on `bitfield`), so the two never write at
//! the same time. A [`Folder::snapshot`] takes no lock and changes nothing: it serves readers beside a running writer.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dazaar_log::storage::{FileName, Storage};
use rustix::fs::{FallocateFlags, FlockOperation};

/// The storage of one feed folder. Files are opened when they are first needed.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    access: Access,
    /// A file was created, and the folder was not synced since.
    has_new_files: bool,
    /// Shared with whoever syncs them meanwhile: another descriptor for that may not be had.
    files: [Option<Arc<File>>; FileName::ALL.len()],
}

/// How often a lock is tried that somebody has.
const LOCK_TRIES: u32 = 20;

/// Pause from one try to the next.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Locks a file. Whoever had it open in this process may have it a moment longer: a checkpoint until it ends, and a process that another
/// thread starts until it is another program.
fn lock(file: &File) -> io::Result<()> {
    for _ in 1..LOCK_TRIES {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(LOCK_PAUSE),
            locked => return Ok(locked?),
        }
    }
    Ok(rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)?)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// We hold the lock and may write.
    Exclusive,
    /// Somebody else may be writing; repairs that opening makes stay in memory.
    Snapshot,
}

impl Folder {
    /// Opens the folder for reading and writing, creating it if it is missing, and locks it.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if another process has it open.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let mut folder = Self::with_files(path, Access::Exclusive)?;
        lock(folder.file_to_write(FileName::Bitfield)?)?;
        Ok(folder)
    }

    /// Opens the folder for reading what is committed now, whether or not somebody else is writing.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if the folder holds no feed.
    pub fn snapshot(path: &Path) -> io::Result<Self> {
        if !Self::is_feed(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Self::with_files(path, Access::Snapshot)
    }

    /// Opens whatever is left of a feed's folder, for a look that changes nothing and finds nobody writing.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if no file of a feed is there, [`io::ErrorKind::WouldBlock`] if another process has it
    /// open.
    pub fn remains(path: &Path) -> io::Result<Self> {
        let folder = Self::with_files(path, Access::Snapshot)?;
        if folder.files.iter().all(Option::is_none) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if let Some(bitfield) = folder.file(FileName::Bitfield) {
            lock(bitfield)?;
        }
        Ok(folder)
    }

    /// Whether a feed was made in `path`, damaged or not: its key is the last file that is written.
    pub fn is_begun(path: &Path) -> bool {
        [FileName::Key, FileName::Data].iter().any(|file| {
            path.join(file.as_str()).metadata().is_ok_and(|file| file.is_file() && file.len() > 0)
        })
    }

    /// Whether `path` looks like the folder of a feed.
    pub fn is_feed(path: &Path) -> bool {
        path.join(FileName::Key.as_str()).is_file() && path.join(FileName::Bitfield.as_str()).is_file()
    }

    fn with_files(path: &Path, access: Access) -> io::Result<Self> {
        let mut files: [Option<Arc<File>>; FileName::ALL.len()] = Default::default();
        for (name, file) in FileName::ALL.into_iter().zip(&mut files) {
            let opened = OpenOptions::new()
                .read(true)
                .write(access == Access::Exclusive)
                .open(path.join(name.as_str()));
            *file = match opened {
                Ok(file) => Some(Arc::new(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
        }
        Ok(Self { path: path.to_owned(), access, has_new_files: false, files })
    }

    /// The files that a checkpoint syncs, to be synced while others use the folder.
    pub(crate) fn checkpointed(&self) -> Vec<(FileName, Arc<File>)> {
        let file = |name| Some((name, Arc::clone(self.files[name as usize].as_ref()?)));
        FileName::CHECKPOINTED.into_iter().filter_map(file).collect()
    }

    fn file(&self, name: FileName) -> Option<&File> {
        self.files[name as usize].as_deref()
    }

    /// The file, created if it is missing.
    fn file_to_write(&mut self, name: FileName) -> io::Result<&File> {
        let slot = &mut self.files[name as usize];
        if let Some(file) = slot {
            return Ok(file);
        }
        // A secret key is nobody else's to read; the rest follows the user's umask.
        let mode = if name == FileName::SecretKey { 0o600 } else { 0o666 };
        let path = self.path.join(name.as_str());
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(mode).open(path)?;
        self.has_new_files = true;
        Ok(slot.insert(Arc::new(file)))
    }
}

impl Storage for Folder {
    fn len(&self, name: FileName) -> io::Result<u64> {
        self.file(name).map_or(Ok(0), |file| Ok(file.metadata()?.len()))
    }

    fn read(&self, name: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file(name).ok_or(io::ErrorKind::UnexpectedEof)?.read_exact_at(buffer, offset)
    }

    fn write(&mut self, name: FileName, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self.access {
            Access::Exclusive => self.file_to_write(name)?.write_all_at(bytes, offset),
            Access::Snapshot => Ok(()),
        }
    }

    fn set_len(&mut self, name: FileName, len: u64) -> io::Result<()> {
        match self.access {
            Access::Exclusive => self.file_to_write(name)?.set_len(len),
            Access::Snapshot => Ok(()),
        }
    }

    fn sync(&mut self, name: FileName) -> io::Result<()> {
        self.file(name).map_or(Ok(()), File::sync_data)?;
        if self.has_new_files {
            // A file that nobody can find does not survive either.
            let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
            for folder in std::iter::once(self.path.as_path()).chain(parent) {
                File::open(folder)?.sync_all()?;
            }
            self.has_new_files = false;
        }
        Ok(())
    }

    fn release(&mut self, name: FileName, range: Range<u64>) -> io::Result<()> {
        match (self.access, self.file(name)) {
            (Access::Exclusive, Some(file)) => punch_hole(file, range),
            _ => Ok(()),
        }
    }
}

/// Gives the disk space of `range` back. File systems without holes keep it, which costs space and nothing else.
fn punch_hole(file: &File, range: Range<u64>) -> io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    match rustix::fs::fallocate(file, flags, range.start, range.end.saturating_sub(range.start)) {
        Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_open_once_and_can_be_read_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("feed");
        let mut folder = Folder::open(&path).unwrap();
        folder.write(FileName::Key, 0, &[7; 32]).unwrap();
        assert_eq!(Folder::open(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);

        let mut snapshot = Folder::snapshot(&path).unwrap();
        snapshot.write(FileName::Key, 0, &[8; 32]).unwrap();
        let mut key = [0; 32];
        snapshot.read(FileName::Key, 0, &mut key).unwrap();
        assert_eq!(key, [7; 32], "a snapshot changes nothing");

        drop(folder);
        Folder::open(&path).unwrap();
    }

    #[test]
    fn missing_files_are_empty_and_short_reads_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        assert_eq!(folder.len(FileName::Data).unwrap(), 0);
        assert_eq!(
            folder.read(FileName::Data, 0, &mut [0; 1]).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
        assert_eq!(Folder::snapshot(dir.path()).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_secret_key_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(dir.path()).unwrap();
        folder.write(FileName::SecretKey, 0, &[1; 64]).unwrap();
        let mode = dir.path().join("secret_key").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn released_space_reads_as_zeros() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(dir.path()).unwrap();
        folder.write(FileName::Data, 0, &[9; 16384]).unwrap();
        folder.release(FileName::Data, 0..8192).unwrap();
        let mut byte = [1];
        folder.read(FileName::Data, 16383, &mut byte).unwrap();
        assert_eq!((byte[0], folder.len(FileName::Data).unwrap()), (9, 16384));
    }
}
