//! The market's records: one SQLite file. Any number of processes may use it at once.
//!
//! Keys are 32-byte blobs, times are milliseconds since 1970 UTC, durations are milliseconds.

mod acceptances;
mod grants;
mod ledger;
mod listings;
mod marks;
mod members;
mod purchases;
mod receipts;
mod sales;
mod settings;
mod spending;

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};

pub use ledger::{
    Account, Applied, Credit, Finality, LedgerLine, LedgerTotal, Order, OrderId, OrderLimits, OrderPayment,
    OrderRecord, Receipt, Redeemed, RefundName, RefundRecord, Refunded, Standing, Unordered, Used, Voucher,
    VoucherError,
};
pub use listings::{Admission, Listing, Retention};
pub use members::ListedMember;
pub use purchases::Purchase;
pub use sales::Sale;
pub use spending::{Budget, BudgetError, Spending, SpendingRequest, SpendingState};

/// The steps that bring an older file up to date; `user_version` counts those that were taken. Never edit a step.
const MIGRATIONS: [&str; 8] = [
    include_str!("database/schema-1.sql"),
    include_str!("database/schema-2.sql"),
    include_str!("database/schema-3.sql"),
    include_str!("database/schema-4.sql"),
    include_str!("database/schema-5.sql"),
    include_str!("database/schema-6.sql"),
    include_str!("database/schema-7.sql"),
    include_str!("database/schema-8.sql"),
];

/// How long a writer waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest time for which charges may be lost in a power cut.
const CHARGES_SYNC_MS: u64 = 1000;

/// An open database.
#[derive(Debug)]
pub struct Database {
    connection: Mutex<Connection>,
    charges: Mutex<Charges>,
}

/// A connection of its own for charges and deliveries, of which there are many: they wait for the disk once a second, and for each
/// other in this process before they wait for the file.
#[derive(Debug)]
struct Charges {
    connection: Connection,
    /// When they waited last: milliseconds of this run.
    synced_ms: Option<u64>,
}

impl Database {
    /// Opens the file, creating or upgrading it.
    ///
    /// # Errors
    /// [`DatabaseError::Newer`] if a later version of this program wrote it.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        make_private(path).map_err(|source| DatabaseError::Io { path: path.to_owned(), source })?;
        let mut connection = connect(path)?;
        migrate(&mut connection, path)?;
        let charges = Charges { connection: connect(path)?, synced_ms: None };
        Ok(Self { connection: Mutex::new(connection), charges: Mutex::new(charges) })
    }

    /// The connection, for one statement or transaction. A panic elsewhere leaves no half-done transaction behind.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection for charges and deliveries. What is committed here survives the end of the program; every second, and with every commit on the
    /// other connection, all of it also survives a power cut.
    fn charges(&self) -> MutexGuard<'_, Charges> {
        self.charges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Charges {
    /// Writes all of it or nothing. Only a commit of something waits for the disk.
    fn write<T>(
        &mut self,
        running_ms: u64,
        write: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let is_due = self.synced_ms.is_none_or(|synced_ms| running_ms.abs_diff(synced_ms) >= CHARGES_SYNC_MS);
        let level = if is_due { "FULL" } else { "NORMAL" };
        self.connection.pragma_update(None, "synchronous", level)?;
        let before = changes(&self.connection)?;
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let written = write(&transaction)?;
        transaction.commit()?;
        if is_due && changes(&self.connection)? > before {
            self.synced_ms = Some(running_ms);
        }
        Ok(written)
    }
}

/// Rows that this connection ever changed.
fn changes(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT total_changes()")?.query_row([], |row| row.get(0))
}

fn connect(path: &Path) -> Result<Connection, DatabaseError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A grant or an acceptance that was acknowledged survives a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), DatabaseError> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: usize = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > MIGRATIONS.len() {
        return Err(DatabaseError::Newer { path: path.to_owned(), version, known: MIGRATIONS.len() });
    }
    for step in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
    Ok(transaction.commit()?)
}

/// Makes the file, or what is there, readable by its owner only: it may hold secrets of an imported market. SQLite gives
/// the files beside it the same mode.
fn make_private(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

/// Why the records could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The file has a format that this version does not know.
    #[error("{} has format {version}, this program knows up to {known}: use a newer program", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Format of the file.
        version: usize,
        /// Newest format known here.
        known: usize,
    },
    /// A name is taken by another listing.
    #[error("`{name}` is already the name of another listing")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// More feeds than can be sold together.
    #[error("at most {max} feeds can be sold with another")]
    TooManyMembers {
        /// Feeds allowed.
        max: usize,
    },
    /// Another grant has this name.
    #[error("another grant is called `{id}`")]
    GrantDiffers {
        /// The name.
        id: String,
    },
    /// Another order has this name.
    #[error("another order has this name")]
    OrderDiffers,
    /// Too many orders wait to be paid.
    #[error("too many orders wait to be paid")]
    TooManyOrders,
    /// Another account's refund, or one from another wallet or to elsewhere, has this name.
    #[error("another refund has this name")]
    RefundDiffers,
    /// More than an account may have been paid.
    #[error("{units} units are too much: at most a thousand years at once, and 2^53 units in all")]
    TooMuch {
        /// Units that were to be paid.
        units: u64,
    },
    /// A payment that nobody asked for does not exist.
    #[error("no such payment waits to be claimed")]
    NothingUnclaimed,
    /// More was to be paid than I allow.
    #[error(transparent)]
    Budget(Box<BudgetError>),
    /// A voucher gives nothing.
    #[error(transparent)]
    Voucher(#[from] VoucherError),
    /// A record does not hold what this program wrote there.
    #[error("the record in column `{column}` is damaged")]
    Damaged {
        /// Table and column.
        column: &'static str,
    },
    /// The file cannot be opened.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite failed.
    #[error("the market database: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Reads a 32-byte key from column `index`.
fn key<K: for<'a> TryFrom<&'a [u8]>>(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<K> {
    let damaged = || rusqlite::Error::InvalidColumnType(index, "key".to_owned(), rusqlite::types::Type::Blob);
    K::try_from(row.get_ref(index)?.as_blob().map_err(|_| damaged())?).map_err(|_| damaged())
}

/// Reads a key that may be absent.
fn optional_key<K: for<'a> TryFrom<&'a [u8]>>(
    row: &rusqlite::Row<'_>,
    index: usize,
) -> rusqlite::Result<Option<K>> {
    if row.get_ref(index)? == rusqlite::types::ValueRef::Null { Ok(None) } else { key(row, index).map(Some) }
}

#[cfg(test)]
mod tests;
