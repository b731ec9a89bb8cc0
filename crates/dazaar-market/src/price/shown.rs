//! Prices as people read them.
//!
//! Grade: plain. Every number that is shown is exact.

use std::fmt::Write as _;

use super::{Basis, Clock, Kind, Price, unit};
use crate::money::{Asset, Decimal, Rate};

const DAY_MS: u64 = 86_400_000;

/// How amounts of an asset are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// In what.
    pub name: String,
    /// Digits of the asset's units that are behind the point.
    pub decimals: u32,
}

impl Shown {
    /// As the asset itself says.
    pub fn of(asset: &Asset) -> Self {
        let (name, decimals) = asset.shown_in();
        Self { name, decimals }
    }

    /// An amount.
    pub fn amount(&self, units: u64) -> String {
        format!("{} {}", Decimal::new(u128::from(units), self.decimals), self.name)
    }

    /// A price with all its conditions.
    pub fn price(&self, price: &Price) -> String {
        let mut text = match &price.kind {
            Kind::Free => "free".to_owned(),
            Kind::Once { units } => format!("{} once", self.amount(*units)),
            Kind::Range { units, range } => format!("{} for {range}", self.amount(*units)),
            Kind::Time { rate, clock } => {
                let rate = self.rate(Basis::Time, *rate);
                match clock {
                    Clock::Open => rate,
                    Clock::Wall => format!("{rate} by the clock"),
                }
            }
            Kind::Bytes { rate } => self.rate(Basis::Bytes, *rate),
            Kind::Records { rate } => self.rate(Basis::Records, *rate),
        };
        // Writing to text does not fail.
        if price.minimum > 0 {
            let _ = write!(text, ", at least {}", self.amount(price.minimum));
        }
        if let Some(cap) = price.cap {
            let _ = write!(text, ", at most {} in all", self.amount(cap));
        }
        if let (true, Some((basis, _))) = (price.trial > 0, price.metered()) {
            let _ = write!(text, ", {} before paying", quantity(basis, price.trial));
        }
        if let (Some(free), Some((basis, _))) = (price.free, price.metered()) {
            let every = quantity(Basis::Time, free.every_ms);
            let _ = write!(text, ", {} free every {every}", quantity(basis, free.quantity));
        }
        text
    }

    /// In the first usual unit, or number of days, for which the amount is whole units of the asset; else as the fraction that
    /// it is.
    fn rate(&self, basis: Basis, rate: Rate) -> String {
        let days =
            (1..=366).filter(|_| basis == Basis::Time).map(|days| (format!("{days} days"), days * DAY_MS));
        let units = unit::shown(basis).iter().map(|(name, count)| ((*name).to_owned(), *count));
        let whole = units.chain(days).find_map(|(name, count)| {
            let total = u128::from(rate.units()) * u128::from(count);
            let amount = Decimal::new(total / u128::from(rate.per()), self.decimals);
            let is_whole = total.is_multiple_of(u128::from(rate.per()));
            is_whole.then(|| format!("{amount} {} per {name}", self.name))
        });
        whole.unwrap_or_else(|| {
            format!("{} for each {}", self.amount(rate.units()), quantity(basis, rate.per()))
        })
    }
}

/// A quantity in the largest unit of which it is a whole number.
pub(super) fn quantity(basis: Basis, count: u64) -> String {
    let units = unit::shown(basis);
    let (name, size) = units.iter().find(|(_, size)| count.is_multiple_of(*size)).unwrap_or(&("", 1));
    let number = count / size;
    let plural = if number == 1 || *name == "MB" || *name == "kB" { "" } else { "s" };
    format!("{number} {name}{plural}")
}
