//! Buyers who may pay without an order, and the order that is made for them once they have.

use dazaar_log::{FeedKey, IdentityKey};
use rusqlite::{TransactionBehavior, params};

use super::super::{Database, DatabaseError, OptionalExtension, key};
use super::accounts::open_unpaid;
use super::orders::Order;

/// How long a buyer may have been here before that is written down again.
const SEEN_MS: i64 = 60_000;

/// A buyer whose payments to one wallet are looked for without an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unordered {
    /// What the wallet wants to be reminded of.
    pub handle: String,
    /// Whether anything ever came.
    pub has_paid: bool,
}

impl Database {
    /// Records that the payments of a buyer are looked for, unless they are already. Of those who never paid there are at most
    /// `strangers_max` for each listing and wallet: who was not here for longest gives way.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn put_unordered(
        &self,
        (feed, buyer, wallet): (&FeedKey, &IdentityKey, &str),
        handle: &str,
        strangers_max: usize,
        now_ms: i64,
    ) -> Result<(), DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "INSERT INTO unordered (feed, buyer, wallet, handle, seen_ms) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT DO NOTHING";
        transaction.execute(sql, params![feed.as_bytes(), buyer.as_bytes(), wallet, handle, now_ms])?;
        let sql = "SELECT count(*) FROM unordered WHERE feed = ?1 AND wallet = ?2 AND has_paid = 0";
        let strangers: usize =
            transaction.query_row(sql, params![feed.as_bytes(), wallet], |row| row.get(0))?;
        let excess = strangers.saturating_sub(strangers_max);
        if excess > 0 {
            let sql = "DELETE FROM unordered WHERE feed = ?1 AND wallet = ?2 AND buyer IN (
                SELECT buyer FROM unordered WHERE feed = ?1 AND wallet = ?2 AND has_paid = 0 AND buyer <> ?3
                ORDER BY seen_ms, buyer LIMIT ?4)";
            transaction.execute(sql, params![feed.as_bytes(), wallet, buyer.as_bytes(), excess])?;
        }
        Ok(transaction.commit()?)
    }

    /// What is on record of a buyer whose payments are looked for.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn unordered(
        &self,
        (feed, buyer, wallet): (&FeedKey, &IdentityKey, &str),
    ) -> Result<Option<Unordered>, DatabaseError> {
        let sql = "SELECT handle, has_paid FROM unordered WHERE feed = ?1 AND buyer = ?2 AND wallet = ?3";
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql)?;
        let row = statement.query_row(params![feed.as_bytes(), buyer.as_bytes(), wallet], |row| {
            Ok(Unordered { handle: row.get(0)?, has_paid: row.get(1)? })
        });
        Ok(row.optional()?)
    }

    /// The buyer is here. Written down once a minute.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn see_unordered(
        &self,
        (feed, buyer, wallet): (&FeedKey, &IdentityKey, &str),
        now_ms: i64,
    ) -> Result<(), DatabaseError> {
        let sql = "UPDATE unordered SET seen_ms = ?4 WHERE feed = ?1 AND buyer = ?2 AND wallet = ?3 AND seen_ms < ?5";
        let row = params![feed.as_bytes(), buyer.as_bytes(), wallet, now_ms, now_ms - SEEN_MS];
        self.connection().prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    /// Who was here since a moment and has paid something, or has not: the last one first.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn unordered_buyers(
        &self,
        (feed, wallet): (&FeedKey, &str),
        has_paid: bool,
        since_ms: i64,
    ) -> Result<Vec<IdentityKey>, DatabaseError> {
        let sql = "SELECT buyer FROM unordered
            WHERE feed = ?1 AND wallet = ?2 AND has_paid = ?3 AND seen_ms >= ?4 ORDER BY seen_ms DESC, buyer";
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql)?;
        let row = params![feed.as_bytes(), wallet, i64::from(has_paid), since_ms];
        let buyers = statement.query_map(row, |row| key(row, 0))?;
        Ok(buyers.collect::<Result<_, _>>()?)
    }

    /// Makes the order under which a buyer's payments to a wallet count that were not ordered. There is one, and nobody else looks for
    /// its payments; what comes from now on counts at the price that it has now.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn book_unordered(&self, order: &Order, wallet: &str, now_ms: i64) -> Result<(), DatabaseError> {
        let (feed, buyer) = (order.feed.as_bytes(), order.buyer.as_bytes());
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let account = open_unpaid(&transaction, &order.feed, &order.buyer, &order.price, now_ms)?;
        let sql = "INSERT INTO orders (id, account, method, units, memo, made_ms, expires_ms, feed, closed)
            VALUES (?1, ?2, ?3, 0, '', ?4, ?4, ?5, 1)
            ON CONFLICT (id) DO UPDATE SET account = excluded.account";
        transaction.execute(sql, params![order.id, account, order.method, now_ms, feed])?;
        let sql = "UPDATE unordered SET has_paid = 1 WHERE feed = ?1 AND buyer = ?2 AND wallet = ?3 AND has_paid = 0";
        transaction.execute(sql, params![feed, buyer, wallet])?;
        Ok(transaction.commit()?)
    }
}
