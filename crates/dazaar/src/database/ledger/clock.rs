//! The program's clock: the time that passed, as far as it is believed, through all runs of the program.
//!
//! What is judged is the time without the program, and not that since a buyer was charged: one who was away for a month, while the
//! program ran, pays for a month.

use dazaar_market::meter::{Moment, elapsed};
use rusqlite::{Connection, TransactionBehavior, params};

use super::super::{Database, DatabaseError, OptionalExtension};
use super::accounts::signed;

impl Database {
    /// Says that the program runs. Whoever charges says so every minute: the time between the last word of one run and the first of
    /// the next is that without the program.
    ///
    /// # Errors
    /// [`DatabaseError::Sqlite`].
    pub fn alive(&self, now: &Moment) -> Result<(), DatabaseError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        advance(&transaction, now)?;
        Ok(transaction.commit()?)
    }
}

/// Moves the clock on, and returns it, in milliseconds.
pub(super) fn advance(connection: &Connection, now: &Moment) -> Result<u64, DatabaseError> {
    let sql = "SELECT run, running_ms, wall_ms, clock_ms FROM program_clock";
    let row = connection.prepare_cached(sql)?.query_row([], |row| {
        let (running_ms, clock_ms): (i64, i64) = (row.get(1)?, row.get(3)?);
        let last = Moment { run: row.get(0)?, running_ms: running_ms.unsigned_abs(), wall_ms: row.get(2)? };
        Ok((last, clock_ms.unsigned_abs()))
    });
    let clock_ms = match row.optional()? {
        None => 0,
        // Of two that ask at once the later may be served first.
        Some((last, clock_ms)) if last.run == now.run && last.running_ms >= now.running_ms => {
            return Ok(clock_ms);
        }
        Some((last, clock_ms)) => {
            let passed = elapsed(&last, now);
            if let Some(anomaly) = passed.anomaly {
                tracing::warn!(%anomaly, "this time is charged to nobody");
            }
            clock_ms.saturating_add(passed.ms)
        }
    };
    let sql = "INSERT INTO program_clock (id, run, running_ms, wall_ms, clock_ms) VALUES (1, ?1, ?2, ?3, ?4)
        ON CONFLICT (id) DO UPDATE SET run = excluded.run, running_ms = excluded.running_ms,
        wall_ms = excluded.wall_ms, clock_ms = excluded.clock_ms";
    let row = params![now.run, signed(now.running_ms), now.wall_ms, signed(clock_ms)];
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(clock_ms)
}
