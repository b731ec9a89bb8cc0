//! The ways to pay that a card offers, those that cannot be used with the reason.
//!
//! Grade: plain.

use std::fmt;

use serde_json::Value;

use super::{Method, OfferError, Price, Shown};
use crate::card::Card;
use crate::limits::OFFERS_MAX;

/// One way to pay. Any one suffices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Where in the card it stands.
    pub field: OfferField,
    /// Its index there, from 0.
    pub index: usize,
    /// What is asked, or why that is not known.
    pub terms: Result<Terms, OfferError>,
}

/// A field of a card with ways to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferField {
    /// That of npm dazaar: time prices.
    Payment,
    /// Ours: all kinds of prices.
    Prices,
}

/// What is asked, and how it is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// How.
    pub method: Method,
    /// What.
    pub price: Price,
    /// How its amounts are shown.
    pub shown: Shown,
    /// To whom, if the card says; fit for display.
    pub pay_to: Option<String>,
    /// Milliseconds that are delivered before the payment is final.
    pub grace_ms: u64,
}

impl Card {
    /// The ways to pay, in the card's order: `payment` first. A card without any says nothing about a price.
    pub fn offers(&self) -> Vec<Offer> {
        let payment = self.payment.iter().map(Terms::parse_payment);
        let mut offers = numbered(OfferField::Payment, payment);
        match self.fields.get("prices") {
            None | Some(Value::Null) => {}
            Some(Value::Array(entries)) => {
                let prices = entries.iter().map(|entry| match entry {
                    Value::Object(entry) => Terms::parse_entry(entry),
                    _ => Err(OfferError::NotAnObject),
                });
                offers.extend(numbered(OfferField::Prices, prices));
            }
            Some(_) => {
                offers.extend(numbered(OfferField::Prices, std::iter::once(Err(OfferError::NotAList))))
            }
        }
        if offers.len() > OFFERS_MAX {
            offers.truncate(OFFERS_MAX);
            if let Some(last) = offers.last_mut() {
                last.terms = Err(OfferError::TooMany { max: OFFERS_MAX - 1 });
            }
        }
        offers
    }
}

fn numbered(field: OfferField, all: impl Iterator<Item = Result<Terms, OfferError>>) -> Vec<Offer> {
    all.take(OFFERS_MAX + 1).enumerate().map(|(index, terms)| Offer { field, index, terms }).collect()
}

impl OfferField {
    /// Its name in the card.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Prices => "prices",
        }
    }
}

impl fmt::Display for Offer {
    /// What a buyer is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.terms {
            Ok(terms) => write!(f, "{terms}"),
            Err(reason) => {
                write!(f, "entry {} of `{}` cannot be used: {reason}", self.index, self.field.name())
            }
        }
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.shown.price(&self.price), self.method)
    }
}
