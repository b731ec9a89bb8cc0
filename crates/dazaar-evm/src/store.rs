//! The wallet's own records: what must not be lost before it is on the chain. One SQLite file.
//!
//! Grade: driver. Addresses, hashes and names are blobs, times milliseconds since 1970 UTC.

mod authorisations;
mod deposits;
mod refunds;
mod scans;
mod submissions;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dazaar::payment::PaymentError;
use rusqlite::{Connection, Row, TransactionBehavior};

pub(crate) use authorisations::{Entry, Sighting};
pub(crate) use deposits::Deposit;
pub(crate) use submissions::Submission;

/// The steps that bring an older file up to date; `user_version` counts those that were taken. Never edit a step.
const MIGRATIONS: [&str; 3] = [
    include_str!("store/schema-1.sql"),
    include_str!("store/schema-2.sql"),
    include_str!("store/schema-3.sql"),
];

/// How long a writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// An open file of records.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens the file, or makes it. Only its owner can read it: authorisations are money until they are spent.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // What was recorded survives a power cut.
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrate(&mut connection)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// The connection, for one statement or transaction. A panic elsewhere leaves no half-done transaction behind.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: usize = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > MIGRATIONS.len() {
        return Err(StoreError::Newer { version, known: MIGRATIONS.len() });
    }
    for step in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
    Ok(transaction.commit()?)
}

/// A column of so many bytes.
fn bytes<const N: usize>(row: &Row<'_>, index: usize) -> rusqlite::Result<[u8; N]> {
    row.get(index)
}

/// A whole number that a database holds. Those that we count are far below its limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A whole number from the database, where none is below zero.
fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(index).map(|number| u64::try_from(number).unwrap_or(0))
}

/// Why records cannot be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The database.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// A later version of this program wrote it.
    #[error("they are of version {version}, this program knows {known}")]
    Newer {
        /// The version found.
        version: usize,
        /// The last version known.
        known: usize,
    },
    /// Something that was never written.
    #[error("the column {column} is damaged")]
    Damaged {
        /// Where.
        column: &'static str,
    },
    /// The same name for something else.
    #[error("another {what} has this name")]
    Differs {
        /// What.
        what: &'static str,
    },
}

impl From<StoreError> for PaymentError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Differs { .. } => Self::refused(error.to_string()),
            error => Self::unavailable(format!("the wallet's records: {error}")),
        }
    }
}
