//! The meter: what use costs, and how much is still paid for.
//!
//! Grade: plain. Whole units are taken and the rest is carried, so many small charges cost exactly what one large one does. A
//! balance never falls below zero: what was delivered beyond it is the seller's loss.

mod elapsed;

pub use elapsed::{Anomaly, DOWN_MAX_MS, Elapsed, Moment, elapsed};

use crate::price::{FreeQuota, Price};

/// Where a buyer stands under one price. All but the carry and the quantities are units of the price's asset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meter {
    /// What is left.
    pub balance: u64,
    /// The fraction of a unit that was used and not taken yet, in parts of the rate's quantity.
    pub carry: u64,
    /// What was taken so far.
    pub charged: u64,
    /// How much of the trial is used.
    pub trial_used: u64,
    /// The latest window of the free quota.
    pub window: u64,
    /// How much of its quota is used.
    pub window_used: u64,
}

/// What a charge came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Charge {
    /// Units that were taken.
    pub units: u64,
    /// How much of what was used nobody paid for.
    pub unpaid: u64,
}

/// How much may still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// So many milliseconds, bytes or records, as the price counts; 0 closes the gate.
    Quantity(u64),
    /// As much as there is.
    Unlimited,
}

impl Left {
    /// Whether anything may still be used.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Quantity(0))
    }

    /// Whether less than `quantity` is left: time to pay again.
    pub const fn is_below(self, quantity: u64) -> bool {
        matches!(self, Self::Quantity(left) if left < quantity)
    }
}

impl Meter {
    /// A meter on which `balance` was paid, and nothing used.
    pub fn new(balance: u64) -> Self {
        Self { balance, ..Self::default() }
    }

    /// Takes what `used` costs at `now_ms` by the seller's clock. `used` is in what the price counts; of a price for everything it
    /// only matters that it is not zero.
    pub fn charge(&mut self, price: &Price, used: u64, now_ms: u64) -> Charge {
        if used == 0 {
            return Charge::default();
        }
        match price.metered() {
            Some((_, rate)) => {
                let used = self.use_trial(price, used);
                let used = self.use_quota(price, used, now_ms);
                let cap_left = self.cap_left(price);
                if self.balance >= cap_left {
                    let (cost, carry) = rate.cost(self.carry, used);
                    // Once the cap is reached nothing is owed, not even a fraction.
                    let (cost, carry) =
                        if cost >= u128::from(cap_left) { (cap_left, 0) } else { (narrow(cost), carry) };
                    self.carry = carry;
                    return self.take(cost, 0);
                }
                let paid = used.min(rate.affordable(self.balance, self.carry));
                let (cost, carry) = rate.cost(self.carry, paid);
                self.carry = carry;
                self.take(narrow(cost), used - paid)
            }
            None => {
                let missing = price.quote(0).saturating_sub(self.charged);
                if missing > self.balance { Charge { units: 0, unpaid: used } } else { self.take(missing, 0) }
            }
        }
    }

    /// How much may still be used at `now_ms`.
    pub fn left(&self, price: &Price, now_ms: u64) -> Left {
        let Some((_, rate)) = price.metered() else {
            let missing = price.quote(0).saturating_sub(self.charged);
            return if missing > self.balance { Left::Quantity(0) } else { Left::Unlimited };
        };
        if self.balance >= self.cap_left(price) {
            return Left::Unlimited;
        }
        let trial = price.trial.saturating_sub(self.trial_used);
        let quota = price.free.map_or(0, |free| free.quantity.saturating_sub(self.window_at(free, now_ms).1));
        let paid = rate.affordable(self.balance, self.carry);
        Left::Quantity(paid.saturating_add(trial).saturating_add(quota))
    }

    /// What may be charged until the price's cap is reached; more than any balance, if there is none.
    fn cap_left(&self, price: &Price) -> u64 {
        price.cap.map_or(u64::MAX, |cap| cap.saturating_sub(self.charged))
    }

    fn take(&mut self, units: u64, unpaid: u64) -> Charge {
        self.balance = self.balance.saturating_sub(units);
        self.charged = self.charged.saturating_add(units);
        Charge { units, unpaid }
    }

    /// What of `used` is beyond the trial.
    fn use_trial(&mut self, price: &Price, used: u64) -> u64 {
        let free = used.min(price.trial.saturating_sub(self.trial_used));
        self.trial_used += free;
        used - free
    }

    /// What of `used` is beyond the free quota.
    fn use_quota(&mut self, price: &Price, used: u64, now_ms: u64) -> u64 {
        let Some(quota) = price.free else { return used };
        (self.window, self.window_used) = self.window_at(quota, now_ms);
        let free = used.min(quota.quantity.saturating_sub(self.window_used));
        self.window_used += free;
        used - free
    }

    /// The window at a time, and how much of it is used. A clock that is set back a little opens no new one; one that was far ahead
    /// for a moment does not close those that come.
    fn window_at(&self, quota: FreeQuota, now_ms: u64) -> (u64, u64) {
        let window = now_ms / quota.every_ms.max(1);
        let is_same = window == self.window || self.window.checked_sub(1) == Some(window);
        if is_same { (self.window, self.window_used) } else { (window, 0) }
    }
}

/// A cost that a balance of 64 bits pays for.
fn narrow(cost: u128) -> u64 {
    u64::try_from(cost).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
