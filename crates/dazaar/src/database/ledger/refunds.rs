//! Refunds: recorded before the money leaves, given back if it does not.

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::Price;
use rusqlite::{TransactionBehavior, params};

use super::super::{Database, DatabaseError, OptionalExtension};
use super::Account;
use super::accounts::{account, open, return_refund, signed};
use super::receipts::Line;

/// What became of the wish for a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refunded {
    /// These units are not the buyer's balance any more: send them.
    New {
        /// How many.
        units: u64,
    },
    /// It is on record already: these units are not the buyer's balance any more.
    Again {
        /// How many.
        units: u64,
    },
    /// It is on record, and that it failed: these units are the buyer's again. Another attempt needs another name.
    Failed {
        /// How many.
        units: u64,
    },
}

impl Database {
    /// Takes up to `most` units off a balance, to be given back; once for each `reference` of a method. Call this first, then send
    /// the money, and [`refund_failed`](Self::refund_failed) if that is impossible.
    ///
    /// # Errors
    /// [`DatabaseError::RefundDiffers`] if another account's refund has this name, [`DatabaseError::Sqlite`],
    /// [`DatabaseError::Damaged`].
    pub fn refund(
        &self,
        (feed, buyer, price): (&FeedKey, &IdentityKey, &Price),
        most: u64,
        (method, reference): (&str, &[u8]),
        now_ms: i64,
    ) -> Result<Refunded, DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some((id, units)) = refund_of(&transaction, method, reference)? {
            let known = account(&transaction, id)?;
            if (&known.feed, &known.buyer, &known.price) != (feed, buyer, price) {
                return Err(DatabaseError::RefundDiffers);
            }
            let failed = has_failed(&transaction, method, reference)?;
            return Ok(if failed { Refunded::Failed { units } } else { Refunded::Again { units } });
        }
        let id = open(&transaction, feed, buyer, price, now_ms)?;
        let units = account(&transaction, id)?.meter.balance.min(most);
        let line = Line { method, reference, kind: "refund", block: &[], incarnation: 0, units, now_ms };
        line.insert(&transaction, Some(id), None, &[])?;
        let sql = "UPDATE account SET balance = balance - ?2, refunded = refunded + ?2 WHERE id = ?1";
        transaction.execute(sql, params![id, signed(units)])?;
        transaction.commit()?;
        Ok(Refunded::New { units })
    }

    /// The account of a refund on record.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn refunded_account(&self, method: &str, reference: &[u8]) -> Result<Option<Account>, DatabaseError> {
        let connection = self.connection();
        let found = refund_of(&connection, method, reference)?;
        found.map(|(id, _)| account(&connection, id)).transpose()
    }

    /// The money of a refund did not leave: it is the buyer's again. Counts once; false if it did before, or there is no such refund.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn refund_failed(&self, method: &str, reference: &[u8], now_ms: i64) -> Result<bool, DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some((id, units)) = refund_of(&transaction, method, reference)? else { return Ok(false) };
        let line =
            Line { method, reference, kind: "refund-failed", block: &[], incarnation: 0, units, now_ms };
        let is_new = line.insert(&transaction, Some(id), None, &[])?;
        if is_new {
            return_refund(&transaction, id, units)?;
        }
        transaction.commit()?;
        Ok(is_new)
    }
}

fn has_failed(
    connection: &rusqlite::Connection,
    method: &str,
    reference: &[u8],
) -> Result<bool, DatabaseError> {
    let sql = "SELECT 1 FROM entry WHERE method = ?1 AND reference = ?2 AND kind = 'refund-failed'";
    Ok(connection
        .prepare_cached(sql)?
        .query_row(params![method, reference], |_| Ok(()))
        .optional()?
        .is_some())
}

fn refund_of(
    connection: &rusqlite::Connection,
    method: &str,
    reference: &[u8],
) -> Result<Option<(i64, u64)>, DatabaseError> {
    let sql = "SELECT account, units FROM entry WHERE method = ?1 AND reference = ?2 AND kind = 'refund'";
    let row = connection
        .prepare_cached(sql)?
        .query_row(params![method, reference], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
    Ok(row.optional()?.map(|(account, units)| (account, u64::try_from(units).unwrap_or(0))))
}
