//! What buyer and seller say about payments: JSON in messages of the application's own.
//!
//! Grade: plain. npm dazaar passes such messages to its application, and knows nothing of these. Fields that we do not know are
//! skipped; a message that is not of its form means nothing. Source: protocol, "Payments".

pub mod lnd;
pub mod refund;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::extension::display_text;
use crate::money::Asset;
use crate::price::{Method, Price, Shown, Terms};

/// Buyer to seller: what they want to pay, and how.
pub const ORDER: &str = "pay/order";

/// Seller to buyer: how an order can be paid.
pub const REQUEST: &str = "pay/request";

/// Buyer to seller: a payment that is handed over, such as a voucher.
pub const PROOF: &str = "pay/proof";

/// Seller to buyer: a payment counts.
pub const RECEIPT: &str = "pay/receipt";

/// Seller to buyer: a payment does not count.
pub const REFUSE: &str = "pay/refuse";

/// Seller to buyer, with a refusal to serve: what is asked, and how it can be paid.
pub const DUE: &str = "pay/due";

/// Digits behind the point with which a token's amounts are shown at most.
const DECIMALS_MAX: u32 = 9;

/// Code of a refusal that is not about the payment: the seller cannot check it at the moment.
pub const UNAVAILABLE: &str = "unavailable";

/// Code of a refusal that is not about the payment: the terms of use come first.
pub const TERMS: &str = "terms";

/// Whether a message is one of these: applications do not see them.
pub fn is_payment(name: &str) -> bool {
    [ORDER, REQUEST, PROOF, RECEIPT, REFUSE, DUE].contains(&name)
}

/// What a buyer wants to pay. It may be sent again until there is a receipt: it is one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its name, 32 random hex digits.
    pub order: String,
    /// How it is to be paid.
    pub method: String,
    /// At which price of the card's: as [`Price::to_json`](crate::Price::to_json).
    pub price: Value,
    /// How much, in units of the price's asset.
    pub units: u64,
}

/// How an order can be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Which order.
    pub order: String,
    /// The method's own: an invoice, say.
    pub request: String,
    /// How much, in units of the price's asset.
    pub units: u64,
    /// Until when: milliseconds since 1970 UTC.
    pub expires_ms: i64,
}

/// A payment that is handed over. It may be sent again until there is an answer: it counts once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The buyer's name for this payment, at most 64 characters: answers have it.
    pub order: String,
    /// How it is paid.
    pub method: String,
    /// A secret: what is handed over, such as a voucher's code.
    pub proof: String,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof")
            .field("order", &self.order)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// A payment counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Which payment.
    pub order: String,
    /// How it was paid.
    pub method: String,
    /// What it gave, in units of `asset`; none admits until revoked.
    pub units: Option<u64>,
    /// What that is counted in.
    pub asset: String,
    /// Whether it counted before this message was asked for.
    pub again: bool,
    /// What the buyer has now, as in `valid`.
    pub credit: Value,
    /// The seller's [signed receipt](crate::SignedReceipt), to keep.
    #[serde(default)]
    pub signed: Value,
}

/// A payment does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Which payment.
    pub order: String,
    /// Why, for programs.
    pub code: String,
    /// Why, for people.
    pub error: String,
}

impl Refusal {
    /// Whether the payment is as good as before, and may be handed over again later.
    pub fn is_temporary(&self) -> bool {
        [UNAVAILABLE, TERMS].contains(&self.code.as_str())
    }
}

/// What is asked of a buyer who is not served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// The ways to pay that the seller takes now.
    pub methods: Vec<String>,
    /// The card's ways to pay, for people.
    pub offers: Vec<String>,
    /// The same for programs; sellers of an older version say nothing here.
    #[serde(default)]
    pub asked: Vec<Asked>,
}

/// What is asked, and how it is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// How.
    pub method: String,
    /// What: as [`Price::to_json`].
    pub price: Value,
    /// In what amounts are shown.
    pub currency: String,
    /// How many digits of the asset's units are behind the point.
    pub decimals: u32,
    /// To whom, if the card says.
    pub pay_to: Option<String>,
}

impl Asked {
    /// What a seller asks.
    pub fn of(terms: &Terms) -> Self {
        Self {
            method: terms.method.name().to_owned(),
            price: terms.price.to_json(),
            currency: terms.shown.name.clone(),
            decimals: terms.shown.decimals,
            pay_to: terms.pay_to.clone(),
        }
    }

    /// What is asked, if we understand it. Its texts are fit for display.
    pub fn terms(&self) -> Option<Terms> {
        let price = Price::from_json(&self.price).ok()?;
        // What a seller calls an asset that we know decides nothing.
        let shown = match &price.asset {
            Asset::Erc20 { .. } => {
                Shown { name: display_text(&self.currency), decimals: self.decimals.min(DECIMALS_MAX) }
            }
            asset => Shown::of(asset),
        };
        let pay_to = self.pay_to.as_deref().map(display_text);
        Some(Terms { method: Method::by_name(&self.method)?, price, shown, pay_to, grace_ms: 0 })
    }
}

/// A message of type `M`, if it is of its form.
pub fn read<M: for<'a> Deserialize<'a>>(message: Value) -> Option<M> {
    serde_json::from_value(message).ok()
}

/// A message as it is sent.
pub fn write(message: &impl Serialize) -> Value {
    // Texts and numbers always have a JSON form.
    serde_json::to_value(message).unwrap_or_default()
}

/// Lines that a stranger wrote for a person, and no more of them than fit.
pub fn display_lines(lines: &[String]) -> Vec<String> {
    lines.iter().take(crate::limits::OFFERS_MAX).map(|line| display_text(line)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let proof = Proof { order: "1".into(), method: "credit".into(), proof: "secret".into() };
        assert!(!format!("{proof:?}").contains("secret"));
        assert_eq!(read::<Proof>(write(&proof)), Some(proof));
    }

    #[test]
    fn what_is_not_of_its_form_means_nothing() {
        for message in
            [json!(null), json!([]), json!({ "order": 1, "method": "credit", "proof": "x" }), json!({})]
        {
            assert_eq!(read::<Proof>(message), None);
        }
    }

    #[test]
    fn a_flood_of_lines_is_cut() {
        let lines = vec!["\u{1b}[31mred".to_owned(); 1000];
        let shown = display_lines(&lines);
        assert_eq!(shown.len(), crate::limits::OFFERS_MAX);
        assert!(!shown[0].contains('\u{1b}'));
    }
}
