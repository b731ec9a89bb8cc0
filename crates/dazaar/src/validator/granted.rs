//! Admits those who have credit in the ledger, and charges the time that was delivered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::Verdict;
use serde_json::{Value, json};

use super::{Answer, Question, Validator, undecided};
use crate::clock::moment;
use crate::database::{Credit, Database, DatabaseError, Used};

/// Looks buyers up in the market's records.
#[derive(Debug)]
pub(super) struct Granted {
    database: Arc<Database>,
    /// Milliseconds of delivery that could not be charged when they should have been.
    uncharged_ms: Mutex<BTreeMap<(FeedKey, IdentityKey), u64>>,
}

impl Granted {
    pub(super) const fn new(database: Arc<Database>) -> Self {
        Self { database, uncharged_ms: Mutex::new(BTreeMap::new()) }
    }

    fn uncharged_ms(&self) -> MutexGuard<'_, BTreeMap<(FeedKey, IdentityKey), u64>> {
        self.uncharged_ms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Charges what was delivered, and what is left to be charged from before; all of it stays to be charged if that fails.
    fn charge(&self, question: &Question) -> Result<Option<Credit>, DatabaseError> {
        let key = (question.feed, question.buyer);
        let served_ms = u64::try_from(question.served_ms).unwrap_or(0);
        let time_ms = served_ms.saturating_add(self.uncharged_ms().remove(&key).unwrap_or(0));
        let used = Used { time_ms, ..Used::default() };
        let charged = self.database.charge(&question.feed, &question.buyer, used, &moment());
        if charged.is_err() && time_ms > 0 {
            let mut uncharged_ms = self.uncharged_ms();
            let waiting_ms = uncharged_ms.entry(key).or_default();
            *waiting_ms = waiting_ms.saturating_add(time_ms);
        }
        charged
    }
}

impl Validator for Granted {
    fn validate(&self, question: Question) -> Answer<'_> {
        let verdict = match self.charge(&question) {
            Ok(None) => Verdict::Refuse { reason: "nothing was granted to this buyer yet".to_owned() },
            Ok(Some(Credit::Time { left_ms: ..=0 })) => {
                Verdict::Refuse { reason: "no time left on this subscription".to_owned() }
            }
            Ok(Some(Credit::Bytes { left: ..=0 } | Credit::Records { left: ..=0 })) => {
                Verdict::Refuse { reason: "nothing left of what was paid".to_owned() }
            }
            Ok(Some(credit)) => Verdict::Admit { info: Some(info(credit)) },
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
        Credit::Forever => json!({ "type": "free", "uniqueFeed": true }),
    }
}
