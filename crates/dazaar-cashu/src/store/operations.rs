//! Operations: what a mint is about to be asked, on disk before it is asked.
//!
//! Grade: driver. An operation is settled in one transaction: its inputs go, its coins come, and who waits for it is told. Whoever settles
//! it a second time, after a crash or in another process, finds nothing to do.

use cashu::{MintUrl, Proof};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::coins::{self, Coin, Kind};
use super::{batches, from_json, outgoing, to_json};
use crate::error::EcashError;
use crate::outputs::Output;

/// What is asked of a mint.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) step: Step,
    /// Coins that are spent, with the signatures that their locks need.
    pub(crate) inputs: Vec<Proof>,
    pub(crate) outputs: Vec<Output>,
    /// The name of the key with which the given coins can be taken back, and from when: seconds since 1970 UTC.
    pub(crate) back: Option<(String, u64)>,
}

/// The kind of question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Coins for coins.
    Swap,
    /// Coins for an invoice that was paid.
    Issue {
        /// The mint's name of it.
        quote: String,
    },
    /// Coins for paying an invoice.
    Melt {
        /// The mint's name of it.
        quote: String,
    },
}

/// Records an operation, and returns its number.
pub(crate) fn put(connection: &Connection, mint: &MintUrl, operation: &Operation) -> Result<i64, EcashError> {
    let sql = "INSERT INTO operation (mint, body) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![mint.to_string(), to_json(operation)?])?;
    Ok(connection.last_insert_rowid())
}

/// Changes what an operation asks for, before it is asked.
pub(crate) fn change(connection: &Connection, id: i64, operation: &Operation) -> Result<(), EcashError> {
    let sql = "UPDATE operation SET body = ?2 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![id, to_json(operation)?])?;
    Ok(())
}

/// An operation that is not settled.
pub(crate) fn find(connection: &Connection, id: i64) -> Result<Option<(String, Operation)>, EcashError> {
    let sql = "SELECT mint, body FROM operation WHERE id = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let row: Option<(String, String)> = connection.prepare_cached(sql)?.query_row([id], read).optional()?;
    row.map(|(mint, body)| Ok((mint, from_json(&body, "an operation")?))).transpose()
}

/// The operations at a mint that are not settled, the oldest first.
pub(crate) fn open(connection: &Connection, mint: &MintUrl) -> Result<Vec<i64>, EcashError> {
    let mut statement = connection.prepare_cached("SELECT id FROM operation WHERE mint = ?1 ORDER BY id")?;
    let ids = statement.query_map([mint.to_string()], |row| row.get(0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// What a melted invoice cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Melted {
    pub(crate) fee_sat: u64,
    pub(crate) preimage: Option<String>,
}

/// The mint did what it was asked. Does nothing if somebody else settled the operation.
pub(crate) fn finish(
    connection: &Connection,
    mint: &MintUrl,
    id: i64,
    coins_made: Vec<(&Output, Proof)>,
    melted: &Melted,
) -> Result<(), EcashError> {
    let Some((_, operation)) = find(connection, id)? else { return Ok(()) };
    connection.prepare_cached("DELETE FROM coin WHERE operation = ?1")?.execute([id])?;
    let (given, own): (Vec<_>, Vec<_>) = coins_made.into_iter().partition(|(output, _)| output.is_given);
    for (_, proof) in own {
        coins::put(connection, mint, Kind::Own, &Coin { proof, key: None }, None)?;
    }
    let given: Vec<Proof> = given.into_iter().map(|(_, proof)| proof).collect();
    if let Some((key, back_s)) = operation.back {
        for proof in given.clone() {
            let coin = Coin { proof, key: Some(key.clone()) };
            coins::put(connection, mint, Kind::Given, &coin, Some(back_s))?;
        }
    }
    outgoing::finish(connection, mint, id, given)?;
    batches::finish(connection, id)?;
    let sql = "UPDATE invoice SET is_settled = 1, fee = ?2, preimage = ?3 WHERE operation = ?1";
    connection.prepare_cached(sql)?.execute(params![id, super::signed(melted.fee_sat), melted.preimage])?;
    remove(connection, id)
}

/// The mint will not do it: the inputs are free again, and what waited for it never was.
pub(crate) fn cancel(connection: &Connection, id: i64) -> Result<(), EcashError> {
    connection.prepare_cached("DELETE FROM batch WHERE operation = ?1 AND counts = 0")?.execute([id])?;
    connection
        .prepare_cached("DELETE FROM outgoing WHERE operation = ?1 AND token IS NULL")?
        .execute([id])?;
    remove(connection, id)
}

/// Removes the operation; what points to it points to nothing.
fn remove(connection: &Connection, id: i64) -> Result<(), EcashError> {
    connection.prepare_cached("DELETE FROM operation WHERE id = ?1")?.execute([id])?;
    Ok(())
}
