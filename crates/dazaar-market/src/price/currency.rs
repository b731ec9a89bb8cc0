//! Currencies: names for amounts of an asset.
//!
//! Grade: plain. A name means something only together with the method: `BTC` over Lightning, `EUR` as a seller's credit.

use super::fields::Fields;
use super::{Method, OfferError, Shown};
use crate::extension::display_text;
use crate::money::{Asset, AssetError, parse_contract};

/// What one of a currency is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Currency {
    pub(super) asset: Asset,
    /// One of it is `10^exponent` units of the asset.
    pub(super) exponent: i32,
    pub(super) shown: Shown,
}

/// The chains that cards name.
const CHAINS: [(&str, u64); 5] =
    [("mainnet", 1), ("ropsten", 3), ("rinkeby", 4), ("kovan", 42), ("classic", 61)];

/// Names of amounts of ether, and how many tenfolds of a gwei each is.
const ETHER: [(&[&str], i32); 8] = [
    (&["eth", "ether", "ethers"], 9),
    (&["milliether", "finney", "milli"], 6),
    (&["microether", "szabo", "micro"], 3),
    (&["gwei", "shannon", "nanoether", "nano"], 0),
    (&["mwei", "lovelace", "picoether"], -3),
    (&["kwei", "babbage", "femtoether"], -6),
    (&["wei"], -9),
    (&["kether", "grand"], 12),
];

/// More digits than any token has.
const DECIMALS_MAX: u64 = 77;

impl Currency {
    /// The currency of an entry. Without a name, amounts are in units of its `asset`.
    pub(super) fn of(method: Method, fields: Fields<'_>) -> Result<Self, OfferError> {
        let asset: Option<Asset> = fields.text(&["asset"])?.map(str::parse).transpose()?;
        let Some(name) = fields.text(&["currency"])? else {
            let asset = asset.ok_or(OfferError::Missing { field: "currency" })?;
            return Ok(Self { shown: Shown::of(&asset), asset, exponent: 0 });
        };
        let currency = match method {
            Method::Free | Method::Credit | Method::Transfer => Self::credit(name)?,
            Method::Bolt11 | Method::Bolt12 | Method::Cashu => Self::bitcoin(name)?,
            Method::Ether => Self::ether(name, chain(fields)?)?,
            Method::Erc20 => Self::token(name, fields, asset.as_ref())?,
        };
        if asset.is_some_and(|asset| asset != currency.asset) {
            return Err(OfferError::Contradiction);
        }
        Ok(currency)
    }

    fn new(asset: Asset, exponent: i32) -> Self {
        Self { shown: Shown::of(&asset), asset, exponent }
    }

    fn credit(name: &str) -> Result<Self, OfferError> {
        Ok(Self::new(Asset::credit(name)?, 2))
    }

    fn bitcoin(name: &str) -> Result<Self, OfferError> {
        let exponent = match name.to_ascii_lowercase().as_str() {
            "btc" | "bitcoin" | "lightningbtc" => 11,
            "sat" | "sats" | "satoshi" | "satoshis" | "lightningsats" | "lightningsat" => 3,
            "msat" | "msats" => 0,
            _ => return Err(OfferError::UnknownCurrency { currency: display_text(name) }),
        };
        Ok(Self::new(Asset::Bitcoin, exponent))
    }

    fn ether(name: &str, chain: u64) -> Result<Self, OfferError> {
        let exponent = ether_exponent(name)
            .ok_or_else(|| OfferError::UnknownCurrency { currency: display_text(name) })?;
        Ok(Self::new(Asset::Ether { chain }, exponent))
    }

    /// The token is what its contract says; its name is only for people.
    fn token(name: &str, fields: Fields<'_>, asset: Option<&Asset>) -> Result<Self, OfferError> {
        // Nobody shall take it for ether.
        if ether_exponent(name).is_some() {
            return Err(OfferError::Contradiction);
        }
        let asset = match fields.text(&["erc20Contract", "contract"])? {
            Some(contract) => Asset::Erc20 { chain: chain(fields)?, contract: parse_contract(contract)? },
            None => asset.cloned().ok_or(OfferError::Missing { field: "asset" })?,
        };
        let decimals = fields
            .whole(&["erc20ContractDecimals", "decimals"])?
            .ok_or(OfferError::Missing { field: "decimals" })?;
        if decimals > DECIMALS_MAX {
            return Err(OfferError::Form { field: "decimals", expected: "what a token has" });
        }
        let counted = Asset::token_decimals(u32::try_from(decimals).unwrap_or(u32::MAX));
        let shown = Shown { name: display_text(name), decimals: counted };
        Ok(Self { asset, exponent: counted.cast_signed(), shown })
    }
}

/// How many tenfolds of a gwei an amount of this name is, if it is one of ether.
pub(super) fn ether_exponent(name: &str) -> Option<i32> {
    let lower = name.to_ascii_lowercase();
    ETHER.iter().find(|(names, _)| names.contains(&lower.as_str())).map(|(_, exponent)| *exponent)
}

/// The chain: the main one, if nothing is said.
fn chain(fields: Fields<'_>) -> Result<u64, OfferError> {
    if let Ok(Some(number)) = fields.whole(&["chain"]) {
        return if number > 0 { Ok(number) } else { Err(AssetError::Chain.into()) };
    }
    let name = fields.text(&["chain"])?.unwrap_or("mainnet");
    let known = CHAINS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.map(|(_, number)| *number).ok_or_else(|| OfferError::UnknownChain { chain: display_text(name) })
}
