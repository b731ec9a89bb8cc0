//! The file of coins: one SQLite file. Any number of processes may use it at once; of those that ask a mint to do something, one at a time.
//!
//! Grade: driver. What is about to be asked of a mint is on disk before it is asked, with all that is needed to ask again; see
//! [`operations`]. Coins are bearer money, so the file is the owner's alone.

pub(crate) mod batches;
pub(crate) mod coins;
pub(crate) mod invoices;
pub(crate) mod keysets;
pub(crate) mod operations;
pub(crate) mod outgoing;

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cashu::MintUrl;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::error::EcashError;

/// The version of the schema.
const VERSION: i64 = 1;

/// How long a writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// How often somebody who waits for another process looks.
const TURN_PAUSE: Duration = Duration::from_millis(20);

/// The open file.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Store {
    pub(crate) fn open(path: &Path) -> Result<Self, EcashError> {
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        create(&mut connection)?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// Keeps everybody else with this file from asking a mint to do something, until it is dropped: two who carry out one operation could
    /// each take the other's answer for the end of it.
    ///
    /// # Errors
    /// [`EcashError::Busy`] if somebody else keeps us from it for so long.
    pub(crate) fn turn(&self, mint: &MintUrl, patience: Duration) -> Result<File, EcashError> {
        let name = hex::encode(&Sha256::digest(mint.to_string())[..4]);
        let path = format!("{}.{name}.lock", self.path.display());
        // The lock ends with the process, whatever ends that; the file stays.
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(error.into()),
                Err(TryLockError::WouldBlock) if start.elapsed() >= patience => return Err(EcashError::Busy),
                Err(TryLockError::WouldBlock) => std::thread::sleep(TURN_PAUSE),
            }
        }
    }

    /// A panic elsewhere leaves no half-done transaction behind.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads at one moment.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, EcashError>,
    ) -> Result<T, EcashError> {
        read(&*self.connection().transaction()?)
    }

    /// Writes all of it or nothing.
    pub(crate) fn write<T>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, EcashError>,
    ) -> Result<T, EcashError> {
        let mut connection = self.connection();
        let transaction: Transaction<'_> =
            connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let written = write(&transaction)?;
        transaction.commit()?;
        Ok(written)
    }
}

fn create(connection: &mut Connection) -> Result<(), EcashError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        0 => {
            transaction.execute_batch(include_str!("schema.sql"))?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        VERSION => {}
        _ => return Err(EcashError::Damaged { what: "a version that is not known" }),
    }
    Ok(transaction.commit()?)
}

/// Something as it stands in a column.
fn to_json(value: &impl Serialize) -> Result<String, EcashError> {
    serde_json::to_string(value).map_err(|_| EcashError::Damaged { what: "something without a form" })
}

/// What stands in a column.
fn from_json<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, EcashError> {
    serde_json::from_str(text).map_err(|_| EcashError::Damaged { what })
}

/// Satoshis as a database counts: all that there ever will be fit.
fn signed(sat: u64) -> i64 {
    i64::try_from(sat).unwrap_or(i64::MAX)
}

fn unsigned(sat: i64) -> u64 {
    u64::try_from(sat).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cashu.db");
        drop(Store::open(&path).unwrap());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        Store::open(&path).unwrap();
    }

    #[test]
    fn one_program_at_a_time_asks_a_mint() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cashu.db");
        let (one, other) = (Store::open(&path).unwrap(), Store::open(&path).unwrap());
        let [mint, elsewhere] = ["https://a.example", "https://b.example"].map(|url| url.parse().unwrap());
        let turn = one.turn(&mint, Duration::ZERO).unwrap();
        assert!(matches!(other.turn(&mint, Duration::from_millis(50)), Err(EcashError::Busy)));
        other.turn(&elsewhere, Duration::ZERO).unwrap();
        drop(turn);
        other.turn(&mint, Duration::ZERO).unwrap();
    }

    #[test]
    fn a_newer_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cashu.db");
        let store = Store::open(&path).unwrap();
        store.connection().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Store::open(&path), Err(EcashError::Damaged { .. })));
    }
}
