//! Which rows of a table anybody may look at: what the seller says on the card, in words.
//!
//! `first 1000` are rows, `1d each month` the first day of each month (UTC), `older than 30d` all rows that old.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use dazaar_table::times::parse_span;
use jiff::{Span, Timestamp, Unit, ZonedDateTime, tz::TimeZone};

/// Ranges of one rule that a question may reach into; later ones are not looked at.
const RANGES_MAX: usize = 64;

/// One kind of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Free {
    /// The first so many rows.
    First(u64),
    /// The first nanoseconds of each unit of time.
    Each(i64, Period),
    /// Rows that are so many nanoseconds old.
    Older(i64),
}

/// A unit of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// From midnight.
    Day,
    /// From Monday.
    Week,
    /// From the first.
    Month,
    /// From January.
    Year,
}

const PERIODS: [(&str, Period); 4] =
    [("day", Period::Day), ("week", Period::Week), ("month", Period::Month), ("year", Period::Year)];

/// Why words are no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not say which rows are free: first 1000, 1d each month, or older than 30d")]
pub struct FreeError(String);

impl FromStr for Free {
    type Err = FreeError;

    fn from_str(text: &str) -> Result<Self, FreeError> {
        let wrong = || FreeError(text.chars().take(80).collect());
        let span = |text: &str| parse_span(text.trim()).ok().filter(|&span| span > 0).ok_or_else(wrong);
        let words = text.trim();
        if let Some(rows) = words.strip_prefix("first ") {
            return rows.trim().parse().map(Self::First).map_err(|_| wrong());
        }
        if let Some(age) = words.strip_prefix("older than ") {
            return span(age).map(Self::Older);
        }
        let (length, period) = words.split_once(" each ").ok_or_else(wrong)?;
        let (_, period) = PERIODS.into_iter().find(|(name, _)| *name == period.trim()).ok_or_else(wrong)?;
        Ok(Self::Each(span(length)?, period))
    }
}

impl fmt::Display for Free {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let span = |nanoseconds: i64| jiff::SignedDuration::from_nanos(nanoseconds);
        match self {
            Self::First(rows) => write!(f, "first {rows}"),
            Self::Each(length, period) => {
                let name = PERIODS.iter().find(|(_, known)| known == period).map_or("", |(name, _)| *name);
                write!(f, "{:#} each {name}", span(*length))
            }
            Self::Older(age) => write!(f, "older than {:#}", span(*age)),
        }
    }
}

impl Free {
    /// The ranges of time that are free between two times, at a present; those of [`Self::First`] are not known by time.
    pub(crate) fn ranges(self, asked: &Range<i64>, now_ns: i64) -> Vec<Range<i64>> {
        let within = |range: Range<i64>| range.start.max(asked.start)..range.end.min(asked.end);
        let ranges = match self {
            Self::First(_) => vec![asked.clone()],
            Self::Older(age) => vec![within(i64::MIN..now_ns.saturating_sub(age))],
            Self::Each(length, period) => {
                let first = period.beginning(asked.start);
                let beginnings = std::iter::successors(first, |time| period.next(time)).take(RANGES_MAX);
                let range = |time: ZonedDateTime| {
                    let start = i64::try_from(time.timestamp().as_nanosecond()).ok()?;
                    let next = period.next(&time).map(|next| next.timestamp().as_nanosecond());
                    let next = next.and_then(|next| i64::try_from(next).ok()).unwrap_or(i64::MAX);
                    Some((start, within(start..next.min(start.saturating_add(length)))))
                };
                let begun = beginnings.map_while(range).take_while(|(start, _)| *start < asked.end);
                begun.map(|(_, range)| range).collect()
            }
        };
        ranges.into_iter().filter(|range| !range.is_empty()).collect()
    }
}

impl Period {
    /// The beginning of the period that a time lies in.
    fn beginning(self, time_ns: i64) -> Option<ZonedDateTime> {
        let time = Timestamp::from_nanosecond(time_ns.into()).ok()?.to_zoned_datetime(TimeZone::UTC);
        let day = time
            .round(jiff::ZonedDateTimeRound::new().smallest(Unit::Day).mode(jiff::RoundMode::Floor))
            .ok()?;
        match self {
            Self::Day => Some(day),
            Self::Week => day.checked_sub(Span::new().days(day.weekday().to_monday_zero_offset())).ok(),
            Self::Month => day.first_of_month().ok(),
            Self::Year => day.first_of_year().ok(),
        }
    }

    fn next(self, beginning: &ZonedDateTime) -> Option<ZonedDateTime> {
        let span = match self {
            Self::Day => Span::new().days(1),
            Self::Week => Span::new().weeks(1),
            Self::Month => Span::new().months(1),
            Self::Year => Span::new().years(1),
        };
        beginning.checked_add(span).ok()
    }
}

#[cfg(test)]
mod tests {
    use dazaar_table::times::parse_time;

    use super::*;

    const DAY_NS: i64 = 86_400_000_000_000;

    fn ns(text: &str) -> i64 {
        parse_time(text).unwrap()
    }

    #[test]
    fn words_are_rules_and_rules_are_words() {
        for (text, rule) in [
            ("first 1000", Free::First(1000)),
            ("1d each month", Free::Each(DAY_NS, Period::Month)),
            ("90m each day", Free::Each(DAY_NS / 16, Period::Day)),
            ("older than 24h", Free::Older(DAY_NS)),
        ] {
            assert_eq!(text.parse(), Ok(rule), "{text}");
            assert_eq!(rule.to_string().parse(), Ok(rule), "{rule}");
        }
        for text in
            ["", "first", "first -1", "all", "1d each moon", "each month", "older than", "older than 0s"]
        {
            assert!(text.parse::<Free>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_of_each_month_is_free() {
        let rule: Free = "1d each month".parse().unwrap();
        let asked = ns("2026-01-15")..ns("2026-04-01T12:00:00Z");
        let found = rule.ranges(&asked, 0);
        let expected = [
            ns("2026-02-01")..ns("2026-02-02"),
            ns("2026-03-01")..ns("2026-03-02"),
            ns("2026-04-01")..ns("2026-04-01T12:00:00Z"),
        ];
        assert_eq!(found, expected);
        let week: Free = "1h each week".parse().unwrap();
        // The 5th of January 2026 is a Monday.
        let found = week.ranges(&(ns("2026-01-01")..ns("2026-01-06")), 0);
        assert_eq!(found, [ns("2026-01-05")..ns("2026-01-05T01:00:00Z")]);
    }

    #[test]
    fn what_is_longer_than_the_period_is_free_once() {
        let rule: Free = "2d each day".parse().unwrap();
        let found = rule.ranges(&(ns("2026-01-01T06:00:00Z")..ns("2026-01-03")), 0);
        let expected = [ns("2026-01-01T06:00:00Z")..ns("2026-01-02"), ns("2026-01-02")..ns("2026-01-03")];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_old_is_free() {
        let rule: Free = "older than 24h".parse().unwrap();
        let now = ns("2026-03-03");
        assert_eq!(rule.ranges(&(i64::MIN..i64::MAX), now), [i64::MIN..ns("2026-03-02")]);
        assert_eq!(rule.ranges(&(ns("2026-03-02")..i64::MAX), now), []);
    }

    #[test]
    fn no_question_takes_long() {
        for rule in ["1d each month", "1s each day", "older than 1s", "first 5"] {
            let rule: Free = rule.parse().unwrap();
            for asked in [i64::MIN..i64::MAX, i64::MAX - 1..i64::MAX, 5..5, Range { start: 7, end: 3 }] {
                assert!(rule.ranges(&asked, i64::MIN).len() <= RANGES_MAX);
            }
        }
    }
}
