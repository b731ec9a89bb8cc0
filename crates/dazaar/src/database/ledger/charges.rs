//! Charging what was delivered.

use std::ops::Range;

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::meter::Moment;
use dazaar_market::price::{Basis, Clock, Kind, TimeRange};
use dazaar_market::{Asset, Left, Price};
use rusqlite::{Connection, params};

use super::super::{Database, DatabaseError};
use super::accounts::{self, ChargedAt, accounts, signed};
use super::clock;
use super::{Account, Credit};

/// What was delivered since the last charge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// Milliseconds of delivery.
    pub time_ms: u64,
    /// Bytes of blocks.
    pub bytes: u64,
    /// Rows. Of those that were charged before nothing is charged.
    pub rows: Vec<Range<u64>>,
    /// Ranges of time of which something was delivered that is not in the rest.
    pub ranges: Vec<TimeRange>,
}

impl Used {
    /// Both.
    pub fn and(mut self, more: Self) -> Self {
        self.time_ms = self.time_ms.saturating_add(more.time_ms);
        self.bytes = self.bytes.saturating_add(more.bytes);
        self.rows.extend(more.rows);
        self.ranges.extend(more.ranges);
        self
    }
}

/// What a buyer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What may still be used.
    pub credit: Credit,
    /// Ranges of time that are paid, whatever else is used up.
    pub ranges: Vec<TimeRange>,
}

/// How much one account is to pay for, in whatever it counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Amounts {
    time_ms: u64,
    bytes: u64,
    records: u64,
}

impl Amounts {
    /// `share` of each `whole` of it, rounded down: fractions are nobody's.
    fn part(self, share: u64, whole: u64) -> Self {
        let part = |all: u64| {
            let part = u128::from(all) * u128::from(share) / u128::from(whole.max(1));
            u64::try_from(part).unwrap_or(all)
        };
        Self { time_ms: part(self.time_ms), bytes: part(self.bytes), records: part(self.records) }
    }
}

const DAY_MS: i64 = 86_400_000;

impl Database {
    /// Charges what was delivered to the buyer's oldest account with credit, never below zero, and what that cannot pay to the
    /// next. Returns what is left; none if the buyer has no account. A price by the clock is charged even if nothing was delivered,
    /// as long as no older account has credit. A crash of the program loses no charge, a power cut those of the last second.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn charge(
        &self,
        feed: &FeedKey,
        buyer: &IdentityKey,
        used: &Used,
        now: &Moment,
    ) -> Result<Option<Standing>, DatabaseError> {
        let mut charges = self.charges();
        let before = accounts(&charges.connection, feed, buyer)?;
        let is_running = |account: &Account| account.charged_at.is_some();
        let is_forever = before.iter().any(|account| account.forever);
        // Most questions find nothing to charge, and need not wait for the disk.
        if (is_forever || *used == Used::default()) && !before.iter().any(is_running) {
            return Ok(standing(&before, now.wall_ms));
        }
        // Writers of this process wait for each other here: SQLite would try again and again.
        let _writer = self.connection();
        charges.write(now.running_ms, |connection| {
            let mut accounts = accounts(connection, feed, buyer)?;
            let clock_ms = clock::advance(connection, now)?;
            let now_at = ChargedAt { clock_ms, wall_ms: now.wall_ms };
            let amounts = amounts(connection, &accounts, (feed, buyer), used)?;
            charge_ranges(connection, &mut accounts, &used.ranges, now_at)?;
            charge_all(connection, &mut accounts, amounts, now_at)?;
            Ok(standing(&accounts, now.wall_ms))
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

/// What is to be paid of what was delivered. Rows are looked up only if somebody counts them.
fn amounts(
    connection: &Connection,
    accounts: &[Account],
    (feed, buyer): (&FeedKey, &IdentityKey),
    used: &Used,
) -> Result<Amounts, DatabaseError> {
    let mut amounts = Amounts { time_ms: used.time_ms, bytes: used.bytes, records: 0 };
    if accounts.iter().any(|account| matches!(account.price.kind, Kind::Records { .. })) {
        for rows in &used.rows {
            amounts.records += super::rows::charge(connection, feed, buyer, rows)?;
        }
    }
    Ok(amounts)
}

/// Charges ranges of time of which something was delivered.
fn charge_ranges(
    connection: &Connection,
    accounts: &mut [Account],
    ranges: &[TimeRange],
    now: ChargedAt,
) -> Result<(), DatabaseError> {
    let is_used = |account: &Account| account.price.range().is_some_and(|range| ranges.contains(&range));
    for account in accounts.iter_mut().filter(|account| is_used(account) && is_open(account, now)) {
        charge_one(connection, account, Amounts { bytes: 1, ..Amounts::default() }, now)?;
    }
    Ok(())
}

/// Charges one delivery: to the account that was opened first of those with credit, and what it cannot pay of it to the next. So
/// nothing is paid for twice, in time and in bytes.
fn charge_all(
    connection: &Connection,
    accounts: &mut [Account],
    mut used: Amounts,
    now: ChargedAt,
) -> Result<(), DatabaseError> {
    let payer = payer(accounts, now);
    for (index, account) in accounts.iter_mut().enumerate() {
        if Some(index) != payer {
            stop_clock(connection, account)?;
        }
    }
    for account in accounts.iter_mut().skip(payer.unwrap_or(usize::MAX)) {
        if !is_open(account, now) || account.price.range().is_some() {
            continue;
        }
        let (amount, unpaid) = charge_one(connection, account, used, now)?;
        if unpaid == 0 {
            break;
        }
        used = used.part(unpaid, amount);
    }
    Ok(())
}

/// Which account is charged first; none if the buyer is admitted for good or has nothing. Who bought everything pays for nothing
/// else, but for that once.
fn payer(accounts: &[Account], now: ChargedAt) -> Option<usize> {
    if accounts.iter().any(|account| account.forever) {
        return None;
    }
    let is_open = |account: &Account| account.price.range().is_none() && is_open(account, now);
    let is_flat = |account: &Account| account.price.metered().is_none();
    let flat = accounts.iter().position(|account| is_flat(account) && is_open(account));
    flat.or_else(|| accounts.iter().position(is_open))
}

/// Charges one account. Returns what was to be paid, and how much of it was not.
fn charge_one(
    connection: &Connection,
    account: &mut Account,
    used: Amounts,
    now: ChargedAt,
) -> Result<(u64, u64), DatabaseError> {
    let amount = match account.price.metered() {
        _ if is_by_the_clock(&account.price) => match account.charged_at {
            Some(last) => now.clock_ms.saturating_sub(last.clock_ms),
            None if used == Amounts::default() => return Ok((0, 0)),
            // The clock starts with the first delivery and then runs by itself, until nothing is left: what comes then is not
            // charged later.
            None => used.time_ms,
        },
        Some((Basis::Time, _)) => used.time_ms,
        Some((Basis::Bytes, _)) => used.bytes,
        Some((Basis::Records, _)) => used.records,
        None => used.time_ms.max(used.bytes).max(used.records),
    };
    let before = account.meter;
    let charge = account.meter.charge(&account.price, amount, wall(now));
    if account.meter != before || is_by_the_clock(&account.price) {
        store(connection, account, charge.units, now)?;
    }
    if !is_open(account, now) {
        stop_clock(connection, account)?;
    }
    Ok((amount, charge.unpaid))
}

fn stop_clock(connection: &Connection, account: &mut Account) -> Result<(), DatabaseError> {
    if account.charged_at.take().is_some() {
        accounts::stop_clock(connection, account.id)?;
    }
    Ok(())
}

fn store(
    connection: &Connection,
    account: &mut Account,
    units: u64,
    now: ChargedAt,
) -> Result<(), DatabaseError> {
    account.charged_at = is_by_the_clock(&account.price).then_some(now);
    let meter = &account.meter;
    let sql =
        "UPDATE account SET balance = ?2, delivered = ?3, carry = ?4, trial_used = ?5, free_window = ?6,
        window_used = ?7, clock_ms = ?8, wall_ms = ?9 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![
        account.id,
        signed(meter.balance),
        signed(meter.charged),
        signed(meter.carry),
        signed(meter.trial_used),
        signed(meter.window),
        signed(meter.window_used),
        account.charged_at.map(|at| signed(at.clock_ms)),
        account.charged_at.map(|at| at.wall_ms),
    ])?;
    if units > 0 {
        let sql = "INSERT INTO delivery (account, day, units) VALUES (?1, ?2, ?3)
            ON CONFLICT (account, day) DO UPDATE SET units = delivery.units + excluded.units";
        let day = now.wall_ms.div_euclid(DAY_MS);
        connection.prepare_cached(sql)?.execute(params![account.id, day, signed(units)])?;
    }
    Ok(())
}

fn is_open(account: &Account, now: ChargedAt) -> bool {
    account.left(now.wall_ms).is_open()
}

fn wall(now: ChargedAt) -> u64 {
    u64::try_from(now.wall_ms).unwrap_or(0)
}

const fn is_by_the_clock(price: &Price) -> bool {
    matches!(price.kind, Kind::Time { clock: Clock::Wall, .. })
}

/// What several accounts come to; none if there are none.
fn standing(accounts: &[Account], now_ms: i64) -> Option<Standing> {
    let ranges = accounts.iter().filter(|account| account.left(now_ms).is_open());
    let ranges = ranges.filter_map(|account| account.price.range()).collect();
    credit(accounts, now_ms).map(|credit| Standing { credit, ranges })
}

/// What several accounts come to: everything if one of them is unlimited, else what those have that count as the first open one
/// does, else ranges of time.
pub(super) fn credit(accounts: &[Account], now_ms: i64) -> Option<Credit> {
    let (ranges, others): (Vec<_>, Vec<_>) =
        accounts.iter().partition(|account| account.price.range().is_some() && !account.forever);
    let credit = credit_but_ranges(&others, now_ms);
    let has_range = ranges.iter().any(|account| account.left(now_ms).is_open());
    match credit {
        Some(credit) if !has_range || !credit.is_used_up() => Some(credit),
        _ if has_range => Some(Credit::Ranges),
        _ => credit_but_ranges(&ranges, now_ms),
    }
}

fn credit_but_ranges(accounts: &[&Account], now_ms: i64) -> Option<Credit> {
    let left = |account: &&Account| account.left(now_ms);
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
