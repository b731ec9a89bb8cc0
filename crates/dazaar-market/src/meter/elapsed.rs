//! How much time passed between two moments, by a clock that may be wrong.
//!
//! Grade: plain. Only the seller's clock counts. Within one run of the program it is the steady one; across runs it is the wall
//! clock, which people and computers set. In doubt nobody is charged.

/// The longest time without the program that is believed: a week.
pub const DOWN_MAX_MS: u64 = 7 * 86_400_000;

/// A time by both of the seller's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// A number that no other run of the program has.
    pub run: i64,
    /// Milliseconds since the run began, by a clock that nobody sets.
    pub running_ms: u64,
    /// Milliseconds since 1970 UTC.
    pub wall_ms: i64,
}

/// What passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed {
    /// Milliseconds to charge.
    pub ms: u64,
    /// What was wrong with the clock, for the log.
    pub anomaly: Option<Anomaly>,
}

/// A clock that cannot be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Anomaly {
    /// It is earlier than it was.
    #[error("the clock went back by {ms} ms")]
    Back {
        /// How far.
        ms: u64,
    },
    /// More passed than is believed.
    #[error("the clock went forward by {ms} ms while the program was not running")]
    Jump {
        /// How far.
        ms: u64,
    },
}

/// The time that passed since the program was alive last.
///
/// - In one run: what passed by the steady clock.
/// - Across runs: what passed by the wall clock, unless it went back, or forward by more than [`DOWN_MAX_MS`].
pub fn elapsed(last: &Moment, now: &Moment) -> Elapsed {
    if last.run == now.run {
        return Elapsed { ms: now.running_ms.saturating_sub(last.running_ms), anomaly: None };
    }
    let passed = i128::from(now.wall_ms) - i128::from(last.wall_ms);
    let ms = u64::try_from(passed.unsigned_abs()).unwrap_or(u64::MAX);
    match passed {
        ..0 => Elapsed { ms: 0, anomaly: Some(Anomaly::Back { ms }) },
        _ if ms > DOWN_MAX_MS => Elapsed { ms: 0, anomaly: Some(Anomaly::Jump { ms }) },
        _ => Elapsed { ms, anomaly: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: Moment = Moment { run: 1, running_ms: 5_000, wall_ms: 1_000_000 };

    fn passed(now: Moment) -> Elapsed {
        elapsed(&LAST, &now)
    }

    #[test]
    fn in_one_run_nobody_can_set_the_clock() {
        for wall_ms in [0, 1_000_000, i64::MAX, i64::MIN] {
            let now = Moment { run: 1, running_ms: 6_500, wall_ms };
            assert_eq!(passed(now), Elapsed { ms: 1_500, anomaly: None });
        }
    }

    #[test]
    fn what_passed_while_the_program_did_not_run_is_what_the_wall_says() {
        let now = Moment { run: 2, running_ms: 0, wall_ms: 1_060_000 };
        assert_eq!(passed(now), Elapsed { ms: 60_000, anomaly: None });
    }

    #[test]
    fn a_clock_that_jumps_a_year_costs_nothing() {
        let year_ms = 365 * 86_400_000_i64;
        let forward = passed(Moment { run: 2, running_ms: 0, wall_ms: LAST.wall_ms + year_ms });
        assert_eq!(forward, Elapsed { ms: 0, anomaly: Some(Anomaly::Jump { ms: year_ms.unsigned_abs() }) });
        let back = passed(Moment { run: 2, running_ms: 0, wall_ms: LAST.wall_ms - year_ms });
        assert_eq!(back, Elapsed { ms: 0, anomaly: Some(Anomaly::Back { ms: year_ms.unsigned_abs() }) });
        assert_eq!(passed(Moment { run: 2, running_ms: 0, wall_ms: i64::MIN }).ms, 0);
    }
}
