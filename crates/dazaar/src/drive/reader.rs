//! Reading a file of a drive.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use dazaar_trie::hyperdrive::{DrivePath, Entry, Extent};

use super::content::Content;
use super::error::DriveAccessError;

/// A part of a file that is being read, block by block. Reading never leaves the file, whatever range was asked for.
#[derive(Debug)]
pub struct FileReader {
    content: Arc<Content>,
    entry: Entry,
    blocks: Range<u64>,
    /// Bytes of the next block that come before what is wanted.
    skip: u64,
    left: u64,
}

impl FileReader {
    pub(super) async fn open(
        content: Arc<Content>,
        entry: Entry,
        extent: &Extent,
        range: Range<u64>,
    ) -> Result<Self, DriveAccessError> {
        let bytes = extent.clamp(range);
        let left = bytes.end - bytes.start;
        let mut reader = Self { content, entry, blocks: extent.blocks.clone(), skip: 0, left };
        if left > 0 {
            let (block, within) = reader.locate(extent, bytes.start).await?;
            (reader.blocks.start, reader.skip) = (block, within);
        }
        Ok(reader)
    }

    /// The file that is read, its path the one that was asked for.
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Bytes that are still to come.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes; none at the end. A block that is missing is waited for.
    ///
    /// # Errors
    /// [`DriveAccessError::Misplaced`] if the blocks are not those of the file; [`DriveAccessError::Missing`] if nobody can be
    /// asked for one; [`DriveAccessError::Log`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, DriveAccessError> {
        while self.left > 0 {
            let block = self.blocks.next().ok_or_else(|| self.misplaced())?;
            let bytes = self.content.block_and(block, self.blocks.end).await?;
            let start = self.skip.min(bytes.len() as u64);
            let end = (bytes.len() as u64).min(start + self.left);
            (self.skip, self.left) = (self.skip - start, self.left - (end - start));
            if start < end {
                return Ok(Some(bytes.slice(start as usize..end as usize)));
            }
        }
        Ok(None)
    }

    /// Everything that is still to come.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn read_to_end(&mut self) -> Result<Vec<u8>, DriveAccessError> {
        let mut all = Vec::new();
        while let Some(bytes) = self.next().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }

    /// The block with a byte, and the place of the byte in it.
    async fn locate(&self, extent: &Extent, byte: u64) -> Result<(u64, u64), DriveAccessError> {
        let first = extent.blocks.start;
        let start = self.content.start_of(first).await?;
        if start != extent.bytes.start {
            return Err(self.misplaced());
        }
        if let Some((block, within)) = self.content.seek(byte)? {
            return if extent.blocks.contains(&block) { Ok((block, within)) } else { Err(self.misplaced()) };
        }
        // Too little of the tree is here, so blocks in the middle are fetched, which tell where they start. Blocks of a file mostly
        // have one size: the first guess is right then.
        let (mut low, mut low_byte, mut high) = (first, start, extent.blocks.end);
        let size = (extent.bytes.end - extent.bytes.start).div_ceil(high - low).max(1);
        let mut guess = Some(first + (byte - start) / size.next_power_of_two());
        while high - low > 1 {
            let middle = guess.take().filter(|guess| (low + 1..high).contains(guess));
            let middle = middle.unwrap_or(low + (high - low) / 2);
            let middle_byte = self.content.start_of(middle).await?;
            if middle_byte <= byte { (low, low_byte) = (middle, middle_byte) } else { high = middle }
        }
        Ok((low, byte - low_byte))
    }

    fn misplaced(&self) -> DriveAccessError {
        DriveAccessError::Misplaced { path: DrivePath::new(&self.entry.path) }
    }
}
