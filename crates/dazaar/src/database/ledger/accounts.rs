//! Accounts: opening, reading, crediting them.

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::{Asset, Left, Meter, Price};
use rusqlite::{Connection, Row, params};

use super::super::{Database, DatabaseError, OptionalExtension, key};
use super::charges::credit;
use super::receipts::Line;

/// What a buyer may still use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credit {
    /// Milliseconds of delivery, never below zero.
    Time {
        /// Milliseconds left.
        left_ms: i64,
    },
    /// Bytes of blocks.
    Bytes {
        /// Bytes left.
        left: i64,
    },
    /// Rows.
    Records {
        /// Rows left.
        left: i64,
    },
    /// Nothing but ranges of time that are paid.
    Ranges,
    /// Until it is revoked.
    Forever,
}

impl Credit {
    /// Whether nothing is left.
    pub const fn is_used_up(self) -> bool {
        match self {
            Self::Time { left_ms: left } | Self::Bytes { left } | Self::Records { left } => left <= 0,
            Self::Ranges | Self::Forever => false,
        }
    }
}

/// One buyer under one price. Amounts are units of the price's asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub(super) id: i64,
    /// What is sold.
    pub feed: FeedKey,
    /// To whom.
    pub buyer: IdentityKey,
    /// At which price.
    pub price: Price,
    /// Admitted until revoked, whatever the balance.
    pub forever: bool,
    /// Closed by the seller until the next payment, whatever would be free or is bought.
    pub closed: bool,
    /// The balance, and how it is used up.
    pub meter: Meter,
    /// All that was paid and not reversed.
    pub paid: u64,
    /// All that was given back.
    pub refunded: u64,
    /// All that the seller took back.
    pub revoked: u64,
    /// What was delivered for payments that were reversed. What is paid next makes up for it.
    pub short: u64,
    /// When it was charged last, if its clock runs.
    pub(super) charged_at: Option<ChargedAt>,
}

/// When an account was charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ChargedAt {
    /// By the program's clock.
    pub(super) clock_ms: u64,
    /// By the wall clock.
    pub(super) wall_ms: i64,
}

impl Account {
    /// How much may still be used at `now_ms`: nothing, as long as something was delivered for a payment that was reversed, or if
    /// the seller took everything back.
    pub fn left(&self, now_ms: i64) -> Left {
        if self.forever {
            return Left::Unlimited;
        }
        if self.closed || self.short > 0 {
            return Left::Quantity(0);
        }
        self.meter.left(&self.price, u64::try_from(now_ms).unwrap_or(0))
    }

    /// What was delivered.
    pub const fn delivered(&self) -> u64 {
        self.meter.charged
    }

    /// What is counted.
    pub const fn asset(&self) -> &Asset {
        &self.price.asset
    }
}

/// The most that one account may have been paid, and so that one payment may be: the sums of a thousand such accounts fit a
/// database's number.
const PAID_MAX: u64 = 1 << 53;

/// The most time that may be granted at once: a thousand years.
pub(super) const TIME_MAX_MS: u64 = 31_557_600_000_000;

impl Database {
    /// Opens an account at a price, at which nothing is paid yet.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn open_account(
        &self,
        feed: &FeedKey,
        buyer: &IdentityKey,
        price: &Price,
        now_ms: i64,
    ) -> Result<(), DatabaseError> {
        let connection = self.connection();
        let id = open(&connection, feed, buyer, price, now_ms)?;
        // What the seller took back stays closed.
        let sql = "UPDATE account SET closed = 1 WHERE id = ?1
            AND EXISTS (SELECT 1 FROM account WHERE feed = ?2 AND buyer = ?3 AND closed = 1)";
        connection.execute(sql, params![id, feed.as_bytes(), buyer.as_bytes()])?;
        Ok(())
    }

    /// A buyer's accounts for a listing, in the order in which they are used.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn accounts(&self, feed: &FeedKey, buyer: &IdentityKey) -> Result<Vec<Account>, DatabaseError> {
        accounts(&self.connection(), feed, buyer)
    }
}

const SELECT: &str =
    "SELECT id, feed, buyer, price, forever, balance, delivered, carry, trial_used, free_window,
    window_used, paid, refunded, revoked, short, closed, clock_ms, wall_ms FROM account";

/// A buyer's accounts for a listing, the oldest first.
pub(super) fn accounts(
    connection: &Connection,
    feed: &FeedKey,
    buyer: &IdentityKey,
) -> Result<Vec<Account>, DatabaseError> {
    let sql = format!("{SELECT} WHERE feed = ?1 AND buyer = ?2 ORDER BY opened_ms, id");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![feed.as_bytes(), buyer.as_bytes()], read)?;
    rows.collect::<Result<Vec<_>, _>>()?.into_iter().map(complete).collect()
}

/// The account with this number.
pub(super) fn account(connection: &Connection, id: i64) -> Result<Account, DatabaseError> {
    let sql = format!("{SELECT} WHERE id = ?1");
    complete(connection.prepare_cached(&sql)?.query_row([id], read)?)
}

/// The number of a buyer's account under a price, which is opened if there is none.
pub(in crate::database) fn open(
    connection: &Connection,
    feed: &FeedKey,
    buyer: &IdentityKey,
    price: &Price,
    now_ms: i64,
) -> Result<i64, DatabaseError> {
    let (asset, text) = (price.asset.to_string(), price.to_json().to_string());
    let sql = "SELECT id FROM account WHERE feed = ?1 AND buyer = ?2 AND asset = ?3 AND price = ?4";
    let known = params![feed.as_bytes(), buyer.as_bytes(), asset, text];
    if let Some(id) = connection.prepare_cached(sql)?.query_row(known, |row| row.get(0)).optional()? {
        return Ok(id);
    }
    // A trial comes once for each buyer, whatever they pay in.
    let sql = "INSERT INTO account (feed, buyer, asset, price, opened_ms, trial_used) VALUES (?1, ?2, ?3, ?4, ?5,
            CASE WHEN EXISTS (SELECT 1 FROM account WHERE feed = ?1 AND buyer = ?2 AND price LIKE '%\"trial\"%') THEN ?6 ELSE 0 END)
        RETURNING id";
    let new = params![feed.as_bytes(), buyer.as_bytes(), asset, text, now_ms, signed(price.trial)];
    Ok(connection.prepare_cached(sql)?.query_row(new, |row| row.get(0))?)
}

/// The same, for somebody who has paid nothing at this price yet: what is free at it, if anything, comes with the first payment.
pub(super) fn open_unpaid(
    connection: &Connection,
    feed: &FeedKey,
    buyer: &IdentityKey,
    price: &Price,
    now_ms: i64,
) -> Result<i64, DatabaseError> {
    let id = open(connection, feed, buyer, price, now_ms)?;
    let sql = "UPDATE account SET closed = 1 WHERE id = ?1 AND paid = 0 AND delivered = 0 AND trial_used = 0
        AND window_used = 0 AND opened_ms = ?2";
    connection.prepare_cached(sql)?.execute(params![id, now_ms])?;
    Ok(id)
}

/// Adds a payment. What the account is short of is made up for first.
///
/// # Errors
/// [`DatabaseError::TooMuch`] for more than a thousand years at once, or 2^53 units in all.
pub(in crate::database) fn pay(connection: &Connection, id: i64, units: u64) -> Result<(), DatabaseError> {
    let account = account(connection, id)?;
    let is_too_long = account.price.asset == Asset::Time && units > TIME_MAX_MS;
    if is_too_long || units > PAID_MAX.saturating_sub(account.paid) {
        return Err(DatabaseError::TooMuch { units });
    }
    let sql = "UPDATE account SET paid = paid + ?2 + ?3, short = short - ?2, balance = balance + ?3, closed = 0 WHERE id = ?1";
    move_units(connection, sql, &account, units)
}

/// Adds what was meant to be given back and was not.
pub(super) fn return_refund(connection: &Connection, id: i64, units: u64) -> Result<(), DatabaseError> {
    let sql = "UPDATE account SET refunded = refunded - ?2 - ?3, short = short - ?2, balance = balance + ?3 WHERE id = ?1";
    move_units(connection, sql, &account(connection, id)?, units)
}

/// `?2` makes up for what the account is short of, `?3` is the rest.
fn move_units(
    connection: &Connection,
    sql: &str,
    account: &Account,
    units: u64,
) -> Result<(), DatabaseError> {
    // A clock does not run while nothing is left.
    let is_stale = account.charged_at.is_some_and(|last| !account.left(last.wall_ms).is_open());
    if is_stale {
        stop_clock(connection, account.id)?;
    }
    let short = units.min(account.short);
    connection.prepare_cached(sql)?.execute(params![account.id, signed(short), signed(units - short)])?;
    Ok(())
}

/// Takes a payment back. What is not there any more the account is short of.
pub(super) fn reverse(connection: &Connection, id: i64, units: u64) -> Result<(), DatabaseError> {
    let there = account(connection, id)?.meter.balance.min(units);
    let sql =
        "UPDATE account SET paid = paid - ?2 - ?3, balance = balance - ?2, short = short + ?3 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![id, signed(there), signed(units - there)])?;
    Ok(())
}

/// Takes back whatever a buyer has, and returns what that was.
pub(in crate::database) fn take_all(
    connection: &Connection,
    feed: &FeedKey,
    buyer: &IdentityKey,
    now_ms: i64,
) -> Result<Option<Credit>, DatabaseError> {
    let accounts = accounts(connection, feed, buyer)?;
    let has_anything = |account: &&Account| account.meter.balance > 0 || account.left(now_ms).is_open();
    for account in accounts.iter().filter(has_anything) {
        let sql = "UPDATE account SET revoked = revoked + balance, balance = 0, forever = 0, closed = 1 WHERE id = ?1";
        connection.execute(sql, [account.id])?;
        stop_clock(connection, account.id)?;
        // Nobody else has a name for it.
        let (reference, units): ([u8; 16], _) = (rand::random(), account.meter.balance);
        let line = Line {
            method: "grant",
            reference: &reference,
            kind: "revoke",
            block: &[],
            incarnation: 0,
            units,
            now_ms,
        };
        line.insert(connection, Some(account.id), None, &[])?;
    }
    Ok(credit(&accounts, now_ms))
}

/// Stops a clock: the next delivery starts it again.
pub(super) fn stop_clock(connection: &Connection, id: i64) -> Result<(), DatabaseError> {
    let sql = "UPDATE account SET clock_ms = NULL, wall_ms = NULL WHERE id = ?1";
    connection.prepare_cached(sql)?.execute([id])?;
    Ok(())
}

/// A number that came out of the database, or is below [`PAID_MAX`].
pub(in crate::database) fn signed(units: u64) -> i64 {
    i64::try_from(units).unwrap_or(i64::MAX)
}

/// An account whose price is still text.
fn read(row: &Row<'_>) -> rusqlite::Result<(Account, String)> {
    let number = |index| row.get::<_, i64>(index).map(|number| u64::try_from(number).unwrap_or(0));
    let charged_at = match (row.get::<_, Option<i64>>(16)?, row.get(17)?) {
        (Some(clock_ms), Some(wall_ms)) => Some(ChargedAt { clock_ms: clock_ms.unsigned_abs(), wall_ms }),
        _ => None,
    };
    let account = Account {
        id: row.get(0)?,
        feed: key(row, 1)?,
        buyer: key(row, 2)?,
        price: Price::new(Asset::Time, dazaar_market::price::Kind::Free),
        forever: row.get(4)?,
        meter: Meter {
            balance: number(5)?,
            charged: number(6)?,
            carry: number(7)?,
            trial_used: number(8)?,
            window: number(9)?,
            window_used: number(10)?,
        },
        paid: number(11)?,
        refunded: number(12)?,
        revoked: number(13)?,
        short: number(14)?,
        closed: row.get(15)?,
        charged_at,
    };
    Ok((account, row.get(3)?))
}

fn complete((account, price): (Account, String)) -> Result<Account, DatabaseError> {
    Ok(Account { price: parse_price(&price)?, ..account })
}

/// A price as records have it.
pub(in crate::database) fn parse_price(text: &str) -> Result<Price, DatabaseError> {
    let damaged = || DatabaseError::Damaged { column: "account.price" };
    let json = serde_json::from_str(text).map_err(|_| damaged())?;
    Price::from_json(&json).map_err(|_| damaged())
}
