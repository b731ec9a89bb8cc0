//! The clocks: the one place where they are read for records.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use dazaar_market::meter::Moment;

/// Milliseconds since 1970 UTC.
pub fn now_ms() -> i64 {
    // A clock before 1970 is not set at all.
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Now, by the wall clock and by the steady clock of this run of the program.
pub fn moment() -> Moment {
    static BEGINNING: OnceLock<(i64, Instant)> = OnceLock::new();
    let (run, began) = BEGINNING.get_or_init(|| (rand::random(), Instant::now()));
    let running_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Moment { run: *run, running_ms, wall_ms: now_ms() }
}
