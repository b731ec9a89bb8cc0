//! What admits a buyer: a predicate that is asked again at every interval.

mod command;
mod granted;
mod http;

use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::price::{Kind, TimeRange};
use dazaar_market::{Card, Price, Verdict};

pub(crate) use granted::info as credit_info;

use crate::database::{Admission, Database};

/// How long a command or a web service may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Who asks for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The seller that the buyer connected to.
    pub seller: IdentityKey,
    /// Who wants to buy.
    pub buyer: IdentityKey,
    /// The feed that is sold.
    pub feed: FeedKey,
    /// Milliseconds for which this buyer was served since the last question.
    pub served_ms: i64,
    /// Bytes of blocks that this buyer was sent since the last question, without those in ranges of time that are paid.
    pub served_bytes: u64,
    /// Rows that this buyer was sent since then and not before, if the last answer counted rows.
    pub served_rows: Vec<Range<u64>>,
    /// Ranges of time, of those that the last answer named, of which this buyer was sent something since then.
    pub served_ranges: Vec<TimeRange>,
}

impl Question {
    /// A question about a buyer who was not served anything.
    pub const fn new(seller: IdentityKey, buyer: IdentityKey, feed: FeedKey) -> Self {
        Self {
            seller,
            buyer,
            feed,
            served_ms: 0,
            served_bytes: 0,
            served_rows: Vec::new(),
            served_ranges: Vec::new(),
        }
    }

    /// How many rows that this buyer was sent have not been charged.
    pub fn served_records(&self) -> u64 {
        self.served_rows.iter().map(|rows| rows.end - rows.start).sum()
    }

    /// Whether it charges anything.
    pub const fn charges(&self) -> bool {
        self.served_ms > 0
            || self.served_bytes > 0
            || !self.served_rows.is_empty()
            || !self.served_ranges.is_empty()
    }
}

/// An answer on its way.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// Admits or refuses buyers.
pub trait Validator: fmt::Debug + Send + Sync {
    /// Answers one question. A validator that cannot decide refuses, and says so.
    fn validate(&self, question: Question) -> Answer<'_>;
}

/// A question that is out, if there is one.
#[derive(Default)]
pub(crate) struct Asked(Option<(Question, Answer<'static>)>);

impl Asked {
    /// Asks `validator`.
    pub(crate) fn ask(&mut self, validator: Arc<dyn Validator>, question: Question) {
        let asked = question.clone();
        self.0 = Some((question, Box::pin(async move { validator.validate(asked).await })));
    }

    /// The answer, once; never, if nothing was asked. Cancelling this loses nothing.
    pub(crate) async fn answer(&mut self) -> Verdict {
        let verdict = match &mut self.0 {
            Some((_, answer)) => answer.await,
            None => std::future::pending().await,
        };
        self.0 = None;
        verdict
    }

    /// Waits for the answer if the question charges anything: given up now, it might never be heard. One that charges
    /// nothing is not worth the wait; strangers ask those.
    pub(crate) async fn settle(&mut self) {
        if self.0.as_ref().is_some_and(|(question, _)| question.charges()) {
            self.answer().await;
        }
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Asked").field(&self.0.is_some()).finish()
    }
}

/// A validator that asks an external command.
pub fn command(command: Vec<String>) -> Arc<dyn Validator> {
    Arc::new(command::Command::new(command))
}

/// The validator that a listing names.
///
/// `card` says what is free before anything is paid.
pub fn validator(admission: &Admission, card: &Card, database: &Arc<Database>) -> Arc<dyn Validator> {
    match admission {
        Admission::Free | Admission::Everybody => Arc::new(Everybody),
        Admission::Granted => Arc::new(granted::Granted::new(Arc::clone(database), gift(card))),
        Admission::Command { command } => self::command(command.clone()),
        Admission::Http { url } => Arc::new(http::Http::new(url.clone())),
    }
}

/// The first price of the card at which something is free.
fn gift(card: &Card) -> Option<Price> {
    let prices = card.offers().into_iter().filter_map(|offer| Some(offer.terms.ok()?.price));
    prices.into_iter().find(|price| {
        let is_metered = price.metered().is_some();
        price.kind == Kind::Free || (is_metered && (price.trial > 0 || price.free.is_some()))
    })
}

/// Admits everybody.
#[derive(Debug)]
struct Everybody;

impl Validator for Everybody {
    fn validate(&self, _: Question) -> Answer<'_> {
        Box::pin(std::future::ready(Verdict::Admit { info: Some(serde_json::json!({ "type": "free" })) }))
    }
}

/// What a command or a web service answered, as a verdict.
fn verdict(admit: bool, answer: &[u8]) -> Verdict {
    let info: Option<serde_json::Value> = serde_json::from_slice(answer).ok();
    if admit {
        return Verdict::Admit { info: info.filter(serde_json::Value::is_object) };
    }
    let reason = info.as_ref().and_then(|info| info["reason"].as_str());
    let text = String::from_utf8_lossy(answer);
    let reason = reason.or_else(|| text.lines().next()).map(str::trim).filter(|reason| !reason.is_empty());
    Verdict::Refuse { reason: reason.unwrap_or("refused by the seller").to_owned() }
}

/// The verdict when no answer came. Why is the seller's business, not the buyer's.
fn undecided() -> Verdict {
    Verdict::Refuse { reason: "the seller cannot check this purchase at the moment".to_owned() }
}

#[cfg(test)]
mod tests;
