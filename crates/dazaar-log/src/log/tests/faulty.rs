//! A medium that fails at a chosen moment.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use super::*;

/// When and how the medium fails.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    /// Changes that succeed before.
    pub(super) after: usize,
    /// How much of the failing write still happens, in eighths.
    pub(super) eighths: usize,
    /// Whether it fails from then on (a crash), or only once (a full disk that somebody makes room on).
    pub(super) forever: bool,
}

/// Files in memory, with a fault to come. Clones share the files.
#[derive(Debug, Clone)]
pub(super) struct FaultyStorage {
    files: Arc<Mutex<MemoryStorage>>,
    synced: Arc<Mutex<MemoryStorage>>,
    fault: Fault,
    changes: usize,
}

impl FaultyStorage {
    pub(super) fn new(files: MemoryStorage, fault: Fault) -> Self {
        let synced = Arc::new(Mutex::new(files.clone()));
        Self { files: Arc::new(Mutex::new(files)), synced, fault, changes: 0 }
    }

    /// What is on the medium.
    pub(super) fn files(&self) -> MemoryStorage {
        self.lock().clone()
    }

    /// What is sure to be on the medium after a power cut.
    pub(super) fn synced(&self) -> MemoryStorage {
        self.synced.lock().expect("nobody panics with the lock").clone()
    }

    fn lock(&self) -> MutexGuard<'_, MemoryStorage> {
        self.files.lock().expect("nobody panics with the lock")
    }

    /// Counts a change that `part` makes if it does not succeed.
    fn change(
        &mut self,
        whole: impl FnOnce(&mut MemoryStorage) -> io::Result<()>,
        part: impl FnOnce(&mut MemoryStorage, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        let nth = self.changes;
        self.changes += 1;
        if nth < self.fault.after || nth > self.fault.after && !self.fault.forever {
            return whole(&mut self.lock());
        }
        if nth == self.fault.after {
            part(&mut self.lock(), self.fault.eighths)?;
        }
        Err(io::ErrorKind::StorageFull.into())
    }
}

impl Storage for FaultyStorage {
    fn len(&self, file: FileName) -> io::Result<u64> {
        self.lock().len(file)
    }

    fn read(&self, file: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.lock().read(file, offset, buffer)
    }

    fn write(&mut self, file: FileName, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(
            |files| files.write(file, offset, bytes),
            |files, eighths| files.write(file, offset, &bytes[..bytes.len() * eighths / 8]),
        )
    }

    fn set_len(&mut self, file: FileName, len: u64) -> io::Result<()> {
        self.change(|files| files.set_len(file, len), |_, _| Ok(()))
    }

    fn sync(&mut self, file: FileName) -> io::Result<()> {
        self.change(|files| files.sync(file), |_, _| Ok(()))?;
        let bytes = self.lock().bytes(file).to_vec();
        self.synced.lock().expect("nobody panics with the lock").replace(file, bytes);
        Ok(())
    }

    fn release(&mut self, file: FileName, bytes: Range<u64>) -> io::Result<()> {
        let part = bytes.start..bytes.start + (bytes.end - bytes.start) / 2;
        self.change(|files| files.release(file, bytes), |files, _| files.release(file, part))
    }
}
