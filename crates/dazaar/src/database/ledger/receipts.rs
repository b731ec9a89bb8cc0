//! Receipts: what the methods report. Each counts once.

use std::collections::BTreeSet;

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
    /// The hash of the block that has it, on a chain; else empty. It is in one block at a time: the latest report says in which.
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
    /// It waited to be claimed, but its block is gone: it counts for nothing.
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

    /// The reports that say something new, and whatever else is said of the same payments: what [`apply`](Self::apply) need be asked about.
    /// Nobody who writes waits for it.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn news(&self, method: &str, receipts: &[Receipt]) -> Result<Vec<Receipt>, DatabaseError> {
        let mut new = BTreeSet::new();
        for receipt in receipts {
            let standing = Standing::of(&self.connection(), method, &receipt.reference, &receipt.block)?;
            if !standing.agrees(receipt.finality) {
                new.insert(&receipt.reference);
            }
        }
        Ok(receipts.iter().filter(|receipt| new.contains(&receipt.reference)).cloned().collect())
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
        let Some(found) = unclaimed(&transaction, method, reference)? else {
            return Err(DatabaseError::NothingUnclaimed);
        };
        if found.is_gone {
            return Ok(Applied::Reversed);
        }
        let id = open(&transaction, &account.feed, &account.buyer, &account.price, now_ms)?;
        let Unclaimed { block, incarnation, units, .. } = found;
        let line = Line { method, reference, kind: "claim", block: &block, incarnation, units, now_ms };
        let is_new = line.insert(&transaction, Some(id), None, &[])?;
        if is_new {
            pay(&transaction, id, units)?;
        }
        transaction.commit()?;
        Ok(applied(is_new))
    }
}

/// A payment that was credited to nobody.
struct Unclaimed {
    block: Vec<u8>,
    incarnation: i64,
    units: u64,
    is_gone: bool,
}

/// The payment of this name that was credited to nobody, as it was reported last: one that stands, if there is one.
fn unclaimed(
    connection: &Connection,
    method: &str,
    reference: &[u8],
) -> Result<Option<Unclaimed>, DatabaseError> {
    let sql = "SELECT block, incarnation, units, EXISTS (SELECT 1 FROM entry AS gone
            WHERE gone.method = entry.method AND gone.reference = entry.reference AND gone.kind = 'reversal'
            AND gone.block = entry.block AND gone.incarnation = entry.incarnation) AS is_gone
        FROM entry WHERE method = ?1 AND reference = ?2 AND kind = 'credit' AND account IS NULL
        ORDER BY is_gone, seq DESC LIMIT 1";
    let row = connection.prepare_cached(sql)?.query_row(params![method, reference], |row| {
        Ok(Unclaimed {
            block: row.get(0)?,
            incarnation: row.get(1)?,
            units: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
            is_gone: row.get(3)?,
        })
    });
    Ok(row.optional()?)
}

/// What the reports so far say of a payment in one block.
#[derive(Clone, Copy)]
enum Standing {
    /// Neither that it counts nor that it is gone.
    Unknown,
    /// It counts.
    Counts { incarnation: i64 },
    /// It is gone from there.
    Gone { incarnation: i64 },
}

impl Standing {
    fn of(
        connection: &Connection,
        method: &str,
        reference: &[u8],
        block: &[u8],
    ) -> Result<Self, DatabaseError> {
        let sql = "SELECT incarnation, max(CASE WHEN kind = 'reversal' THEN 1 ELSE 0 END) FROM entry
            WHERE method = ?1 AND reference = ?2 AND block = ?3 AND kind IN ('credit', 'reversal')
            GROUP BY incarnation ORDER BY incarnation DESC LIMIT 1";
        let row = connection
            .prepare_cached(sql)?
            .query_row(params![method, reference, block], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(match row.optional()? {
            None => Self::Unknown,
            Some((incarnation, true)) => Self::Gone { incarnation },
            Some((incarnation, false)) => Self::Counts { incarnation },
        })
    }

    /// Whether a report says nothing new.
    const fn agrees(self, finality: Finality) -> bool {
        matches!(
            (finality, self),
            (Finality::Final, Self::Counts { .. }) | (Finality::Reversed, Self::Gone { .. })
        )
    }

    /// The number of the time that it is in this block, or will be next.
    const fn incarnation(self) -> i64 {
        match self {
            Self::Unknown => 0,
            Self::Counts { incarnation } => incarnation,
            Self::Gone { incarnation } => incarnation + 1,
        }
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
    let standing = Standing::of(connection, method, &receipt.reference, &receipt.block)?;
    let line = Line {
        method,
        reference: &receipt.reference,
        kind: receipt.finality.kind(),
        block: &receipt.block,
        incarnation: standing.incarnation(),
        units: receipt.units,
        now_ms,
    };
    match receipt.finality {
        finality if standing.agrees(finality) => Ok(Applied::Again),
        Finality::Seen => line.insert(connection, account, order, &receipt.evidence).map(applied),
        Finality::Final => {
            // What moves to another block stays whose it was, whatever waits for money by now.
            let before = credited_before(connection, method, &receipt.reference)?;
            let (account, order) = before.map_or((account, order), |(account, order)| (Some(account), order));
            credit(connection, &line, account, order, &receipt.evidence)
        }
        Finality::Reversed => take_back(connection, &line, order, &receipt.evidence),
    }
}

const fn applied(is_new: bool) -> Applied {
    if is_new { Applied::New } else { Applied::Again }
}

/// Credits a payment: to nobody if its order is not known.
fn credit(
    connection: &Connection,
    line: &Line<'_>,
    account: Option<i64>,
    order: Option<OrderId>,
    evidence: &[u8],
) -> Result<Applied, DatabaseError> {
    let account = match account.map(|account| (account, pay(connection, account, line.units))) {
        Some((account, Ok(()))) => Some(account),
        // The money came, whatever we can count.
        None | Some((_, Err(DatabaseError::TooMuch { .. }))) => None,
        Some((_, Err(error))) => return Err(error),
    };
    line.insert(connection, account, order, evidence)?;
    // Last, so that a payment that only changes its block leaves no account empty meanwhile: that would stop its clock.
    reverse_elsewhere(connection, line)?;
    Ok(if account.is_some() { Applied::New } else { Applied::Unclaimed })
}

/// A transaction is in one block. If it counted in another, or waits there to be claimed, nobody told us that it is gone from there.
fn reverse_elsewhere(connection: &Connection, line: &Line<'_>) -> Result<(), DatabaseError> {
    let sql = "SELECT DISTINCT block FROM entry
        WHERE method = ?1 AND reference = ?2 AND block <> ?3 AND kind = 'credit'";
    let elsewhere: Vec<Vec<u8>> = connection
        .prepare_cached(sql)?
        .query_map(params![line.method, line.reference, line.block], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for block in elsewhere {
        if let Standing::Counts { incarnation } =
            Standing::of(connection, line.method, line.reference, &block)?
        {
            let gone = Line { kind: "reversal", block: &block, incarnation, ..*line };
            take_back(connection, &gone, None, &[])?;
        }
    }
    Ok(())
}

/// Writes a reversal. What never counted is taken from nobody.
fn take_back(
    connection: &Connection,
    line: &Line<'_>,
    order: Option<OrderId>,
    evidence: &[u8],
) -> Result<Applied, DatabaseError> {
    let paid = credited(connection, line)?;
    // What was credited is taken back, whatever the report says now.
    let units = paid.map_or(line.units, |(_, units)| units);
    let account = paid.map(|(account, _)| account);
    let is_new = Line { units, ..*line }.insert(connection, account, order, evidence)?;
    if let (true, Some(account)) = (is_new, account) {
        reverse(connection, account, units)?;
    }
    Ok(applied(is_new))
}

/// An entry, but for whose it is.
pub(super) struct Line<'a> {
    pub(super) method: &'a str,
    pub(super) reference: &'a [u8],
    pub(super) kind: &'a str,
    pub(super) block: &'a [u8],
    /// How often it had gone from this block before.
    pub(super) incarnation: i64,
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
            "INSERT INTO entry (method, reference, kind, block, incarnation, account, order_id, units, at_ms, evidence)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";
        let evidence = (!evidence.is_empty()).then_some(evidence);
        let (order, units) = (order.map(|order| order.to_vec()), signed(self.units));
        let row = params![
            self.method,
            self.reference,
            self.kind,
            self.block,
            self.incarnation,
            account,
            order,
            units,
            self.now_ms,
            evidence
        ];
        Ok(connection.prepare_cached(sql)?.execute(row)? == 1)
    }
}

/// The account and the order that a payment was credited to last, in whichever block.
fn credited_before(
    connection: &Connection,
    method: &str,
    reference: &[u8],
) -> Result<Option<(i64, Option<OrderId>)>, DatabaseError> {
    let sql = "SELECT account, order_id FROM entry WHERE method = ?1 AND reference = ?2
        AND kind IN ('credit', 'claim') AND account IS NOT NULL ORDER BY seq DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row(params![method, reference], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// The account that this payment was credited to, and how much.
fn credited(connection: &Connection, line: &Line<'_>) -> Result<Option<(i64, u64)>, DatabaseError> {
    let sql = "SELECT account, units FROM entry WHERE method = ?1 AND reference = ?2 AND block = ?3
        AND incarnation = ?4 AND kind IN ('credit', 'claim') AND account IS NOT NULL";
    let row = connection
        .prepare_cached(sql)?
        .query_row(params![line.method, line.reference, line.block, line.incarnation], |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?))
        });
    Ok(row.optional()?.map(|(account, units)| (account, u64::try_from(units).unwrap_or(0))))
}
