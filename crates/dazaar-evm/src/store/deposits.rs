//! Payments at derived addresses: on record before anybody hears of them.

use alloy_primitives::{Address, B256, U256};
use dazaar::database::OrderId;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use super::scans::put_scan;
use super::{Store, StoreError, bytes, signed, unsigned};

/// A payment that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Deposit {
    /// Its name.
    pub(crate) reference: B256,
    /// In which block.
    pub(crate) block: B256,
    /// How many blocks are before that.
    pub(crate) height: u64,
    /// How many units came.
    pub(crate) units: u64,
    /// The transaction.
    pub(crate) evidence: Vec<u8>,
}

impl Store {
    /// Records what was found for an order, and from which block the search goes on: both or neither. What is known stays with the
    /// order that it was found for.
    pub(crate) fn put_deposits(
        &self,
        order: &OrderId,
        deposits: &[Deposit],
        (scan, next): (&[u8], u64),
    ) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        deposits.iter().try_for_each(|deposit| put_deposit(&transaction, order, deposit))?;
        put_scan(&transaction, scan, next)?;
        Ok(transaction.commit()?)
    }

    /// What was found for an order.
    pub(crate) fn deposits(&self, order: &OrderId) -> Result<Vec<Deposit>, StoreError> {
        let connection = self.connection();
        let sql = "SELECT reference, block, height, units, evidence FROM deposit WHERE order_id = ?1 ORDER BY rowid";
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map([order], |row| {
            Ok(Deposit {
                reference: bytes(row, 0)?.into(),
                block: bytes(row, 1)?.into(),
                height: unsigned(row, 2)?,
                units: unsigned(row, 3)?,
                evidence: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether a payment is on record, for whichever order.
    pub(crate) fn has_deposit(&self, reference: &B256) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM deposit WHERE reference = ?1)";
        Ok(self.connection().query_row(sql, [reference.as_slice()], |row| row.get(0))?)
    }

    /// Whether what this transaction brought in this block is on record.
    pub(crate) fn has_deposit_of(&self, transaction: &B256, block: &B256) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM deposit WHERE evidence = ?1 AND block = ?2)";
        let row = params![transaction.as_slice(), block.as_slice()];
        Ok(self.connection().query_row(sql, row, |row| row.get(0))?)
    }

    /// Counts the coins at an address after the block of this height. If `deposit` makes one of what there is more than at the last count and
    /// of the number of payments before, it is recorded for an order. What there was after an older block was counted before.
    pub(crate) fn count_coins(
        &self,
        order: &OrderId,
        address: Address,
        (height, coins): (u64, U256),
        deposit: impl FnOnce(U256, u64) -> Option<Deposit>,
    ) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT counted, payments, height FROM coins WHERE address = ?1";
        let read = |row: &Row<'_>| Ok((bytes::<32>(row, 0)?, unsigned(row, 1)?, unsigned(row, 2)?));
        let before = transaction.query_row(sql, [address.as_slice()], read).optional()?;
        if before.is_some_and(|(_, _, counted_at)| height <= counted_at) {
            return Ok(());
        }
        // Of those who never pay nothing is written down.
        if before.is_none() && coins.is_zero() {
            return Ok(());
        }
        let (counted, payments, _) = before.unwrap_or_default();
        let more = coins.saturating_sub(U256::from_be_bytes(counted));
        let new = if more.is_zero() { None } else { deposit(more, payments) };
        if let Some(deposit) = &new {
            put_deposit(&transaction, order, deposit)?;
        }
        let sql = "INSERT INTO coins (address, counted, payments, height) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (address) DO UPDATE
            SET counted = excluded.counted, payments = excluded.payments, height = excluded.height";
        let payments = payments + u64::from(new.is_some());
        let row = params![address.as_slice(), coins.to_be_bytes::<32>(), signed(payments), signed(height)];
        transaction.execute(sql, row)?;
        Ok(transaction.commit()?)
    }
}

fn put_deposit(connection: &Connection, order: &OrderId, deposit: &Deposit) -> Result<(), StoreError> {
    let sql = "INSERT INTO deposit (reference, order_id, block, height, units, evidence) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (reference) DO UPDATE SET block = excluded.block, height = excluded.height";
    let row = params![
        deposit.reference.as_slice(),
        order,
        deposit.block.as_slice(),
        signed(deposit.height),
        signed(deposit.units),
        deposit.evidence,
    ];
    connection.execute(sql, row)?;
    Ok(())
}
