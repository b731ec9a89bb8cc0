//! A range of time that is sold.
//!
//! Grade: plain. Nanoseconds since 1970 UTC, 64 bits with sign, as tables count them.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::extension::display_text;
use crate::limits::RANGE_CHARS_MAX;

/// All times from one on and before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeRange {
    from_ns: i64,
    to_ns: i64,
}

impl TimeRange {
    /// From a time on and before another, both in nanoseconds; none if no time lies between.
    pub fn new(from_ns: i64, to_ns: i64) -> Option<Self> {
        (from_ns < to_ns).then_some(Self { from_ns, to_ns })
    }

    /// Reads its two ends.
    ///
    /// # Errors
    /// [`TimeRangeError`].
    pub fn parse(from: &str, to: &str) -> Result<Self, TimeRangeError> {
        Self::new(parse_time(from)?, parse_time(to)?).ok_or(TimeRangeError::Empty)
    }

    /// The first time of it, in nanoseconds.
    pub const fn from_ns(self) -> i64 {
        self.from_ns
    }

    /// The first time after it, in nanoseconds.
    pub const fn to_ns(self) -> i64 {
        self.to_ns
    }

    /// Whether any time from `earliest` to `latest`, both included, lies in it.
    pub const fn meets(self, earliest: i64, latest: i64) -> bool {
        earliest < self.to_ns && latest >= self.from_ns
    }

    /// Its ends as texts: dates if they are midnight, else RFC 3339, both in UTC.
    pub fn ends(self) -> (String, String) {
        (show(self.from_ns), show(self.to_ns))
    }
}

impl fmt::Display for TimeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = self.ends();
        write!(f, "{from} to {to}")
    }
}

impl FromStr for TimeRange {
    type Err = TimeRangeError;

    /// Reads `2024-01-01 to 2025-01-01`.
    fn from_str(text: &str) -> Result<Self, TimeRangeError> {
        let wrong = || TimeRangeError::NotATime { text: display_text(text) };
        let (from, to) = text.split_once(" to ").ok_or_else(wrong)?;
        Self::parse(from.trim(), to.trim())
    }
}

/// RFC 3339, a date, a month or a year, which are their beginnings in UTC.
fn parse_time(text: &str) -> Result<i64, TimeRangeError> {
    let wrong = || TimeRangeError::NotATime { text: display_text(text) };
    if text.len() > RANGE_CHARS_MAX {
        return Err(wrong());
    }
    let time = match text.len() {
        4 => date(&format!("{text}-01-01")),
        7 => date(&format!("{text}-01")),
        10 => date(text),
        _ => text.parse().ok(),
    };
    let time = time.ok_or_else(wrong)?;
    i64::try_from(time.as_nanosecond()).map_err(|_| wrong())
}

fn date(text: &str) -> Option<Timestamp> {
    let date: Date = text.parse().ok()?;
    Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()
}

fn show(ns: i64) -> String {
    // 64 bits of nanoseconds lie within the years that it knows.
    let time = Timestamp::from_nanosecond(ns.into()).unwrap_or_default();
    let text = time.to_string();
    text.strip_suffix("T00:00:00Z").map_or_else(|| text.clone(), str::to_owned)
}

/// Why there is no range of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeRangeError {
    /// An end is no time.
    #[error("`{text}` is no time, such as `2024-01-01` or `2024-01-01T09:30:00Z`, between 1677 and 2262")]
    NotATime {
        /// What it is.
        text: String,
    },
    /// It ends before it begins.
    #[error("a range of time ends after it begins")]
    Empty,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ends_are_read_as_people_write_them() {
        let day = 86_400_000_000_000;
        for (text, from_ns, to_ns) in [
            ("1970-01-01 to 1970-01-02", 0, day),
            ("1970 to 1970-02", 0, 31 * day),
            ("1969-12-31T23:59:59.5Z to 1970-01-01T01:00:00+01:00", -500_000_000, 0),
        ] {
            assert_eq!(text.parse(), Ok(TimeRange { from_ns, to_ns }), "{text}");
        }
        for text in [
            "",
            "2024-01-01",
            "2024-01-02 to 2024-01-01",
            "2024-01-01 to 2024-01-01",
            "2024-13-01 to 2025-01-01",
            "1600-01-01 to 2025-01-01",
            "2024-01-01T00:00:00 to 2025-01-01",
        ] {
            assert!(text.parse::<TimeRange>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_has_its_beginning_and_not_its_end() {
        let range = TimeRange::new(10, 20).unwrap();
        assert!(range.meets(0, 10) && range.meets(19, 30) && range.meets(0, 30) && range.meets(12, 13));
        assert!(!range.meets(0, 9) && !range.meets(20, 30));
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_again(from_ns: i64, to_ns: i64) {
            if let Some(range) = TimeRange::new(from_ns, to_ns) {
                prop_assert_eq!(range.to_string().parse(), Ok(range));
            }
        }
    }
}
