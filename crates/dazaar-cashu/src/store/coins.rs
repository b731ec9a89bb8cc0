//! Coins, and what each is for.
//!
//! Grade: driver.

use cashu::{MintUrl, Proof, PublicKey};
use rusqlite::{Connection, Row, params};

use super::{from_json, signed, to_json, unsigned};
use crate::error::EcashError;

/// What a coin is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Ours to spend.
    Own,
    /// Locked to us, and not redeemed.
    Earned,
    /// Locked to somebody else; it may come back.
    Given,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Earned => "earned",
            Self::Given => "given",
        }
    }
}

/// A coin in the file.
#[derive(Clone)]
pub(crate) struct Coin {
    pub(crate) proof: Proof,
    /// The name of the key that spends it, if it is locked.
    pub(crate) key: Option<String>,
}

/// A coin's name at its mint.
pub(crate) fn name(coin: &Proof) -> Result<PublicKey, EcashError> {
    coin.y().map_err(|_| EcashError::Damaged { what: "a coin without a name" })
}

/// Adds a coin. One that is there stays as it is.
pub(crate) fn put(
    connection: &Connection,
    mint: &MintUrl,
    kind: Kind,
    coin: &Coin,
    back_s: Option<u64>,
) -> Result<(), EcashError> {
    let sql = "INSERT INTO coin (y, mint, keyset, sat, kind, body, key, back_s)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
    let row = params![
        name(&coin.proof)?.to_bytes(),
        mint.to_string(),
        coin.proof.keyset_id.to_string(),
        signed(coin.proof.amount.into()),
        kind.name(),
        to_json(&coin.proof)?,
        coin.key,
        back_s.map(signed),
    ];
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// Coins that nothing is done with at the moment, the largest first.
pub(crate) fn free(connection: &Connection, mint: &MintUrl, kind: Kind) -> Result<Vec<Coin>, EcashError> {
    let sql = "SELECT body, key FROM coin WHERE mint = ?1 AND kind = ?2 AND operation IS NULL
        ORDER BY sat DESC, y";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![mint.to_string(), kind.name()], read)?;
    rows.map(|row| complete(row?)).collect()
}

/// Given coins that can be taken back at `now_s`.
pub(crate) fn returnable(
    connection: &Connection,
    mint: &MintUrl,
    now_s: u64,
) -> Result<Vec<Coin>, EcashError> {
    let sql = "SELECT body, key FROM coin WHERE mint = ?1 AND kind = 'given' AND operation IS NULL
        AND back_s < ?2 ORDER BY sat DESC, y";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(params![mint.to_string(), signed(now_s)], read)?;
    rows.map(|row| complete(row?)).collect()
}

/// What coins of a kind add up to, those that are being spent included.
pub(crate) fn sum(connection: &Connection, mint: &MintUrl, kind: Kind) -> Result<u64, EcashError> {
    let sql = "SELECT coalesce(sum(sat), 0) FROM coin WHERE mint = ?1 AND kind = ?2";
    let sum = connection
        .prepare_cached(sql)?
        .query_row(params![mint.to_string(), kind.name()], |row| row.get(0))?;
    Ok(unsigned(sum))
}

/// Sets coins apart for an operation.
pub(crate) fn reserve(connection: &Connection, coins: &[Coin], operation: i64) -> Result<(), EcashError> {
    for coin in coins {
        let sql = "UPDATE coin SET operation = ?2 WHERE y = ?1 AND operation IS NULL";
        let row = params![name(&coin.proof)?.to_bytes(), operation];
        if connection.prepare_cached(sql)?.execute(row)? != 1 {
            return Err(EcashError::Damaged { what: "a coin that is spent twice" });
        }
    }
    Ok(())
}

/// Forgets a coin that is spent.
pub(crate) fn forget(connection: &Connection, y: &PublicKey) -> Result<(), EcashError> {
    connection.prepare_cached("DELETE FROM coin WHERE y = ?1")?.execute([y.to_bytes()])?;
    Ok(())
}

/// Whether a coin of this name is in the file.
pub(crate) fn is_there(connection: &Connection, y: &PublicKey) -> Result<bool, EcashError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM coin WHERE y = ?1)";
    Ok(connection.prepare_cached(sql)?.query_row([y.to_bytes()], |row| row.get(0))?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<(String, Option<String>)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn complete((body, key): (String, Option<String>)) -> Result<Coin, EcashError> {
    Ok(Coin { proof: from_json(&body, "a coin")?, key })
}
