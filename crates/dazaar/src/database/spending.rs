//! What I pay sellers: on record before they are asked how, and within my budget.

use dazaar_log::IdentityKey;
use dazaar_market::{Asset, Method, Money, Price};
use rusqlite::{Connection, Row, TransactionBehavior, params};

use super::ledger::{parse_price, signed};
use super::{Database, DatabaseError, OptionalExtension, OrderId, key};
use crate::payment::Paid;

const DAY_MS: i64 = 86_400_000;

/// A purchase that I pay, or have paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spending {
    /// The order's name.
    pub order: OrderId,
    /// Whom.
    pub seller: IdentityKey,
    /// How.
    pub method: Method,
    /// At which price.
    pub price: Price,
    /// How much was ordered, in units of the price's asset.
    pub units: u64,
    /// How much the seller counted, as the receipts say: people transfer in parts, and more or less than was asked.
    pub counted: u64,
    /// Whom the card says to pay, if it does.
    pub pay_to: Option<String>,
    /// What paying cost on top.
    pub fee: u64,
    /// How far it is.
    pub state: SpendingState,
    /// How it is paid, if the seller has said so.
    pub request: Option<SpendingRequest>,
    /// What was sent, if it was.
    pub paid: Option<Paid>,
    /// When it began.
    pub time_ms: i64,
}

impl Spending {
    /// How much it came to, as far as the seller has said: what was ordered until then.
    pub const fn came_to(&self) -> u64 {
        if self.counted > 0 { self.counted } else { self.units }
    }
}

/// How a payment of mine is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendingRequest {
    /// What the seller says.
    pub request: String,
    /// What the payment must be called where others may read it; empty if it does not matter.
    pub memo: String,
    /// Until when: milliseconds since 1970 UTC.
    pub expires_ms: i64,
    /// The name of the wallet that pays.
    pub wallet: String,
}

/// How far a payment of mine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendingState {
    /// The seller is to say how, or the wallet pays.
    Open,
    /// It is paid, and the seller has not said that it counts.
    Sent,
    /// It counts.
    Done,
    /// Nothing was paid.
    Failed,
    /// It was paid, and the seller does not count it.
    Refused,
}

impl SpendingState {
    /// Its name in records and events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Sent => "sent",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

/// How much I want to spend at most, in an asset. Fees are on top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// In what.
    pub asset: Asset,
    /// With one order.
    pub for_order: Option<u64>,
    /// With one seller, ever.
    pub for_seller: Option<u64>,
    /// In any 24 hours.
    pub for_day: Option<u64>,
}

/// A budget does not allow a payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} more is beyond the budget of {most} for {scope}, of which {spent} is spent")]
pub struct BudgetError {
    /// What was to be paid.
    pub wanted: Money,
    /// What may be.
    pub most: Money,
    /// What was paid, or is being paid.
    pub spent: Money,
    /// Which budget: one order, this seller, one day.
    pub scope: &'static str,
}

impl Database {
    /// Records what is about to be paid, if the budget allows it.
    ///
    /// # Errors
    /// [`DatabaseError::Budget`], [`DatabaseError::Sqlite`].
    pub fn begin_spending(&self, spending: &Spending) -> Result<(), DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        check_budget(&transaction, spending)?;
        let sql = "INSERT INTO spending (id, seller, method, asset, price, units, pay_to, state, at_ms)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'open', ?8)";
        let row = params![
            spending.order,
            spending.seller.as_bytes(),
            spending.method.name(),
            spending.price.asset.to_string(),
            spending.price.to_json().to_string(),
            signed(spending.units),
            spending.pay_to,
            spending.time_ms
        ];
        transaction.execute(sql, row)?;
        Ok(transaction.commit()?)
    }

    /// Records how a payment is about to be made, before the wallet is asked. It is made so or not at all: what was recorded first stays,
    /// and is returned.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn put_request(
        &self,
        order: &OrderId,
        request: &SpendingRequest,
    ) -> Result<SpendingRequest, DatabaseError> {
        let connection = self.connection();
        let sql = "UPDATE spending SET request = ?2, memo = ?3, expires_ms = ?4, wallet = ?5
            WHERE id = ?1 AND request IS NULL";
        let SpendingRequest { request, memo, expires_ms, wallet } = request;
        connection.execute(sql, params![order, request, memo, expires_ms, wallet])?;
        let sql = "SELECT request, memo, expires_ms, wallet FROM spending WHERE id = ?1";
        let stored = connection.query_row(sql, [order], |row| {
            Ok(SpendingRequest {
                request: row.get(0)?,
                memo: row.get(1)?,
                expires_ms: row.get(2)?,
                wallet: row.get(3)?,
            })
        })?;
        Ok(stored)
    }

    /// Records what the wallet sent, before it is handed over. The seller may have said already that it counts.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn put_sent(&self, order: &OrderId, paid: &Paid) -> Result<(), DatabaseError> {
        let sql = "UPDATE spending SET reference = ?2, proof = ?3, fee = ?4,
            state = CASE WHEN state = 'done' THEN 'done' ELSE 'sent' END WHERE id = ?1";
        self.connection().execute(sql, params![order, paid.reference, paid.proof, signed(paid.fee)])?;
        Ok(())
    }

    /// A payment is over. One that was sent cannot fail any more, and one that counts stays so.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn end_spending(&self, order: &OrderId, state: SpendingState) -> Result<(), DatabaseError> {
        // What another process knows of it since is not forgotten: what was sent is not failed, and what counts is done.
        let sql = "UPDATE spending SET state = ?2 WHERE id = ?1 AND (?2 = 'done'
            OR (?2 = 'refused' AND state <> 'done') OR (state = 'open' AND reference IS NULL))";
        self.connection().execute(sql, params![order, state.name()])?;
        Ok(())
    }

    /// All that I paid or am about to pay, first come first; of one seller, if `seller` says which.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`], [`DatabaseError::Damaged`].
    pub fn spendings(&self, seller: Option<&IdentityKey>) -> Result<Vec<Spending>, DatabaseError> {
        let connection = self.connection();
        let sql = "SELECT id, seller, method, price, units, fee, state, reference, proof, at_ms, pay_to, request, memo,
            expires_ms, wallet, counted FROM spending
            WHERE ?1 IS NULL OR seller = ?1 ORDER BY at_ms, id";
        let mut statement = connection.prepare_cached(sql)?;
        let spendings = statement.query_map([seller.map(IdentityKey::as_bytes)], read)?;
        spendings.collect::<Result<Vec<_>, _>>()?.into_iter().collect()
    }

    /// My budgets.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn budgets(&self) -> Result<Vec<Budget>, DatabaseError> {
        let connection = self.connection();
        let sql = "SELECT asset, for_order, for_seller, for_day FROM budget ORDER BY asset";
        let mut statement = connection.prepare_cached(sql)?;
        let budgets = statement.query_map([], |row| {
            let most =
                |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(i64::unsigned_abs));
            let (for_order, for_seller, for_day) = (most(1)?, most(2)?, most(3)?);
            Ok((row.get::<_, String>(0)?, for_order, for_seller, for_day))
        })?;
        budgets
            .map(|budget| {
                let (asset, for_order, for_seller, for_day) = budget?;
                let asset = asset.parse().map_err(|_| DatabaseError::Damaged { column: "budget.asset" })?;
                Ok(Budget { asset, for_order, for_seller, for_day })
            })
            .collect()
    }

    /// Sets the budget of an asset.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn put_budget(&self, budget: &Budget) -> Result<(), DatabaseError> {
        let sql = "INSERT INTO budget (asset, for_order, for_seller, for_day) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (asset) DO UPDATE SET for_order = excluded.for_order,
                for_seller = excluded.for_seller, for_day = excluded.for_day";
        let most = [budget.for_order, budget.for_seller, budget.for_day].map(|most| most.map(signed));
        self.connection().execute(sql, params![budget.asset.to_string(), most[0], most[1], most[2]])?;
        Ok(())
    }
}

/// Adds what a receipt says to what was counted. No sum is too large: a seller may claim anything.
pub(super) fn add_counted(connection: &Connection, order: &OrderId, units: u64) -> Result<(), DatabaseError> {
    let sql = "UPDATE spending SET counted = counted + min(?2, 9223372036854775807 - counted) WHERE id = ?1";
    connection.execute(sql, params![order, signed(units)])?;
    Ok(())
}

fn check_budget(connection: &Connection, spending: &Spending) -> Result<(), DatabaseError> {
    let asset = spending.price.asset.to_string();
    let sql = "SELECT for_order, for_seller, for_day FROM budget WHERE asset = ?1";
    let most = connection.query_row(sql, [&asset], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]));
    let Some(most): Option<[Option<i64>; 3]> = most.optional()? else { return Ok(()) };
    let spent = |condition: &str, value: &dyn rusqlite::ToSql| {
        let sql = format!(
            "SELECT coalesce(sum(units), 0) FROM spending WHERE asset = ?1 AND state <> 'failed' AND {condition}"
        );
        connection.query_row(&sql, params![asset, value], |row| row.get::<_, i64>(0))
    };
    let of_seller = spent("seller = ?2", &spending.seller.as_bytes())?;
    let of_day = spent("at_ms > ?2", &(spending.time_ms - DAY_MS))?;
    let scopes = [("one order", 0), ("this seller", of_seller), ("one day", of_day)];
    for ((scope, spent), most) in scopes.into_iter().zip(most) {
        let Some(most) = most else { continue };
        if signed(spending.units) > most.saturating_sub(spent) {
            let money =
                |units: i64| Money { asset: spending.price.asset.clone(), units: units.unsigned_abs() };
            let wanted = money(signed(spending.units));
            let beyond = BudgetError { wanted, most: money(most), spent: money(spent), scope };
            return Err(DatabaseError::Budget(Box::new(beyond)));
        }
    }
    Ok(())
}

/// A record, unless it is damaged.
fn read(row: &Row<'_>) -> rusqlite::Result<Result<Spending, DatabaseError>> {
    let damaged = |column| DatabaseError::Damaged { column };
    let method = Method::by_name(&row.get::<_, String>(2)?).ok_or_else(|| damaged("spending.method"));
    let price = parse_price(&row.get::<_, String>(3)?);
    let state = match row.get::<_, String>(6)?.as_str() {
        "open" => Ok(SpendingState::Open),
        "sent" => Ok(SpendingState::Sent),
        "done" => Ok(SpendingState::Done),
        "failed" => Ok(SpendingState::Failed),
        "refused" => Ok(SpendingState::Refused),
        _ => Err(damaged("spending.state")),
    };
    let (method, price, state) = match (method, price, state) {
        (Ok(method), Ok(price), Ok(state)) => (method, price, state),
        (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => return Ok(Err(error)),
    };
    let fee = row.get::<_, i64>(5)?.unsigned_abs();
    let paid = match row.get(7)? {
        Some(reference) => Some(Paid { reference, proof: row.get(8)?, fee }),
        None => None,
    };
    let request = match (row.get(11)?, row.get(12)?, row.get(13)?, row.get(14)?) {
        (Some(request), Some(memo), Some(expires_ms), Some(wallet)) => {
            Some(SpendingRequest { request, memo, expires_ms, wallet })
        }
        _ => None,
    };
    Ok(Ok(Spending {
        order: row.get(0)?,
        seller: key(row, 1)?,
        method,
        price,
        units: row.get::<_, i64>(4)?.unsigned_abs(),
        counted: row.get::<_, i64>(15)?.unsigned_abs(),
        pay_to: row.get(10)?,
        fee,
        state,
        request,
        paid,
        time_ms: row.get(9)?,
    }))
}
