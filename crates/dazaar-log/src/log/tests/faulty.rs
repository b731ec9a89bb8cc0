//! A medium that fails at a chosen moment, and may lose its power afterwards.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::power::PowerStorage;
use super::*;

/// When and how the medium fails.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    /// Operations that succeed before.
    pub(super) after: usize,
    /// How much of the failing write still happens, in eighths.
    pub(super) eighths: usize,
    /// Whether it fails from then on (a crash), or only once (a full disk that somebody makes room on).
    pub(super) forever: bool,
    /// Whether reading is an operation too; otherwise only changes are.
    pub(super) reads: bool,
    /// What it says.
    pub(super) kind: io::ErrorKind,
}

impl Default for Fault {
    fn default() -> Self {
        Self { after: 0, eighths: 0, forever: true, reads: false, kind: io::ErrorKind::StorageFull }
    }
}

/// Files in memory, with a fault to come. Clones share both.
#[derive(Debug, Clone)]
pub(super) struct FaultyStorage {
    medium: PowerStorage,
    fault: Fault,
    operations: Arc<AtomicUsize>,
}

/// What becomes of an operation.
enum Fate {
    Succeeds,
    /// Fails after some of it was done.
    Breaks,
    Fails,
}

impl FaultyStorage {
    pub(super) fn new(files: MemoryStorage, fault: Fault) -> Self {
        Self { medium: PowerStorage::new(files), fault, operations: Arc::default() }
    }

    /// What is on the medium.
    pub(super) fn files(&self) -> MemoryStorage {
        self.medium.files()
    }

    /// What is sure to be on the medium after a power cut.
    pub(super) fn synced(&self) -> MemoryStorage {
        self.medium.cut(|| false)
    }

    /// What is there after a power cut, as in [`PowerStorage::cut`].
    pub(super) fn cut(&self, survives: impl FnMut() -> bool) -> MemoryStorage {
        self.medium.cut(survives)
    }

    /// Whether the moment of the fault has come.
    pub(super) fn is_over(&self) -> bool {
        self.operations.load(Ordering::Relaxed) > self.fault.after
    }

    fn next(&self) -> Fate {
        let nth = self.operations.fetch_add(1, Ordering::Relaxed);
        match nth.cmp(&self.fault.after) {
            std::cmp::Ordering::Less => Fate::Succeeds,
            std::cmp::Ordering::Equal => Fate::Breaks,
            std::cmp::Ordering::Greater if self.fault.forever => Fate::Fails,
            std::cmp::Ordering::Greater => Fate::Succeeds,
        }
    }

    fn look<T>(&self, done: impl FnOnce(&PowerStorage) -> io::Result<T>) -> io::Result<T> {
        match if self.fault.reads { self.next() } else { Fate::Succeeds } {
            Fate::Succeeds => done(&self.medium),
            Fate::Breaks | Fate::Fails => Err(self.fault.kind.into()),
        }
    }

    /// Makes a change, or the `part` of it that a failing one makes.
    fn change(
        &mut self,
        whole: impl FnOnce(&mut PowerStorage) -> io::Result<()>,
        part: impl FnOnce(&mut PowerStorage, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        match self.next() {
            Fate::Succeeds => return whole(&mut self.medium),
            Fate::Breaks => part(&mut self.medium, self.fault.eighths)?,
            Fate::Fails => {}
        }
        Err(self.fault.kind.into())
    }
}

impl Storage for FaultyStorage {
    fn len(&self, file: FileName) -> io::Result<u64> {
        self.look(|medium| medium.len(file))
    }

    fn read(&self, file: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.look(|medium| medium.read(file, offset, buffer))
    }

    fn write(&mut self, file: FileName, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change(
            |medium| medium.write(file, offset, bytes),
            |medium, eighths| medium.write(file, offset, &bytes[..bytes.len() * eighths / 8]),
        )
    }

    fn set_len(&mut self, file: FileName, len: u64) -> io::Result<()> {
        self.change(|medium| medium.set_len(file, len), |_, _| Ok(()))
    }

    fn sync(&mut self, file: FileName) -> io::Result<()> {
        self.change(|medium| medium.sync(file), |_, _| Ok(()))
    }

    fn release(&mut self, file: FileName, bytes: Range<u64>) -> io::Result<()> {
        let part = bytes.start..bytes.start + (bytes.end - bytes.start) / 2;
        self.change(|medium| medium.release(file, bytes), |medium, _| medium.release(file, part))
    }
}
