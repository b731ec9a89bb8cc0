//! What buyer and seller say about money that is given back: a question and its answer, under one name.
//!
//! Grade: plain. Source: protocol, "Payments".

use serde::{Deserialize, Serialize};

/// The name of the question, and of its answer.
pub const NAME: &str = "pay/refund";

/// Why a refund is not given under its name any more.
pub const FAILED: &str = "this refund failed before; ask for another";

/// What can be given back; or, with a `method`, give it back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundQuestion {
    /// The buyer's name for this refund, 32 hex digits: what is asked twice is given once.
    pub refund: String,
    /// The way it is to take.
    pub method: Option<String>,
    /// How much, in units of the asset; all there is, if nothing is said.
    pub units: Option<u64>,
    /// Where to: an invoice, an address, a key, as the method has it.
    #[serde(default)]
    pub to: String,
}

/// What is left, and what was given back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundAnswer {
    /// What is left.
    pub balances: Vec<RefundBalance>,
    /// What was given back.
    pub refunded: Option<Refunded>,
    /// Why nothing was given back yet: the same question later may be answered otherwise.
    #[serde(default)]
    pub pending: Option<String>,
}

impl RefundAnswer {
    /// Nothing is given back yet.
    pub fn pending(reason: &str) -> Self {
        Self { pending: Some(reason.to_owned()), ..Self::default() }
    }
}

/// Money that is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundBalance {
    /// In what.
    pub asset: String,
    /// How much.
    pub units: u64,
    /// The ways that it can take.
    pub methods: Vec<String>,
}

/// Money that was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refunded {
    /// In what.
    pub asset: String,
    /// How much.
    pub units: u64,
    /// What shows it, or is it: a preimage, a token, a transaction.
    pub proof: String,
}
