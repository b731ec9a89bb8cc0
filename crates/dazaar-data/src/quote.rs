//! How many rows and bytes a range of time has.
//!
//! Times go as text, since JavaScript's numbers have no room for nanoseconds.

use dazaar::SharedLog;
use dazaar_table::read;
use dazaar_table::times::parse_time;
use serde::{Deserialize, Serialize};

use crate::ask::Question;

/// From when, inclusive, to when, exclusive.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QuoteQuestion {
    /// RFC 3339.
    pub from: Option<String>,
    /// RFC 3339.
    pub to: Option<String>,
}

/// What there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteAnswer {
    /// Rows, exactly.
    pub rows: u64,
    /// Bytes of the segments that have them.
    pub bytes: u64,
}

impl Question for QuoteQuestion {
    const NAME: &'static str = "dazaar-quote";
    type Answer = QuoteAnswer;
}

pub(crate) fn answer(question: &QuoteQuestion, log: &SharedLog) -> Result<QuoteAnswer, String> {
    let (from, to) = (time(question.from.as_deref())?, time(question.to.as_deref())?);
    // Locked for each block alone: buyers are served meanwhile.
    let length = log.lock().length();
    let quote = read::quote(length, from, to, |block| log.lock().block(block));
    quote.map(|read::Quote { rows, bytes }| QuoteAnswer { rows, bytes }).map_err(|error| error.to_string())
}

pub(crate) fn time(text: Option<&str>) -> Result<Option<i64>, String> {
    text.map(parse_time).transpose().map_err(|error| error.to_string())
}
