//! The fields of an entry, read strictly.
//!
//! Grade: plain.

use serde_json::{Map, Value};

use super::OfferError;
use crate::money::Decimal;

/// Digits that a JSON number carries exactly, whoever reads it.
const NUMBER_DIGITS_MAX: usize = 15;

/// The fields of one JSON object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// The first of these names that says anything.
    fn value(self, names: &[&'static str]) -> Option<(&'static str, &'a Value)> {
        names.iter().filter_map(|name| Some((*name, self.0.get(*name)?))).find(|(_, value)| !value.is_null())
    }

    /// Text, under the first of these names that says anything.
    pub(super) fn text(self, names: &[&'static str]) -> Result<Option<&'a str>, OfferError> {
        let Some((field, value)) = self.value(names) else { return Ok(None) };
        value.as_str().map(|text| Some(text.trim())).ok_or(OfferError::Form { field, expected: "text" })
    }

    /// A decimal number, as text or as a number.
    pub(super) fn decimal(self, names: &[&'static str]) -> Result<Option<Decimal>, OfferError> {
        let Some((field, value)) = self.value(names) else { return Ok(None) };
        let text = match value {
            // Its shortest text is the number that the card's writer wrote, unless that had more digits.
            Value::Number(number) => exact(field, number.to_string())?,
            Value::String(text) => text.trim().to_owned(),
            _ => return Err(OfferError::Form { field, expected: "a number" }),
        };
        text.parse().map(Some).map_err(|error| OfferError::Amount { field, error })
    }

    /// A whole number.
    pub(super) fn whole(self, names: &[&'static str]) -> Result<Option<u64>, OfferError> {
        let Some((field, _)) = self.value(names) else { return Ok(None) };
        let Some(number) = self.decimal(names)? else { return Ok(None) };
        let whole = number.whole(0).filter(|whole| i64::try_from(*whole).is_ok());
        whole.map(Some).ok_or(OfferError::NotWhole { field })
    }

    /// An object.
    pub(super) fn object(self, name: &'static str) -> Result<Option<Self>, OfferError> {
        let Some((field, value)) = self.value(&[name]) else { return Ok(None) };
        value
            .as_object()
            .map(|object| Some(Self(object)))
            .ok_or(OfferError::Form { field, expected: "an object" })
    }

    /// Whether something is said under this name.
    pub(super) fn has(self, name: &'static str) -> bool {
        self.value(&[name]).is_some()
    }

    /// Complains about a field that is known, and means nothing in this entry: who wrote it meant another price.
    pub(super) fn without(self, unused: &[&'static str]) -> Result<(), OfferError> {
        match unused.iter().find(|field| self.has(field)) {
            Some(field) => Err(OfferError::Unused { field }),
            None => Ok(()),
        }
    }

    /// Complains about a field that is none of these. Those that begin with `x-` say nothing about the price.
    pub(super) fn only(self, known: &[&str]) -> Result<(), OfferError> {
        let unknown = self.0.keys().find(|name| !known.contains(&name.as_str()) && !name.starts_with("x-"));
        match unknown {
            Some(name) => Err(OfferError::UnknownField { field: crate::extension::display_text(name) }),
            None => Ok(()),
        }
    }
}

/// The text of a number, if every program that reads JSON reads the same number.
fn exact(field: &'static str, text: String) -> Result<String, OfferError> {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let is_exact = digits.trim_matches('0').len() <= NUMBER_DIGITS_MAX;
    is_exact.then_some(text).ok_or(OfferError::Inexact { field, max: NUMBER_DIGITS_MAX })
}
