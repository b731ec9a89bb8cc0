//! Admits those who have credit in the ledger, and charges the time that was delivered.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::price::TimeRange;
use dazaar_market::{Price, Verdict};
use serde_json::{Value, json};

use super::{Answer, Question, Validator, undecided};
use crate::clock::{moment, now_ms};
use crate::database::{Credit, Database, DatabaseError, Standing, Used};

/// How often the records hear that the program runs.
const ALIVE_EVERY: Duration = Duration::from_secs(60);

/// Looks buyers up in the market's records.
#[derive(Debug)]
pub(super) struct Granted {
    database: Arc<Database>,
    /// What was delivered and could not be charged when it should have been.
    uncharged: Mutex<BTreeMap<(FeedKey, IdentityKey), Used>>,
    /// A price at which something is free before anything is paid.
    gift: Option<Price>,
    /// Dropped with the rest, it ends the thread that keeps the clock.
    _alive: Sender<()>,
}

impl Granted {
    pub(super) fn new(database: Arc<Database>, gift: Option<Price>) -> Self {
        let (alive, over) = channel();
        let records = Arc::clone(&database);
        // A thread, since nothing says that there is an async runtime yet.
        let thread = std::thread::Builder::new().name("dazaar-clock".to_owned());
        if let Err(error) = thread.spawn(move || keep_clock(&records, &over)) {
            tracing::error!(%error, "nothing records that the program runs");
        }
        Self { database, gift, uncharged: Mutex::default(), _alive: alive }
    }

    fn uncharged(&self) -> MutexGuard<'_, BTreeMap<(FeedKey, IdentityKey), Used>> {
        self.uncharged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Charges what was delivered, and what is left to be charged from before; all of it stays to be charged if that fails.
    fn charge(&self, question: &Question) -> Result<Option<Standing>, DatabaseError> {
        let key = (question.feed, question.buyer);
        let time_ms = u64::try_from(question.served_ms).unwrap_or(0);
        let before = self.uncharged().remove(&key).unwrap_or_default();
        let used = before.and(Used {
            time_ms,
            bytes: question.served_bytes,
            rows: question.served_rows.clone(),
            ranges: question.served_ranges.clone(),
        });
        let charged = self.charge_or_open(question, &used);
        if charged.is_err() && used != Used::default() {
            let mut uncharged = self.uncharged();
            let waiting = uncharged.entry(key).or_default();
            *waiting = std::mem::take(waiting).and(used);
        }
        charged
    }

    /// A buyer who comes for the first time is given what the card gives before anything is paid.
    fn charge_or_open(&self, question: &Question, used: &Used) -> Result<Option<Standing>, DatabaseError> {
        let Question { feed, buyer, .. } = question;
        let charged = self.database.charge(feed, buyer, used, &moment())?;
        match (charged, &self.gift) {
            (None, Some(price)) => {
                self.database.open_account(feed, buyer, price, now_ms())?;
                self.database.charge(feed, buyer, used, &moment())
            }
            (charged, _) => Ok(charged),
        }
    }
}

/// What passes while no buyer is there passes, too.
fn keep_clock(database: &Database, over: &Receiver<()>) {
    loop {
        if let Err(error) = database.alive(&moment()) {
            tracing::error!(%error, "cannot record that the program runs");
        }
        if over.recv_timeout(ALIVE_EVERY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

impl Validator for Granted {
    fn validate(&self, question: Question) -> Answer<'_> {
        let verdict = match self.charge(&question) {
            Ok(None) => Verdict::Refuse { reason: "nothing was granted to this buyer yet".to_owned() },
            Ok(Some(Standing { credit: Credit::Time { left_ms: ..=0 }, .. })) => {
                Verdict::Refuse { reason: "no time left on this subscription".to_owned() }
            }
            // Whoever used the last rows is still sent what has none and costs nothing: an index often follows them.
            Ok(Some(standing)) if !question.served_rows.is_empty() => {
                Verdict::Admit { info: Some(standing_info(&standing)) }
            }
            Ok(Some(standing)) if standing.credit.is_used_up() => {
                Verdict::Refuse { reason: "nothing left of what was paid".to_owned() }
            }
            Ok(Some(standing)) => Verdict::Admit { info: Some(standing_info(&standing)) },
            Err(error) => {
                tracing::error!(%error, buyer = %question.buyer, "cannot look up a buyer");
                undecided()
            }
        };
        Box::pin(std::future::ready(verdict))
    }
}

/// What a buyer is told about their credit, in the words of npm dazaar.
pub(crate) fn info(credit: Credit) -> Value {
    match credit {
        Credit::Time { left_ms } => json!({ "type": "time", "remaining": left_ms }),
        Credit::Bytes { left } => json!({ "type": "bytes", "remaining": left }),
        Credit::Records { left } => json!({ "type": "records", "remaining": left }),
        Credit::Ranges => json!({ "type": "range" }),
        Credit::Forever => json!({ "type": "free", "uniqueFeed": true }),
    }
}

/// The same, and which ranges of time are paid.
fn standing_info(standing: &Standing) -> Value {
    let mut info = info(standing.credit);
    if !standing.ranges.is_empty() {
        let ends = |range: &TimeRange| {
            let (from, to) = range.ends();
            json!({ "from": from, "to": to })
        };
        info["ranges"] = standing.ranges.iter().map(ends).collect();
    }
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_kept_without_a_runtime_and_no_longer_than_anybody_asks() {
        let folder = tempfile::tempdir().unwrap();
        let database = Arc::new(Database::open(&folder.path().join("market.db")).unwrap());
        let validator = Granted::new(Arc::clone(&database), None);
        assert!(Arc::strong_count(&database) > 1);
        drop(validator);
        for _ in 0..500 {
            if Arc::strong_count(&database) == 1 {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the thread goes on");
    }
}
