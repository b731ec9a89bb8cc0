//! Who a wallet is, and where.
//!
//! Grade: plain.

use std::fmt;

use alloy_primitives::{Address, U256};

/// A wallet that was found to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whose key it has.
    pub account: Address,
    /// Who is paid, if it is paid.
    pub pay_to: Option<Address>,
    /// On which chain.
    pub chain: u64,
    /// The chain's last block.
    pub block: u64,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, pay_to, chain, block } = self;
        write!(f, "account {account} on chain {chain}, at block {block}")?;
        match pay_to {
            Some(pay_to) if pay_to != account => write!(f, ", paid at {pay_to}"),
            _ => Ok(()),
        }
    }
}

/// Coins as the market counts them: billionths.
pub(crate) fn gwei(wei: U256) -> u64 {
    (wei / U256::from(1_000_000_000_u64)).try_into().unwrap_or(u64::MAX)
}
