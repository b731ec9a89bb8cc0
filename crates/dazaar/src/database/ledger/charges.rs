//! Charging what was delivered.

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::meter::{Moment, elapsed};
use dazaar_market::price::{Basis, Clock, Kind};
use dazaar_market::{Asset, Left, Price};
use rusqlite::{Connection, params};

use super::super::{Database, DatabaseError};
use super::accounts::{accounts, signed};
use super::{Account, Credit};

/// What was delivered since the last charge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Milliseconds of delivery.
    pub time_ms: u64,
    /// Bytes of blocks.
    pub bytes: u64,
    /// Rows.
    pub records: u64,
}

const DAY_MS: i64 = 86_400_000;

impl Database {
    /// Charges what was delivered to the buyer's accounts, the oldest first, never below zero, and returns what is left; none if
    /// the buyer has no account. What runs by the clock is charged even if nothing was delivered. A crash of the program loses no
    /// charge, a power cut those of the last second.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn charge(
        &self,
        feed: &FeedKey,
        buyer: &IdentityKey,
        used: Used,
        now: &Moment,
    ) -> Result<Option<Credit>, DatabaseError> {
        let mut charges = self.charges();
        let before = accounts(&charges.connection, feed, buyer)?;
        let is_running = |account: &Account| is_by_the_clock(&account.price) && account.charged_at.is_some();
        let is_forever = before.iter().any(|account| account.forever);
        // Most questions find nothing to charge, and need not wait for the disk.
        if is_forever || used == Used::default() && !before.iter().any(is_running) {
            return Ok(credit(&before, now.wall_ms));
        }
        charges.write(now.running_ms, |connection| {
            let mut accounts = accounts(connection, feed, buyer)?;
            charge_all(connection, &mut accounts, used, now)?;
            Ok(credit(&accounts, now.wall_ms))
        })
    }

    /// What a buyer has; none without an account.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn credit(
        &self,
        feed: &FeedKey,
        buyer: &IdentityKey,
        now_ms: i64,
    ) -> Result<Option<Credit>, DatabaseError> {
        Ok(credit(&self.accounts(feed, buyer)?, now_ms))
    }
}

/// What a buyer has of time that was granted; none if nothing ever was.
pub(in crate::database) fn time_credit_of(
    connection: &Connection,
    feed: &FeedKey,
    buyer: &IdentityKey,
    now_ms: i64,
) -> Result<Option<Credit>, DatabaseError> {
    let mut accounts = accounts(connection, feed, buyer)?;
    accounts.retain(|account| *account.asset() == Asset::Time);
    Ok(credit(&accounts, now_ms))
}

fn charge_all(
    connection: &Connection,
    accounts: &mut [Account],
    mut used: Used,
    now: &Moment,
) -> Result<(), DatabaseError> {
    // Whoever is admitted for good pays for nothing.
    if accounts.iter().any(|account| account.forever) {
        return Ok(());
    }
    // Nor does anybody who bought everything, but for that once.
    let is_flat = |account: &Account| account.price.metered().is_none();
    if let Some(account) = accounts.iter_mut().find(|account| is_flat(account) && is_open(account, now)) {
        let anything = used.time_ms.max(used.bytes).max(used.records);
        let charge = account.meter.charge(&account.price, anything, 0);
        return if charge.units > 0 { store(connection, account, charge.units, now) } else { Ok(()) };
    }
    for account in accounts {
        if is_by_the_clock(&account.price) {
            charge_by_the_clock(connection, account, &mut used, now)?;
        } else if is_open(account, now) {
            let amount = quantity(&mut used, &account.price);
            let charge = account.meter.charge(&account.price, *amount, wall(now));
            *amount = charge.unpaid;
            store(connection, account, charge.units, now)?;
        }
    }
    Ok(())
}

/// Charges an account whose clock starts with the first delivery and then runs by itself, until nothing is left: what comes then
/// is not charged later.
fn charge_by_the_clock(
    connection: &Connection,
    account: &mut Account,
    used: &mut Used,
    now: &Moment,
) -> Result<(), DatabaseError> {
    let passed_ms = match account.charged_at {
        _ if !is_open(account, now) => return stop_clock(connection, account),
        Some(last) => {
            let passed = elapsed(&last, now, Clock::Wall);
            if let Some(anomaly) = passed.anomaly {
                tracing::warn!(%anomaly, buyer = %account.buyer, "this time is not charged");
            }
            passed.ms
        }
        None if used.time_ms > 0 => used.time_ms,
        None => return Ok(()),
    };
    let charge = account.meter.charge(&account.price, passed_ms, wall(now));
    // An open account pays for what was delivered, however its time runs.
    used.time_ms = 0;
    store(connection, account, charge.units, now)?;
    if is_open(account, now) { Ok(()) } else { stop_clock(connection, account) }
}

fn stop_clock(connection: &Connection, account: &mut Account) -> Result<(), DatabaseError> {
    if account.charged_at.take().is_some() {
        let sql = "UPDATE account SET run = NULL, running_ms = NULL, wall_ms = NULL WHERE id = ?1";
        connection.prepare_cached(sql)?.execute([account.id])?;
    }
    Ok(())
}

fn store(
    connection: &Connection,
    account: &mut Account,
    units: u64,
    now: &Moment,
) -> Result<(), DatabaseError> {
    account.charged_at = Some(*now);
    let meter = &account.meter;
    let sql =
        "UPDATE account SET balance = ?2, delivered = ?3, carry = ?4, trial_used = ?5, free_window = ?6,
        window_used = ?7, run = ?8, running_ms = ?9, wall_ms = ?10 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![
        account.id,
        signed(meter.balance),
        signed(meter.charged),
        signed(meter.carry),
        signed(meter.trial_used),
        signed(meter.window),
        signed(meter.window_used),
        now.run,
        signed(now.running_ms),
        now.wall_ms,
    ])?;
    if units > 0 {
        let sql = "INSERT INTO delivery (account, day, units) VALUES (?1, ?2, ?3)
            ON CONFLICT (account, day) DO UPDATE SET units = delivery.units + excluded.units";
        let day = now.wall_ms.div_euclid(DAY_MS);
        connection.prepare_cached(sql)?.execute(params![account.id, day, signed(units)])?;
    }
    Ok(())
}

fn is_open(account: &Account, now: &Moment) -> bool {
    account.left(now.wall_ms).is_open()
}

fn wall(now: &Moment) -> u64 {
    u64::try_from(now.wall_ms).unwrap_or(0)
}

/// The part of what was used that a price counts.
const fn quantity<'a>(used: &'a mut Used, price: &Price) -> &'a mut u64 {
    match price.metered() {
        Some((Basis::Bytes, _)) => &mut used.bytes,
        Some((Basis::Records, _)) => &mut used.records,
        Some((Basis::Time, _)) | None => &mut used.time_ms,
    }
}

const fn is_by_the_clock(price: &Price) -> bool {
    matches!(price.kind, Kind::Time { clock: Clock::Wall, .. })
}

/// What several accounts come to: everything if one of them is unlimited, else what those have that count as the first open one
/// does.
pub(super) fn credit(accounts: &[Account], now_ms: i64) -> Option<Credit> {
    let left = |account: &Account| account.left(now_ms);
    let counting = accounts.iter().find(|account| left(account).is_open()).or_else(|| accounts.last())?;
    if accounts.iter().any(|account| left(account) == Left::Unlimited) {
        return Some(Credit::Forever);
    }
    let basis = counting.price.metered().map(|(basis, _)| basis);
    let same = accounts.iter().filter(|account| account.price.metered().map(|(basis, _)| basis) == basis);
    let sum = same.fold(0_u64, |sum, account| match left(account) {
        Left::Quantity(left) => sum.saturating_add(left),
        Left::Unlimited => sum,
    });
    Some(match basis {
        Some(Basis::Bytes) => Credit::Bytes { left: signed(sum) },
        Some(Basis::Records) => Credit::Records { left: signed(sum) },
        Some(Basis::Time) | None => Credit::Time { left_ms: signed(sum) },
    })
}
