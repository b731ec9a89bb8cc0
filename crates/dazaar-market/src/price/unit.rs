//! Units of what is sold.
//!
//! Grade: plain.

use super::{Basis, OfferError};
use crate::extension::display_text;

/// Names, what they count, and how much of it.
const UNITS: [(&[&str], Basis, u64); 14] = [
    (&["millisecond", "milliseconds", "ms"], Basis::Time, 1),
    (&["second", "seconds", "s"], Basis::Time, 1_000),
    (&["minute", "minutes", "min"], Basis::Time, 60_000),
    (&["hour", "hours", "h"], Basis::Time, 3_600_000),
    (&["day", "days", "d"], Basis::Time, 86_400_000),
    (&["week", "weeks"], Basis::Time, 604_800_000),
    (&["byte", "bytes", "b"], Basis::Bytes, 1),
    (&["kilobyte", "kilobytes", "kb"], Basis::Bytes, 1_000),
    (&["megabyte", "megabytes", "mb"], Basis::Bytes, 1_000_000),
    (&["gigabyte", "gigabytes", "gb"], Basis::Bytes, 1_000_000_000),
    (&["kibibyte", "kibibytes", "kib"], Basis::Bytes, 1 << 10),
    (&["mebibyte", "mebibytes", "mib"], Basis::Bytes, 1 << 20),
    (&["gibibyte", "gibibytes", "gib"], Basis::Bytes, 1 << 30),
    (&["record", "records", "row", "rows"], Basis::Records, 1),
];

/// What a unit counts, and how much of it.
pub(super) fn unit(text: &str) -> Result<(Basis, u64), OfferError> {
    let lower = text.to_ascii_lowercase();
    if ["month", "months", "year", "years"].contains(&lower.as_str()) {
        return Err(OfferError::NoFixedLength { unit: display_text(text) });
    }
    let known = UNITS.iter().find(|(names, ..)| names.contains(&lower.as_str()));
    let (_, basis, count) = known.ok_or_else(|| OfferError::UnknownUnit { unit: display_text(text) })?;
    Ok((*basis, *count))
}

/// The unit in which a quantity is written down exactly.
pub(super) const fn smallest(basis: Basis) -> &'static str {
    match basis {
        Basis::Time => "millisecond",
        Basis::Bytes => "byte",
        Basis::Records => "record",
    }
}

/// The units in which a price is shown, best first.
pub(super) const fn shown(basis: Basis) -> &'static [(&'static str, u64)] {
    match basis {
        Basis::Time => &[("hour", 3_600_000), ("minute", 60_000), ("second", 1_000), ("millisecond", 1)],
        Basis::Bytes => &[("MB", 1_000_000), ("kB", 1_000), ("byte", 1)],
        Basis::Records => &[("row", 1)],
    }
}
