//! A token: its contract, and what must be known of it to sign and to count.
//!
//! Grade: plain. Amounts on the chain have the token's own decimals; an asset's units have at most nine.

use alloy_primitives::{Address, U256};
use alloy_sol_types::{Eip712Domain, eip712_domain};
use dazaar_market::Asset;
use serde::{Deserialize, Serialize};

/// A token on a chain.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Its contract.
    pub contract: Address,
    /// Digits behind its point.
    pub decimals: u8,
    /// The name that authorisations are signed with. It is not always the one that people see.
    pub name: String,
    /// The version that authorisations are signed with.
    pub version: String,
}

impl Token {
    /// What the market calls it.
    pub fn asset(&self, chain: u64) -> Asset {
        Asset::Erc20 { chain, contract: self.contract.into_array() }
    }

    /// What so many units are on the chain.
    pub fn amount(&self, units: u64) -> U256 {
        U256::from(units).saturating_mul(self.unit())
    }

    /// How many whole units an amount on the chain is; none if no account can hold it.
    pub fn units(&self, amount: U256) -> Option<u64> {
        amount.checked_div(self.unit())?.try_into().ok()
    }

    /// What authorisations are signed for: this contract on this chain, and no other.
    pub fn domain(&self, chain: u64) -> Eip712Domain {
        eip712_domain! {
            name: self.name.clone(),
            version: self.version.clone(),
            chain_id: chain,
            verifying_contract: self.contract,
        }
    }

    /// One unit, as the chain counts.
    fn unit(&self) -> U256 {
        let decimals = u32::from(self.decimals);
        let finer = decimals - Asset::token_decimals(decimals);
        // More digits than fit are more than anybody has.
        U256::from(10).checked_pow(U256::from(finer)).unwrap_or(U256::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(decimals: u8) -> Token {
        Token { contract: Address::ZERO, decimals, name: "USD".to_owned(), version: "2".to_owned() }
    }

    #[test]
    fn coarse_tokens_are_counted_as_they_are_and_fine_ones_in_billionths() {
        assert_eq!(token(6).amount(10_000), U256::from(10_000));
        assert_eq!(token(9).amount(7), U256::from(7));
        assert_eq!(token(18).amount(1), U256::from(1_000_000_000));
        assert_eq!(token(18).units(U256::from(1_999_999_999_u64)), Some(1));
        assert_eq!(token(0).units(U256::MAX), None);
        assert_eq!(token(255).units(U256::MAX), Some(1));
    }

    proptest! {
        #[test]
        fn what_is_asked_is_counted(units: u64, decimals in 0..60_u8) {
            let token = token(decimals);
            prop_assert_eq!(token.units(token.amount(units)), Some(units));
        }
    }
}
