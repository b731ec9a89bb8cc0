//! The 32 bytes in front of tree, signatures and bitfield.
//!
//! ```text
//! 05 02 57 | type | version 0 | entry size (2, big endian) | n | n bytes of algorithm name | zeros
//! ```
//!
//! Grade: plain. Source: classic protocol, section 3.

use super::NODE_BYTES;
use super::bitfield::PAGE_BYTES;
use crate::key::Signature;
use crate::storage::FileName;

/// Bytes of a header.
pub(crate) const HEADER_BYTES: usize = 32;

const MAGIC: [u8; 3] = [5, 2, 87];
const VERSION: u8 = 0;

/// The files that start with a header.
pub(crate) const FILES: [FileName; 3] = [FileName::Bitfield, FileName::Signatures, FileName::Tree];

/// The header of `file` with entries of the usual size.
pub(crate) fn encode(file: FileName) -> [u8; HEADER_BYTES] {
    let (kind, entry_bytes, algorithm): (u8, u16, &[u8]) = match file {
        FileName::Signatures => (1, Signature::BYTES as u16, b"Ed25519"),
        FileName::Tree => (2, NODE_BYTES as u16, b"BLAKE2b"),
        _ => (0, PAGE_BYTES, b""),
    };
    let [high, low] = entry_bytes.to_be_bytes();
    let mut header = [0; HEADER_BYTES];
    header[..3].copy_from_slice(&MAGIC);
    header[3..8].copy_from_slice(&[kind, VERSION, high, low, algorithm.len() as u8]);
    header[8..8 + algorithm.len()].copy_from_slice(algorithm);
    header
}

/// The size of an entry in `file`, if this is its header.
///
/// Only a bitfield may have another entry size than ours.
pub(crate) fn decode(file: FileName, header: &[u8; HEADER_BYTES]) -> Option<u16> {
    let entry_bytes = u16::from_be_bytes([header[5], header[6]]);
    let mut usual = encode(file);
    if file == FileName::Bitfield {
        usual[5..7].copy_from_slice(&header[5..7]);
    }
    (usual == *header).then_some(entry_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_hypercore() {
        let cases = [
            (FileName::Bitfield, "05025700000e0000000000000000000000000000000000000000000000000000"),
            (FileName::Signatures, "0502570100004007456432353531390000000000000000000000000000000000"),
            (FileName::Tree, "0502570200002807424c414b4532620000000000000000000000000000000000"),
        ];
        for (file, expected) in cases {
            assert_eq!(hex::encode(encode(file)), expected);
            assert!(decode(file, &encode(file)).is_some());
        }
    }

    #[test]
    fn another_page_size_is_read_but_no_other_difference() {
        let mut header = encode(FileName::Bitfield);
        header[5..7].copy_from_slice(&3328_u16.to_be_bytes());
        assert_eq!(decode(FileName::Bitfield, &header), Some(3328));
        header[4] = 1;
        assert_eq!(decode(FileName::Bitfield, &header), None);
        let mut header = encode(FileName::Tree);
        header[6] = 41;
        assert_eq!(decode(FileName::Tree, &header), None);
        assert_eq!(decode(FileName::Tree, &encode(FileName::Signatures)), None);
    }
}
