//! Orders: what a buyer is about to pay. On record before anybody is told how to pay.

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::Price;
use rusqlite::{Connection, Row, params};

use super::super::{Database, DatabaseError, OptionalExtension, key};
use super::accounts::{open_unpaid, parse_price, signed};
use crate::payment::Demand;

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
    /// What the payment is called where others may read it.
    pub memo: String,
    /// Until when the buyer should pay. What is paid later counts all the same.
    pub expires_ms: i64,
}

/// An order on record, and how it can be paid if a wallet has said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRecord {
    /// The order.
    pub order: Order,
    /// What the buyer is told.
    pub demand: Option<Demand>,
    /// The wallet that said so, and that is asked for the payment.
    pub wallet: Option<String>,
    /// When it was made.
    pub made_ms: i64,
    /// Nobody looks for its payment any more: it is paid, or expired long ago.
    pub closed: bool,
}

/// How many orders may be waiting to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLimits {
    /// Of one buyer for one listing, while they may be paid.
    pub of_buyer: usize,
    /// Of all buyers for one listing, made in the last quarter of an hour: some may be paid for a week, and strangers must not be able
    /// to fill a shop for so long.
    pub of_feed: usize,
}

/// How long an order counts among those of all buyers.
const COUNTED_MS: i64 = 15 * 60 * 1000;

impl OrderLimits {
    /// Whether there are more with the new one.
    fn are_exceeded(self, connection: &Connection, order: &Order, now_ms: i64) -> rusqlite::Result<bool> {
        let sql = "SELECT coalesce(sum(CASE WHEN made_ms > ?4 THEN 1 ELSE 0 END), 0),
                coalesce(sum(CASE WHEN buyer = ?2 THEN 1 ELSE 0 END), 0)
            FROM orders JOIN account ON account.id = orders.account
            WHERE orders.closed = 0 AND orders.expires_ms > ?3 AND feed = ?1";
        let row = params![order.feed.as_bytes(), order.buyer.as_bytes(), now_ms, now_ms - COUNTED_MS];
        let (all, theirs): (usize, usize) =
            connection.prepare_cached(sql)?.query_row(row, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(all > self.of_feed || theirs > self.of_buyer)
    }
}

/// A payment of an order that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPayment {
    /// Its own name.
    pub reference: Vec<u8>,
    /// What came, in units of the price's asset.
    pub units: u64,
    /// When it was counted.
    pub time_ms: i64,
}

impl Database {
    /// Records an order; once, however often it comes.
    ///
    /// # Errors
    /// [`DatabaseError::OrderDiffers`] if another order has this name.
    pub fn put_order(&self, order: &Order, now_ms: i64) -> Result<(), DatabaseError> {
        self.put_order_within(order, OrderLimits { of_buyer: usize::MAX, of_feed: usize::MAX }, now_ms)
    }

    /// The same, unless it is new and there are so many already that may still be paid.
    ///
    /// # Errors
    /// [`DatabaseError::OrderDiffers`], [`DatabaseError::TooManyOrders`].
    pub fn put_order_within(
        &self,
        order: &Order,
        limits: OrderLimits,
        now_ms: i64,
    ) -> Result<(), DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let account = open_unpaid(&transaction, &order.feed, &order.buyer, &order.price, now_ms)?;
        let sql = "INSERT INTO orders (id, account, method, units, memo, made_ms, expires_ms)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
        let (units, expires_ms) = (signed(order.units), order.expires_ms);
        let is_new = transaction
            .execute(sql, params![order.id, account, order.method, units, order.memo, now_ms, expires_ms])?
            == 1;
        if !is_new {
            let sql = "SELECT 1 FROM orders WHERE id = ?1 AND account = ?2 AND method = ?3 AND units = ?4";
            let same = params![order.id, account, order.method, units];
            let is_same = transaction.query_row(sql, same, |_| Ok(())).optional()?.is_some();
            // Nothing of the attempt stays: the transaction is dropped.
            if !is_same {
                return Err(DatabaseError::OrderDiffers);
            }
        } else if limits.are_exceeded(&transaction, order, now_ms)? {
            return Err(DatabaseError::TooManyOrders);
        }
        Ok(transaction.commit()?)
    }

    /// Records how an order can be paid, until when, and which wallet says so. The first answer stays.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn put_demand(
        &self,
        id: &OrderId,
        demand: &Demand,
        (wallet, expires_ms): (&str, i64),
    ) -> Result<(), DatabaseError> {
        let sql = "UPDATE orders SET request = ?2, handle = ?3, wallet = ?4, expires_ms = ?5
            WHERE id = ?1 AND request IS NULL";
        let row = params![id, demand.request, demand.handle, wallet, expires_ms];
        self.connection().prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    /// The order of this name.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn order(&self, id: &OrderId) -> Result<Option<OrderRecord>, DatabaseError> {
        let connection = self.connection();
        let sql = format!("{SELECT} WHERE orders.id = ?1");
        connection.prepare_cached(&sql)?.query_row([id], record).optional()?.transpose()
    }

    /// The orders of a listing whose payment is looked for, the oldest first. A damaged record keeps nobody else waiting.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn open_orders(&self, feed: &FeedKey) -> Result<Vec<OrderRecord>, DatabaseError> {
        let connection = self.connection();
        let sql = format!(
            "{SELECT} WHERE orders.closed = 0 AND request IS NOT NULL AND feed = ?1 ORDER BY made_ms, orders.id"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let records = statement.query_map([feed.as_bytes()], record)?;
        Ok(records.collect::<Result<Vec<_>, _>>()?.into_iter().filter_map(Result::ok).collect())
    }

    /// The payment of an order is not looked for any more.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn close_order(&self, id: &OrderId) -> Result<(), DatabaseError> {
        self.connection().prepare_cached("UPDATE orders SET closed = 1 WHERE id = ?1")?.execute([id])?;
        Ok(())
    }

    /// What was paid for an order and counts, first come first.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn order_payments(&self, id: &OrderId) -> Result<Vec<OrderPayment>, DatabaseError> {
        let sql = "SELECT reference, units, at_ms FROM entry WHERE order_id = ?1 AND kind = 'credit'
            AND NOT EXISTS (SELECT 1 FROM entry AS gone WHERE gone.method = entry.method
                AND gone.reference = entry.reference AND gone.kind = 'reversal'
                AND gone.block = entry.block AND gone.incarnation = entry.incarnation)
            ORDER BY seq";
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql)?;
        let payments = statement.query_map([id], |row| {
            Ok(OrderPayment {
                reference: row.get(0)?,
                units: row.get::<_, i64>(1)?.unsigned_abs(),
                time_ms: row.get(2)?,
            })
        })?;
        Ok(payments.collect::<Result<_, _>>()?)
    }
}

const SELECT: &str =
    "SELECT orders.id, feed, buyer, price, method, units, memo, expires_ms, request, handle, made_ms,
    orders.closed, wallet FROM orders JOIN account ON account.id = orders.account";

/// A record, unless its price is damaged.
fn record(row: &Row<'_>) -> rusqlite::Result<Result<OrderRecord, DatabaseError>> {
    let price = match parse_price(&row.get::<_, String>(3)?) {
        Ok(price) => price,
        Err(error) => return Ok(Err(error)),
    };
    let demand = match (row.get(8)?, row.get(9)?) {
        (Some(request), Some(handle)) => Some(Demand { request, handle }),
        _ => None,
    };
    let order = Order {
        id: row.get(0)?,
        feed: key(row, 1)?,
        buyer: key(row, 2)?,
        price,
        method: row.get(4)?,
        units: row.get::<_, i64>(5)?.unsigned_abs(),
        memo: row.get(6)?,
        expires_ms: row.get(7)?,
    };
    let (made_ms, closed, wallet) = (row.get(10)?, row.get(11)?, row.get(12)?);
    Ok(Ok(OrderRecord { order, demand, wallet, made_ms, closed }))
}

/// The account of an order, if there is such an order.
pub(super) fn account_of(connection: &Connection, order: &OrderId) -> Result<Option<i64>, DatabaseError> {
    let sql = "SELECT account FROM orders WHERE id = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([order], |row| row.get(0)).optional()?)
}
