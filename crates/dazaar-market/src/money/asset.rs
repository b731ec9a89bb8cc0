//! What money is counted in.
//!
//! Grade: plain. Names of tokens follow CAIP-19, so that two chains are never confused.

use std::fmt;
use std::str::FromStr;

use crate::limits::CREDIT_UNIT_CHARS_MAX;

/// Something that a balance can consist of.
///
/// # Units
///
/// | asset | text | unit |
/// |---|---|---|
/// | Bitcoin, over whatever carries it | `btc` | thousandth of a satoshi |
/// | time of delivery itself | `time` | millisecond |
/// | a currency in which the seller gives credit | `credit:eur` | hundredth |
/// | a token | `eip155:8453/erc20:0x...` | the token's own, or a billionth if that is finer |
/// | the coin of an Ethereum chain | `eip155:1/slip44:60` | billionth (gwei) |
///
/// So 64 bits hold whatever one account may ever hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asset {
    /// Bitcoin.
    Bitcoin,
    /// Time of delivery.
    Time,
    /// A currency in which a seller gives credit: 1 to 12 lowercase letters and digits.
    Credit(String),
    /// A token on an Ethereum chain.
    Erc20 {
        /// The chain's number.
        chain: u64,
        /// The token's contract.
        contract: [u8; 20],
    },
    /// The coin of an Ethereum chain.
    Ether {
        /// The chain's number.
        chain: u64,
    },
}

/// Digits behind the point that are counted of any token.
const TOKEN_DECIMALS_MAX: u32 = 9;

impl Asset {
    /// Credit in a currency of the seller's.
    ///
    /// # Errors
    /// [`AssetError::CreditUnit`] if it is not 1 to 12 letters and digits.
    pub fn credit(unit: &str) -> Result<Self, AssetError> {
        let is_name = !unit.is_empty()
            && unit.len() <= CREDIT_UNIT_CHARS_MAX
            && unit.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_name {
            return Err(AssetError::CreditUnit { max: CREDIT_UNIT_CHARS_MAX });
        }
        Ok(Self::Credit(unit.to_ascii_lowercase()))
    }

    /// The digits that are counted of a token with so many behind its point.
    pub const fn token_decimals(decimals: u32) -> u32 {
        if decimals < TOKEN_DECIMALS_MAX { decimals } else { TOKEN_DECIMALS_MAX }
    }

    /// How people are shown amounts: in what, and how many digits of the units are behind its point.
    pub(crate) fn shown_in(&self) -> (String, u32) {
        match self {
            Self::Bitcoin => ("sat".to_owned(), 3),
            Self::Time => ("s".to_owned(), 3),
            Self::Credit(unit) => (unit.to_ascii_uppercase(), 2),
            Self::Ether { .. } => (self.to_string(), TOKEN_DECIMALS_MAX),
            Self::Erc20 { .. } => (format!("units of {self}"), 0),
        }
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bitcoin => f.write_str("btc"),
            Self::Time => f.write_str("time"),
            Self::Credit(unit) => write!(f, "credit:{unit}"),
            Self::Erc20 { chain, contract } => write!(f, "eip155:{chain}/erc20:0x{}", hex::encode(contract)),
            Self::Ether { chain } => write!(f, "eip155:{chain}/slip44:60"),
        }
    }
}

impl FromStr for Asset {
    type Err = AssetError;

    fn from_str(text: &str) -> Result<Self, AssetError> {
        match text {
            "btc" => return Ok(Self::Bitcoin),
            "time" => return Ok(Self::Time),
            _ => {}
        }
        let (space, rest) = text.split_once(':').ok_or(AssetError::Unknown)?;
        match space {
            "credit" => Self::credit(rest),
            "eip155" => {
                let (chain, token) = rest.split_once('/').ok_or(AssetError::Unknown)?;
                let chain = chain_number(chain)?;
                match token.split_once(':') {
                    Some(("slip44", "60")) => Ok(Self::Ether { chain }),
                    Some(("erc20", contract)) => {
                        Ok(Self::Erc20 { chain, contract: parse_contract(contract)? })
                    }
                    _ => Err(AssetError::Unknown),
                }
            }
            _ => Err(AssetError::Unknown),
        }
    }
}

fn chain_number(text: &str) -> Result<u64, AssetError> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    is_plain.then(|| text.parse().ok()).flatten().ok_or(AssetError::Chain)
}

/// An Ethereum address, with `0x` or without, in whatever case.
pub(crate) fn parse_contract(text: &str) -> Result<[u8; 20], AssetError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut contract = [0; 20];
    hex::decode_to_slice(digits, &mut contract).map_err(|_| AssetError::Contract)?;
    Ok(contract)
}

/// Why text names no asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssetError {
    /// Nothing that we count.
    #[error("an asset is btc, time, credit:eur, or eip155:<chain>/erc20:<contract>")]
    Unknown,
    /// A credit's currency with other characters, or too many.
    #[error("a currency of credit has 1 to {max} letters and digits")]
    CreditUnit {
        /// Characters allowed.
        max: usize,
    },
    /// A chain without its number.
    #[error("a chain is a number like 1 or 8453")]
    Chain,
    /// A token without its contract.
    #[error("a token's contract has 40 hex digits")]
    Contract,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Money;

    #[test]
    fn what_is_written_is_read() {
        let token = Asset::Erc20 { chain: 8453, contract: [0xab; 20] };
        let assets =
            [Asset::Bitcoin, Asset::Time, Asset::credit("EUR").unwrap(), token, Asset::Ether { chain: 1 }];
        for asset in assets {
            assert_eq!(asset.to_string().parse(), Ok(asset.clone()), "{asset}");
        }
        let mixed = format!("eip155:1/erc20:0x{}", "aB".repeat(20));
        assert_eq!(mixed.parse(), Ok(Asset::Erc20 { chain: 1, contract: [0xab; 20] }));
    }

    #[test]
    fn names_what_is_no_asset() {
        for (text, error) in [
            ("", AssetError::Unknown),
            ("BTC", AssetError::Unknown),
            ("eos:eos", AssetError::Unknown),
            ("credit:", AssetError::CreditUnit { max: 12 }),
            ("credit:a-b", AssetError::CreditUnit { max: 12 }),
            ("credit:abcdefghijklm", AssetError::CreditUnit { max: 12 }),
            ("eip155:1", AssetError::Unknown),
            ("eip155:01/slip44:60", AssetError::Chain),
            ("eip155:x/slip44:60", AssetError::Chain),
            ("eip155:1/slip44:0", AssetError::Unknown),
            ("eip155:1/erc20:0x12", AssetError::Contract),
        ] {
            assert_eq!(text.parse::<Asset>(), Err(error), "{text}");
        }
    }

    #[test]
    fn amounts_are_shown_in_what_people_count() {
        let money = |asset, units| Money { asset, units }.to_string();
        assert_eq!(money(Asset::Bitcoin, 100_500), "100.5 sat");
        assert_eq!(money(Asset::Time, 36_000_000), "36000 s");
        assert_eq!(money(Asset::credit("eur").unwrap(), 205), "2.05 EUR");
        assert_eq!(money(Asset::Ether { chain: 1 }, 1), "0.000000001 eip155:1/slip44:60");
    }
}
