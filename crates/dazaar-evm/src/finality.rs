//! When a payment counts: a chain may forget its last blocks.
//!
//! Grade: plain.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::CONFIRMATIONS_MAX;

/// When a block is taken to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum FinalityRule {
    /// As soon as it and its successors are so many.
    Confirmations(u64),
    /// As soon as the chain says that it is `safe`.
    Safe,
    /// As soon as the chain says that it is `finalized`.
    Finalized,
}

/// Blocks on most chains: two and a half minutes on Ethereum, half a minute on its rollups.
const CONFIRMATIONS: u64 = 12;

/// Blocks that are compared at most: two epochs of Ethereum.
const BRANCH_MAX: u64 = 64;

/// Polygon has forgotten more than a hundred blocks at once, and says itself when it will not.
const POLYGON: u64 = 137;

impl FinalityRule {
    /// What suits a chain.
    pub const fn of_chain(chain: u64) -> Self {
        match chain {
            POLYGON => Self::Finalized,
            _ => Self::Confirmations(CONFIRMATIONS),
        }
    }

    /// How many blocks in a row prove that another one in their place is gone for good. A branch so long is not left any more.
    pub(crate) fn depth(self) -> u64 {
        match self {
            Self::Confirmations(blocks) => blocks.min(BRANCH_MAX),
            Self::Safe | Self::Finalized => BRANCH_MAX,
        }
    }

    /// The last final block, if a chain with this last block knows by number.
    pub(crate) const fn height(self, head: u64) -> Option<u64> {
        match self {
            Self::Confirmations(blocks) => Some((head + 1).saturating_sub(blocks)),
            Self::Safe | Self::Finalized => None,
        }
    }
}

impl fmt::Display for FinalityRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Confirmations(blocks) => write!(f, "{blocks}"),
            Self::Safe => f.write_str("safe"),
            Self::Finalized => f.write_str("finalized"),
        }
    }
}

impl FromStr for FinalityRule {
    type Err = FinalityError;

    fn from_str(text: &str) -> Result<Self, FinalityError> {
        match text {
            "safe" => return Ok(Self::Safe),
            "finalized" => return Ok(Self::Finalized),
            _ => {}
        }
        let blocks = text.parse().ok().filter(|blocks| (1..=CONFIRMATIONS_MAX).contains(blocks));
        blocks.map(Self::Confirmations).ok_or(FinalityError { max: CONFIRMATIONS_MAX })
    }
}

impl TryFrom<String> for FinalityRule {
    type Error = FinalityError;

    fn try_from(text: String) -> Result<Self, FinalityError> {
        text.parse()
    }
}

impl From<FinalityRule> for String {
    fn from(finality: FinalityRule) -> Self {
        finality.to_string()
    }
}

/// Text that does not say when a payment counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("finality is 1 to {max} blocks, safe or finalized")]
pub struct FinalityError {
    max: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for finality in [FinalityRule::Confirmations(1), FinalityRule::Safe, FinalityRule::Finalized] {
            assert_eq!(finality.to_string().parse(), Ok(finality));
        }
        for text in ["", "0", "-1", "100001", "latest"] {
            assert!(text.parse::<FinalityRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn one_confirmation_is_the_block_itself() {
        assert_eq!(FinalityRule::Confirmations(1).height(7), Some(7));
        assert_eq!(FinalityRule::Confirmations(3).height(7), Some(5));
        // On a chain that has just begun not even the first block is.
        assert_eq!(FinalityRule::Confirmations(12).height(7), Some(0));
        assert_eq!(FinalityRule::Finalized.height(7), None);
    }
}
