//! An entry of a card's `prices`, and the form in which records keep a price.
//!
//! Grade: plain. Every field is known, or the entry is refused: one that we skipped might be the one that costs money.

use serde_json::{Map, Value, json};

use super::currency::Currency;
use super::fields::Fields;
use super::{Basis, Clock, FreeQuota, Kind, Method, OfferError, Price, Terms, TimeRange, unit};
use crate::extension::display_text;
use crate::money::{Decimal, Rate};
use crate::span::parse_span_ms;

/// Every field of an entry.
const FIELDS: [&str; 18] = [
    "amount",
    "asset",
    "cap",
    "chain",
    "clock",
    "contract",
    "currency",
    "decimals",
    "description",
    "free",
    "from",
    "interval",
    "method",
    "min",
    "payTo",
    "per",
    "to",
    "trial",
];

impl Terms {
    /// Reads an entry of `prices`.
    ///
    /// # Errors
    /// What is wrong with it, or not known.
    pub(super) fn parse_entry(entry: &Map<String, Value>) -> Result<Self, OfferError> {
        let fields = Fields(entry);
        let method = Method::of(fields)?;
        let (price, currency) = parse(method, fields)?;
        let pay_to = fields.text(&["payTo"])?.map(display_text);
        Ok(Self { method, price, shown: currency.shown, pay_to, grace_ms: 0 })
    }
}

impl Price {
    /// Reads a price that [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_json(value: &Value) -> Result<Self, OfferError> {
        let entry = value.as_object().ok_or(OfferError::NotAnObject)?;
        // An asset alone says what is counted; the method matters only for names of currencies.
        parse(Method::Free, Fields(entry)).map(|(price, _)| price)
    }

    /// The price in units of its asset: equal prices give equal texts.
    pub fn to_json(&self) -> Value {
        let mut entry = json!({ "asset": self.asset.to_string() });
        let mut say = |field: &str, value: Value| entry[field] = value;
        match &self.kind {
            Kind::Free => say("per", "free".into()),
            Kind::Once { units } => {
                say("per", "once".into());
                say("amount", units.to_string().into());
            }
            Kind::Range { units, range } => {
                let (from, to) = range.ends();
                say("per", "range".into());
                say("amount", units.to_string().into());
                say("from", from.into());
                say("to", to.into());
            }
            Kind::Time { .. } | Kind::Bytes { .. } | Kind::Records { .. } => {}
        }
        if let Kind::Time { clock: Clock::Wall, .. } = self.kind {
            say("clock", "wall".into());
        }
        if let Some((basis, rate)) = self.metered() {
            say("per", unit::smallest(basis).into());
            say("amount", rate.units().to_string().into());
            say("interval", rate.per().to_string().into());
            if self.trial > 0 {
                say("trial", json!({ basis_name(basis): self.trial.to_string() }));
            }
            if let Some(free) = self.free {
                let every = free.every_ms.to_string();
                say("free", json!({ basis_name(basis): free.quantity.to_string(), "every": every }));
            }
        }
        if self.minimum > 0 {
            say("min", self.minimum.to_string().into());
        }
        if let Some(cap) = self.cap {
            say("cap", cap.to_string().into());
        }
        entry
    }
}

fn parse(method: Method, fields: Fields<'_>) -> Result<(Price, Currency), OfferError> {
    fields.only(&FIELDS)?;
    fields.without(unused(method, fields))?;
    let currency = Currency::of(method, fields)?;
    let kind = kind(fields, currency.exponent)?;
    let mut price = Price::new(currency.asset.clone(), kind);
    price.minimum = whole(fields, "min", currency.exponent)?.unwrap_or(0);
    price.cap = whole(fields, "cap", currency.exponent)?;
    let basis = price.metered().map(|(basis, _)| basis);
    if let Some(trial) = fields.object("trial")? {
        trial.only(&["bytes", "records", "time"])?;
        price.trial = quantity("trial", trial, basis)?;
    }
    if let Some(free) = fields.object("free")? {
        free.only(&["bytes", "every", "records", "time"])?;
        let every_ms = milliseconds(free, "every")?.ok_or(OfferError::Missing { field: "every" })?;
        price.free = Some(FreeQuota { quantity: quantity("free", free, basis)?, every_ms });
    }
    if fields.has("clock") && basis != Some(Basis::Time) {
        return Err(OfferError::OtherBasis { field: "clock" });
    }
    Ok((price, currency))
}

fn kind(fields: Fields<'_>, exponent: i32) -> Result<Kind, OfferError> {
    let per = fields.text(&["per"])?.ok_or(OfferError::Missing { field: "per" })?;
    if per == "free" {
        fields.without(&["amount", "cap", "from", "interval", "min", "to"])?;
        return Ok(Kind::Free);
    }
    let amount = fields.decimal(&["amount"])?.ok_or(OfferError::Missing { field: "amount" })?;
    let kind = match per {
        "once" => {
            fields.without(&["from", "interval", "to"])?;
            Kind::Once { units: units("amount", amount, exponent)? }
        }
        "range" => {
            fields.without(&["interval"])?;
            let end = |field| fields.text(&[field])?.ok_or(OfferError::Missing { field });
            let range = TimeRange::parse(end("from")?, end("to")?)?;
            Kind::Range { units: units("amount", amount, exponent)?, range }
        }
        _ => metered(fields, per, amount, exponent)?,
    };
    if amount.is_zero() {
        fields.without(&["cap", "min"])?;
        return Ok(Kind::Free);
    }
    Ok(kind)
}

/// The fields about a token that mean nothing with a method.
fn unused(method: Method, fields: Fields<'_>) -> &'static [&'static str] {
    let all: &[_] = &["contract", "decimals", "chain"];
    match method {
        // The asset says it all.
        _ if !fields.has("currency") => all,
        Method::Ether => &["contract", "decimals"],
        Method::Erc20 if fields.has("contract") => &[],
        Method::Erc20 => &["chain"],
        Method::Free
        | Method::Credit
        | Method::Bolt11
        | Method::Bolt12
        | Method::Cashu
        | Method::Transfer => all,
    }
}

/// A price for a quantity, or nothing.
fn metered(fields: Fields<'_>, per: &str, amount: Decimal, exponent: i32) -> Result<Kind, OfferError> {
    fields.without(&["from", "to"])?;
    let (basis, count) = unit::unit(per)?;
    if amount.is_zero() {
        fields.whole(&["interval"])?;
        return Ok(Kind::Free);
    }
    let rate = rate(fields, amount, exponent, count)?;
    Ok(match basis {
        Basis::Time => Kind::Time { rate, clock: clock(fields)? },
        Basis::Bytes => Kind::Bytes { rate },
        Basis::Records => Kind::Records { rate },
    })
}

/// `amount` for each `interval` times so much; once, if there is no interval.
fn rate(fields: Fields<'_>, amount: Decimal, exponent: i32, count: u64) -> Result<Rate, OfferError> {
    let interval = fields.whole(&["interval"])?.unwrap_or(1);
    let quantity = interval.checked_mul(count).ok_or(OfferError::NotWhole { field: "interval" })?;
    Ok(Rate::new(amount, exponent, quantity)?)
}

fn clock(fields: Fields<'_>) -> Result<Clock, OfferError> {
    match fields.text(&["clock"])? {
        None | Some("open") => Ok(Clock::Open),
        Some("wall") => Ok(Clock::Wall),
        Some(_) => Err(OfferError::Form { field: "clock", expected: "open or wall" }),
    }
}

/// An amount that is whole units.
fn whole(fields: Fields<'_>, field: &'static str, exponent: i32) -> Result<Option<u64>, OfferError> {
    fields.decimal(&[field])?.map(|amount| units(field, amount, exponent)).transpose()
}

fn units(field: &'static str, amount: Decimal, exponent: i32) -> Result<u64, OfferError> {
    let units = amount.whole(exponent).filter(|units| i64::try_from(*units).is_ok());
    units.ok_or(OfferError::NotWhole { field })
}

/// So much of what the price counts.
fn quantity(field: &'static str, quota: Fields<'_>, basis: Option<Basis>) -> Result<u64, OfferError> {
    let wrong = OfferError::OtherBasis { field };
    let basis = basis.ok_or_else(|| wrong.clone())?;
    let others = [Basis::Time, Basis::Bytes, Basis::Records].into_iter().filter(|other| *other != basis);
    if others.into_iter().any(|other| quota.has(basis_name(other))) {
        return Err(wrong);
    }
    let name = basis_name(basis);
    let count = match basis {
        Basis::Time => milliseconds(quota, name)?,
        Basis::Bytes | Basis::Records => quota.whole(&[name])?,
    };
    count.ok_or(wrong)
}

/// A span like `10m`, or a number of milliseconds.
fn milliseconds(fields: Fields<'_>, field: &'static str) -> Result<Option<u64>, OfferError> {
    let form = OfferError::Form { field, expected: "a span like 10m" };
    if let Ok(whole) = fields.whole(&[field]) {
        return if whole == Some(0) { Err(form) } else { Ok(whole) };
    }
    let span = fields.text(&[field])?.and_then(|text| parse_span_ms(text).ok());
    span.filter(|ms| i64::try_from(*ms).is_ok()).map(Some).ok_or(form)
}

const fn basis_name(basis: Basis) -> &'static str {
    match basis {
        Basis::Time => "time",
        Basis::Bytes => "bytes",
        Basis::Records => "records",
    }
}
