//! Prices: what a seller asks for what, and the ways to pay it that a card offers.
//!
//! Grade: plain. A card's `payment` has time prices as npm dazaar reads them; every other kind is in `prices`, which npm
//! ignores. An entry that we do not understand to the last field costs nobody anything: it is an [`Offer`] that cannot be
//! used, with the reason. Source: formats, "Prices".

mod currency;
mod entry;
mod error;
mod fields;
mod legacy;
mod method;
mod offer;
mod shown;
mod spoken;
mod time_range;
mod unit;

pub use error::OfferError;
pub use method::Method;
pub use offer::{Offer, OfferField, Terms};
pub use shown::Shown;
pub use spoken::{SpokenError, SpokenPrice, Wish};
pub use time_range::{TimeRange, TimeRangeError};

use crate::money::{Asset, Rate};

/// What a seller asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// What it is paid in; all amounts are in its units.
    pub asset: Asset,
    /// For what.
    pub kind: Kind,
    /// The least that one purchase may be.
    pub minimum: u64,
    /// The most that one buyer is charged; what comes after is free.
    pub cap: Option<u64>,
    /// How much a buyer gets once before paying: milliseconds, bytes or records, as the kind is.
    pub trial: u64,
    /// How much is free again and again.
    pub free: Option<FreeQuota>,
}

/// What is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing is asked.
    Free,
    /// Everything, for ever, for one amount.
    Once {
        /// The amount.
        units: u64,
    },
    /// Milliseconds.
    Time {
        /// Units for each so many milliseconds.
        rate: Rate,
        /// Which milliseconds count.
        clock: Clock,
    },
    /// Bytes of blocks.
    Bytes {
        /// Units for each so many bytes.
        rate: Rate,
    },
    /// Rows.
    Records {
        /// Units for each so many rows.
        rate: Rate,
    },
    /// The blocks with rows of a range of time, for one amount.
    Range {
        /// The amount.
        units: u64,
        /// Which rows.
        range: TimeRange,
    },
}

/// Which time is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// That in which something is delivered: from the first block on, while buyer and seller are connected.
    Open,
    /// All, from the first block on.
    Wall,
}

/// A quantity that is free in every window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreeQuota {
    /// Milliseconds, bytes or records, as the price's kind is.
    pub quantity: u64,
    /// Milliseconds from the beginning of one window to the next, counted from 1970.
    pub every_ms: u64,
}

/// What a metered price counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Milliseconds.
    Time,
    /// Bytes.
    Bytes,
    /// Rows.
    Records,
}

impl Price {
    /// A price with no conditions.
    pub const fn new(asset: Asset, kind: Kind) -> Self {
        Self { asset, kind, minimum: 0, cap: None, trial: 0, free: None }
    }

    /// The price of time that was granted as such: a millisecond costs a millisecond.
    pub const fn of_time() -> Self {
        Self::new(Asset::Time, Kind::Time { rate: Rate::ONE, clock: Clock::Open })
    }

    /// What is counted, if anything is, and at which rate.
    pub const fn metered(&self) -> Option<(Basis, Rate)> {
        match &self.kind {
            Kind::Time { rate, .. } => Some((Basis::Time, *rate)),
            Kind::Bytes { rate } => Some((Basis::Bytes, *rate)),
            Kind::Records { rate } => Some((Basis::Records, *rate)),
            Kind::Free | Kind::Once { .. } | Kind::Range { .. } => None,
        }
    }

    /// The range of time that is sold, if it is one.
    pub const fn range(&self) -> Option<TimeRange> {
        match self.kind {
            Kind::Range { range, .. } => Some(range),
            _ => None,
        }
    }

    /// The one amount that is asked, if the price has one.
    pub const fn flat(&self) -> Option<u64> {
        match self.kind {
            Kind::Once { units } | Kind::Range { units, .. } => Some(units),
            Kind::Free | Kind::Time { .. } | Kind::Bytes { .. } | Kind::Records { .. } => None,
        }
    }

    /// What a purchase of `quantity` costs: rounded up, not below the minimum, not above the cap.
    pub fn quote(&self, quantity: u64) -> u64 {
        let cost = match (self.metered(), self.flat()) {
            (Some((_, rate)), _) => {
                let (cost, rest) = rate.cost(0, quantity);
                u64::try_from(cost + u128::from(rest > 0)).unwrap_or(u64::MAX)
            }
            (None, Some(units)) => units,
            (None, None) => 0,
        };
        cost.max(self.minimum).min(self.cap.unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
