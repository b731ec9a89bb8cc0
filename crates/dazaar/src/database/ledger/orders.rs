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

/// How many orders may be open at once: those whose payment is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLimits {
    /// Of one buyer for one listing, while they are unpaid and may be paid.
    pub of_buyer: usize,
    /// For one listing, of buyers who never paid anything for it, made in the last quarter of an hour: each has a wallet asked.
    pub of_strangers: usize,
    /// For one listing, of all buyers. Beyond it the payment of some is not looked for any more, until their buyer asks again.
    pub of_feed: usize,
}

/// How long an order counts among those of strangers.
const COUNTED_MS: i64 = 15 * 60 * 1000;

/// Whether a buyer has paid anything for the listing, at any price.
const IS_KNOWN: &str = "EXISTS (SELECT 1 FROM account AS theirs
    WHERE theirs.feed = account.feed AND theirs.buyer = account.buyer AND theirs.paid > 0)";

impl OrderLimits {
    /// No limits.
    const NONE: Self = Self { of_buyer: usize::MAX, of_strangers: usize::MAX, of_feed: usize::MAX };

    /// Makes room for an order, which is on record: those of strangers give way first, then expired ones, then the oldest. A stranger's
    /// takes the place of strangers' only.
    fn make_room(self, connection: &Connection, order: &Order, now_ms: i64) -> Result<(), DatabaseError> {
        let (feed, buyer) = (order.feed.as_bytes(), order.buyer.as_bytes());
        // Nobody was told how to pay these.
        let sql = "UPDATE orders SET closed = 1
            WHERE feed = ?1 AND closed = 0 AND request IS NULL AND expires_ms <= ?2 AND id <> ?3";
        connection.prepare_cached(sql)?.execute(params![feed, now_ms, order.id])?;
        let sql = format!(
            "SELECT count(*),
                coalesce(sum(CASE WHEN made_ms > ?3 AND NOT {IS_KNOWN} THEN 1 ELSE 0 END), 0),
                coalesce(sum(CASE WHEN buyer = ?2 AND expires_ms > ?4 AND NOT EXISTS (SELECT 1 FROM entry
                    WHERE order_id = orders.id AND kind = 'credit') THEN 1 ELSE 0 END), 0),
                coalesce(max(CASE WHEN orders.id = ?5 AND {IS_KNOWN} THEN 1 ELSE 0 END), 0)
            FROM orders JOIN account ON account.id = orders.account WHERE orders.feed = ?1 AND orders.closed = 0"
        );
        let row = params![feed, buyer, now_ms - COUNTED_MS, now_ms, order.id];
        let (all, strangers, theirs, is_known): (usize, usize, usize, bool) = connection
            .prepare_cached(&sql)?
            .query_row(row, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        if theirs > self.of_buyer || !is_known && strangers > self.of_strangers {
            return Err(DatabaseError::TooManyOrders);
        }
        let excess = all.saturating_sub(self.of_feed);
        if excess == 0 {
            return Ok(());
        }
        let sql = format!(
            "UPDATE orders SET closed = 1 WHERE id IN (
                SELECT orders.id FROM orders JOIN account ON account.id = orders.account
                WHERE orders.feed = ?1 AND orders.closed = 0 AND orders.id <> ?2 AND (?3 = 1 OR NOT {IS_KNOWN})
                ORDER BY {IS_KNOWN}, CASE WHEN expires_ms > ?4 THEN 1 ELSE 0 END, made_ms LIMIT ?5)"
        );
        let row = params![feed, order.id, is_known, now_ms, excess];
        let made = connection.prepare_cached(&sql)?.execute(row)?;
        if made == excess { Ok(()) } else { Err(DatabaseError::TooManyOrders) }
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
        self.put_order_within(order, OrderLimits::NONE, now_ms)
    }

    /// The same, unless it is new and there is no room for it.
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
        let sql = "INSERT INTO orders (id, account, method, units, memo, made_ms, expires_ms, feed)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
        let (units, expires_ms, feed) = (signed(order.units), order.expires_ms, order.feed.as_bytes());
        let row = params![order.id, account, order.method, units, order.memo, now_ms, expires_ms, feed];
        let is_new = transaction.execute(sql, row)? == 1;
        if !is_new {
            let sql = "SELECT 1 FROM orders WHERE id = ?1 AND account = ?2 AND method = ?3 AND units = ?4";
            let same = params![order.id, account, order.method, units];
            let is_same = transaction.query_row(sql, same, |_| Ok(())).optional()?.is_some();
            // Nothing of the attempt stays: the transaction is dropped.
            if !is_same {
                return Err(DatabaseError::OrderDiffers);
            }
        } else {
            limits.make_room(&transaction, order, now_ms)?;
        }
        Ok(transaction.commit()?)
    }

    /// The payment of an order that was closed is looked for again, if there is room.
    ///
    /// # Errors
    /// [`DatabaseError::TooManyOrders`].
    pub fn reopen_order(&self, order: &Order, limits: OrderLimits, now_ms: i64) -> Result<(), DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute("UPDATE orders SET closed = 0 WHERE id = ?1", [order.id])?;
        limits.make_room(&transaction, order, now_ms)?;
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
            "{SELECT} WHERE orders.closed = 0 AND request IS NOT NULL AND orders.feed = ?1 ORDER BY made_ms, orders.id"
        );
        let mut statement = connection.prepare_cached(&sql)?;
        let records = statement.query_map([feed.as_bytes()], record)?;
        Ok(records.collect::<Result<Vec<_>, _>>()?.into_iter().filter_map(Result::ok).collect())
    }

    /// The newest order of a buyer whose payment is looked for at a wallet.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn open_order_at(
        &self,
        feed: &FeedKey,
        buyer: &IdentityKey,
        wallet: &str,
    ) -> Result<Option<OrderRecord>, DatabaseError> {
        let connection = self.connection();
        let sql = format!(
            "{SELECT} WHERE orders.closed = 0 AND orders.feed = ?1 AND buyer = ?2 AND wallet = ?3
            ORDER BY made_ms DESC, orders.id LIMIT 1"
        );
        let row = params![feed.as_bytes(), buyer.as_bytes(), wallet];
        connection.prepare_cached(&sql)?.query_row(row, record).optional()?.transpose()
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
    "SELECT orders.id, account.feed, buyer, price, method, units, memo, expires_ms, request, handle, made_ms,
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
