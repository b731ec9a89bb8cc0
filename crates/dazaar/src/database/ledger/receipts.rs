//! Receipts: what the methods report. Each counts once.

use rusqlite::{Connection, TransactionBehavior, params};

use super::super::{Database, DatabaseError, OptionalExtension};
use super::accounts::{open, pay, reverse, signed};
use super::orders::account_of;
use super::{Account, OrderId};

/// What a method saw of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The payment's own name, for ever: a payment hash, a coin, a transaction with the number of its log.
    pub reference: Vec<u8>,
    /// The hash of the block that has it, on a chain; else empty. In another block it is another payment.
    pub block: Vec<u8>,
    /// For which order.
    pub order: Option<OrderId>,
    /// What came, whatever was asked.
    pub units: u64,
    /// Whether it stays.
    pub finality: Finality,
    /// What proves it, if anything does.
    pub evidence: Vec<u8>,
}

/// Whether a payment stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finality {
    /// It may still go away, and counts for nothing yet.
    Seen,
    /// It counts.
    Final,
    /// It is gone: its block is no longer on the chain.
    Reversed,
}

/// What became of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It counts now.
    New,
    /// It counted already.
    Again,
    /// Nobody knows for what it was paid: it waits to be claimed.
    Unclaimed,
    /// We heard before that its block is gone: it counts for nothing.
    Reversed,
}

impl Finality {
    const fn kind(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Final => "credit",
            Self::Reversed => "reversal",
        }
    }
}

impl Database {
    /// Takes in what a method reported, in its order, and moves the method's cursor: all of it or nothing. Once this returns the
    /// method may forget it.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`]. A payment that no account can hold is unclaimed.
    pub fn apply(
        &self,
        method: &str,
        receipts: &[Receipt],
        cursor: Option<&[u8]>,
        now_ms: i64,
    ) -> Result<Vec<Applied>, DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let applied = receipts.iter().map(|receipt| apply_one(&transaction, method, receipt, now_ms));
        let applied = applied.collect::<Result<Vec<_>, _>>()?;
        if let Some(position) = cursor {
            let sql = "INSERT INTO method_cursor (method, position) VALUES (?1, ?2)
                ON CONFLICT (method) DO UPDATE SET position = excluded.position";
            transaction.execute(sql, params![method, position])?;
        }
        transaction.commit()?;
        Ok(applied)
    }

    /// How far the reports of a method were taken in.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn cursor(&self, method: &str) -> Result<Option<Vec<u8>>, DatabaseError> {
        let sql = "SELECT position FROM method_cursor WHERE method = ?1";
        Ok(self.connection().query_row(sql, [method], |row| row.get(0)).optional()?)
    }

    /// Credits a payment that nobody could tell what it was for to the account that it was meant for; once.
    ///
    /// # Errors
    /// [`DatabaseError::NothingUnclaimed`] if there is no such payment, [`DatabaseError::TooMuch`].
    pub fn claim(
        &self,
        method: &str,
        reference: &[u8],
        account: &Account,
        now_ms: i64,
    ) -> Result<Applied, DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT block, units FROM entry WHERE method = ?1 AND reference = ?2 AND kind = 'credit'
            AND account IS NULL ORDER BY seq";
        let found: Vec<(Vec<u8>, i64)> = transaction
            .prepare_cached(sql)?
            .query_map(params![method, reference], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        if found.is_empty() {
            return Err(DatabaseError::NothingUnclaimed);
        }
        let id = open(&transaction, &account.feed, &account.buyer, &account.price, now_ms)?;
        let mut applied = Applied::Again;
        for (block, units) in found {
            let units = u64::try_from(units).unwrap_or(0);
            if exists(&transaction, method, reference, "reversal", &block)? {
                applied = Applied::Reversed;
                continue;
            }
            let line = Line { method, reference, kind: "claim", block: &block, units, now_ms };
            if line.insert(&transaction, Some(id), None, &[])? {
                applied = Applied::New;
                pay(&transaction, id, units)?;
            }
        }
        transaction.commit()?;
        Ok(applied)
    }
}

fn apply_one(
    connection: &Connection,
    method: &str,
    receipt: &Receipt,
    now_ms: i64,
) -> Result<Applied, DatabaseError> {
    let order = receipt.order;
    let account = order.map(|order| account_of(connection, &order)).transpose()?.flatten();
    let line = Line {
        method,
        reference: &receipt.reference,
        kind: receipt.finality.kind(),
        block: &receipt.block,
        units: receipt.units,
        now_ms,
    };
    match receipt.finality {
        Finality::Seen => line.insert(connection, account, order, &receipt.evidence).map(applied),
        Finality::Final => credit(connection, &line, account, order, &receipt.evidence),
        Finality::Reversed => {
            let paid = credited(connection, &line)?;
            // What never counted is taken from nobody.
            let account = paid.map(|(account, _)| account);
            let is_new = line.insert(connection, account, order, &receipt.evidence)?;
            if let (true, Some((account, units))) = (is_new, paid) {
                reverse(connection, account, units)?;
            }
            Ok(applied(is_new))
        }
    }
}

const fn applied(is_new: bool) -> Applied {
    if is_new { Applied::New } else { Applied::Again }
}

/// Credits a payment: to nobody if its order is not known, and to no effect if it was reversed before it came.
fn credit(
    connection: &Connection,
    line: &Line<'_>,
    account: Option<i64>,
    order: Option<OrderId>,
    evidence: &[u8],
) -> Result<Applied, DatabaseError> {
    if exists(connection, line.method, line.reference, line.kind, line.block)? {
        return Ok(Applied::Again);
    }
    reverse_elsewhere(connection, line)?;
    if exists(connection, line.method, line.reference, "reversal", line.block)? {
        line.insert(connection, None, order, evidence)?;
        return Ok(Applied::Reversed);
    }
    let account = match account.map(|account| (account, pay(connection, account, line.units))) {
        Some((account, Ok(()))) => Some(account),
        // The money came, whatever we can count.
        None | Some((_, Err(DatabaseError::TooMuch { .. }))) => None,
        Some((_, Err(error))) => return Err(error),
    };
    line.insert(connection, account, order, evidence)?;
    Ok(if account.is_some() { Applied::New } else { Applied::Unclaimed })
}

/// A transaction is in one block. If it counted in another, nobody told us that it is gone from there.
fn reverse_elsewhere(connection: &Connection, line: &Line<'_>) -> Result<(), DatabaseError> {
    let sql = "SELECT block, account, units FROM entry WHERE method = ?1 AND reference = ?2 AND block <> ?3
        AND kind IN ('credit', 'claim') AND account IS NOT NULL";
    let elsewhere: Vec<(Vec<u8>, i64, i64)> = connection
        .prepare_cached(sql)?
        .query_map(params![line.method, line.reference, line.block], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    for (block, account, units) in elsewhere {
        let units = u64::try_from(units).unwrap_or(0);
        let gone = Line { kind: "reversal", block: &block, units, ..*line };
        if gone.insert(connection, Some(account), None, &[])? {
            reverse(connection, account, units)?;
        }
    }
    Ok(())
}

/// An entry, but for whose it is.
pub(super) struct Line<'a> {
    pub(super) method: &'a str,
    pub(super) reference: &'a [u8],
    pub(super) kind: &'a str,
    pub(super) block: &'a [u8],
    pub(super) units: u64,
    pub(super) now_ms: i64,
}

impl Line<'_> {
    /// Writes the entry, unless it is there; whether it was not.
    pub(super) fn insert(
        &self,
        connection: &Connection,
        account: Option<i64>,
        order: Option<OrderId>,
        evidence: &[u8],
    ) -> Result<bool, DatabaseError> {
        let sql =
            "INSERT INTO entry (method, reference, kind, block, account, order_id, units, at_ms, evidence)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
        let evidence = (!evidence.is_empty()).then_some(evidence);
        let (order, units) = (order.map(|order| order.to_vec()), signed(self.units));
        let row = params![
            self.method,
            self.reference,
            self.kind,
            self.block,
            account,
            order,
            units,
            self.now_ms,
            evidence
        ];
        Ok(connection.prepare_cached(sql)?.execute(row)? == 1)
    }
}

fn exists(
    connection: &Connection,
    method: &str,
    reference: &[u8],
    kind: &str,
    block: &[u8],
) -> Result<bool, DatabaseError> {
    let sql = "SELECT 1 FROM entry WHERE method = ?1 AND reference = ?2 AND kind = ?3 AND block = ?4";
    let row = connection.prepare_cached(sql)?.query_row(params![method, reference, kind, block], |_| Ok(()));
    Ok(row.optional()?.is_some())
}

/// The account that this payment was credited to, and how much.
fn credited(connection: &Connection, line: &Line<'_>) -> Result<Option<(i64, u64)>, DatabaseError> {
    let sql = "SELECT account, units FROM entry WHERE method = ?1 AND reference = ?2 AND block = ?3
        AND kind IN ('credit', 'claim') AND account IS NOT NULL";
    let row =
        connection.prepare_cached(sql)?.query_row(params![line.method, line.reference, line.block], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?))
        });
    Ok(row.optional()?.map(|(account, units)| (account, u64::try_from(units).unwrap_or(0))))
}
