//! Time that the seller gives: grants and vouchers. It lies in accounts whose asset is time itself.

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::Price;
use rusqlite::{Connection, TransactionBehavior, params};

use super::ledger::{Credit, open_account, pay_account, take_all, time_credit_of};
use super::{Database, DatabaseError, OptionalExtension};

/// Credit for a buyer, under a name of its own.
pub(super) struct Grant<'a> {
    pub(super) method: &'a str,
    pub(super) reference: &'a [u8],
    pub(super) feed: &'a FeedKey,
    pub(super) buyer: &'a IdentityKey,
    /// Milliseconds; none admits until revoked.
    pub(super) amount_ms: Option<i64>,
    pub(super) now_ms: i64,
}

impl Database {
    /// Grants time, once per `id`; `None` admits until revoked. Returns what the buyer has now of what was granted.
    ///
    /// # Errors
    /// [`DatabaseError::GrantDiffers`] if another grant has this `id`, [`DatabaseError::TooMuch`] for more than can be counted.
    pub fn grant(
        &self,
        id: &str,
        feed: &FeedKey,
        buyer: &IdentityKey,
        amount_ms: Option<i64>,
        now_ms: i64,
    ) -> Result<Credit, DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let reference = id.as_bytes();
        let credit =
            grant(&transaction, &Grant { method: "grant", reference, feed, buyer, amount_ms, now_ms })?;
        transaction.commit()?;
        Ok(credit)
    }

    /// Takes back whatever a buyer has left, and returns what that was; none if they never had anything.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn revoke(
        &self,
        feed: &FeedKey,
        buyer: &IdentityKey,
        now_ms: i64,
    ) -> Result<Option<Credit>, DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = take_all(&transaction, feed, buyer, now_ms)?;
        transaction.commit()?;
        Ok(before)
    }
}

/// Gives a grant's credit, if it was not given yet.
pub(super) fn grant(connection: &Connection, grant: &Grant<'_>) -> Result<Credit, DatabaseError> {
    let account = open_account(connection, grant.feed, grant.buyer, &Price::of_time(), grant.now_ms)?;
    let kind = if grant.amount_ms.is_some() { "credit" } else { "admit" };
    let units = grant.amount_ms.unwrap_or(0).max(0);
    let sql = "INSERT INTO entry (method, reference, kind, block, account, units, at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
    let row = params![grant.method, grant.reference, kind, &[0_u8; 0][..], account, units, grant.now_ms];
    let is_new = connection.prepare_cached(sql)?.execute(row)? == 1;
    if !is_the_only(connection, grant, kind, account, units)? {
        let id = String::from_utf8_lossy(grant.reference).into_owned();
        return Err(DatabaseError::GrantDiffers { id });
    }
    match grant.amount_ms {
        Some(_) if is_new => pay_account(connection, account, units.unsigned_abs())?,
        None if is_new => {
            connection.execute("UPDATE account SET forever = 1 WHERE id = ?1", [account])?;
        }
        _ => {}
    }
    let credit = time_credit_of(connection, grant.feed, grant.buyer, grant.now_ms)?;
    Ok(credit.unwrap_or(Credit::Time { left_ms: 0 }))
}

/// Whether the name is this grant's and no other's: one for a time and one for good are two, too.
fn is_the_only(
    connection: &Connection,
    grant: &Grant<'_>,
    kind: &str,
    account: i64,
    units: i64,
) -> Result<bool, DatabaseError> {
    let sql = "SELECT 1 FROM entry WHERE method = ?1 AND reference = ?2
        AND NOT (kind = ?3 AND account = ?4 AND units = ?5)";
    let same = params![grant.method, grant.reference, kind, account, units];
    Ok(connection.query_row(sql, same, |_| Ok(())).optional()?.is_none())
}
