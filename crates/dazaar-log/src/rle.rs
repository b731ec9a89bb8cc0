//! Run-length encoding of bit maps, as Have messages carry them.
//!
//! A varint header starts each run. Odd: a byte repeated, `0xff` if bit 1 is set, else zero, as often as the upper bits say.
//! Even: as many literal bytes as half of it. Grade: plain. Source: classic protocol, section 5.2.

use crate::codec::varint;

/// Encodes `bits`; zero bytes at the end are dropped.
pub fn encode(bits: &[u8]) -> Vec<u8> {
    let end = bits.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let mut out = Vec::new();
    let mut literal: &[u8] = &[];
    let mut rest = &bits[..end];
    while let Some(&byte) = rest.first() {
        let count = rest.iter().take_while(|&&other| other == byte).count();
        let pending = literal.len() + count;
        let run = run_header(byte, count);
        let pays = matches!(byte, 0 | 0xff)
            && literal_cost(literal.len()) + varint::encoded_len(run) < literal_cost(pending);
        if pays {
            encode_literal(literal, &mut out);
            varint::encode(run, &mut out);
            literal = &[];
        } else {
            let start = end - rest.len() - literal.len();
            literal = &bits[start..start + pending];
        }
        rest = &rest[count..];
    }
    encode_literal(literal, &mut out);
    out
}

/// Decodes a bit map of at most `max_bytes` bytes.
///
/// # Errors
/// [`RleError`] if it is larger, or broken.
pub fn decode(encoded: &[u8], max_bytes: usize) -> Result<Vec<u8>, RleError> {
    let mut bits = Vec::new();
    let mut rest = encoded;
    while !rest.is_empty() {
        let (header, length) =
            varint::decode(rest).map_err(|_| RleError::Varint)?.ok_or(RleError::Truncated)?;
        rest = &rest[length..];
        let count = if header & 1 == 1 { header >> 2 } else { header >> 1 };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > max_bytes - bits.len() {
            return Err(RleError::TooLong { max_bytes });
        }
        if header & 1 == 1 {
            bits.resize(bits.len() + count, if header & 2 == 2 { 0xff } else { 0 });
        } else {
            let (literal, tail) = rest.split_at_checked(count).ok_or(RleError::Truncated)?;
            bits.extend_from_slice(literal);
            rest = tail;
        }
    }
    Ok(bits)
}

const fn run_header(byte: u8, count: usize) -> u64 {
    (count as u64) << 2 | (byte as u64 & 1) << 1 | 1
}

const fn literal_cost(count: usize) -> usize {
    match count {
        0 => 0,
        _ => varint::encoded_len((count as u64) << 1) + count,
    }
}

fn encode_literal(literal: &[u8], out: &mut Vec<u8>) {
    if !literal.is_empty() {
        varint::encode((literal.len() as u64) << 1, out);
        out.extend_from_slice(literal);
    }
}

/// Why bytes are not an encoded bit map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RleError {
    /// It announces more than asked for.
    #[error("the bit map is longer than {max_bytes} bytes")]
    TooLong {
        /// The limit.
        max_bytes: usize,
    },
    /// It ends within a header or a literal.
    #[error("the bit map ends too early")]
    Truncated,
    /// A header of more than 64 bits.
    #[error("a run of the bit map has a header of more than 64 bits")]
    Varint,
}

#[cfg(test)]
mod tests;
