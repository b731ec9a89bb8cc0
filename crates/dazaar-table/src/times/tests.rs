use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;
/// 2026-01-05T09:30:00Z.
const NOW: i64 = 1_767_605_400 * SECOND;

#[test]
fn files_write_times_like_this() {
    for (text, ns) in [
        ("2026-01-05T09:30:00Z", NOW),
        ("2026-01-05t09:30:00z", NOW),
        ("2026-01-05 09:30:00", NOW),
        ("2026-01-05 09:30", NOW),
        ("2026-01-05T09:30Z", NOW),
        ("2026-01-05T10:30+01:00", NOW),
        ("2026-01-05 04:30:00-05:00", NOW),
        ("2026-01-05T09:30:00.000000001Z", NOW + 1),
        ("2026-01-05T09:30:00.5", NOW + SECOND / 2),
        ("2026-01-05T09:30:00.1234567899999Z", NOW + 123_456_789),
        ("2026-01-05", NOW - 34_200 * SECOND),
        ("1969-12-31T23:59:59Z", -SECOND),
    ] {
        assert_eq!(parse_time(text), Ok(ns), "{text}");
    }
    for text in [
        "",
        "2026",
        "09:30:00",
        "2026-13-01",
        "2026-02-30",
        "2026-01-05T",
        "2026-01-05T25:00:00Z",
        "2500-01-01",
    ] {
        let error = parse_time(text).unwrap_err().to_string();
        assert_eq!(error, format!("`{text}` is no time between 1677 and 2262 such as 2026-01-05T09:30:00Z"));
    }
}

#[test]
fn people_write_times_like_this() {
    let midnight = NOW - 34_200 * SECOND;
    for (text, ns) in [
        ("now", NOW),
        ("today", midnight),
        ("yesterday", midnight - 86_400 * SECOND),
        ("2026", midnight - 4 * 86_400 * SECOND),
        ("2026-01", midnight - 4 * 86_400 * SECOND),
        (" 2026-01-05 ", midnight),
        ("2026-01-05T09:30:00Z", NOW),
        ("2h ago", NOW - 7_200 * SECOND),
        ("30m ago", NOW - 1_800 * SECOND),
        ("1h30m ago", NOW - 5_400 * SECOND),
        ("250ms ago", NOW - SECOND / 4),
        ("1 day ago", NOW - 86_400 * SECOND),
        ("1 month ago", NOW - 31 * 86_400 * SECOND),
        ("0", 0),
        ("1767605400", NOW),
        ("1767605400000", NOW),
        ("1767605400000000", NOW),
        ("1767605400000000000", NOW),
    ] {
        assert_eq!(parse_moment(text, NOW), Ok(ns), "{text}");
    }
    for text in ["", "soon", "20260105", "99999999999", "2h", "ago", "x ago", "99999 years ago", "2026-1"] {
        let error = parse_moment(text, NOW).unwrap_err();
        assert_eq!(error, TimeError::NotAMoment { text: text.into() });
    }
    assert_eq!(
        parse_moment("soon", NOW).unwrap_err().to_string(),
        "`soon` is no time: write 2026-01-05T09:30:00Z, 2026-01-05, 2026-01, 2026, `2h ago`, now, today, yesterday, or the seconds or nanoseconds since 1970"
    );
}

#[test]
fn spans() {
    for (text, ns) in [
        ("250ms", 250_000_000),
        ("1h", 3_600 * SECOND),
        ("1d12h", 129_600 * SECOND),
        ("1d 12h", 129_600 * SECOND),
        ("0s", 0),
        ("7 days", 604_800 * SECOND),
        ("100ns", 100),
        ("1.5s", 1_500_000_000),
    ] {
        assert_eq!(parse_span(text), Ok(ns), "{text}");
    }
    for text in ["", "5", "h", "1 month", "1y", "-1h", "1h ago", "300000d"] {
        let error = parse_span(text).unwrap_err().to_string();
        assert_eq!(error, format!("`{text}` is no span of time such as 250ms, 1h or 1d12h"));
    }
}

#[test]
fn times_are_written_as_short_as_they_are() {
    assert_eq!(Rfc3339(NOW).to_string(), "2026-01-05T09:30:00Z");
    assert_eq!(Rfc3339(NOW + 500_000_000).to_string(), "2026-01-05T09:30:00.5Z");
    assert_eq!(Rfc3339(NOW + 1).to_string(), "2026-01-05T09:30:00.000000001Z");
    assert_eq!(Rfc3339(i64::MIN).to_string(), "1677-09-21T00:12:43.145224192Z");
    assert_eq!(Rfc3339(i64::MAX).to_string(), "2262-04-11T23:47:16.854775807Z");
}

proptest! {
    #[test]
    fn times_read_as_they_were_written(ns: i64) {
        let text = Rfc3339(ns).to_string();
        prop_assert_eq!(parse_time(&text), Ok(ns));
        prop_assert_eq!(parse_moment(&text, 0), Ok(ns));
    }

    #[test]
    fn no_text_panics(text in ".{0,40}", near in "[-+0-9:.TZ ago]{0,30}", now: i64) {
        for text in [text, near] {
            let _ = (parse_time(&text), parse_moment(&text, now), parse_span(&text));
        }
    }
}
