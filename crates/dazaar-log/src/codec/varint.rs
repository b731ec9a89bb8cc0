//! Variable-length integers: seven bits a byte, lowest first, the high bit says that more follow.
//!
//! Grade: plain. Source: classic protocol, conventions.

/// Bytes of the longest varint, that of `u64::MAX`.
pub const MAX_BYTES: usize = 10;

/// Appends `value`.
pub fn encode(value: u64, out: &mut Vec<u8>) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Bytes that [`encode`] appends for `value`.
pub const fn encoded_len(value: u64) -> usize {
    match value.checked_ilog2() {
        Some(bit) => bit as usize / 7 + 1,
        None => 1,
    }
}

/// Reads a varint from the front of `bytes`: the value and the bytes it took, or `None` if more bytes are needed to tell.
///
/// # Errors
/// [`VarintError`] if no further bytes could make this a `u64`.
pub fn decode(bytes: &[u8]) -> Result<Option<(u64, usize)>, VarintError> {
    let mut value = 0;
    for (place, &byte) in bytes.iter().take(MAX_BYTES).enumerate() {
        if place == MAX_BYTES - 1 && byte > 1 {
            return Err(VarintError);
        }
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok(Some((value, place + 1)));
        }
    }
    Ok(None)
}

/// A varint of more than 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a varint has more than 64 bits")]
pub struct VarintError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(value, &mut bytes);
        bytes
    }

    #[test]
    fn known_bytes() {
        for (value, bytes) in [
            (0, "00"),
            (127, "7f"),
            (128, "8001"),
            (300, "ac02"),
            (1 << 53, "8080808080808010"),
            (u64::MAX, "ffffffffffffffffff01"),
        ] {
            assert_eq!(hex::encode(encoded(value)), bytes);
        }
    }

    #[test]
    fn more_than_64_bits_are_refused() {
        let mut bytes = [0xff; MAX_BYTES];
        assert_eq!(decode(&bytes), Err(VarintError));
        bytes[MAX_BYTES - 1] = 2;
        assert_eq!(decode(&bytes), Err(VarintError));
        assert_eq!(decode(&[0x80; 9]), Ok(None));
        assert_eq!(decode(&[0x80, 0]), Ok(Some((0, 2))));
    }

    proptest! {
        #[test]
        fn comes_back(value: u64, shift in 0u32..64, tail: Vec<u8>) {
            let value = value >> shift;
            let mut bytes = encoded(value);
            let length = bytes.len();
            prop_assert_eq!(length, encoded_len(value));
            for cut in 0..length {
                prop_assert_eq!(decode(&bytes[..cut]), Ok(None));
            }
            bytes.extend(tail);
            prop_assert_eq!(decode(&bytes), Ok(Some((value, length))));
        }
    }
}
