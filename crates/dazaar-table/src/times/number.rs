//! Decimal numbers, read without rounding. Grade: plain.

/// A decimal number times a power of ten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scaled {
    /// Its whole part; `None` if it does not fit.
    pub(crate) value: Option<i64>,
    /// Whether that is all of it.
    pub(crate) exact: bool,
}

/// `text` times 10^`scale`; `None` if it is no decimal number (`-12`, `0.5`, `.5`, `1e3`).
pub(crate) fn parse_scaled(text: &str, scale: u8) -> Option<Scaled> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (whole, rest) = split_digits(digits);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => split_digits(rest),
        rest => (&rest[..0], rest),
    };
    let exponent = match rest {
        [] => 0,
        [b'e' | b'E', rest @ ..] => exponent(rest)?,
        _ => return None,
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let keep = i64::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(scale.into())?;
    let mut scaled = Scaled { value: Some(0), exact: true };
    let push = |value: Option<i64>, digit: u8| value?.checked_mul(10)?.checked_add(digit.into());
    let mut pushed = 0;
    for digit in whole.iter().chain(fraction).map(|byte| byte - b'0') {
        if pushed < keep {
            scaled.value = push(scaled.value, digit);
            pushed += 1;
        } else if digit != 0 {
            scaled.exact = false;
        }
    }
    while pushed < keep && scaled.value.is_some_and(|value| value != 0) {
        scaled.value = push(scaled.value, 0);
        pushed += 1;
    }
    if negative {
        scaled.value = scaled.value.map(|value| -value);
    }
    Some(scaled)
}

fn split_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len()))
}

/// Far exponents are as good as infinite ones: nothing fits then, or nothing is left.
fn exponent(text: &[u8]) -> Option<i64> {
    const FAR: i64 = 1 << 40;
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let far = if text.starts_with('-') { -FAR } else { FAR };
    Some(text.parse::<i64>().map_or(far, |exponent| exponent.clamp(-FAR, FAR)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_without_rounding() {
        let exact = |value| Some(Scaled { value: Some(value), exact: true });
        assert_eq!(parse_scaled("101.50", 2), exact(10_150));
        assert_eq!(parse_scaled("-0.05", 2), exact(-5));
        assert_eq!(parse_scaled(".5", 1), exact(5));
        assert_eq!(parse_scaled("5.", 0), exact(5));
        assert_eq!(parse_scaled("+1.2e3", 0), exact(1_200));
        assert_eq!(parse_scaled("1200e-2", 0), exact(12));
        assert_eq!(parse_scaled("0e999999999999999999999", 0), exact(0));
        assert_eq!(parse_scaled("9223372036854775807", 0), exact(i64::MAX));
        assert_eq!(parse_scaled("1.25", 1), Some(Scaled { value: Some(12), exact: false }));
        assert_eq!(parse_scaled("1e-999999999999", 9), Some(Scaled { value: Some(0), exact: false }));
        assert_eq!(parse_scaled("9223372036854775808", 0), Some(Scaled { value: None, exact: true }));
        assert_eq!(parse_scaled("1e999999999999999999", 0).unwrap().value, None);
        for text in ["", "-", ".", "e5", "1e", "1e+", "1e1.5", "1,5", " 1", "0x1", "nan", "--1", "1e--1"] {
            assert_eq!(parse_scaled(text, 0), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_fits_is_what_was_written(value in -999_999_999_999_999_999..=999_999_999_999_999_999_i64, scale in 0..=18_u8) {
            let unsigned = format!("{:0>19}", value.unsigned_abs());
            let (whole, fraction) = unsigned.split_at(19 - usize::from(scale));
            let text = format!("{}{whole}.{fraction}", if value < 0 { "-" } else { "" });
            prop_assert_eq!(parse_scaled(&text, scale), Some(Scaled { value: Some(value), exact: true }));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.eE]{0,30}", scale in 0..=18_u8) {
            let _ = parse_scaled(&text, scale);
        }
    }
}
