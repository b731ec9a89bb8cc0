//! Prices and amounts as people say them: `100 sats/hour by bolt11`, `5 EUR once`, `2 EUR for 2024-01-01 to 2025-01-01`; `1h`, `2GB`,
//! `5000 sats`, `once`, `2024-01-01 to 2025-01-01`.
//!
//! Grade: plain.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::currency::ether_exponent;
use super::shown::quantity;
use super::{Basis, Kind, Terms, TimeRange, TimeRangeError, unit};
use crate::extension::display_text;
use crate::money::{Asset, Decimal};
use crate::span::parse_span_ms;

/// A price in words, as an entry of a card's `prices`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpokenPrice(Map<String, Value>);

impl SpokenPrice {
    /// The entry.
    pub const fn entry(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl FromStr for SpokenPrice {
    type Err = SpokenError;

    /// `<amount> <currency>`, then `/<unit>` or `per <unit>` or `once` or `for <time> to <time>`, and `by <method>` if it is not the
    /// usual one.
    fn from_str(text: &str) -> Result<Self, SpokenError> {
        let wrong = || SpokenError::Price { text: display_text(text) };
        let (words, method) = match text.split_once(" by ") {
            Some((words, method)) => (words, Some(method.trim())),
            None => (text, None),
        };
        let (words, range) = match words.split_once(" for ") {
            Some((words, range)) => {
                let range: TimeRange = range
                    .parse()
                    .map_err(|error: TimeRangeError| SpokenError::Entry { reason: error.to_string() })?;
                (words, Some(range))
            }
            None => (words, None),
        };
        let (money, per) = match (
            words.split_once('/'),
            words.split_once(" per "),
            words.trim_end().strip_suffix(" once"),
        ) {
            _ if range.is_some() => (words, "range"),
            (Some((money, per)), ..) | (None, Some((money, per)), _) => (money, per.trim()),
            (None, None, Some(money)) => (money, "once"),
            (None, None, None) => return Err(wrong()),
        };
        let (amount, currency) = number(money).ok_or_else(wrong)?;
        if currency.is_empty() || currency.contains(char::is_whitespace) || per.is_empty() {
            return Err(wrong());
        }
        if amount.is_zero() {
            return Err(SpokenError::Nothing { text: display_text(text) });
        }
        let usual = if is_bitcoin(currency) { "bolt11" } else { "credit" };
        let mut entry = json!({
            "method": method.unwrap_or(usual),
            "currency": currency.to_ascii_uppercase(),
            "amount": amount.to_string(),
            "per": per,
        });
        if let Some((from, to)) = range.map(TimeRange::ends) {
            entry["from"] = from.into();
            entry["to"] = to.into();
        }
        let entry = entry.as_object().cloned().unwrap_or_default();
        if method.is_some_and(|method| ["erc20", "eth"].contains(&method)) {
            return Err(SpokenError::Token { method: display_text(method.unwrap_or_default()) });
        }
        Terms::parse_entry(&entry).map_err(|error| SpokenError::Entry { reason: error.to_string() })?;
        Ok(Self(entry))
    }
}

/// How much somebody wants to pay, or to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// So much time, or so many bytes or records.
    Quantity {
        /// Of what.
        basis: Basis,
        /// Milliseconds, bytes or records.
        count: u64,
    },
    /// So much money.
    Money {
        /// How much.
        amount: Decimal,
        /// Of what: `sats`, `EUR`.
        currency: String,
    },
    /// Everything, for the one amount that is asked.
    Once,
    /// This range of time, for the amount that is asked for it.
    Range(TimeRange),
}

impl Wish {
    /// What that is at a price, in units of its asset; none if it is about something else.
    pub fn units(&self, terms: &Terms) -> Option<u64> {
        match self {
            Self::Once => match terms.price.kind {
                Kind::Once { units } => Some(units),
                _ => None,
            },
            Self::Range(wanted) => terms.price.flat().filter(|_| terms.price.range() == Some(*wanted)),
            Self::Quantity { basis, count } => {
                let (metered, _) = terms.price.metered()?;
                (metered == *basis).then(|| terms.price.quote(*count))
            }
            Self::Money { amount, currency } => {
                let scale = terms.shown.decimals.cast_signed();
                let is_named = |name: &str| name.eq_ignore_ascii_case(&terms.shown.name);
                match currency.to_ascii_lowercase().as_str() {
                    "sats" if is_named("sat") => amount.whole(scale),
                    "btc" if is_named("sat") => amount.whole(scale + 8),
                    name if is_named(name) => amount.whole(scale),
                    name if matches!(terms.price.asset, Asset::Ether { .. }) => {
                        amount.whole(ether_exponent(name)?)
                    }
                    _ => None,
                }
            }
        }
    }
}

impl FromStr for Wish {
    type Err = SpokenError;

    fn from_str(text: &str) -> Result<Self, SpokenError> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("once") {
            return Ok(Self::Once);
        }
        if let Ok(count) = parse_span_ms(text) {
            return Ok(Self::Quantity { basis: Basis::Time, count });
        }
        if let Ok(range) = text.parse() {
            return Ok(Self::Range(range));
        }
        let wrong = || SpokenError::Wish { text: display_text(text) };
        let (amount, name) = number(text).ok_or_else(wrong)?;
        if let Ok((basis, size)) = unit::unit(name) {
            let count = amount.whole(0).and_then(|amount| amount.checked_mul(size)).ok_or_else(wrong)?;
            return Ok(Self::Quantity { basis, count });
        }
        let is_name = name.starts_with(|char: char| char.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_name { Ok(Self::Money { amount, currency: name.to_owned() }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantity { basis, count } => f.write_str(&quantity(*basis, *count)),
            Self::Money { amount, currency } => write!(f, "{amount} {currency}"),
            Self::Once => f.write_str("once"),
            Self::Range(range) => range.fmt(f),
        }
    }
}

/// A number, and what stands behind it.
fn number(text: &str) -> Option<(Decimal, &str)> {
    let text = text.trim();
    let end = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    Some((number.parse().ok()?, rest.trim()))
}

fn is_bitcoin(currency: &str) -> bool {
    ["sat", "sats", "msat", "msats", "btc"].iter().any(|name| name.eq_ignore_ascii_case(currency))
}

/// Why words are no price or amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpokenError {
    /// Not of the form of a price.
    #[error(
        "`{text}` is no price, such as `100 sats/hour`, `0.10 EUR/GB by transfer`, `20000 sats once` or \
         `2 EUR for 2024-01-01 to 2025-01-01`"
    )]
    Price {
        /// What was said.
        text: String,
    },
    /// A price of nothing.
    #[error("`{text}` asks for nothing")]
    Nothing {
        /// What was said.
        text: String,
    },
    /// A price in a token.
    #[error(
        "a price by {method} names the token's `contract` and `chain`, so it stands in the `prices` of a card"
    )]
    Token {
        /// The way to pay.
        method: String,
    },
    /// A price that no card may have.
    #[error("{reason}")]
    Entry {
        /// Why.
        reason: String,
    },
    /// Neither a quantity nor money.
    #[error("`{text}` is no amount, such as `1h`, `2GB`, `5000 sats`, `once` or `2024-01-01 to 2025-01-01`")]
    Wish {
        /// What was said.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::{Kind, Method};

    fn terms(text: &str) -> Terms {
        Terms::parse_entry(text.parse::<SpokenPrice>().unwrap().entry()).unwrap()
    }

    #[test]
    fn prices_mean_what_they_say() {
        for (text, shown) in [
            ("100 sats/hour", "100 sat per hour by bolt11"),
            ("0.5 sat per minute by cashu", "30 sat per hour by cashu"),
            ("5 EUR once by transfer", "5 EUR once by transfer"),
            ("0.10 EUR/GB", "0.01 EUR for each 100 MB by credit"),
            ("2 EUR for 2024 to 2025-02", "2 EUR for 2024-01-01 to 2025-02-01 by credit"),
            (
                "900 sats for 2024-01-01 to 2024-01-02 by cashu",
                "900 sat for 2024-01-01 to 2024-01-02 by cashu",
            ),
        ] {
            assert_eq!(terms(text).to_string(), shown, "{text}");
        }
        assert_eq!(terms("20000 sats once").price.kind, Kind::Once { units: 20_000_000 });
        assert_eq!(terms("1 sat/s").method, Method::Bolt11);
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for text in [
            "",
            "free",
            "100",
            "100 sats",
            "sats/hour",
            "100 sats/",
            "100 sats/month",
            "0 EUR/hour",
            "5 USD/hour by erc20",
            "1 EUR/h by eos",
            "-1 sat/h",
            "5 EUR for 2024",
            "5 EUR/hour for 2024 to 2025",
            "5 EUR for 2025 to 2024",
        ] {
            assert!(text.parse::<SpokenPrice>().is_err(), "{text}");
        }
    }

    #[test]
    fn wishes_are_counted_at_a_price() {
        let wish = |text: &str, price: &str| text.parse::<Wish>().unwrap().units(&terms(price));
        assert_eq!(wish("1h", "100 sats/hour"), Some(100_000));
        assert_eq!(wish("90m", "100 sats/hour"), Some(150_000));
        assert_eq!(wish("250 sats", "100 sats/hour"), Some(250_000));
        assert_eq!(wish("0.00000250 BTC", "100 sats/hour"), Some(250_000));
        assert_eq!(wish("2GB", "0.10 EUR/GB"), Some(20));
        assert_eq!(wish("3 EUR", "0.10 EUR/GB"), Some(300));
        assert_eq!(wish("0.001 EUR", "0.10 EUR/GB"), None, "finer than can be counted");
        assert_eq!(wish("once", "5 EUR once"), Some(500));
        assert_eq!(wish("1h", "0.10 EUR/GB"), None, "another quantity");
        assert_eq!(wish("2024 to 2025", "5 EUR for 2024-01-01 to 2025-01-01"), Some(500));
        assert_eq!(wish("2024 to 2026", "5 EUR for 2024-01-01 to 2025-01-01"), None, "another range");
        assert_eq!(wish("once", "5 EUR for 2024-01-01 to 2025-01-01"), None, "not everything");
        assert_eq!(wish("2024 to 2025", "5 EUR once"), None, "everything is not a range");
        assert_eq!(wish("5 USD", "5 EUR once"), None, "another currency");
        for text in
            ["", "h", "1 2", "sats", "-5 sats", "1.5h/", "99999999999999999999999999999999999999999 sats"]
        {
            assert!(text.parse::<Wish>().is_err(), "{text}");
        }
    }

    #[test]
    fn ether_is_wished_for_by_any_of_its_names() {
        let entry = json!({ "method": "eth", "currency": "ether", "amount": "1", "per": "hour", "chain": 5 });
        let terms = Terms::parse_entry(entry.as_object().unwrap()).unwrap();
        let units = |wish: &str| wish.parse::<Wish>().unwrap().units(&terms);
        assert_eq!((units("0.002 ETH"), units("7 gwei"), units("1 wei")), (Some(2_000_000), Some(7), None));
        assert_eq!(units("1 EUR"), None);
    }

    #[test]
    fn wishes_are_shown_as_people_say_them() {
        for (said, shown) in
            [("1h", "1 hour"), ("90m", "90 minutes"), ("2GB", "2000 MB"), ("5000 sats", "5000 sats")]
        {
            assert_eq!(said.parse::<Wish>().unwrap().to_string(), shown);
        }
    }
}
