//! Refunds: recorded before the money leaves, given back if it does not.

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::Price;
use rusqlite::{Connection, TransactionBehavior, params};

use super::super::{Database, DatabaseError, OptionalExtension};
use super::Account;
use super::accounts::{account, open, return_refund, signed};
use super::receipts::Line;

/// A refund's name, and how it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundName<'a> {
    /// In which way.
    pub method: &'a str,
    /// The name, the buyer's random choice: unique for its method.
    pub reference: &'a [u8],
    /// The wallet that gives it, and alone is asked again: another would give it once more.
    pub wallet: &'a str,
    /// Where to.
    pub to: &'a str,
}

/// A refund that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRecord {
    /// From which account.
    pub account: Account,
    /// The wallet that gives it.
    pub wallet: String,
    /// Where to.
    pub to: String,
    /// What became of it.
    pub outcome: Refunded,
}

/// What became of the wish for a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refunded {
    /// These units are not the buyer's balance any more: send them.
    New {
        /// How many.
        units: u64,
    },
    /// It is on record already: these units are not the buyer's balance any more, and nobody said yet that they were sent.
    Again {
        /// How many.
        units: u64,
    },
    /// They were sent.
    Sent {
        /// How many.
        units: u64,
        /// What shows it.
        proof: String,
    },
    /// It is on record, and that it failed: these units are the buyer's again. Another attempt needs another name.
    Failed {
        /// How many.
        units: u64,
    },
}

impl Database {
    /// Takes up to `most` units off a balance, to be given back; once for each reference of a method. Call this
    /// first, then send the money, and then [`refund_sent`](Self::refund_sent), or [`refund_failed`](Self::refund_failed) if that is
    /// impossible. A refund of nothing leaves no trace.
    ///
    /// # Errors
    /// [`DatabaseError::RefundDiffers`] if a refund of another account's, from another wallet or to elsewhere has this name,
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn refund(
        &self,
        (feed, buyer, price): (&FeedKey, &IdentityKey, &Price),
        most: u64,
        name: RefundName<'_>,
        now_ms: i64,
    ) -> Result<Refunded, DatabaseError> {
        let RefundName { method, reference, wallet, to } = name;
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(known) = refund_of(&transaction, method, reference)? {
            let (id, units, known_way) = (known.account, known.units, (known.wallet, known.to));
            let known = account(&transaction, id)?;
            let is_same = (&known.feed, &known.buyer, &known.price) == (feed, buyer, price);
            if !is_same || known_way != (wallet.to_owned(), to.to_owned()) {
                return Err(DatabaseError::RefundDiffers);
            }
            return outcome(&transaction, method, reference, units);
        }
        let id = open(&transaction, feed, buyer, price, now_ms)?;
        let units = account(&transaction, id)?.meter.balance.min(most);
        if units == 0 {
            return Ok(Refunded::New { units });
        }
        let line = Line { method, reference, kind: "refund", block: &[], incarnation: 0, units, now_ms };
        line.insert(&transaction, Some(id), None, format!("{wallet}\n{to}").as_bytes())?;
        let sql = "UPDATE account SET balance = balance - ?2, refunded = refunded + ?2 WHERE id = ?1";
        transaction.execute(sql, params![id, signed(units)])?;
        transaction.commit()?;
        Ok(Refunded::New { units })
    }

    /// A refund on record.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn refund_on_record(
        &self,
        method: &str,
        reference: &[u8],
    ) -> Result<Option<RefundRecord>, DatabaseError> {
        let connection = self.connection();
        let Some(found) = refund_of(&connection, method, reference)? else { return Ok(None) };
        let account = account(&connection, found.account)?;
        let outcome = outcome(&connection, method, reference, found.units)?;
        Ok(Some(RefundRecord { account, wallet: found.wallet, to: found.to, outcome }))
    }

    /// How many refunds a wallet is still to give.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn refunds_waiting(&self, wallet: &str) -> Result<usize, DatabaseError> {
        let connection = self.connection();
        let sql =
            "SELECT evidence FROM entry WHERE kind = 'refund' AND NOT EXISTS (SELECT 1 FROM entry AS later
            WHERE later.method = entry.method AND later.reference = entry.reference
                AND later.kind IN ('refund-sent', 'refund-failed'))";
        let mut statement = connection.prepare_cached(sql)?;
        let ways = statement.query_map([], |row| row.get::<_, Option<Vec<u8>>>(0))?;
        let ways = ways.collect::<Result<Vec<_>, _>>()?;
        Ok(ways.into_iter().filter(|way| way_of(way.as_deref()).0 == wallet).count())
    }

    /// The money of a refund left, and this shows it. The first proof stays.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn refund_sent(
        &self,
        method: &str,
        reference: &[u8],
        proof: &str,
        now_ms: i64,
    ) -> Result<(), DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(found) = refund_of(&transaction, method, reference)? {
            let (kind, units) = (SENT, found.units);
            let line = Line { method, reference, kind, block: &[], incarnation: 0, units, now_ms };
            line.insert(&transaction, Some(found.account), None, proof.as_bytes())?;
        }
        Ok(transaction.commit()?)
    }

    /// The money of a refund did not leave: it is the buyer's again. Counts once; false if it did before, if it was sent, or if there is no
    /// such refund.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn refund_failed(&self, method: &str, reference: &[u8], now_ms: i64) -> Result<bool, DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Some(Recorded { account: id, units, .. }) = refund_of(&transaction, method, reference)? else {
            return Ok(false);
        };
        if evidence(&transaction, method, reference, SENT)?.is_some() {
            return Ok(false);
        }
        let line = Line { method, reference, kind: FAILED, block: &[], incarnation: 0, units, now_ms };
        let is_new = line.insert(&transaction, Some(id), None, &[])?;
        if is_new {
            return_refund(&transaction, id, units)?;
        }
        transaction.commit()?;
        Ok(is_new)
    }
}

/// Kinds of entries that say what became of a refund.
const SENT: &str = "refund-sent";
const FAILED: &str = "refund-failed";

/// A refund on record.
struct Recorded {
    account: i64,
    units: u64,
    wallet: String,
    to: String,
}

fn outcome(
    connection: &Connection,
    method: &str,
    reference: &[u8],
    units: u64,
) -> Result<Refunded, DatabaseError> {
    if let Some(proof) = evidence(connection, method, reference, SENT)? {
        return Ok(Refunded::Sent { units, proof: String::from_utf8_lossy(&proof).into_owned() });
    }
    let has_failed = evidence(connection, method, reference, FAILED)?.is_some();
    Ok(if has_failed { Refunded::Failed { units } } else { Refunded::Again { units } })
}

/// What an entry of a refund says, if there is one.
fn evidence(
    connection: &Connection,
    method: &str,
    reference: &[u8],
    kind: &str,
) -> Result<Option<Vec<u8>>, DatabaseError> {
    let sql = "SELECT evidence FROM entry WHERE method = ?1 AND reference = ?2 AND kind = ?3";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![method, reference, kind], |row| row.get::<_, Option<Vec<u8>>>(0));
    Ok(found.optional()?.map(Option::unwrap_or_default))
}

/// The wallet and the destination in the evidence of a refund.
fn way_of(evidence: Option<&[u8]>) -> (String, String) {
    let text = String::from_utf8_lossy(evidence.unwrap_or_default());
    let (wallet, to) = text.split_once('\n').unwrap_or_default();
    (wallet.to_owned(), to.to_owned())
}

fn refund_of(
    connection: &Connection,
    method: &str,
    reference: &[u8],
) -> Result<Option<Recorded>, DatabaseError> {
    let sql =
        "SELECT account, units, evidence FROM entry WHERE method = ?1 AND reference = ?2 AND kind = 'refund'";
    let found = connection.prepare_cached(sql)?.query_row(params![method, reference], |row| {
        let way: Option<Vec<u8>> = row.get(2)?;
        let (wallet, to) = way_of(way.as_deref());
        Ok(Recorded { account: row.get(0)?, units: row.get::<_, i64>(1)?.unsigned_abs(), wallet, to })
    });
    Ok(found.optional()?)
}
