//! Why an offer of a card cannot be used.
//!
//! Grade: plain.

use super::TimeRangeError;
use crate::money::{AssetError, DecimalError, RateError};

/// What is wrong with a way to pay, or not understood. Texts from the card are fit for display.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// `prices` of the card is no list.
    #[error("`prices` of the card is not an array of objects")]
    NotAList,
    /// An entry of `prices` is no object.
    #[error("not an object")]
    NotAnObject,
    /// More entries than are read.
    #[error("a card has at most {max} ways to pay")]
    TooMany {
        /// Entries that are read.
        max: usize,
    },
    /// Something that is needed is not said.
    #[error("`{field}` is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field of the wrong type or form.
    #[error("`{field}` is not {expected}")]
    Form {
        /// The field.
        field: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// An amount that is no number.
    #[error("`{field}`: {error}")]
    Amount {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        error: DecimalError,
    },
    /// An amount that must be whole units and is not.
    #[error("`{field}` is finer than the smallest unit, or more than can be counted")]
    NotWhole {
        /// The field.
        field: &'static str,
    },
    /// More digits than a JSON number carries.
    #[error(
        "`{field}` has more than {max} digits, which a JSON number does not carry exactly: write it as text"
    )]
    Inexact {
        /// The field.
        field: &'static str,
        /// Digits that it carries.
        max: usize,
    },
    /// A field that means nothing with this method or in this kind of price.
    #[error("`{field}` means nothing in such a price")]
    Unused {
        /// The field.
        field: &'static str,
    },
    /// A range of time that is none.
    #[error(transparent)]
    Range(#[from] TimeRangeError),
    /// A field that may change what is asked, and that we do not know.
    #[error("`{field}` is not known, and may change the price")]
    UnknownField {
        /// The field.
        field: String,
    },
    /// A way to pay that we do not know.
    #[error("`{method}` is no known way to pay")]
    UnknownMethod {
        /// What the card says.
        method: String,
    },
    /// A way to pay whose services are gone.
    #[error("{method} payments cannot be looked up any more: the services for that are gone")]
    Gone {
        /// What the card says.
        method: &'static str,
    },
    /// A currency that the method does not have.
    #[error("`{currency}` is no currency of this way to pay")]
    UnknownCurrency {
        /// What the card says.
        currency: String,
    },
    /// A unit that we do not know.
    #[error("`{unit}` is no known unit")]
    UnknownUnit {
        /// What the card says.
        unit: String,
    },
    /// A unit for which npm dazaar takes money and gives nothing.
    #[error("`{unit}` is no unit of npm dazaar, which would take the money and give no time")]
    UnitEatsMoney {
        /// What the card says.
        unit: String,
    },
    /// A unit that is not always as long.
    #[error("`{unit}` has no fixed length; say days")]
    NoFixedLength {
        /// What the card says.
        unit: String,
    },
    /// The asset.
    #[error("{0}")]
    Asset(#[from] AssetError),
    /// `asset` and `currency` contradict each other.
    #[error("`currency` is not counted in `asset`")]
    Contradiction,
    /// A chain that we do not know by this name.
    #[error("`{chain}` is no known chain")]
    UnknownChain {
        /// What the card says.
        chain: String,
    },
    /// The rate.
    #[error("{0}")]
    Rate(#[from] RateError),
    /// A trial or free quota of something else than what is charged.
    #[error("`{field}` is not in what the price counts")]
    OtherBasis {
        /// The field.
        field: &'static str,
    },
}
