//! What was paid or given back: once for each name, however often it is asked for.
//!
//! Grade: driver.

use cashu::{MintUrl, Proof};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{signed, unsigned};
use crate::error::EcashError;
use crate::reference::reference;
use crate::token::write_token;

/// Money that left, or is about to.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// What was asked: for something else under the same name nothing is paid.
    pub(crate) terms: String,
    /// Satoshis that it took from the wallet.
    pub(crate) spent: u64,
    /// The coins, and their common name, once the mint made them.
    pub(crate) token: Option<(String, Vec<u8>)>,
    /// What makes them.
    pub(crate) operation: Option<i64>,
}

/// What left under this name.
pub(crate) fn find(connection: &Connection, name: &str) -> Result<Option<Outgoing>, EcashError> {
    let sql = "SELECT terms, spent, token, reference, operation FROM outgoing WHERE name = ?1";
    let row = connection.prepare_cached(sql)?.query_row([name], |row| {
        let (token, reference): (Option<String>, Option<Vec<u8>>) = (row.get(2)?, row.get(3)?);
        Ok(Outgoing {
            terms: row.get(0)?,
            spent: unsigned(row.get(1)?),
            token: token.zip(reference),
            operation: row.get(4)?,
        })
    });
    Ok(row.optional()?)
}

/// Records that an operation makes coins for this name.
pub(crate) fn put(
    connection: &Connection,
    name: &str,
    terms: &str,
    spent: u64,
    operation: i64,
) -> Result<(), EcashError> {
    let sql = "INSERT INTO outgoing (name, terms, spent, operation) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute(params![name, terms, signed(spent), operation])?;
    Ok(())
}

/// The operation made the coins.
pub(crate) fn finish(
    connection: &Connection,
    mint: &MintUrl,
    operation: i64,
    coins: Vec<Proof>,
) -> Result<(), EcashError> {
    if coins.is_empty() {
        return Ok(());
    }
    let reference = reference(&coins)?;
    let sql = "UPDATE outgoing SET token = ?2, reference = ?3 WHERE operation = ?1";
    connection.prepare_cached(sql)?.execute(params![operation, write_token(mint, coins), reference])?;
    Ok(())
}
