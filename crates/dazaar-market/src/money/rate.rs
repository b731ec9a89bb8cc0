//! A price for a quantity, as a fraction that loses nothing.
//!
//! Grade: plain.

use std::num::NonZeroU64;

use super::Decimal;

/// So many units of an asset for each so much of what is sold, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    units: NonZeroU64,
    per: NonZeroU64,
}

/// Neither half is larger, so that databases with signed numbers hold both.
const HALF_MAX: u128 = i64::MAX as u128;

impl Rate {
    /// One unit for each one.
    pub const ONE: Self = Self { units: NonZeroU64::MIN, per: NonZeroU64::MIN };

    /// `amount * 10^exponent` units for each `quantity`. Not even a fraction of a unit is lost: two hundredths for an hour are 1
    /// unit for each 180,000 ms.
    ///
    /// # Errors
    /// [`RateError::Zero`] if either is zero, [`RateError::TooFine`] if the fraction has too many digits.
    pub fn new(amount: Decimal, exponent: i32, quantity: u64) -> Result<Self, RateError> {
        let exponent = exponent.checked_sub_unsigned(amount.scale()).ok_or(RateError::TooFine)?;
        let power = 10_u128.checked_pow(exponent.unsigned_abs()).ok_or(RateError::TooFine)?;
        let (units, per) = match exponent {
            0.. => (amount.mantissa().checked_mul(power), Some(u128::from(quantity))),
            _ => (Some(amount.mantissa()), u128::from(quantity).checked_mul(power)),
        };
        let (units, per) = (units.ok_or(RateError::TooFine)?, per.ok_or(RateError::TooFine)?);
        if units == 0 || per == 0 {
            return Err(RateError::Zero);
        }
        let divisor = greatest_common_divisor(units, per);
        let half = |number: u128| {
            let number = number / divisor;
            let number = (number <= HALF_MAX).then(|| u64::try_from(number).ok()).flatten();
            number.and_then(NonZeroU64::new).ok_or(RateError::TooFine)
        };
        Ok(Self { units: half(units)?, per: half(per)? })
    }

    /// Units.
    pub const fn units(self) -> u64 {
        self.units.get()
    }

    /// For each so much.
    pub const fn per(self) -> u64 {
        self.per.get()
    }

    /// What `quantity` costs together with `carry`, and what is carried on: always less than one unit's worth.
    pub fn cost(self, carry: u64, quantity: u64) -> (u128, u64) {
        let per = u128::from(self.per());
        let total = u128::from(carry) + u128::from(quantity) * u128::from(self.units());
        // The remainder is below `per`, which fits.
        (total / per, u64::try_from(total % per).unwrap_or(0))
    }

    /// The most that `balance` pays for to its last fraction, after `carry`.
    pub fn affordable(self, balance: u64, carry: u64) -> u64 {
        let most = (u128::from(balance) * u128::from(self.per())).saturating_sub(u128::from(carry));
        u64::try_from(most / u128::from(self.units())).unwrap_or(u64::MAX)
    }
}

const fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Why there is no such rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateError {
    /// Nothing for something, or something for nothing.
    #[error("a rate is an amount for a quantity, and neither is zero")]
    Zero,
    /// More digits than can be counted.
    #[error("the amount has more digits than can be counted")]
    TooFine,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn b02_two_hundredths_for_an_hour_cost_two_hundredths_after_an_hour() {
        let rate = Rate::new("0.02".parse().unwrap(), 6, 3_600_000).unwrap();
        assert_eq!((rate.units(), rate.per()), (1, 180));
        let (mut carry, mut paid) = (0, 0);
        for _ in 0..3600 {
            let (cost, rest) = rate.cost(carry, 1000);
            (carry, paid) = (rest, paid + cost);
        }
        assert_eq!((paid, carry), (20_000, 0), "npm took 18,000 of 20,000 millionths");
    }

    #[test]
    fn rates_that_cannot_be_counted_are_refused() {
        let amount = |text: &str| text.parse::<Decimal>().unwrap();
        assert_eq!(Rate::new(amount("0"), 0, 1), Err(RateError::Zero));
        assert_eq!(Rate::new(amount("1"), 0, 0), Err(RateError::Zero));
        assert_eq!(Rate::new(amount("1e-30"), 0, 1), Err(RateError::TooFine));
        assert_eq!(Rate::new(amount("1e38"), 38, 1), Err(RateError::TooFine));
        assert_eq!(Rate::new(amount("1"), i32::MIN, 1), Err(RateError::TooFine));
        assert!(Rate::new(amount("9223372036854775807"), 0, 1).is_ok());
        assert!(Rate::new(amount("9223372036854775808"), 0, 3).is_err());
    }

    proptest! {
        #[test]
        fn what_is_affordable_is_paid_to_the_last_fraction(
            mantissa in 1..u64::MAX / 2, per in 1..u64::MAX / 2, balance: u64, carry: u64
        ) {
            let rate = Rate::new(Decimal::new(mantissa.into(), 0), 0, per).unwrap();
            let carry = carry % rate.per();
            let most = rate.affordable(balance, carry);
            let exact = |quantity: u64| u128::from(carry) + u128::from(quantity) * u128::from(rate.units());
            let paid = u128::from(balance) * u128::from(rate.per());
            prop_assert!(most == 0 || exact(most) <= paid);
            prop_assert!(most == u64::MAX || exact(most + 1) > paid);
        }
    }
}
