//! Decimal numbers, exactly as they are written.
//!
//! Grade: plain.

use std::fmt;
use std::str::FromStr;

use crate::limits::DECIMAL_DIGITS_MAX;

/// `mantissa / 10^scale`, never negative, without trailing zeros behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    mantissa: u128,
    scale: u32,
}

impl Decimal {
    /// `mantissa / 10^scale`.
    pub const fn new(mut mantissa: u128, mut scale: u32) -> Self {
        while scale > 0 && mantissa.is_multiple_of(10) {
            mantissa /= 10;
            scale -= 1;
        }
        Self { mantissa, scale }
    }

    /// The number without its point.
    pub const fn mantissa(self) -> u128 {
        self.mantissa
    }

    /// Digits behind the point.
    pub const fn scale(self) -> u32 {
        self.scale
    }

    /// Whether this is nothing.
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// This number times `10^exponent`, if that is a whole number of 64 bits.
    pub fn whole(self, exponent: i32) -> Option<u64> {
        let exponent = exponent.checked_sub_unsigned(self.scale)?;
        let power = 10_u128.checked_pow(exponent.unsigned_abs())?;
        let whole = match exponent {
            0.. => self.mantissa.checked_mul(power)?,
            _ if self.mantissa.is_multiple_of(power) => self.mantissa / power,
            _ => return None,
        };
        whole.try_into().ok()
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Reads digits, a point and digits, and perhaps an exponent as JSON has them: `100`, `0.07`, `1e-8`.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        if text.starts_with('-') {
            return Err(DecimalError::Negative);
        }
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse().map_err(|_| DecimalError::NotANumber)?),
            None => (text, 0_i32),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_digits(whole) || !is_digits(fraction) {
            return Err(DecimalError::NotANumber);
        }
        let too_long = DecimalError::TooLong { max: DECIMAL_DIGITS_MAX };
        // What does not change the number does not count as a digit of it.
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        if whole.len() + fraction.len() > DECIMAL_DIGITS_MAX {
            return Err(too_long);
        }
        let digits = [whole, fraction].concat();
        let mantissa = if digits.is_empty() { 0 } else { digits.parse::<u128>().map_err(|_| too_long)? };
        if mantissa == 0 {
            return Ok(Self::new(0, 0));
        }
        let scale = i32::try_from(fraction.len())
            .ok()
            .and_then(|scale| scale.checked_sub(exponent))
            .filter(|scale| {
                usize::try_from(scale.unsigned_abs()).is_ok_and(|scale| scale <= DECIMAL_DIGITS_MAX)
            })
            .ok_or(too_long)?;
        match u32::try_from(scale) {
            Ok(scale) => Ok(Self::new(mantissa, scale)),
            Err(_) => {
                let power = 10_u128.checked_pow(scale.unsigned_abs()).ok_or(too_long)?;
                Ok(Self::new(mantissa.checked_mul(power).ok_or(too_long)?, 0))
            }
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.scale as usize;
        let digits = format!("{:0>width$}", self.mantissa, width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        if fraction.is_empty() { write!(f, "{whole}") } else { write!(f, "{whole}.{fraction}") }
    }
}

/// Why text is not a decimal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecimalError {
    /// Something else than digits and a point.
    #[error("not a number like 100 or 0.07")]
    NotANumber,
    /// Below zero.
    #[error("less than nothing")]
    Negative,
    /// More digits than are counted.
    #[error("more than {max} digits")]
    TooLong {
        /// Digits allowed.
        max: usize,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn b01_seven_hundredths_are_read_at_once_and_exactly() {
        for (text, mantissa, scale) in [
            ("0.07", 7, 2),
            ("0.14", 14, 2),
            ("0.28", 28, 2),
            ("0.57", 57, 2),
            ("0.29", 29, 2),
            ("1e-8", 1, 8),
            ("0.0002", 2, 4),
            ("100", 100, 0),
            ("0100.500", 1005, 1),
            ("1E+3", 1000, 0),
            ("2.5e1", 25, 0),
            ("0", 0, 0),
            ("0.000", 0, 0),
            ("0e99999", 0, 0),
        ] {
            assert_eq!(decimal(text), Decimal { mantissa, scale }, "{text}");
        }
    }

    #[test]
    fn names_what_is_no_number() {
        for text in
            ["", ".", ".5", "5.", "1.2.3", "1,5", " 1", "+1", "0x10", "1e", "1e1.5", "ten", "NaN", "Infinity"]
        {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError::NotANumber), "{text}");
        }
        assert_eq!("-1".parse::<Decimal>(), Err(DecimalError::Negative));
        for text in [
            "1e39",
            "1e-39",
            "1e-2147483648",
            "1e2147483647",
            &"9".repeat(39),
            &format!("0.{}1", "0".repeat(40)),
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError::TooLong { max: 38 }), "{text}");
        }
    }

    #[test]
    fn only_whole_units_are_whole() {
        assert_eq!(decimal("0.07").whole(2), Some(7));
        assert_eq!(decimal("0.07").whole(1), None);
        assert_eq!(decimal("1500").whole(-2), Some(15));
        assert_eq!(decimal("1500").whole(-3), None);
        assert_eq!(decimal("18446744073709551615").whole(0), Some(u64::MAX));
        assert_eq!(decimal("18446744073709551616").whole(0), None);
        assert_eq!(decimal("1").whole(i32::MIN), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(mantissa in 0..10_u128.pow(37), scale in 0..37_u32) {
            let decimal = Decimal::new(mantissa, scale);
            prop_assert_eq!(decimal.to_string().parse(), Ok(decimal));
        }

        #[test]
        fn no_text_panics(text in ".{0,50}", near in "[0-9.eE+-]{0,60}") {
            let _ = text.parse::<Decimal>();
            let _ = near.parse::<Decimal>();
        }
    }
}
