//! Time that buyers may still use.

use dazaar_log::{FeedKey, IdentityKey};
use rusqlite::{Connection, TransactionBehavior};

use super::{Database, DatabaseError, OptionalExtension};

/// What a buyer may still use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credit {
    /// Milliseconds of delivery, never below zero.
    Time {
        /// Milliseconds left.
        left_ms: i64,
    },
    /// Until it is revoked.
    Forever,
}

impl Database {
    /// Grants time, once per `id`; `None` admits until revoked. Returns what the buyer has now.
    ///
    /// # Errors
    /// [`DatabaseError::GrantDiffers`] if another grant has this `id`.
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
        let sql =
            "INSERT INTO time_grant (id, feed, buyer, amount_ms, granted_ms) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT DO NOTHING";
        let new = transaction.execute(sql, (id, feed.as_bytes(), buyer.as_bytes(), amount_ms, now_ms))? == 1;
        if !new && !is_recorded(&transaction, id, feed, buyer, amount_ms)? {
            return Err(DatabaseError::GrantDiffers { id: id.to_owned() });
        }
        if new {
            // The sum saturates: nobody is better served by an overflow.
            let left_ms = match credit(&transaction, feed, buyer)? {
                Some(Credit::Time { left_ms }) => left_ms.saturating_add(amount_ms.unwrap_or(0)).max(0),
                _ => amount_ms.unwrap_or(0).max(0),
            };
            let sql = "INSERT INTO credit (feed, buyer, left_ms, forever) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (feed, buyer) DO UPDATE SET left_ms = ?3, forever = forever OR ?4";
            transaction.execute(sql, (feed.as_bytes(), buyer.as_bytes(), left_ms, amount_ms.is_none()))?;
        }
        let credit = credit(&transaction, feed, buyer)?.unwrap_or(Credit::Time { left_ms: 0 });
        transaction.commit()?;
        Ok(credit)
    }

    /// Takes back whatever a buyer has left, and returns what that was.
    pub fn revoke(&self, feed: &FeedKey, buyer: &IdentityKey) -> Result<Option<Credit>, DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let before = credit(&transaction, feed, buyer)?;
        let sql = "UPDATE credit SET left_ms = 0, forever = 0 WHERE feed = ?1 AND buyer = ?2";
        transaction.execute(sql, (feed.as_bytes(), buyer.as_bytes()))?;
        transaction.commit()?;
        Ok(before)
    }

    /// Charges time that was delivered, never below zero, and returns what is left.
    pub fn charge(
        &self,
        feed: &FeedKey,
        buyer: &IdentityKey,
        amount_ms: i64,
    ) -> Result<Option<Credit>, DatabaseError> {
        let connection = self.connection();
        if amount_ms > 0 {
            let sql = "UPDATE credit SET left_ms = max(0, left_ms - ?3) WHERE feed = ?1 AND buyer = ?2 AND forever = 0";
            connection.prepare_cached(sql)?.execute((feed.as_bytes(), buyer.as_bytes(), amount_ms))?;
        }
        credit(&connection, feed, buyer)
    }
}

/// Whether exactly this grant is on record.
fn is_recorded(
    connection: &Connection,
    id: &str,
    feed: &FeedKey,
    buyer: &IdentityKey,
    amount_ms: Option<i64>,
) -> Result<bool, DatabaseError> {
    let sql = "SELECT 1 FROM time_grant WHERE id = ?1 AND feed = ?2 AND buyer = ?3 AND amount_ms IS ?4";
    let parameters = (id, feed.as_bytes(), buyer.as_bytes(), amount_ms);
    Ok(connection.query_row(sql, parameters, |_| Ok(())).optional()?.is_some())
}

fn credit(
    connection: &Connection,
    feed: &FeedKey,
    buyer: &IdentityKey,
) -> Result<Option<Credit>, DatabaseError> {
    let sql = "SELECT left_ms, forever FROM credit WHERE feed = ?1 AND buyer = ?2";
    let row = connection.prepare_cached(sql)?.query_row((feed.as_bytes(), buyer.as_bytes()), |row| {
        Ok(if row.get(1)? { Credit::Forever } else { Credit::Time { left_ms: row.get(0)? } })
    });
    Ok(row.optional()?)
}
