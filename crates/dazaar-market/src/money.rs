//! Money: whole units of an asset, and decimal texts that mean exactly what they say.
//!
//! Grade: plain. No floats: `0.07` is seven hundredths, for whoever reads it.

mod asset;
mod decimal;
mod rate;

pub(crate) use asset::parse_contract;
pub use asset::{Asset, AssetError};
pub use decimal::{Decimal, DecimalError};
pub use rate::{Rate, RateError};

/// An amount of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// What is counted.
    pub asset: Asset,
    /// How much, in the [asset's units](Asset#units).
    pub units: u64,
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, decimals) = self.asset.shown_in();
        write!(f, "{} {name}", Decimal::new(u128::from(self.units), decimals))
    }
}
