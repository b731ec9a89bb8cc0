//! Changes to a folder that are kept in memory: what would become of it.
//!
//! Grade: over a door.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use super::{FileName, Storage};

const PAGE_BYTES: u64 = 4096;

/// A folder as it would be. What lies below is read, and never changed.
#[derive(Debug)]
pub(crate) struct Overlay<'a, S> {
    below: &'a S,
    lengths: BTreeMap<FileName, u64>,
    /// Pages that differ.
    pages: BTreeMap<(FileName, u64), Vec<u8>>,
}

impl<'a, S: Storage> Overlay<'a, S> {
    /// No changes yet.
    pub(crate) const fn new(below: &'a S) -> Self {
        Self { below, lengths: BTreeMap::new(), pages: BTreeMap::new() }
    }

    /// A page as it is now. Beyond the end of the file it is zeros.
    fn page(&self, file: FileName, number: u64) -> io::Result<Vec<u8>> {
        if let Some(page) = self.pages.get(&(file, number)) {
            return Ok(page.clone());
        }
        let mut page = vec![0; PAGE_BYTES as usize];
        let start = number * PAGE_BYTES;
        // What was cut off and grown again is zeros, and its pages are kept then.
        let there = self.below.len(file)?.saturating_sub(start).min(PAGE_BYTES);
        if there > 0 {
            self.below.read(file, start, &mut page[..there as usize])?;
        }
        Ok(page)
    }
}

/// The parts of `bytes` in each page: its number, where the part starts within it, and how long it is.
fn parts(bytes: Range<u64>) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut at = bytes.start;
    std::iter::from_fn(move || {
        let (number, start) = (at / PAGE_BYTES, at % PAGE_BYTES);
        let count = (PAGE_BYTES - start).min(bytes.end.checked_sub(at)?);
        at += count;
        (count > 0).then_some((number, start as usize, count as usize))
    })
}

impl<S: Storage + Sync> Storage for Overlay<'_, S> {
    fn len(&self, file: FileName) -> io::Result<u64> {
        self.lengths.get(&file).map_or_else(|| self.below.len(file), |len| Ok(*len))
    }

    fn read(&self, file: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        if end > self.len(file)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let touched = (file, offset / PAGE_BYTES)..=(file, end / PAGE_BYTES);
        if self.pages.range(touched).next().is_none() && end <= self.below.len(file)? {
            return self.below.read(file, offset, buffer);
        }
        let mut rest = buffer;
        for (number, start, count) in parts(offset..end) {
            let (part, after) = rest.split_at_mut(count);
            part.copy_from_slice(&self.page(file, number)?[start..start + count]);
            rest = after;
        }
        Ok(())
    }

    fn write(&mut self, file: FileName, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = offset.checked_add(bytes.len() as u64).ok_or(io::ErrorKind::StorageFull)?;
        let mut rest = bytes;
        for (number, start, count) in parts(offset..end) {
            let mut page = self.page(file, number)?;
            let (part, after) = rest.split_at(count);
            page[start..start + count].copy_from_slice(part);
            self.pages.insert((file, number), page);
            rest = after;
        }
        let len = self.len(file)?.max(end);
        self.lengths.insert(file, len);
        Ok(())
    }

    fn set_len(&mut self, file: FileName, len: u64) -> io::Result<()> {
        let before = self.len(file)?;
        if len < before {
            // All that is cut off may come back only as zeros.
            for (number, start, count) in parts(len..before.next_multiple_of(PAGE_BYTES)) {
                let mut page = self.page(file, number)?;
                page[start..start + count].fill(0);
                self.pages.insert((file, number), page);
            }
        }
        self.lengths.insert(file, len);
        Ok(())
    }

    fn sync(&mut self, _: FileName) -> io::Result<()> {
        Ok(())
    }

    fn release(&mut self, _: FileName, _: Range<u64>) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::storage::MemoryStorage;

    proptest! {
        #[test]
        fn an_overlay_reads_as_if_it_were_written(
            before in 0_usize..20_000,
            changes in prop::collection::vec((any::<bool>(), 0_u64..20_000, 0_usize..9000), 0..8),
        ) {
            let mut below = MemoryStorage::new();
            below.replace(FileName::Data, (0..before).map(|at| at as u8 | 1).collect());
            let (untouched, mut expected) = (below.clone(), below.clone());
            let mut overlay = Overlay::new(&below);
            for (cuts, offset, bytes) in changes {
                for storage in [&mut expected as &mut dyn Storage, &mut overlay] {
                    if cuts {
                        storage.set_len(FileName::Data, offset).unwrap();
                    } else {
                        storage.write(FileName::Data, offset, &vec![7; bytes]).unwrap();
                    }
                }
            }
            let mut found = vec![0; expected.bytes(FileName::Data).len()];
            prop_assert_eq!(overlay.len(FileName::Data).unwrap(), found.len() as u64);
            overlay.read(FileName::Data, 0, &mut found).unwrap();
            prop_assert!(found == expected.bytes(FileName::Data));
            prop_assert!(overlay.read(FileName::Data, 1, &mut found).is_err() || found.is_empty());
            prop_assert_eq!(&below, &untouched);
        }
    }
}
