//! What a wallet is told about itself. It contains secrets, and is kept where secrets are.
//!
//! Grade: plain.

use std::path::PathBuf;

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::finality::FinalityRule;
use crate::token::Token;

/// How a buyer pays in tokens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PayerSettings {
    /// The key of the account that pays: 64 hex digits.
    pub key: Secret,
    /// The chain's number.
    pub chain: u64,
    /// What it pays in.
    pub tokens: Vec<Token>,
    /// The address of a node, to look at the balance. Paying needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Secret>,
}

/// How a seller is paid in tokens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PayeeSettings {
    /// The key of the account that submits payments and pays the gas: 64 hex digits.
    pub key: Secret,
    /// The chain's number.
    pub chain: u64,
    /// What it takes.
    pub tokens: Vec<Token>,
    /// The address of a node.
    pub node: Secret,
    /// Who is paid; the account of the key, if nobody else is. Only that account can give money back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_to: Option<Address>,
    /// When a payment counts; see [`FinalityRule::of_chain`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finality: Option<FinalityRule>,
    /// What is paid for a unit of gas at most: billionths of a coin. While the chain wants more, payments wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fee_gwei: Option<u64>,
    /// After how many seconds without a block the fee is raised.
    #[serde(default = "raise_after")]
    pub raise_fee_after_s: u64,
    /// The file in which payments are recorded before they are submitted.
    pub records: PathBuf,
}

/// How a seller looks after the addresses of npm dazaar: one for each buyer, derived from one public key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DepositSettings {
    /// The card's `pubKey`: 33, 64 or 65 bytes in hex.
    pub public_key: String,
    /// The chain's number.
    pub chain: u64,
    /// What is looked for; the chain's coin, if there is no token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// The address of a node.
    pub node: Secret,
    /// When a payment counts; see [`FinalityRule::of_chain`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finality: Option<FinalityRule>,
    /// The file in which payments are recorded.
    pub records: PathBuf,
}

const fn raise_after() -> u64 {
    180
}

/// Why settings make no wallet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The key.
    #[error("the wallet's key: {0}")]
    Key(#[from] crate::KeyError),
    /// The card's public key.
    #[error("the card's public key: {0}")]
    PublicKey(#[from] crate::deposit::PublicKeyError),
    /// The records.
    #[error("the wallet's records: {0}")]
    Records(#[from] crate::store::StoreError),
    /// Nothing to be paid in.
    #[error("the wallet has no token")]
    NoToken,
    /// The address of the node.
    #[error("a node's address begins with http:// or https://")]
    Node,
    /// Money would be lost.
    #[error("nobody is paid at {pay_to}")]
    PayTo {
        /// The address.
        pay_to: Address,
    },
}
