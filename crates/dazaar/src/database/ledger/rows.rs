//! Rows that were charged: each once, in whatever blocks it comes.

use std::ops::Range;

use dazaar_log::{FeedKey, IdentityKey};
use rusqlite::{Connection, params};

use super::super::{Database, DatabaseError};
use super::accounts::signed;

impl Database {
    /// The rows that a buyer was charged for by the row, in order: the runs of them that have one within a range.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn charged_rows(
        &self,
        feed: &FeedKey,
        buyer: &IdentityKey,
        within: &Range<u64>,
    ) -> Result<Vec<Range<u64>>, DatabaseError> {
        let (first, end) = (signed(within.start), signed(within.end));
        let sql = "SELECT first_row, end_row FROM charged_rows WHERE feed = ?1 AND buyer = ?2 AND first_row < ?4 AND end_row > ?3
            AND first_row >= coalesce((SELECT max(before.first_row) FROM charged_rows AS before
                WHERE before.feed = ?1 AND before.buyer = ?2 AND before.first_row <= ?3), ?3)
            ORDER BY first_row";
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![feed.as_bytes(), buyer.as_bytes(), first, end], |row| {
            Ok(row.get::<_, i64>(0)?.unsigned_abs()..row.get::<_, i64>(1)?.unsigned_abs())
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Records rows as charged, and returns how many of them were not.
pub(super) fn charge(
    connection: &Connection,
    feed: &FeedKey,
    buyer: &IdentityKey,
    rows: &Range<u64>,
) -> Result<u64, DatabaseError> {
    let (first, end) = (signed(rows.start), signed(rows.end));
    if first >= end {
        return Ok(0);
    }
    let sql = "SELECT first_row, end_row FROM charged_rows WHERE feed = ?1 AND buyer = ?2 AND first_row <= ?4 AND end_row >= ?3
        AND first_row >= coalesce((SELECT max(before.first_row) FROM charged_rows AS before
            WHERE before.feed = ?1 AND before.buyer = ?2 AND before.first_row <= ?3), ?3)";
    let runs: Vec<(i64, i64)> = connection
        .prepare_cached(sql)?
        .query_map(params![feed.as_bytes(), buyer.as_bytes(), first, end], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    let charged: i64 = runs.iter().map(|&(from, to)| to.min(end) - from.max(first)).sum();
    let (mut from, mut to) = (first, end);
    for run in &runs {
        (from, to) = (from.min(run.0), to.max(run.1));
        let sql = "DELETE FROM charged_rows WHERE feed = ?1 AND buyer = ?2 AND first_row = ?3";
        connection.prepare_cached(sql)?.execute(params![feed.as_bytes(), buyer.as_bytes(), run.0])?;
    }
    let sql = "INSERT INTO charged_rows (feed, buyer, first_row, end_row) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute(params![feed.as_bytes(), buyer.as_bytes(), from, to])?;
    Ok((end - first - charged).unsigned_abs())
}
