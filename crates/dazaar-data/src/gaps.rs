//! Spans of time without any row. Only segments that are long enough to have one inside are read; of all others the index says
//! enough.

use std::ops::RangeInclusive;

use arrow::array::AsArray as _;
use arrow::datatypes::TimestampNanosecondType;
use dazaar_table::read::{Plan, Query};

use crate::error::TableError;
use crate::table::Table;

/// The spans between two rows of a table, in nanoseconds, that are longer than `span`, in order. The ends are times of rows.
///
/// # Errors
/// The index or rows cannot be had.
pub async fn gaps(table: &Table, span: i64) -> Result<Vec<(i64, i64)>, TableError> {
    let mut plan = table.plan(Query::default()).await?;
    let (long, short): (Vec<_>, Vec<_>) = std::mem::take(&mut plan.segments)
        .into_iter()
        .partition(|entry| entry.latest.saturating_sub(entry.earliest) > span);
    let mut covered: Vec<RangeInclusive<i64>> =
        short.iter().map(|entry| entry.earliest..=entry.latest).collect();
    plan.segments = long;
    plan.selection.columns = vec![plan.schema.time()];
    covered.extend(times(table, plan, span).await?);
    Ok(between(covered, span))
}

/// Ranges that are kept before they are merged.
const RANGES_MERGED: usize = 1 << 18;

/// What the rows of a plan cover.
async fn times(table: &Table, plan: Plan, span: i64) -> Result<Vec<RangeInclusive<i64>>, TableError> {
    let mut covered: Vec<RangeInclusive<i64>> = Vec::new();
    let mut rows = table.read(plan);
    loop {
        let batch = match rows.next().await {
            // What is gone is a gap.
            Err(TableError::Gone { .. }) => continue,
            batch => batch?,
        };
        let Some(batch) = batch else { return Ok(covered) };
        let times = batch.column(0).as_primitive::<TimestampNanosecondType>().values();
        covered.extend(times.iter().map(|&time| time..=time));
        // Rows that are close to each other are one.
        if covered.len() > RANGES_MERGED {
            covered = merged(covered, span);
        }
    }
}

/// The same ranges in order, those in one that are no further apart than `span`.
fn merged(mut covered: Vec<RangeInclusive<i64>>, span: i64) -> Vec<RangeInclusive<i64>> {
    covered.sort_by_key(|range| *range.start());
    let mut merged: Vec<RangeInclusive<i64>> = Vec::new();
    for range in covered {
        match merged.last_mut() {
            Some(last) if range.start().saturating_sub(*last.end()) <= span => {
                *last = *last.start()..=*last.end().max(range.end());
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// The spans between ranges that are longer than `span`.
fn between(covered: Vec<RangeInclusive<i64>>, span: i64) -> Vec<(i64, i64)> {
    merged(covered, span).windows(2).map(|pair| (*pair[0].end(), *pair[1].start())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_covers_is_a_gap() {
        assert_eq!(between(vec![], 1), []);
        assert_eq!(between(vec![5..=9], 1), []);
        assert_eq!(between(vec![20..=30, 1..=5, 3..=15], 4), [(15, 20)]);
        assert_eq!(between(vec![20..=30, 1..=5, 3..=15], 5), []);
        // A long one hides what lies within.
        assert_eq!(between(vec![1..=100, 10..=20, 50..=60], 4), []);
        assert_eq!(between(vec![i64::MIN..=i64::MIN, i64::MAX..=i64::MAX], 4), [(i64::MIN, i64::MAX)]);
    }
}
