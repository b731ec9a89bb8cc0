//! How applications of npm dazaar ask for Lightning invoices.
//!
//! Grade: plain. Amounts are satoshis. The payment is found by its description, which names both sides.
//! Source: protocol, "Lightning as npm has it".

use dazaar_log::IdentityKey;
use serde::{Deserialize, Serialize};

/// Buyer to seller: an invoice is wanted.
pub const REQUEST: &str = "lnd-pay-request";

/// Seller to buyer: the invoice.
pub const INVOICE: &str = "lnd-invoice";

/// Units of Bitcoin in a satoshi.
pub const SATOSHI: u64 = 1000;

/// An invoice is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LndRequest {
    /// For so much.
    pub amount: u64,
}

/// The invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LndInvoice {
    /// As BOLT 11 has it.
    pub request: String,
    /// How much it is about.
    pub amount: u64,
}

/// The description that such an invoice has, to the letter.
pub fn memo(seller: &IdentityKey, buyer: &IdentityKey) -> String {
    format!("dazaar: {seller} {buyer}")
}
