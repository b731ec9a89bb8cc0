//! The ledger as an accountant reads it.

use dazaar_log::{FeedKey, IdentityKey};
use rusqlite::{Row, params};

use super::super::{Database, DatabaseError, key, optional_key};

/// One line: a movement, or what was delivered to one account on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLine {
    /// When: of a delivery, the beginning of its day, UTC.
    pub time_ms: i64,
    /// `delivery`, or the kind of an entry.
    pub kind: String,
    /// How it was paid; empty for deliveries.
    pub method: String,
    /// The payment's own name; empty for deliveries.
    pub reference: Vec<u8>,
    /// The listing; none if nobody knows for what it was paid.
    pub feed: Option<FeedKey>,
    /// The buyer.
    pub buyer: Option<IdentityKey>,
    /// What is counted.
    pub asset: Option<String>,
    /// How much, in units of the asset.
    pub units: i64,
}

impl LedgerLine {
    /// What the line adds to what was paid (above zero) or uses of it (below); zero if it says something else.
    pub fn change(&self) -> i64 {
        match self.kind.as_str() {
            "credit" | "claim" | "refund-failed" if self.feed.is_some() => self.units,
            "delivery" | "refund" | "reversal" | "revoke" if self.feed.is_some() => -self.units,
            _ => 0,
        }
    }
}

/// What all accounts of a listing in one asset come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerTotal {
    /// The listing.
    pub feed: FeedKey,
    /// What is counted.
    pub asset: String,
    /// Buyers with an account.
    pub buyers: i64,
    /// Paid and not reversed.
    pub paid: i64,
    /// Delivered.
    pub delivered: i64,
    /// Given back.
    pub refunded: i64,
    /// Taken back.
    pub revoked: i64,
    /// Delivered for payments that were reversed.
    pub short: i64,
    /// Left.
    pub left: i64,
}

impl Database {
    /// Every movement and delivery from one time up to but not another, in order of time.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn ledger(&self, from_ms: i64, to_ms: i64) -> Result<Vec<LedgerLine>, DatabaseError> {
        let sql = "SELECT at_ms, kind, method, reference, feed, buyer, asset, units, 0 AS part, seq
            FROM entry LEFT JOIN account ON account.id = entry.account WHERE at_ms >= ?1 AND at_ms < ?2
            UNION ALL
            SELECT day * 86400000, 'delivery', '', NULL, feed, buyer, asset, units, 1, account
            FROM delivery JOIN account ON account.id = delivery.account
            WHERE day * 86400000 >= ?1 AND day * 86400000 < ?2
            ORDER BY 1, 9, 10";
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql)?;
        let lines = statement.query_map(params![from_ms, to_ms], line)?;
        Ok(lines.collect::<Result<_, _>>()?)
    }

    /// What every listing comes to, in every asset.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn ledger_totals(&self) -> Result<Vec<LedgerTotal>, DatabaseError> {
        let sql = "SELECT feed, asset, count(DISTINCT buyer), sum(paid), sum(delivered), sum(refunded),
            sum(revoked), sum(short), sum(balance) FROM account GROUP BY feed, asset ORDER BY feed, asset";
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql)?;
        let totals = statement.query_map([], total)?;
        Ok(totals.collect::<Result<_, _>>()?)
    }
}

fn line(row: &Row<'_>) -> rusqlite::Result<LedgerLine> {
    Ok(LedgerLine {
        time_ms: row.get(0)?,
        kind: row.get(1)?,
        method: row.get(2)?,
        reference: row.get::<_, Option<_>>(3)?.unwrap_or_default(),
        feed: optional_key(row, 4)?,
        buyer: optional_key(row, 5)?,
        asset: row.get(6)?,
        units: row.get(7)?,
    })
}

fn total(row: &Row<'_>) -> rusqlite::Result<LedgerTotal> {
    Ok(LedgerTotal {
        feed: key(row, 0)?,
        asset: row.get(1)?,
        buyers: row.get(2)?,
        paid: row.get(3)?,
        delivered: row.get(4)?,
        refunded: row.get(5)?,
        revoked: row.get(6)?,
        short: row.get(7)?,
        left: row.get(8)?,
    })
}
