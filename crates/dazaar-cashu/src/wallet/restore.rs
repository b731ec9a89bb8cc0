//! Restoring: the money of a wallet whose file of coins was lost, or is an old copy.
//!
//! Grade: driver. Source: NUT-13. The coins are derived once more, and each mint says which it signed. Coins that were earned and not
//! redeemed, and such that were locked to sellers, cannot be found like this.

use cashu::{KeySet, PublicKey, State};

use super::{Wallet, at};
use crate::error::EcashError;
use crate::limits::COINS_MAX;
use crate::mint::{Mint, MintFault};
use crate::outputs::{self, Output};
use crate::store::coins::{self, Coin, Kind};
use crate::store::keysets;

/// Coins in a row that a mint did not sign, after which no more are looked for.
const GAP: usize = 3 * COINS_MAX;

/// Coins that are looked for with one keyset, even if the mint says that it signed all of them.
const LOOKED_FOR_MAX: u32 = 1 << 20;

impl Wallet {
    /// Looks for coins at every mint, and returns how many satoshis were found that were not known.
    pub(crate) fn restore(&self) -> Result<u64, EcashError> {
        let mut found = 0;
        for mint in &self.mints {
            let _turn = self.turn(mint)?;
            self.refresh(mint)?;
            for keyset in self.keysets(mint)? {
                found += self.restore_keyset(mint, &keyset)?;
            }
        }
        Ok(found)
    }

    /// What an operation with our own coins failed of. If somebody else spent them, with the same master key or a newer copy of the file, what
    /// those made of them is looked for.
    pub(super) fn of_own_coins(&self, error: EcashError) -> EcashError {
        if !matches!(error, EcashError::Spent) {
            return error;
        }
        match self.restore() {
            Ok(sat) => tracing::warn!(sat, "coins were spent elsewhere; this was found again"),
            Err(error) => {
                tracing::warn!(%error, "coins were spent elsewhere; what is left cannot be looked for")
            }
        }
        EcashError::Stale
    }

    pub(super) fn restore_keyset(&self, mint: &Mint, keyset: &KeySet) -> Result<u64, EcashError> {
        let (mut found, mut first, mut gap) = (0, 0_u32, 0);
        while gap < GAP && first < LOOKED_FOR_MAX {
            let blanks = outputs::plain(&self.seed, keyset.id, first, &[0; COINS_MAX])?;
            let (sat, last) = self.restore_some(mint, keyset, &blanks)?;
            found += sat;
            gap = last.map_or(gap + COINS_MAX, |last| COINS_MAX - 1 - last);
            if let Some(next) = last.and_then(|last| u32::try_from(last + 1).ok()) {
                let next = first.saturating_add(next);
                self.store.write(|connection| keysets::set_counter(connection, &keyset.id, next))?;
            }
            first = first.saturating_add(u32::try_from(COINS_MAX).unwrap_or(u32::MAX));
        }
        Ok(found)
    }

    /// What was found of these, and the place of the last that the mint signed.
    fn restore_some(
        &self,
        mint: &Mint,
        keyset: &KeySet,
        blanks: &[Output],
    ) -> Result<(u64, Option<usize>), EcashError> {
        let blinded = blanks.iter().map(Output::blinded).collect::<Result<Vec<_>, _>>()?;
        let signed = mint.restore(blinded.clone()).map_err(|fault| at(mint, fault))?;
        let mut proofs = Vec::new();
        let mut last = None;
        for (message, signature) in signed {
            let place = blinded.iter().position(|asked| asked.blinded_secret == message.blinded_secret);
            let place = place.ok_or_else(|| at(mint, MintFault::Answer { what: "a restored coin" }))?;
            let coins = outputs::coins(&blanks[place..=place], &[signature], |id| {
                (*id == keyset.id).then(|| keyset.clone())
            });
            let coins = coins.ok_or_else(|| at(mint, MintFault::Answer { what: "a restored signature" }))?;
            proofs.extend(coins.into_iter().map(|(_, proof)| proof));
            last = last.max(Some(place));
        }
        let ys: Vec<PublicKey> = proofs.iter().map(coins::name).collect::<Result<_, _>>()?;
        let states =
            if ys.is_empty() { Vec::new() } else { mint.states(&ys).map_err(|fault| at(mint, fault))? };
        let mut sat = 0;
        self.store.write(|connection| {
            for ((proof, y), state) in proofs.into_iter().zip(&ys).zip(states) {
                if state == State::Unspent && !coins::is_there(connection, y)? {
                    sat += u64::from(proof.amount);
                    coins::put(connection, &mint.url, Kind::Own, &Coin { proof, key: None }, None)?;
                }
            }
            Ok(())
        })?;
        Ok((sat, last))
    }
}
