//! Operations to be: which coins are spent for which.
//!
//! Grade: driver. Plans are made in the transaction that records them, so no coin is in two of them.

use cashu::{KeySet, MintUrl, Proof};
use rusqlite::Connection;

use super::{Wallet, fee_of};
use crate::amounts::{Candidate, fee, select, split, total};
use crate::error::EcashError;
use crate::outputs::{self, Lock, Output};
use crate::store::coins::{self, Coin, Kind};
use crate::store::keysets;
use crate::store::operations::{self, Operation, Step};

/// A mint with its keys, and the keyset for new coins.
pub(super) struct Keys {
    pub(super) mint: MintUrl,
    pub(super) all: Vec<KeySet>,
    pub(super) active: KeySet,
}

/// Coins for somebody else.
pub(super) struct Gift {
    pub(super) amounts: Vec<u64>,
    pub(super) lock: Option<Lock>,
    /// The name of the key with which they can be taken back, and from when.
    pub(super) back: Option<(String, u64)>,
}

/// Coins of ours that pay for something and for their own fee.
pub(super) struct Selected {
    pub(super) coins: Vec<Coin>,
    /// What they are worth without the fee.
    pub(super) worth: u64,
    pub(super) fee: u64,
}

impl Wallet {
    /// Own coins that are worth `sat`; none if they are not.
    pub(super) fn select(
        connection: &Connection,
        keys: &Keys,
        sat: u64,
    ) -> Result<Option<Selected>, EcashError> {
        let mut free = coins::free(connection, &keys.mint, Kind::Own)?;
        let candidate = |coin: &Coin| {
            Ok(Candidate { sat: coin.proof.amount.into(), fee: fee_of(&keys.all, &coin.proof.keyset_id)? })
        };
        let candidates: Vec<_> = free.iter().map(candidate).collect::<Result<_, EcashError>>()?;
        let Some((count, fee)) = select(&candidates, sat) else { return Ok(None) };
        free.truncate(count);
        let worth = candidates[..count].iter().map(|coin| coin.sat).sum::<u64>() - fee;
        Ok(Some(Selected { coins: free, worth, fee }))
    }

    /// Records a swap of own coins for a gift and change, and returns its number and what it takes from the wallet; none if there is
    /// too little.
    pub(super) fn plan_gift(
        &self,
        connection: &Connection,
        keys: &Keys,
        gift: Gift,
    ) -> Result<Option<(i64, u64)>, EcashError> {
        let sat = gift.amounts.iter().sum();
        let Some(selected) = Self::select(connection, keys, sat)? else { return Ok(None) };
        let change = split(selected.worth - sat, &keys.active)?;
        let (id, count) = (keys.active.id, gift.amounts.len() + change.len());
        let first = keysets::take_counters(connection, &id, count)?;
        let mut outputs = outputs::given(&self.seed, id, first, &gift.amounts, gift.lock.as_ref())?;
        let first = first.saturating_add(u32::try_from(gift.amounts.len()).unwrap_or(u32::MAX));
        outputs.extend(outputs::plain(&self.seed, id, first, &change)?);
        // In the order of their amounts the mint does not see which are change.
        outputs.sort_by_key(|output| output.sat);
        let operation = Operation { back: gift.back, ..swap(bare(&selected.coins), outputs) };
        let number = operations::put(connection, &keys.mint, &operation)?;
        coins::reserve(connection, &selected.coins, number)?;
        Ok(Some((number, sat + selected.fee)))
    }

    /// Records a swap of coins that came, with their signatures, for own ones. Returns its number and what is left of them after the
    /// fee; none if that is nothing.
    pub(super) fn plan_redeem(
        &self,
        connection: &Connection,
        keys: &Keys,
        inputs: Vec<Proof>,
    ) -> Result<Option<(i64, u64)>, EcashError> {
        let worth = worth(&inputs, &keys.all)?;
        if worth == 0 {
            return Ok(None);
        }
        let amounts = split(worth, &keys.active)?;
        let first = keysets::take_counters(connection, &keys.active.id, amounts.len())?;
        let outputs = outputs::plain(&self.seed, keys.active.id, first, &amounts)?;
        let number = operations::put(connection, &keys.mint, &swap(inputs, outputs))?;
        Ok(Some((number, worth)))
    }

    /// A locked coin with the signature that spends it.
    pub(super) fn unlocked(&self, coin: Coin) -> Result<Proof, EcashError> {
        let mut proof = without_proof(coin.proof);
        if let Some(key) = coin.key {
            proof
                .sign_p2pk(self.seed.key(&key))
                .map_err(|_| EcashError::Damaged { what: "a coin that cannot be signed for" })?;
        }
        Ok(proof)
    }
}

fn swap(inputs: Vec<Proof>, outputs: Vec<Output>) -> Operation {
    Operation { step: Step::Swap, inputs, outputs, back: None }
}

/// Own coins as a mint is handed them.
pub(super) fn bare(coins: &[Coin]) -> Vec<Proof> {
    coins.iter().map(|coin| without_proof(coin.proof.clone())).collect()
}

/// A coin without what others added to it: its mint knows it without the proof of its signature, by which it would know whom it gave it.
fn without_proof(coin: Proof) -> Proof {
    Proof { dleq: None, witness: None, ..coin }
}

/// What coins are worth after the mint's fee.
pub(super) fn worth(coins: &[Proof], keysets: &[KeySet]) -> Result<u64, EcashError> {
    let fees = coins.iter().map(|coin| fee_of(keysets, &coin.keyset_id));
    let fees: Vec<u64> = fees.collect::<Result<_, _>>()?;
    Ok(total(coins).saturating_sub(fee(fees)))
}
