//! Admits those who have credit in the ledger, and charges the time that was delivered.

use std::sync::Arc;

use dazaar_market::Verdict;
use serde_json::{Value, json};

use super::{Answer, Question, Validator, undecided};
use crate::clock::moment;
use crate::database::{Credit, Database, Used};

/// Looks buyers up in the market's records.
#[derive(Debug)]
pub(super) struct Granted {
    database: Arc<Database>,
}

impl Granted {
    pub(super) const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }
}

impl Validator for Granted {
    fn validate(&self, question: Question) -> Answer<'_> {
        let used = Used { time_ms: u64::try_from(question.served_ms).unwrap_or(0), ..Used::default() };
        let verdict = match self.database.charge(&question.feed, &question.buyer, used, &moment()) {
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
