//! Numbers of 256 bits as x402 writes them: decimal texts.
//!
//! Grade: plain.

use std::borrow::Cow;

use alloy_primitives::U256;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

/// The largest number has so many digits.
const DIGITS_MAX: usize = 78;

pub(crate) fn serialize<S: Serializer>(number: &U256, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<U256, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| D::Error::custom("not a whole number in decimal digits"))
}

fn parse(text: &str) -> Option<U256> {
    let is_plain = (1..=DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| U256::from_str_radix(text, 10).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_are_a_number() {
        assert_eq!(parse("0"), Some(U256::ZERO));
        assert_eq!(parse(&U256::MAX.to_string()), Some(U256::MAX));
        for text in ["", "0x10", "1_000", "+1", "-1", "1.0", " 1", &"9".repeat(78), &"0".repeat(79)] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
