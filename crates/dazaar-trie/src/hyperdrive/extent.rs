//! Where the bytes of a file lie in the content feed.
//!
//! Grade: plain. Whatever the metadata says is held against the length of the feed, and reads against the file.
//! Source: docs/structures.md, files of a drive.

use std::ops::Range;

use super::stat::Stat;

/// The share of the content feed that is one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// Its blocks.
    pub blocks: Range<u64>,
    /// Its bytes, counted from the beginning of the feed.
    pub bytes: Range<u64>,
}

/// Why a file has no bytes to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtentError {
    /// It goes beyond what JavaScript can count.
    #[error("the file claims blocks or bytes beyond 2^53")]
    Overflow,
    /// Its blocks are not there.
    #[error("the file claims blocks up to {end} of a content feed of {length}")]
    Beyond {
        /// Where its blocks end.
        end: u64,
        /// Blocks of the feed.
        length: u64,
    },
    /// It has bytes, and no blocks for them.
    #[error("the file claims {size} bytes in no blocks")]
    NoBlocks {
        /// Its bytes.
        size: u64,
    },
}

impl Extent {
    /// The share of a file in a content feed of `length` blocks.
    ///
    /// # Errors
    /// [`ExtentError`] if that cannot be.
    pub fn of(stat: &Stat, length: u64) -> Result<Self, ExtentError> {
        if stat.size == 0 {
            return Ok(Self { blocks: 0..0, bytes: 0..0 });
        }
        let end = |start: u64, count: u64| {
            start.checked_add(count).filter(|&end| end <= 1 << 53).ok_or(ExtentError::Overflow)
        };
        let blocks = stat.offset..end(stat.offset, stat.blocks)?;
        let bytes = stat.byte_offset..end(stat.byte_offset, stat.size)?;
        if blocks.is_empty() {
            return Err(ExtentError::NoBlocks { size: stat.size });
        }
        if blocks.end > length {
            return Err(ExtentError::Beyond { end: blocks.end, length });
        }
        Ok(Self { blocks, bytes })
    }

    /// The bytes of the feed that are the bytes `range` of the file, as far as it has them.
    pub fn clamp(&self, range: Range<u64>) -> Range<u64> {
        let size = self.bytes.end - self.bytes.start;
        let start = range.start.min(size);
        let end = range.end.clamp(start, size);
        self.bytes.start + start..self.bytes.start + end
    }
}
