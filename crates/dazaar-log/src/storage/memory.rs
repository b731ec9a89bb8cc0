//! A folder that lives in memory and ends with the process.
//!
//! Grade: plain.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use super::{FileName, Storage};

/// Files in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemoryStorage {
    files: BTreeMap<FileName, Vec<u8>>,
}

impl MemoryStorage {
    /// An empty folder.
    pub fn new() -> Self {
        Self::default()
    }

    /// The content of `file`; empty if it does not exist.
    pub fn bytes(&self, file: FileName) -> &[u8] {
        self.files.get(&file).map_or(&[], Vec::as_slice)
    }

    /// Makes `bytes` the content of `file`.
    pub fn replace(&mut self, file: FileName, bytes: Vec<u8>) {
        self.files.insert(file, bytes);
    }
}

impl Storage for MemoryStorage {
    fn len(&self, file: FileName) -> io::Result<u64> {
        Ok(self.bytes(file).len() as u64)
    }

    fn read(&self, file: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = position(offset)?;
        let end = start.checked_add(buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        let bytes = self.bytes(file).get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn write(&mut self, file: FileName, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let start = position(offset)?;
        let end = start.checked_add(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        let content = self.files.entry(file).or_default();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&mut self, file: FileName, len: u64) -> io::Result<()> {
        self.files.entry(file).or_default().resize(position(len)?, 0);
        Ok(())
    }

    fn sync(&mut self, _: FileName) -> io::Result<()> {
        Ok(())
    }

    /// Memory cannot have holes, so the bytes become zeros.
    fn release(&mut self, file: FileName, bytes: Range<u64>) -> io::Result<()> {
        if let Some(content) = self.files.get_mut(&file) {
            let end = position(bytes.end)?.min(content.len());
            let start = position(bytes.start)?.min(end);
            content[start..end].fill(0);
        }
        Ok(())
    }
}

fn position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::StorageFull.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_grows_with_zeros_and_ends_where_it_ends() {
        let mut storage = MemoryStorage::new();
        storage.write(FileName::Data, 3, b"abc").unwrap();
        assert_eq!(storage.bytes(FileName::Data), b"\0\0\0abc");
        assert_eq!(storage.len(FileName::Data).unwrap(), 6);
        assert_eq!(storage.len(FileName::Tree).unwrap(), 0);
        let error = storage.read(FileName::Data, 4, &mut [0; 3]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        let error = storage.read(FileName::Data, u64::MAX, &mut [0; 3]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn released_bytes_are_zeros_and_the_length_stays() {
        let mut storage = MemoryStorage::new();
        storage.write(FileName::Data, 0, b"abcdef").unwrap();
        storage.release(FileName::Data, 1..3).unwrap();
        storage.release(FileName::Data, 5..100).unwrap();
        assert_eq!(storage.bytes(FileName::Data), b"a\0\0de\0");
        storage.set_len(FileName::Data, 2).unwrap();
        assert_eq!(storage.bytes(FileName::Data), b"a\0");
    }
}
