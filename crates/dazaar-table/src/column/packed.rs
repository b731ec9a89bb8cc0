//! Bytes, compressed if that makes them fewer.
//!
//! ```text
//! 0 | the bytes
//! 1 | bytes that follow (varint) | zstd
//! ```
//! How many there are is known from elsewhere.
//!
//! Grade: plain.

use std::borrow::Cow;

use crate::bytes::{BlockError, Reader, push_prefixed};

const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

/// Fewer bytes are never worth the header.
const ZSTD_FROM: usize = 64;

const ZSTD_LEVEL: i32 = 3;

/// Appends bytes, in the shorter of the two ways.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.len() >= ZSTD_FROM
        && let Ok(packed) = zstd::bulk::compress(bytes, ZSTD_LEVEL)
        && packed.len() < bytes.len()
    {
        out.push(ZSTD);
        push_prefixed(&packed, out);
        return;
    }
    out.push(PLAIN);
    out.extend_from_slice(bytes);
}

/// Reads `count` bytes; the caller has held `count` against a limit.
pub(crate) fn decode<'a>(
    count: usize,
    reader: &mut Reader<'a>,
    part: &'static str,
) -> Result<Cow<'a, [u8]>, BlockError> {
    match reader.byte(part)? {
        PLAIN => reader.take(count, part).map(Cow::Borrowed),
        ZSTD => {
            let bytes = zstd::bulk::decompress(reader.prefixed(part)?, count)
                .map_err(|error| BlockError::Compressed { part, reason: error.to_string() })?;
            if bytes.len() != count {
                return Err(BlockError::Value { part, value: bytes.len() as u64 });
            }
            Ok(Cow::Owned(bytes))
        }
        tag => Err(BlockError::Unknown { part, tag }),
    }
}
