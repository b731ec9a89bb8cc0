//! Sums: in which coins an amount is paid, and what a mint takes for spending them.
//!
//! Grade: plain. A fee is so many thousandths of a satoshi for each coin that is spent, rounded up for all of them (NUT-02).

use cashu::{KeySet, Proof};

use crate::error::EcashError;
use crate::limits::{COINS_MAX, SAT_MAX};

/// What spending coins costs, in satoshis, given each one's thousandths.
pub(crate) fn fee(thousandths: impl IntoIterator<Item = u64>) -> u64 {
    thousandths.into_iter().fold(0_u64, u64::saturating_add).div_ceil(1000)
}

/// What coins add up to.
pub(crate) fn total(coins: &[Proof]) -> u64 {
    coins.iter().map(|coin| u64::from(coin.amount)).fold(0, u64::saturating_add)
}

/// The fewest coins of a keyset that add up to `sat`.
///
/// # Errors
/// [`EcashError::Amount`] if it takes too many, or cannot be done.
pub(crate) fn split(sat: u64, keyset: &KeySet) -> Result<Vec<u64>, EcashError> {
    let mut parts = Vec::new();
    let mut rest = sat;
    for amount in
        keyset.keys.keys().keys().rev().map(|amount| u64::from(*amount)).filter(|amount| *amount > 0)
    {
        let count = rest / amount;
        if count > (COINS_MAX - parts.len()) as u64 {
            break;
        }
        parts.extend((0..count).map(|_| amount));
        rest -= count * amount;
    }
    if rest > 0 || sat > SAT_MAX {
        let reason = format!("{sat} sat cannot be had in {COINS_MAX} coins of this mint");
        return Err(EcashError::Amount { reason });
    }
    Ok(parts)
}

/// Coins of a keyset that are worth `sat` once somebody redeemed them.
pub(crate) fn split_for_redeemer(sat: u64, keyset: &KeySet) -> Result<Vec<u64>, EcashError> {
    let mut parts = split(sat, keyset)?;
    // One more coin may make the fee larger; each round covers the fee of the one before.
    for _ in 0..COINS_MAX {
        let fee = fee(parts.iter().map(|_| keyset.input_fee_ppk));
        let (worth, needed) = (parts.iter().sum::<u64>(), sat.saturating_add(fee));
        if worth >= needed {
            return Ok(parts);
        }
        parts = split(needed, keyset)?;
    }
    Err(EcashError::Amount { reason: "this mint takes more for coins than they are worth".to_owned() })
}

/// A coin that could be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) sat: u64,
    /// Thousandths of a satoshi that spending it costs.
    pub(crate) fee: u64,
}

/// The first of the candidates that pay for `sat` and for their own fee: how many, and the fee. None if all are not enough.
pub(crate) fn select(candidates: &[Candidate], sat: u64) -> Option<(usize, u64)> {
    let (mut worth, mut thousandths) = (0_u64, 0_u64);
    for (candidate, count) in candidates.iter().take(COINS_MAX).zip(1..) {
        worth = worth.saturating_add(candidate.sat);
        thousandths = thousandths.saturating_add(candidate.fee);
        let fee = thousandths.div_ceil(1000);
        if worth >= sat.saturating_add(fee) {
            return Some((count, fee));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::Signer;

    /// A mint's keyset with this fee.
    fn keyset(input_fee_ppk: u64) -> KeySet {
        static KEYSET: LazyLock<KeySet> = LazyLock::new(|| Signer::new(1, 0).keyset());
        KeySet { input_fee_ppk, ..KEYSET.clone() }
    }

    proptest! {
        #[test]
        fn parts_add_up(sat in 0..SAT_MAX) {
            let keyset = keyset(0);
            let parts = split(sat, &keyset).unwrap();
            prop_assert_eq!(parts.iter().sum::<u64>(), sat);
            prop_assert_eq!(parts.len(), sat.count_ones() as usize);
        }

        #[test]
        fn who_redeems_has_what_was_asked(sat in 1_u64..1_000_000, ppk in 0_u64..900) {
            let keyset = keyset(ppk);
            let parts = split_for_redeemer(sat, &keyset).unwrap();
            prop_assert!(parts.iter().sum::<u64>() - fee(parts.iter().map(|_| ppk)) >= sat);
        }

        #[test]
        fn what_is_selected_pays_for_itself(coins in prop::collection::vec((1_u64..100, 0_u64..2000), 0..20), sat in 1_u64..500) {
            let candidates: Vec<_> = coins.iter().map(|&(sat, fee)| Candidate { sat, fee }).collect();
            let pays = |count: usize| {
                let taken = &coins[..count];
                let worth: u64 = taken.iter().map(|coin| coin.0).sum();
                (worth >= sat + fee(taken.iter().map(|coin| coin.1))).then_some(count)
            };
            let expected = (1..=coins.len()).find_map(pays);
            prop_assert_eq!(select(&candidates, sat).map(|(count, _)| count), expected);
        }
    }

    #[test]
    fn a_mint_with_few_kinds_of_coins_is_not_asked_for_thousands() {
        let mut keyset = keyset(0);
        let ones = keyset.keys.iter().take(1).map(|(amount, key)| (*amount, *key)).collect();
        keyset.keys = cashu::Keys::new(ones);
        assert_eq!(split(COINS_MAX as u64, &keyset).unwrap().len(), COINS_MAX);
        assert!(split(COINS_MAX as u64 + 1, &keyset).is_err());
    }

    #[test]
    fn a_mint_that_takes_all_is_not_paid_through() {
        let keyset = keyset(u64::MAX);
        assert!(split_for_redeemer(1, &keyset).is_err());
    }
}
