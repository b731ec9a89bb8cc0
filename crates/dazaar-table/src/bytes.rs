//! Reading from the front of a block, and what can be wrong with one.
//!
//! Grade: plain. A block is the seller's own, but the seller is a stranger: every number in it is held against what is left or
//! against `limits` before it is used.

use dazaar_log::codec::varint;

/// Why a block is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// It ends too early.
    #[error("the block ends in the middle of {part}")]
    Short {
        /// What is cut off.
        part: &'static str,
    },
    /// It goes on after its end.
    #[error("{bytes} bytes follow {part}")]
    Surplus {
        /// After what.
        part: &'static str,
        /// How many bytes.
        bytes: usize,
    },
    /// A tag that we don't know: from a later version, or nonsense.
    #[error("{part} is of kind {tag}, which this version does not know")]
    Unknown {
        /// What it is about.
        part: &'static str,
        /// The tag.
        tag: u8,
    },
    /// A number that is not possible.
    #[error("{part} is {value}, which cannot be")]
    Value {
        /// What it is about.
        part: &'static str,
        /// The number.
        value: u64,
    },
    /// Compressed bytes that are not.
    #[error("{part} cannot be decompressed: {reason}")]
    Compressed {
        /// What it is about.
        part: &'static str,
        /// What the library said.
        reason: String,
    },
    /// Times that are not those that were said.
    #[error("the times of the rows are not those that the block says")]
    Times,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    NotUtf8,
}

/// The rest of a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize, part: &'static str) -> Result<&'a [u8], BlockError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(BlockError::Short { part })?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self, part: &'static str) -> Result<u8, BlockError> {
        Ok(self.take(1, part)?[0])
    }

    pub(crate) fn varint(&mut self, part: &'static str) -> Result<u64, BlockError> {
        let (value, bytes) = varint::decode(self.0)
            .map_err(|_| BlockError::Value { part, value: u64::MAX })?
            .ok_or(BlockError::Short { part })?;
        self.0 = &self.0[bytes..];
        Ok(value)
    }

    /// A varint that is at most `max`.
    pub(crate) fn count(&mut self, max: usize, part: &'static str) -> Result<usize, BlockError> {
        let value = self.varint(part)?;
        usize::try_from(value).ok().filter(|&count| count <= max).ok_or(BlockError::Value { part, value })
    }

    /// As many bytes as the varint before them says.
    pub(crate) fn prefixed(&mut self, part: &'static str) -> Result<&'a [u8], BlockError> {
        let count = usize::try_from(self.varint(part)?).unwrap_or(usize::MAX);
        self.take(count, part)
    }

    /// Nothing may follow.
    pub(crate) fn finish(self, part: &'static str) -> Result<(), BlockError> {
        if self.0.is_empty() { Ok(()) } else { Err(BlockError::Surplus { part, bytes: self.0.len() }) }
    }
}

/// Appends bytes after their number.
pub(crate) fn push_prefixed(bytes: &[u8], out: &mut Vec<u8>) {
    varint::encode(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// A signed number as an unsigned one, so that small ones of either sign are short.
pub(crate) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The reverse of [`zigzag`].
pub(crate) const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn signs_come_back(value: i64) {
            prop_assert_eq!(unzigzag(zigzag(value)), value);
        }
    }

    #[test]
    fn what_is_not_there_is_not_read() {
        assert_eq!(Reader(&[3, b'a', b'b']).prefixed("a name"), Err(BlockError::Short { part: "a name" }));
        let mut reader = Reader(&[2, b'a', b'b', 9]);
        assert_eq!(reader.prefixed("a name"), Ok(&b"ab"[..]));
        assert_eq!(reader.finish("names"), Err(BlockError::Surplus { part: "names", bytes: 1 }));
        assert_eq!(Reader(&[0x80]).varint("a row"), Err(BlockError::Short { part: "a row" }));
        assert_eq!(
            Reader(&[0xff; 10]).varint("a row"),
            Err(BlockError::Value { part: "a row", value: u64::MAX })
        );
    }
}
