//! An entry of a card's `payment`: a time price, in all the ways in which npm dazaar's cards say it.
//!
//! Grade: plain. What npm dazaar misreads is refused, since its sellers would take the money: source market research and
//! the modules `@dazaar/payment`, `payment-lightning`, `payment-eth`. Fields that we do not know are skipped, as there.

use serde_json::{Map, Value};

use super::currency::Currency;
use super::fields::Fields;
use super::{Clock, Kind, Method, OfferError, Price, Terms};
use crate::extension::display_text;
use crate::money::Rate;

/// Names of an Ethereum key to which is paid.
const KEY_NAMES: [&str; 3] = ["pubKey", "payToPubKey", "payToPublicKey"];

/// The units that npm dazaar knows, in milliseconds.
const UNITS: [(&str, u64); 3] = [("seconds", 1_000), ("minutes", 60_000), ("hours", 3_600_000)];

impl Terms {
    /// Reads an entry of `payment`.
    ///
    /// # Errors
    /// What is wrong with it, or not known.
    pub(super) fn parse_payment(entry: &Map<String, Value>) -> Result<Self, OfferError> {
        let fields = Fields(entry);
        let method = Method::of(fields)?;
        let currency = Currency::of(method, fields)?;
        let amount = fields.decimal(&["amount"])?.ok_or(OfferError::Missing { field: "amount" })?;
        let kind = if amount.is_zero() {
            Kind::Free
        } else {
            let rate = Rate::new(amount, currency.exponent, interval_ms(fields)?)?;
            Kind::Time { rate, clock: Clock::Open }
        };
        let mut price = Price::new(currency.asset, kind);
        // npm dazaar takes these seconds off what was bought. Meant, and here, they are the least that can be bought.
        if let Some(seconds) = fields.whole(&["minSeconds"])? {
            let ms = seconds.checked_mul(1000).ok_or(OfferError::NotWhole { field: "minSeconds" })?;
            let minimum = Some(price.quote(ms)).filter(|units| i64::try_from(*units).is_ok());
            price.minimum = minimum.ok_or(OfferError::NotWhole { field: "minSeconds" })?;
        }
        let grace_ms = fields.whole(&["paymentDelay"])?.unwrap_or(0);
        let pay_to = pay_to(method, fields)?;
        Ok(Self { method, price, shown: currency.shown, pay_to, grace_ms })
    }
}

fn interval_ms(fields: Fields<'_>) -> Result<u64, OfferError> {
    let unit = fields.text(&["unit"])?.ok_or(OfferError::Missing { field: "unit" })?;
    let known = UNITS.iter().find(|(name, _)| *name == unit);
    let (_, unit_ms) = known.ok_or_else(|| OfferError::UnitEatsMoney { unit: display_text(unit) })?;
    let interval = fields.decimal(&["interval"])?.ok_or(OfferError::Missing { field: "interval" })?;
    // Half a minute is a whole number of milliseconds.
    let ms = interval.whole(3).and_then(|thousandths| thousandths.checked_mul(unit_ms / 1000));
    ms.ok_or(OfferError::NotWhole { field: "interval" })
}

/// To whom is paid: a secp256k1 key for Ethereum, in one of its three lengths.
fn pay_to(method: Method, fields: Fields<'_>) -> Result<Option<String>, OfferError> {
    if !matches!(method, Method::Erc20 | Method::Ether) {
        return Ok(fields.text(&["payTo", "payto"])?.map(display_text));
    }
    let key = fields.text(&KEY_NAMES)?.ok_or(OfferError::Missing { field: "pubKey" })?;
    let digits = key.strip_prefix("0x").unwrap_or(key);
    let is_key = hex::decode(digits).is_ok_and(|bytes| [33, 64, 65].contains(&bytes.len()));
    if !is_key {
        return Err(OfferError::Form {
            field: "pubKey",
            expected: "a public key of 33, 64 or 65 bytes in hex",
        });
    }
    Ok(Some(digits.to_ascii_lowercase()))
}
