//! Searches: how far the chain was looked through.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Store, StoreError, signed, unsigned};

impl Store {
    /// From which block a search goes on; none if it has not begun.
    pub(crate) fn scan(&self, name: &[u8]) -> Result<Option<u64>, StoreError> {
        let sql = "SELECT next FROM scan WHERE name = ?1";
        Ok(self.connection().query_row(sql, [name], |row| unsigned(row, 0)).optional()?)
    }

    /// Records from which block a search goes on.
    pub(crate) fn put_scan(&self, name: &[u8], next: u64) -> Result<(), StoreError> {
        put_scan(&self.connection(), name, next)
    }
}

pub(super) fn put_scan(connection: &Connection, name: &[u8], next: u64) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO scan (name, next) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET next = excluded.next";
    connection.execute(sql, params![name, signed(next)])?;
    Ok(())
}
