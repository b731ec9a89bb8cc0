//! Times: as files and people write them, and as we write them.
//!
//! Grade: plain. Everything is nanoseconds since 1970, UTC. The present comes in as an argument.

use std::fmt;

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use jiff::tz::TimeZone;
use jiff::{SpanRelativeTo, Timestamp, ToSpan, ZonedDateTime};

mod epoch;
mod number;

pub use epoch::Epoch;
pub(crate) use number::parse_scaled;

use crate::excerpt::excerpt;

/// The time that a file means by `text`: RFC 3339, a space in place of the `T`, or a date alone; without an offset it is UTC.
/// Digits of a second after the ninth are left out.
///
/// # Errors
/// Not such a text, or no time between 1677 and 2262.
pub fn parse_time(text: &str) -> Result<i64, TimeError> {
    string_to_timestamp_nanos(text)
        .or_else(|error| {
            // `2026-01-05 09:30`, which the parser wants with seconds.
            let minutes = text.as_bytes().get(13) == Some(&b':') && text.as_bytes().get(16) != Some(&b':');
            match (minutes, text.split_at_checked(16)) {
                (true, Some((head, tail))) => string_to_timestamp_nanos(&format!("{head}:00{tail}")),
                _ => Err(error),
            }
        })
        .map_err(|_| TimeError::NotATime { text: excerpt(text) })
}

/// The time that a person means by `text`: what [`parse_time`] reads, a month (`2026-03`) or a year (`2026`), which are
/// their beginnings, a number since 1970 (see [`Epoch::of`]), `now`, `today` and `yesterday` (their first moment, UTC), or
/// some time ago, such as `2h ago`, `30m ago`, `1 month ago`.
///
/// # Errors
/// None of these, or no time between 1677 and 2262.
pub fn parse_moment(text: &str, now_ns: i64) -> Result<i64, TimeError> {
    let text = text.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let error = || TimeError::NotAMoment { text: excerpt(text) };
    match text {
        "now" => return Ok(now_ns),
        "today" => return day(now_ns, 0).ok_or_else(error),
        "yesterday" => return day(now_ns, 1).ok_or_else(error),
        _ if text.len() == 4 && digits => return parse_time(&format!("{text}-01-01")),
        _ if text.len() == 7 && text.as_bytes()[4] == b'-' => return parse_time(&format!("{text}-01")),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>() {
        return Epoch::of(number).and_then(|epoch| epoch.nanoseconds(text)).ok_or_else(error);
    }
    if text.ends_with("ago") {
        return ago(text, now_ns).ok_or_else(error);
    }
    parse_time(text).map_err(|_| error())
}

/// The nanoseconds of a span such as `1h`, `250ms`, `1d 12h`: a day has 24 hours.
///
/// # Errors
/// Not such a text, less than nothing, months or years (which have no fixed length), or more than 292 years.
pub fn parse_span(text: &str) -> Result<i64, TimeError> {
    let nanoseconds = || {
        let span: jiff::Span = text.parse().ok()?;
        let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
        i64::try_from(duration.as_nanos()).ok().filter(|&nanoseconds| nanoseconds >= 0)
    };
    nanoseconds().ok_or_else(|| TimeError::NotASpan { text: excerpt(text) })
}

/// Shows a time, nanoseconds since 1970, as RFC 3339 in UTC with as many digits of the second as it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rfc3339(pub i64);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_nanosecond(self.0.into()) {
            Ok(time) => time.fmt(f),
            // Never: 64 bits of nanoseconds lie within the years that it knows.
            Err(_) => self.0.fmt(f),
        }
    }
}

fn utc(ns: i64) -> Option<ZonedDateTime> {
    Some(Timestamp::from_nanosecond(ns.into()).ok()?.to_zoned_datetime(TimeZone::UTC))
}

fn nanoseconds(time: &ZonedDateTime) -> Option<i64> {
    time.timestamp().as_nanosecond().try_into().ok()
}

/// The first moment of the day so many days before.
fn day(now_ns: i64, before: i64) -> Option<i64> {
    let now = utc(now_ns)?.checked_sub(before.days()).ok()?;
    nanoseconds(&now.start_of_day().ok()?)
}

fn ago(text: &str, now_ns: i64) -> Option<i64> {
    let span: jiff::Span = text.parse().ok()?;
    nanoseconds(&utc(now_ns)?.checked_add(span).ok()?)
}

/// Why text is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// Not what a file may write.
    #[error("`{text}` is no time between 1677 and 2262 such as 2026-01-05T09:30:00Z")]
    NotATime {
        /// The text.
        text: String,
    },
    /// Not what a person may write.
    #[error(
        "`{text}` is no time: write 2026-01-05T09:30:00Z, 2026-01-05, 2026-01, 2026, `2h ago`, now, today, yesterday, or the seconds or nanoseconds since 1970"
    )]
    NotAMoment {
        /// The text.
        text: String,
    },
    /// Not a span.
    #[error("`{text}` is no span of time such as 250ms, 1h or 1d12h")]
    NotASpan {
        /// The text.
        text: String,
    },
}

#[cfg(test)]
mod tests;
