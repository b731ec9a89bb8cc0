//! Numbers that count time since 1970. Grade: plain.

use std::fmt;

use super::parse_scaled;

/// What a number since 1970 counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epoch {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl Epoch {
    /// What `number` counts, judged by its magnitude: seconds below 10^11, milliseconds below 10^14, microseconds below 10^17,
    /// else nanoseconds. So each unit holds for any time from 1973 on. `None` below 10^8, where numbers are more likely
    /// something else, such as 20260105; but 0 is 1970 in any unit.
    pub const fn of(number: i64) -> Option<Self> {
        match number.unsigned_abs() {
            0 | 100_000_000..100_000_000_000 => Some(Self::Seconds),
            1..100_000_000 => None,
            100_000_000_000..100_000_000_000_000 => Some(Self::Milliseconds),
            100_000_000_000_000..100_000_000_000_000_000 => Some(Self::Microseconds),
            _ => Some(Self::Nanoseconds),
        }
    }

    /// The nanoseconds of a decimal number in this unit, without what is less than one; `None` if it is no number or does not
    /// fit.
    pub fn nanoseconds(self, number: &str) -> Option<i64> {
        let digits = match self {
            Self::Seconds => 9,
            Self::Milliseconds => 6,
            Self::Microseconds => 3,
            Self::Nanoseconds => 0,
        };
        parse_scaled(number, digits)?.value
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::Nanoseconds => "nanoseconds",
        })
    }
}
