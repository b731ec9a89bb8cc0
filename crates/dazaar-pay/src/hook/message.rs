//! What a hook is told, and what it answers.

use dazaar::cards::{Asset, Decimal};
use dazaar::payment::Bill;
use serde::{Deserialize, Serialize};

use super::DECIMALS;

/// What a hook is asked. Fields that have no meaning for an action are left out.
#[derive(Debug, Default, Serialize)]
pub(super) struct Question<'a> {
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seller: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buyer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
}

/// How a bill can be paid.
#[derive(Debug, Deserialize)]
pub(super) struct Demanded {
    pub(super) request: String,
    pub(super) handle: Option<String>,
}

/// What was paid.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    pub(super) payments: Vec<Payment>,
}

/// One payment.
#[derive(Debug, Deserialize)]
pub(super) struct Payment {
    /// Its own name, for ever.
    pub(super) reference: String,
    /// A decimal.
    pub(super) amount: String,
}

/// What was given back.
#[derive(Debug, Deserialize)]
pub(super) struct Refunded {
    /// What shows it: the number of a transfer, say.
    pub(super) proof: String,
}

impl<'a> Question<'a> {
    /// Whether anybody is there.
    pub(super) fn check() -> Self {
        Self { action: "check", ..Self::default() }
    }

    /// How can this be paid?
    pub(super) fn demand(bill: &'a Bill) -> Self {
        Self { action: "demand", ..Self::about(bill) }
    }

    /// What was paid for this?
    pub(super) fn look_up(bill: &'a Bill, handle: &'a str) -> Self {
        Self { action: "look-up", handle: Some(handle), ..Self::about(bill) }
    }

    /// Give this back; once for each name.
    pub(super) fn refund(name: &[u8], asset: &Asset, units: u64, to: &'a str) -> Self {
        Self {
            action: "refund",
            refund: Some(hex::encode(name)),
            amount: Some(amount(units)),
            currency: Some(currency(asset)),
            to: Some(to),
            ..Self::default()
        }
    }

    fn about(bill: &'a Bill) -> Self {
        Self {
            order: Some(hex::encode(bill.order)),
            seller: Some(bill.seller.to_string()),
            buyer: Some(bill.buyer.to_string()),
            amount: Some(amount(bill.units)),
            currency: Some(currency(&bill.price.asset)),
            memo: Some(&bill.memo),
            expires_ms: Some(bill.expires_ms),
            ..Self::default()
        }
    }
}

fn amount(units: u64) -> String {
    Decimal::new(u128::from(units), DECIMALS).to_string()
}

fn currency(asset: &Asset) -> String {
    match asset {
        Asset::Credit(unit) => unit.to_ascii_uppercase(),
        other => other.to_string(),
    }
}
