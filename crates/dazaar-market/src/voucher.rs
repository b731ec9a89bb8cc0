//! Voucher codes: 128 random bits that a person can type, with a check that catches a slip.
//!
//! Grade: plain. A code is 30 characters of Crockford's base 32 in six groups: 128 bits and a checksum of 22. Only its hash is
//! stored, so that whoever reads the records cannot redeem it. Source: formats, "Voucher".

use std::fmt;
use std::str::FromStr;

use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest as _};
use zeroize::{Zeroize as _, ZeroizeOnDrop};

/// Random bytes in a code.
pub const VOUCHER_BYTES: usize = 16;

/// Characters of a code without its hyphens.
const CHARS: usize = 30;

/// Characters between hyphens.
const GROUP: usize = 5;

const BITS_PER_CHAR: usize = 5;

/// Crockford's digits: no I, L, O or U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

const HASH_DOMAIN: &[u8] = b"dazaar voucher\n";
const CHECK_DOMAIN: &[u8] = b"dazaar voucher check\n";

/// Bits of the checksum: what is left of the characters.
const CHECK_BITS: usize = CHARS * BITS_PER_CHAR - VOUCHER_BYTES * 8;

/// Bytes that a code's characters come to, the last of them in part.
const PACKED_BYTES: usize = (CHARS * BITS_PER_CHAR).div_ceil(8);

const _: () = assert!(CHECK_BITS == 22 && PACKED_BYTES == 19);

/// A secret that is worth credit. Wiped when dropped; prints nothing.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct VoucherCode([u8; VOUCHER_BYTES]);

/// What is stored of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct VoucherHash(pub [u8; 32]);

impl VoucherCode {
    /// The code of these bytes, which must be random.
    pub const fn new(random: [u8; VOUCHER_BYTES]) -> Self {
        Self(random)
    }

    /// What is stored of it.
    pub fn hash(&self) -> VoucherHash {
        VoucherHash(digest(HASH_DOMAIN, &self.0))
    }

    /// The code as people type it. A secret from here on.
    pub fn reveal(&self) -> String {
        let packed = self.packed();
        let mut text = String::with_capacity(CHARS + CHARS / GROUP);
        for index in 0..CHARS {
            if index > 0 && index % GROUP == 0 {
                text.push('-');
            }
            let bits = (0..BITS_PER_CHAR).map(|bit| bit_at(&packed, index * BITS_PER_CHAR + bit));
            let value = bits.fold(0, |value, bit| value << 1 | usize::from(bit));
            text.push(DIGITS.get(value).copied().map_or(' ', char::from));
        }
        text
    }

    /// The bytes and their checksum, with two bits of nothing at the end.
    fn packed(&self) -> [u8; PACKED_BYTES] {
        let mut packed = [0; PACKED_BYTES];
        let check = digest(CHECK_DOMAIN, &self.0);
        packed.iter_mut().zip(self.0.iter().chain(&check)).for_each(|(to, from)| *to = *from);
        if let Some(last) = packed.last_mut() {
            *last &= 0b1111_1100;
        }
        packed
    }
}

fn digest(domain: &[u8], secret: &[u8]) -> [u8; 32] {
    Blake2b::<U32>::new().chain_update(domain).chain_update(secret).finalize().into()
}

fn bit_at(bytes: &[u8], bit: usize) -> bool {
    bytes.get(bit / 8).is_some_and(|byte| byte >> (7 - bit % 8) & 1 == 1)
}

impl FromStr for VoucherCode {
    type Err = VoucherCodeError;

    /// Reads a code as people type it: in whatever case, with hyphens and spaces wherever they are, O for 0, I and L for 1.
    fn from_str(text: &str) -> Result<Self, VoucherCodeError> {
        let mut packed = [0_u8; PACKED_BYTES];
        let mut chars = 0;
        for char in text.chars().filter(|char| !char.is_whitespace() && *char != '-') {
            let value = digit(char).ok_or(VoucherCodeError::Character)?;
            if chars == CHARS {
                return Err(VoucherCodeError::Length { expected: CHARS });
            }
            for bit in 0..BITS_PER_CHAR {
                let (place, is_set) = (chars * BITS_PER_CHAR + bit, value >> (BITS_PER_CHAR - 1 - bit) & 1);
                if let Some(byte) = packed.get_mut(place / 8) {
                    *byte |= is_set << (7 - place % 8);
                }
            }
            chars += 1;
        }
        if chars != CHARS {
            return Err(VoucherCodeError::Length { expected: CHARS });
        }
        let mut secret = [0; VOUCHER_BYTES];
        secret.iter_mut().zip(&packed).for_each(|(to, from)| *to = *from);
        let code = Self(secret);
        let is_right = code.packed() == packed;
        packed.zeroize();
        secret.zeroize();
        if is_right { Ok(code) } else { Err(VoucherCodeError::Checksum) }
    }
}

fn digit(char: char) -> Option<u8> {
    let char = match char.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        char => char,
    };
    let place = DIGITS.iter().position(|digit| char::from(*digit) == char)?;
    u8::try_from(place).ok()
}

impl fmt::Debug for VoucherCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VoucherCode(..)")
    }
}

impl fmt::Display for VoucherHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl TryFrom<&[u8]> for VoucherHash {
    type Error = std::array::TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Self)
    }
}

/// Why text is no voucher code. Says nothing of the text: it may be one but for a slip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VoucherCodeError {
    /// A character that codes don't have.
    #[error("a voucher has letters and digits, without U, in groups with hyphens")]
    Character,
    /// Too short or too long.
    #[error("a voucher has {expected} letters and digits")]
    Length {
        /// Characters of a code.
        expected: usize,
    },
    /// A character is wrong, or two are swapped.
    #[error("this voucher is mistyped")]
    Checksum,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_has_its_form() {
        let code = VoucherCode::new([0xa5; 16]);
        assert_eq!(code.reveal().len(), 35);
        assert_eq!(code.reveal().get(..6), Some("MPJTB-"));
        assert_eq!(code.hash().to_string(), VoucherCode::new([0xa5; 16]).hash().to_string());
        assert_ne!(code.hash(), VoucherCode::new([0xa4; 16]).hash());
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", VoucherCode::new([0xa5; 16])), "VoucherCode(..)");
    }

    #[test]
    fn what_is_no_code_is_named() {
        let error = |text: &str| text.parse::<VoucherCode>().unwrap_err();
        assert_eq!(error(""), VoucherCodeError::Length { expected: 30 });
        assert_eq!(error(&"0".repeat(31)), VoucherCodeError::Length { expected: 30 });
        assert_eq!(error("u"), VoucherCodeError::Character);
        assert_eq!(error(&"Z".repeat(30)), VoucherCodeError::Checksum);
    }

    proptest! {
        #[test]
        fn what_is_revealed_is_read_however_it_is_typed(secret: [u8; 16]) {
            let code = VoucherCode::new(secret);
            let text = code.reveal();
            prop_assert_eq!(text.parse(), Ok(code.clone()));
            let sloppy = format!(" {} ", text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l"));
            prop_assert_eq!(sloppy.parse(), Ok(code));
        }

        #[test]
        fn a_slip_is_caught(secret: [u8; 16], place in 0..35_usize, char in "[0-9A-HJKMNP-TV-Z]") {
            let text = VoucherCode::new(secret).reveal();
            let mut slip = text.clone();
            slip.replace_range(place..=place, &char);
            prop_assume!(slip != text && text.as_bytes()[place] != b'-');
            prop_assert_eq!(slip.parse::<VoucherCode>(), Err(VoucherCodeError::Checksum));
        }

        #[test]
        fn no_text_panics(text in ".{0,50}") {
            let _ = text.parse::<VoucherCode>();
        }
    }
}
