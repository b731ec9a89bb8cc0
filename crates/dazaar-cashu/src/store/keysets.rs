//! The keys of mints, and how many coins were derived for each keyset.
//!
//! Grade: driver.

use cashu::{Id, KeySet, MintUrl};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{from_json, to_json};
use crate::error::EcashError;

/// The keysets that are known of a mint.
pub(crate) fn all(connection: &Connection, mint: &MintUrl) -> Result<Vec<KeySet>, EcashError> {
    let sql = "SELECT body FROM keyset WHERE mint = ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let bodies = statement.query_map([mint.to_string()], |row| row.get::<_, String>(0))?;
    bodies.map(|body| from_json(&body?, "a keyset")).collect()
}

/// Remembers what a mint says of its keysets. Those that it does not name any more are kept: coins may have their keys.
pub(crate) fn put(connection: &Connection, mint: &MintUrl, keysets: &[KeySet]) -> Result<(), EcashError> {
    for mut known in all(connection, mint)? {
        known.active = Some(false);
        put_one(connection, mint, &known)?;
    }
    keysets.iter().try_for_each(|keyset| put_one(connection, mint, keyset))
}

fn put_one(connection: &Connection, mint: &MintUrl, keyset: &KeySet) -> Result<(), EcashError> {
    let sql = "INSERT INTO keyset (mint, id, body) VALUES (?1, ?2, ?3)
        ON CONFLICT (mint, id) DO UPDATE SET body = excluded.body";
    let row = params![mint.to_string(), keyset.id.to_string(), to_json(keyset)?];
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(())
}

/// The next numbers of a keyset, which nobody gets again: the first of `count`.
pub(crate) fn take_counters(connection: &Connection, keyset: &Id, count: usize) -> Result<u32, EcashError> {
    let first = next_counter(connection, keyset)?;
    let worn_out = || EcashError::Amount { reason: "the mint's keys were used too often".to_owned() };
    let next = u32::try_from(count).ok().and_then(|count| first.checked_add(count)).ok_or_else(worn_out)?;
    set_counter(connection, keyset, next)?;
    Ok(first)
}

/// The number that is next.
pub(crate) fn next_counter(connection: &Connection, keyset: &Id) -> Result<u32, EcashError> {
    let sql = "SELECT next FROM counter WHERE keyset = ?1";
    let next =
        connection.prepare_cached(sql)?.query_row([keyset.to_string()], |row| row.get(0)).optional()?;
    Ok(next.unwrap_or(0))
}

/// Goes on from `next`, never back.
pub(crate) fn set_counter(connection: &Connection, keyset: &Id, next: u32) -> Result<(), EcashError> {
    let sql = "INSERT INTO counter (keyset, next) VALUES (?1, ?2)
        ON CONFLICT (keyset) DO UPDATE SET next = max(next, excluded.next)";
    connection.prepare_cached(sql)?.execute(params![keyset.to_string(), next])?;
    Ok(())
}
