//! Batches: coins that came together for an order. Each is one payment, and each coin is in one batch for ever.
//!
//! Grade: driver.

use cashu::PublicKey;
use dazaar::database::OrderId;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{signed, unsigned};
use crate::error::EcashError;

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Its name: a hash over the names of its coins.
    pub(crate) reference: Vec<u8>,
    /// What it is worth.
    pub(crate) sat: u64,
    /// Whether it is ours for certain.
    pub(crate) counts: bool,
    /// What makes it certain.
    pub(crate) operation: Option<i64>,
}

/// The order that a coin was handed over for.
pub(crate) fn order_of(connection: &Connection, y: &PublicKey) -> Result<Option<OrderId>, EcashError> {
    let sql = "SELECT order_id FROM seen JOIN batch ON batch.id = seen.batch WHERE y = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([y.to_bytes()], |row| row.get(0)).optional()?)
}

/// Records a payment that nobody has seen before.
pub(crate) fn put(
    connection: &Connection,
    order: &OrderId,
    batch: &Batch,
    ys: &[PublicKey],
) -> Result<(), EcashError> {
    let sql = "INSERT INTO batch (order_id, reference, sat, counts, operation) VALUES (?1, ?2, ?3, ?4, ?5)";
    let row = params![order, batch.reference, signed(batch.sat), batch.counts, batch.operation];
    connection.prepare_cached(sql)?.execute(row)?;
    let id = connection.last_insert_rowid();
    for y in ys {
        let sql = "INSERT INTO seen (y, batch) VALUES (?1, ?2)";
        connection.prepare_cached(sql)?.execute(params![y.to_bytes(), id])?;
    }
    Ok(())
}

/// The payments for an order, in the order in which they came.
pub(crate) fn of_order(connection: &Connection, order: &OrderId) -> Result<Vec<Batch>, EcashError> {
    let sql = "SELECT reference, sat, counts, operation FROM batch WHERE order_id = ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let batches = statement.query_map([order], |row| {
        Ok(Batch {
            reference: row.get(0)?,
            sat: unsigned(row.get(1)?),
            counts: row.get(2)?,
            operation: row.get(3)?,
        })
    })?;
    Ok(batches.collect::<Result<_, _>>()?)
}

/// What an operation redeemed is ours.
pub(crate) fn finish(connection: &Connection, operation: i64) -> Result<(), EcashError> {
    let sql = "UPDATE batch SET counts = 1, operation = NULL WHERE operation = ?1";
    connection.prepare_cached(sql)?.execute([operation])?;
    Ok(())
}
