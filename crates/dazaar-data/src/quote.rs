//! How many rows and bytes a range of time has, and what it costs.
//!
//! Times go as text, since JavaScript's numbers have no room for nanoseconds.

use dazaar::Seller;
use dazaar::cards::Price;
use dazaar::cards::price::Kind as PriceKind;
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteAnswer {
    /// Rows, exactly.
    pub rows: u64,
    /// Bytes of the segments that have them.
    pub bytes: u64,
    /// What they cost, for each price that can be paid now and does not count time.
    #[serde(default)]
    pub costs: Vec<QuoteCost>,
}

/// What a range costs at one price, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteCost {
    /// How much.
    pub cost: String,
    /// At which price.
    pub price: String,
}

impl Question for QuoteQuestion {
    const NAME: &'static str = "dazaar-quote";
    type Answer = QuoteAnswer;
}

pub(crate) fn answer(question: &QuoteQuestion, seller: &Seller) -> Result<QuoteAnswer, String> {
    let (from, to) = (time(question.from.as_deref())?, time(question.to.as_deref())?);
    let log = seller.log();
    // Locked for each block alone: buyers are served meanwhile.
    let length = log.lock().length();
    let quote = read::quote(length, from, to, |block| log.lock().block(block));
    let read::Quote { rows, bytes } = quote.map_err(|error| error.to_string())?;
    let costs = seller.prices_taken().into_iter().filter_map(|offer| {
        let terms = offer.terms.ok()?;
        let units = units(&terms.price, (rows, bytes), (from, to))?;
        Some(QuoteCost { cost: terms.shown.amount(units), price: terms.to_string() })
    });
    Ok(QuoteAnswer { rows, bytes, costs: costs.collect() })
}

/// What a range of so many rows and bytes costs; none if that depends on how long it takes, or if it is not sold so.
fn units(price: &Price, (rows, bytes): (u64, u64), (from, to): (Option<i64>, Option<i64>)) -> Option<u64> {
    match price.kind {
        PriceKind::Free => Some(0),
        PriceKind::Once { .. } => price.flat(),
        PriceKind::Range { range, units } => {
            let is_within =
                from.is_some_and(|from| from >= range.from_ns()) && to.is_some_and(|to| to <= range.to_ns());
            is_within.then_some(units)
        }
        PriceKind::Records { .. } => Some(price.quote(rows)),
        PriceKind::Bytes { .. } => Some(price.quote(bytes)),
        PriceKind::Time { .. } => None,
    }
}

pub(crate) fn time(text: Option<&str>) -> Result<Option<i64>, String> {
    text.map(parse_time).transpose().map_err(|error| error.to_string())
}
