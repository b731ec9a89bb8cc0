//! Whether a coin is ours, without asking its mint.
//!
//! Grade: plain. The mint's signature is proved by NUT-12. Who can spend the coin is read from its lock (NUT-11), by a rule that is
//! narrower than the standard's: what is not exactly known to be safe until the end of a margin is to be redeemed first, and so
//! is what its mint may have forgotten by then. A lock time without a key for refunds makes a coin anybody's at that time, which some
//! software overlooks.

use cashu::nuts::nut10::{Conditions, TagKind};
use cashu::{KeySet, Kind, Nut10Secret, Proof, PublicKey, SigFlag};

use crate::limits::SECRET_BYTES_MAX;

/// What can be said of a coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its mint signed it, and nobody but us can spend it before the margin is over.
    Ours,
    /// It may be good. Only redeeming it tells.
    RedeemFirst,
}

/// Looks at a coin that should be locked to `lock`. `safe_until_s` is the time until which nobody else may be able to spend it, in
/// seconds since 1970 UTC.
///
/// # Errors
/// [`CoinFault`] if the coin is worthless, or not for us.
pub fn examine(
    coin: &Proof,
    keyset: &KeySet,
    lock: &PublicKey,
    safe_until_s: u64,
) -> Result<Standing, CoinFault> {
    let key = keyset.keys.amount_key(coin.amount).ok_or(CoinFault::Amount)?;
    if coin.secret.len() > SECRET_BYTES_MAX {
        return Err(CoinFault::LongSecret { bytes: coin.secret.len(), max: SECRET_BYTES_MAX });
    }
    if coin.p2pk_e.is_some() {
        return Err(CoinFault::Lock);
    }
    let lock = standing_of_lock(coin, lock, safe_until_s)?;
    if coin.dleq.is_none() {
        return Ok(Standing::RedeemFirst);
    }
    coin.verify_dleq(key).map_err(|_| CoinFault::Forged)?;
    let is_kept = keyset.final_expiry.is_none_or(|end_s| end_s == 0 || end_s >= safe_until_s);
    Ok(if is_kept { lock } else { Standing::RedeemFirst })
}

fn standing_of_lock(coin: &Proof, lock: &PublicKey, safe_until_s: u64) -> Result<Standing, CoinFault> {
    // A secret of no known form locks nothing: whoever redeems the coin first has it.
    let Ok(secret) = Nut10Secret::try_from(&coin.secret) else { return Ok(Standing::RedeemFirst) };
    let data = secret.secret_data();
    if secret.kind() != Kind::P2PK {
        return Err(CoinFault::Lock);
    }
    if data.data().parse::<PublicKey>().ok() != Some(*lock) {
        return Err(CoinFault::OtherKey);
    }
    let tags = data.tags().cloned().unwrap_or_default();
    let is_known = known_tags(&tags)?;
    let conditions = Conditions::try_from(tags).map_err(|_| CoinFault::Lock)?;
    let has_other_signers = conditions.pubkeys.is_some_and(|keys| !keys.is_empty())
        || conditions.num_sigs.is_some_and(|needed| needed != 1)
        || conditions.sig_flag != SigFlag::SigInputs;
    if has_other_signers {
        return Err(CoinFault::Lock);
    }
    let is_safe = match conditions.locktime {
        None => true,
        Some(at_s) => at_s >= safe_until_s && conditions.refund_keys.is_some_and(|keys| !keys.is_empty()),
    };
    Ok(if is_known && is_safe { Standing::Ours } else { Standing::RedeemFirst })
}

/// Whether all tags are known to us. One that is there twice is read by one mint so, by another otherwise.
fn known_tags(tags: &[Vec<String>]) -> Result<bool, CoinFault> {
    let kinds: Vec<TagKind> = tags.iter().filter_map(|tag| tag.first()).map(TagKind::from).collect();
    let is_double = (1..kinds.len()).any(|index| kinds[..index].contains(&kinds[index]));
    if is_double || kinds.len() != tags.len() {
        return Err(CoinFault::Lock);
    }
    Ok(!kinds.iter().any(|kind| matches!(kind, TagKind::Custom(_))))
}

/// Why a coin cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CoinFault {
    /// The mint has no key for such an amount.
    #[error("its mint issues no coins of this amount")]
    Amount,
    /// A longer secret than any lock needs.
    #[error("a secret of {bytes} bytes; at most {max} are read")]
    LongSecret {
        /// Its bytes.
        bytes: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Not this mint's signature.
    #[error("its mint did not sign it")]
    Forged,
    /// Locked to somebody else.
    #[error("it is locked to another key than was asked for")]
    OtherKey,
    /// Locked in another way than to one key.
    #[error("it is locked in another way than to the one key that was asked for")]
    Lock,
}

#[cfg(test)]
mod tests;
