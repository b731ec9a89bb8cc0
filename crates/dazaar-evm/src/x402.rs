//! The messages of x402, version 2, scheme `exact`: what a seller demands, and what a buyer hands over.
//!
//! Grade: plain. The same JSON as in x402's HTTP headers, carried inside the session. Fields that we do not know are let through, as
//! others do.

use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use crate::authorisation::SignedAuthorisation;
use crate::limits::{MESSAGE_BYTES_MAX, NAME_CHARS_MAX, WINDOW_SECONDS};
use crate::token::Token;

/// The version of both messages.
const VERSION: u64 = 2;

/// The only scheme and transfer method that we speak.
const SCHEME: &str = "exact";
const TRANSFER_METHOD: &str = "eip3009";

/// What a seller demands: an entry of x402's `accepts`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Requirements {
    /// How it is paid.
    scheme: String,
    /// On which chain: `eip155:8453`.
    network: String,
    /// How much, as the chain counts.
    #[serde(with = "crate::decimal")]
    pub amount: U256,
    /// In which token.
    pub asset: Address,
    /// To whom.
    pub pay_to: Address,
    /// For how long the authorisation shall be valid.
    pub max_timeout_seconds: u64,
    /// What is signed with it.
    pub extra: Extra,
}

/// What an authorisation is signed with, beside the rest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Extra {
    /// The token's name.
    pub name: String,
    /// The token's version.
    pub version: String,
    /// How the token moves; EIP-3009 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asset_transfer_method: Option<String>,
}

/// What a buyer hands over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    x402_version: u64,
    /// The demand that it answers.
    pub accepted: Requirements,
    /// The money.
    pub payload: SignedAuthorisation,
}

impl Requirements {
    /// Demands an amount of a token.
    pub fn new(chain: u64, token: &Token, amount: U256, pay_to: Address) -> Self {
        let (name, version) = (token.name.clone(), token.version.clone());
        Self {
            scheme: SCHEME.to_owned(),
            network: network(chain),
            amount,
            asset: token.contract,
            pay_to,
            max_timeout_seconds: WINDOW_SECONDS,
            extra: Extra { name, version, asset_transfer_method: Some(TRANSFER_METHOD.to_owned()) },
        }
    }

    /// Reads a demand that we can answer at all.
    ///
    /// # Errors
    /// [`MessageFault`].
    pub fn parse(text: &str) -> Result<Self, MessageFault> {
        let demand: Self = read(text)?;
        demand.check()?;
        Ok(demand)
    }

    /// Whether it is to be paid on this chain.
    pub fn is_on(&self, chain: u64) -> bool {
        self.network == network(chain)
    }

    fn check(&self) -> Result<(), MessageFault> {
        let is_ours = |method: &String| method == TRANSFER_METHOD;
        if self.scheme != SCHEME || !self.extra.asset_transfer_method.as_ref().is_none_or(is_ours) {
            return Err(MessageFault::Scheme);
        }
        let is_long = |text: &String| text.chars().count() > NAME_CHARS_MAX;
        if [&self.extra.name, &self.extra.version].into_iter().any(is_long) {
            return Err(MessageFault::Name { max: NAME_CHARS_MAX });
        }
        Ok(())
    }
}

impl Payment {
    /// Answers a demand.
    pub const fn new(accepted: Requirements, payload: SignedAuthorisation) -> Self {
        Self { x402_version: VERSION, accepted, payload }
    }

    /// Reads an answer to a demand.
    ///
    /// # Errors
    /// [`MessageFault`].
    pub fn parse(text: &str) -> Result<Self, MessageFault> {
        let payment: Self = read(text)?;
        if payment.x402_version != VERSION {
            return Err(MessageFault::Version { found: payment.x402_version });
        }
        payment.accepted.check()?;
        Ok(payment)
    }
}

fn network(chain: u64) -> String {
    format!("eip155:{chain}")
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, MessageFault> {
    if text.len() > MESSAGE_BYTES_MAX {
        return Err(MessageFault::Long { max: MESSAGE_BYTES_MAX });
    }
    serde_json::from_str(text)
        .map_err(|error| MessageFault::Form { line: error.line(), column: error.column() })
}

/// Why a message is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageFault {
    /// More bytes than any honest message has.
    #[error("more than {max} bytes")]
    Long {
        /// Bytes allowed.
        max: usize,
    },
    /// Not the JSON that it should be. What it is instead is not repeated: it may be a signed payment.
    #[error("not x402's JSON of version 2, scheme exact, at line {line}, column {column}")]
    Form {
        /// Where.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// Another version.
    #[error("version {found} of x402 is not spoken here, 2 is")]
    Version {
        /// The version found.
        found: u64,
    },
    /// Another scheme, or another way to move the token.
    #[error("only scheme exact with eip3009 is spoken here")]
    Scheme,
    /// A longer name or version than any token has.
    #[error("the token's name and version have at most {max} characters")]
    Name {
        /// Characters allowed.
        max: usize,
    },
}
