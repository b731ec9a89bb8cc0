//! Lightning invoices: those whose payment fills the wallet, and those that it paid.
//!
//! Grade: driver.

use cashu::MintUrl;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{signed, unsigned};
use crate::error::EcashError;

/// An invoice that fills the wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) quote: String,
    pub(crate) sat: u64,
    pub(crate) operation: Option<i64>,
}

/// Records an invoice of the mint's.
pub(crate) fn put_in(
    connection: &Connection,
    mint: &MintUrl,
    quote: &str,
    request: &str,
    sat: u64,
) -> Result<(), EcashError> {
    let sql = "INSERT INTO invoice (quote, mint, direction, request, sat) VALUES (?1, ?2, 'in', ?3, ?4)";
    connection.prepare_cached(sql)?.execute(params![quote, mint.to_string(), request, signed(sat)])?;
    Ok(())
}

/// Records an invoice that an operation pays.
pub(crate) fn put_out(
    connection: &Connection,
    mint: &MintUrl,
    quote: &str,
    request: &str,
    sat: u64,
    operation: i64,
) -> Result<(), EcashError> {
    let sql = "INSERT INTO invoice (quote, mint, direction, request, sat, operation)
        VALUES (?1, ?2, 'out', ?3, ?4, ?5)";
    let row = params![quote, mint.to_string(), request, signed(sat), operation];
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// The invoices of a mint for which there are no coins yet.
pub(crate) fn open(connection: &Connection, mint: &MintUrl) -> Result<Vec<Open>, EcashError> {
    let sql = "SELECT quote, sat, operation FROM invoice
        WHERE mint = ?1 AND direction = 'in' AND is_settled = 0 ORDER BY rowid";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([mint.to_string()], |row| {
        Ok(Open { quote: row.get(0)?, sat: unsigned(row.get(1)?), operation: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Says which operation turns an invoice into coins.
pub(crate) fn set_operation(connection: &Connection, quote: &str, operation: i64) -> Result<(), EcashError> {
    let sql = "UPDATE invoice SET operation = ?2 WHERE quote = ?1";
    connection.prepare_cached(sql)?.execute(params![quote, operation])?;
    Ok(())
}

/// Nothing will come of an invoice any more.
pub(crate) fn close(connection: &Connection, quote: &str) -> Result<(), EcashError> {
    connection.prepare_cached("UPDATE invoice SET is_settled = 1 WHERE quote = ?1")?.execute([quote])?;
    Ok(())
}

/// What became of paying an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payout {
    pub(crate) sat: u64,
    pub(crate) fee_sat: u64,
    pub(crate) preimage: Option<String>,
    pub(crate) is_settled: bool,
    pub(crate) operation: Option<i64>,
}

/// The latest attempt to pay an invoice that was not given up.
pub(crate) fn payout(connection: &Connection, request: &str) -> Result<Option<Payout>, EcashError> {
    let sql = "SELECT sat, coalesce(fee, 0), preimage, is_settled, operation FROM invoice
        WHERE request = ?1 AND direction = 'out' AND (is_settled OR operation IS NOT NULL)
        ORDER BY is_settled DESC, rowid DESC LIMIT 1";
    let row = connection.prepare_cached(sql)?.query_row([request], |row| {
        Ok(Payout {
            sat: unsigned(row.get(0)?),
            fee_sat: unsigned(row.get(1)?),
            preimage: row.get(2)?,
            is_settled: row.get(3)?,
            operation: row.get(4)?,
        })
    });
    Ok(row.optional()?)
}
