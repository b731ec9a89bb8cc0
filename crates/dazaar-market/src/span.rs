//! Spans of time as people write them: `30s`, `90m`, `1d12h`.
//!
//! Grade: plain. Integers only. An unknown unit is an error: the reference took the money and gave no time.

/// The units, longest first, in milliseconds.
const UNITS: [(char, u64); 4] = [('d', 86_400_000), ('h', 3_600_000), ('m', 60_000), ('s', 1_000)];

/// The milliseconds of `text`: whole numbers, each with its unit (`d`, `h`, `m`, `s`), longer units first.
///
/// # Errors
/// The rule that is broken; see [`SpanError`].
pub fn parse_span_ms(text: &str) -> Result<u64, SpanError> {
    let mut total_ms = 0_u64;
    let mut units = UNITS.iter();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit()).ok_or(SpanError::NoUnit)?;
        let (number, tail) = rest.split_at(digits);
        if number.is_empty() {
            return Err(SpanError::NoNumber);
        }
        let mut chars = tail.chars();
        let unit = chars.next().ok_or(SpanError::NoUnit)?;
        if !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(SpanError::UnknownUnit { unit });
        }
        let (_, unit_ms) = units.find(|(name, _)| *name == unit).ok_or(SpanError::Order { unit })?;
        let count: u64 = number.parse().map_err(|_| SpanError::TooLong)?;
        let part_ms = count.checked_mul(*unit_ms).ok_or(SpanError::TooLong)?;
        total_ms = total_ms.checked_add(part_ms).ok_or(SpanError::TooLong)?;
        rest = chars.as_str();
    }
    if total_ms == 0 { Err(SpanError::Empty) } else { Ok(total_ms) }
}

/// Why text is not a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpanError {
    /// Nothing, or zero of everything.
    #[error("a span of time is longer than nothing, like `2h` or `1d12h`")]
    Empty,
    /// A unit without its number.
    #[error("a span of time begins with a whole number, like `2h`")]
    NoNumber,
    /// A number without its unit.
    #[error("a number in a span of time has a unit: d, h, m or s")]
    NoUnit,
    /// A unit that we don't know.
    #[error("`{unit}` is no unit of time; use d, h, m or s")]
    UnknownUnit {
        /// What stands there.
        unit: char,
    },
    /// A unit after a shorter one, or twice.
    #[error("`{unit}` comes once, and before all shorter units")]
    Order {
        /// The unit.
        unit: char,
    },
    /// More milliseconds than 64 bits hold.
    #[error("a span of time longer than the age of the universe")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, ms) in [
            ("30s", 30_000),
            ("90m", 5_400_000),
            ("2h", 7_200_000),
            ("1d12h", 129_600_000),
            (" 1d2h3m4s ", 93_784_000),
            ("0d1s", 1_000),
            ("007s", 7_000),
        ] {
            assert_eq!(parse_span_ms(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn names_the_rule_that_is_broken() {
        for (text, error) in [
            ("", SpanError::Empty),
            ("0h", SpanError::Empty),
            ("h", SpanError::NoNumber),
            ("-1h", SpanError::NoNumber),
            ("1h m", SpanError::NoNumber),
            ("2", SpanError::NoUnit),
            ("1h30", SpanError::NoUnit),
            ("1.5h", SpanError::UnknownUnit { unit: '.' }),
            ("2 h", SpanError::UnknownUnit { unit: ' ' }),
            ("2days", SpanError::NoNumber),
            ("2w", SpanError::UnknownUnit { unit: 'w' }),
            ("2H", SpanError::UnknownUnit { unit: 'H' }),
            ("1m1h", SpanError::Order { unit: 'h' }),
            ("1h1h", SpanError::Order { unit: 'h' }),
            ("18446744073709551616s", SpanError::TooLong),
            ("18446744073709551615s", SpanError::TooLong),
            ("213503982334d99999999999h", SpanError::TooLong),
        ] {
            assert_eq!(parse_span_ms(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn sums_its_parts(days in 0..9_999_u64, hours in 0..99_u64, seconds in 1..99_u64) {
            let expected = days * 86_400_000 + hours * 3_600_000 + seconds * 1_000;
            prop_assert_eq!(parse_span_ms(&format!("{days}d{hours}h{seconds}s")), Ok(expected));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}", near in "[0-9dhms]{0,40}") {
            let _ = parse_span_ms(&text);
            let _ = parse_span_ms(&near);
        }
    }
}
