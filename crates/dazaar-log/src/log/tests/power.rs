//! A medium that loses its power: of what was written since the last sync of a file, any part may be there.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use super::*;

/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// A part of a change that is there after a power cut or not.
#[derive(Debug, Clone)]
enum Piece {
    Write(FileName, u64, Vec<u8>),
    SetLen(FileName, u64),
    Release(FileName, Range<u64>),
}

impl Piece {
    fn file(&self) -> FileName {
        match self {
            Self::Write(file, ..) | Self::SetLen(file, _) | Self::Release(file, _) => *file,
        }
    }

    fn apply(&self, files: &mut MemoryStorage) {
        match self {
            Self::Write(file, offset, bytes) => files.write(*file, *offset, bytes),
            Self::SetLen(file, len) => files.set_len(*file, *len),
            Self::Release(file, bytes) => files.release(*file, bytes.clone()),
        }
        .unwrap();
    }
}

#[derive(Debug, Clone, Default)]
struct Medium {
    /// What a process sees.
    seen: MemoryStorage,
    /// What is sure to survive.
    synced: MemoryStorage,
    /// What was written since, in order.
    pending: Vec<Piece>,
    syncs: usize,
}

/// Files on such a medium. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct PowerStorage(Arc<Mutex<Medium>>);

impl PowerStorage {
    pub(super) fn new(files: MemoryStorage) -> Self {
        let medium = Medium { seen: files.clone(), synced: files, ..Medium::default() };
        Self(Arc::new(Mutex::new(medium)))
    }

    fn medium(&self) -> MutexGuard<'_, Medium> {
        self.0.lock().unwrap()
    }

    /// How often a file was synced.
    pub(super) fn syncs(&self) -> usize {
        self.medium().syncs
    }

    /// What a process that was started anew sees.
    pub(super) fn files(&self) -> MemoryStorage {
        self.medium().seen.clone()
    }

    /// What is there after a power cut: of the pieces not synced those that `survives` picks, each time one is to be
    /// decided on; later pieces over earlier ones.
    pub(super) fn cut(&self, mut survives: impl FnMut() -> bool) -> MemoryStorage {
        let medium = self.medium();
        let mut files = medium.synced.clone();
        medium.pending.iter().filter(|_| survives()).for_each(|piece| piece.apply(&mut files));
        files
    }
}

/// Decides at random, with odds of so many in 64.
pub(super) fn dice(seed: u64, odds: u64) -> impl FnMut() -> bool {
    let mut state = seed | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % 64 < odds
    }
}

impl Storage for PowerStorage {
    fn len(&self, file: FileName) -> io::Result<u64> {
        self.medium().seen.len(file)
    }

    fn read(&self, file: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.medium().seen.read(file, offset, buffer)
    }

    fn write(&mut self, file: FileName, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut medium = self.medium();
        medium.seen.write(file, offset, bytes)?;
        let (mut offset, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min((SECTOR - offset % SECTOR) as usize));
            medium.pending.push(Piece::Write(file, offset, piece.to_vec()));
            (offset, rest) = (offset + piece.len() as u64, after);
        }
        Ok(())
    }

    fn set_len(&mut self, file: FileName, len: u64) -> io::Result<()> {
        let mut medium = self.medium();
        medium.seen.set_len(file, len)?;
        medium.pending.push(Piece::SetLen(file, len));
        Ok(())
    }

    fn sync(&mut self, file: FileName) -> io::Result<()> {
        let mut medium = self.medium();
        medium.syncs += 1;
        let bytes = medium.seen.bytes(file).to_vec();
        medium.synced.replace(file, bytes);
        medium.pending.retain(|piece| piece.file() != file);
        Ok(())
    }

    fn release(&mut self, file: FileName, bytes: Range<u64>) -> io::Result<()> {
        let mut medium = self.medium();
        medium.seen.release(file, bytes.clone())?;
        medium.pending.push(Piece::Release(file, bytes));
        Ok(())
    }
}
