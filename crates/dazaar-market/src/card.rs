//! The card: one JSON object that is a whole listing.
//!
//! Grade: plain. Only `id` is required. What we don't know is kept as it is, so that a card that passes through us
//! loses nothing. Numbers stay [`Number`]s: those beyond 2^53, where JavaScript rounds whole ones, are refused, and so a
//! card means the same to everybody and its canonical form is unique.
//! Source: classic protocol, section 7.5 (versions); the fields are those that cards in the wild have.

mod error;
mod signature;

use dazaar_log::IdentityKey;
use serde_json::{Map, Number, Value};

pub use error::CardError;
pub use signature::CardSignature;

use crate::address::{Address, AddressError};
use crate::limits::{ADDRESSES_MAX, CARD_BYTES_MAX};

/// A seller's listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// The seller: the one thing that a buyer needs.
    pub id: IdentityKey,
    /// Title.
    pub name: Option<String>,
    /// Text.
    pub description: Option<String>,
    /// Grows with each edition.
    pub version: Option<Number>,
    /// The ways to pay, any one of which suffices; none means free. Each is a JSON object.
    pub payment: Vec<Map<String, Value>>,
    /// Where the seller can be reached.
    pub addresses: Vec<Address>,
    /// Everything else, such as `data` and `signature`.
    pub fields: Map<String, Value>,
}

/// The names under which cards in the wild have the seller's key, best first.
const ID_NAMES: [&str; 3] = ["id", "sellerKey", "key"];

impl Card {
    /// A card that says only who sells, for free.
    pub fn new(id: IdentityKey) -> Self {
        Self {
            id,
            name: None,
            description: None,
            version: None,
            payment: Vec::new(),
            addresses: Vec::new(),
            fields: Map::new(),
        }
    }

    /// Reads a card's JSON text.
    ///
    /// # Errors
    /// The field that is wrong, and how.
    pub fn parse(text: &[u8]) -> Result<Self, CardError> {
        if text.len() > CARD_BYTES_MAX {
            return Err(CardError::TooLong { bytes: text.len(), max: CARD_BYTES_MAX });
        }
        let value: Value = serde_json::from_slice(text)
            .map_err(|error| CardError::Json { line: error.line(), column: error.column() })?;
        Self::from_json(value)
    }

    /// Reads a card from JSON.
    ///
    /// # Errors
    /// The field that is wrong, and how.
    pub fn from_json(value: Value) -> Result<Self, CardError> {
        let Value::Object(mut fields) = value else { return Err(CardError::NotAnObject) };
        fields.iter().try_for_each(|(name, value)| check_numbers(name, value))?;
        Ok(Self {
            id: take_id(&mut fields)?,
            name: take_text(&mut fields, "name")?,
            description: take_text(&mut fields, "description")?,
            version: take_version(&mut fields)?,
            payment: take_payment(&mut fields)?,
            addresses: take_all_addresses(&mut fields)?,
            fields,
        })
    }

    /// Reads what the seller `id` wrote about their feed: their own key takes the place of any `id` in it.
    ///
    /// # Errors
    /// The field that is wrong, and how.
    pub fn of_seller(id: IdentityKey, mut fields: Map<String, Value>) -> Result<Self, CardError> {
        fields.insert("id".to_owned(), id.to_string().into());
        Self::from_json(Value::Object(fields))
    }

    /// The card as JSON: `payment` is always an array, absent fields are absent.
    pub fn to_json(&self) -> Value {
        let mut object = self.fields.clone();
        object.insert("id".to_owned(), self.id.to_string().into());
        object.insert("payment".to_owned(), self.payment.iter().cloned().map(Value::Object).collect());
        let optional = [
            ("name", self.name.clone().map(Value::from)),
            ("description", self.description.clone().map(Value::from)),
            ("version", self.version.clone().map(Value::from)),
        ];
        for (name, value) in optional {
            object.extend(value.map(|value| (name.to_owned(), value)));
        }
        let places = self.addresses.iter().filter_map(Address::tcp).map(ToString::to_string);
        let endpoints = self.addresses.iter().filter_map(Address::iroh).map(ToString::to_string);
        let lists: [(_, Vec<String>); 2] = [("addresses", places.collect()), ("iroh", endpoints.collect())];
        for (name, list) in lists {
            object.extend((!list.is_empty()).then(|| (name.to_owned(), list.into())));
        }
        Value::Object(object)
    }

    /// Whether this card takes the place of `stored`: not if its version is no newer, nor if it says the same. A
    /// card without a version is never older. A signature says nothing new.
    pub fn replaces(&self, stored: &Self) -> bool {
        let is_no_newer = match (&self.version, &stored.version) {
            (Some(own), Some(stored)) => is_at_most(own, stored),
            _ => false,
        };
        !is_no_newer && self.unsigned_json() != stored.unsigned_json()
    }
}

/// `own <= stored`, exactly for integers, and as JavaScript compares for all others.
fn is_at_most(own: &Number, stored: &Number) -> bool {
    match (own.as_i64(), stored.as_i64()) {
        (Some(own), Some(stored)) => own <= stored,
        _ => own.as_f64() <= stored.as_f64(),
    }
}

/// The largest integer that JavaScript, and so a JS buyer, can tell from its neighbours.
const INTEGER_MAX: u64 = (1 << 53) - 1;

fn check_numbers(field: &str, value: &Value) -> Result<(), CardError> {
    match value {
        Value::Number(number) => {
            // Whole numbers that are written with a point or an exponent lose digits just as silently.
            let is_large = |value: f64| value.abs() > INTEGER_MAX as f64;
            let too_large = number.as_f64().is_none_or(is_large);
            if too_large { Err(CardError::NumberTooLarge { field: field.to_owned() }) } else { Ok(()) }
        }
        Value::Array(values) => values.iter().try_for_each(|value| check_numbers(field, value)),
        Value::Object(object) => object.values().try_for_each(|value| check_numbers(field, value)),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}

/// Takes the seller's key from the first of its names that holds text; old test cards have a number as `id`.
fn take_id(fields: &mut Map<String, Value>) -> Result<IdentityKey, CardError> {
    let name = ID_NAMES.into_iter().find(|name| fields.get(*name).is_some_and(Value::is_string));
    let field = name.ok_or(CardError::NoId)?;
    let value = fields.remove(field).unwrap_or_default();
    fields.remove("id");
    value.as_str().unwrap_or_default().parse().map_err(|error| CardError::Id { field, error })
}

fn take_text(fields: &mut Map<String, Value>, field: &'static str) -> Result<Option<String>, CardError> {
    match fields.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(CardError::FieldType { field, expected: "text" }),
    }
}

fn take_version(fields: &mut Map<String, Value>) -> Result<Option<Number>, CardError> {
    match fields.remove("version") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => Ok(Some(number)),
        Some(_) => Err(CardError::FieldType { field: "version", expected: "a number" }),
    }
}

/// Cards in the wild have an array, a single object, `null`, or nothing.
fn take_payment(fields: &mut Map<String, Value>) -> Result<Vec<Map<String, Value>>, CardError> {
    let entries = match fields.remove("payment") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(entry)) => return Ok(vec![entry]),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(CardError::FieldType { field: "payment", expected: "an array of objects" }),
    };
    let objects = entries.into_iter().enumerate().map(|(index, entry)| match entry {
        Value::Object(entry) => Ok(entry),
        _ => Err(CardError::PaymentEntry { index }),
    });
    objects.collect()
}

/// Endpoints of iroh have a field of their own: readers who know only hosts refuse a card with anything else among `addresses`.
fn take_all_addresses(fields: &mut Map<String, Value>) -> Result<Vec<Address>, CardError> {
    let places = take_addresses(fields, "addresses", |text| text.parse().map(Address::Tcp))?;
    let endpoints = take_addresses(fields, "iroh", |text| text.parse().map(Address::Iroh))?;
    let all = [places, endpoints].concat();
    if all.len() > ADDRESSES_MAX {
        return Err(CardError::TooManyAddresses { count: all.len(), max: ADDRESSES_MAX });
    }
    Ok(all)
}

fn take_addresses(
    fields: &mut Map<String, Value>,
    field: &'static str,
    parse: impl Fn(&str) -> Result<Address, AddressError>,
) -> Result<Vec<Address>, CardError> {
    let entries = match fields.remove(field) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(entries)) => entries,
        Some(_) => return Err(CardError::FieldType { field, expected: "an array of texts" }),
    };
    let addresses = entries.iter().enumerate().map(|(index, entry)| {
        let text = entry.as_str().ok_or(CardError::FieldType { field, expected: "an array of texts" })?;
        parse(text).map_err(|error| CardError::Address { field, index, error })
    });
    addresses.collect()
}

#[cfg(test)]
mod tests;
