//! Orders: what a buyer is about to pay. On record before anybody is told how to pay.

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::Price;
use rusqlite::{Connection, params};

use super::super::{Database, DatabaseError, OptionalExtension};
use super::accounts::{open, signed};

/// The name of an order: the buyer's random choice.
pub type OrderId = [u8; 16];

/// What a buyer wants to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its name.
    pub id: OrderId,
    /// For what.
    pub feed: FeedKey,
    /// Who.
    pub buyer: IdentityKey,
    /// At which price, which is theirs from now on.
    pub price: Price,
    /// How.
    pub method: String,
    /// How much, in units of the price's asset.
    pub units: u64,
    /// Until when the buyer should pay. What is paid later counts all the same.
    pub expires_ms: i64,
}

impl Database {
    /// Records an order; once, however often it comes.
    ///
    /// # Errors
    /// [`DatabaseError::OrderDiffers`] if another order has this name.
    pub fn put_order(&self, order: &Order, now_ms: i64) -> Result<(), DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let account = open(&transaction, &order.feed, &order.buyer, &order.price, now_ms)?;
        let sql = "INSERT INTO orders (id, account, method, units, made_ms, expires_ms)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING";
        let (units, expires_ms) = (signed(order.units), order.expires_ms);
        let is_new = transaction
            .execute(sql, params![order.id, account, order.method, units, now_ms, expires_ms])?
            == 1;
        if !is_new {
            let sql = "SELECT 1 FROM orders WHERE id = ?1 AND account = ?2 AND method = ?3 AND units = ?4";
            let same = params![order.id, account, order.method, units];
            let is_same = transaction.query_row(sql, same, |_| Ok(())).optional()?.is_some();
            // Nothing of the attempt stays: the transaction is dropped.
            if !is_same {
                return Err(DatabaseError::OrderDiffers);
            }
        }
        Ok(transaction.commit()?)
    }
}

/// The account of an order, if there is such an order.
pub(super) fn account_of(connection: &Connection, order: &OrderId) -> Result<Option<i64>, DatabaseError> {
    let sql = "SELECT account FROM orders WHERE id = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([order], |row| row.get(0)).optional()?)
}
