//! Coins that change hands in the end: what was earned is redeemed, and what no seller redeemed is taken back.
//!
//! Grade: driver.

use cashu::{Proof, State};
use rusqlite::Connection;

use super::plan::{Keys, bare};
use super::{Wallet, active, at, now_s};
use crate::error::EcashError;
use crate::limits::COINS_MAX;
use crate::mint::Mint;
use crate::store::coins::{self, Coin, Kind};

/// What became of locked coins, in satoshis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redeemed {
    /// Are ours to spend now, the mints' fees taken off.
    pub sat: u64,
    /// Somebody else had spent before: earned coins whose lock was over, or whose mint lies; given coins that the seller redeemed.
    pub gone_sat: u64,
}

impl Wallet {
    /// Settles what was interrupted, and redeems what was earned.
    pub(crate) fn redeem(&self) -> Result<Redeemed, EcashError> {
        self.at_each_mint(|mint| {
            self.resume(mint)?;
            self.swap_all(mint, |connection| coins::free(connection, &mint.url, Kind::Earned))
        })
    }

    /// Takes back what was locked to sellers who did not redeem it in time.
    pub(crate) fn take_back(&self) -> Result<Redeemed, EcashError> {
        let now_s = now_s();
        self.at_each_mint(|mint| {
            self.resume(mint)?;
            let gone_sat = self.forget_spent(mint, now_s)?;
            let swapped =
                self.swap_all(mint, |connection| coins::returnable(connection, &mint.url, now_s))?;
            Ok(Redeemed { gone_sat: swapped.gone_sat + gone_sat, ..swapped })
        })
    }

    /// Does the same at every mint. One that fails does not keep the others from it.
    fn at_each_mint(
        &self,
        work: impl Fn(&Mint) -> Result<Redeemed, EcashError>,
    ) -> Result<Redeemed, EcashError> {
        let mut sum = Redeemed::default();
        let mut failure = None;
        for mint in &self.mints {
            match work(mint) {
                Ok(done) => {
                    sum = Redeemed { sat: sum.sat + done.sat, gone_sat: sum.gone_sat + done.gone_sat }
                }
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(sum), Err)
    }

    /// Forgets given coins that their sellers redeemed.
    fn forget_spent(&self, mint: &Mint, now_s: u64) -> Result<u64, EcashError> {
        let mut gone_sat = 0;
        let given = self.store.read(|connection| coins::returnable(connection, &mint.url, now_s))?;
        for chunk in given.chunks(COINS_MAX) {
            let ys = chunk.iter().map(|coin| coins::name(&coin.proof)).collect::<Result<Vec<_>, _>>()?;
            let states = mint.states(&ys).map_err(|fault| at(mint, fault))?;
            for ((coin, y), state) in chunk.iter().zip(&ys).zip(states) {
                if state == State::Spent {
                    self.store.write(|connection| coins::forget(connection, y))?;
                    gone_sat += u64::from(coin.proof.amount);
                }
            }
        }
        Ok(gone_sat)
    }

    /// Swaps locked coins for own ones, as many at once as a mint takes.
    fn swap_all(
        &self,
        mint: &Mint,
        coins: impl Fn(&Connection) -> Result<Vec<Coin>, EcashError>,
    ) -> Result<Redeemed, EcashError> {
        let mut done = Redeemed::default();
        loop {
            if self.store.read(&coins)?.is_empty() {
                return Ok(done);
            }
            let all = self.keysets(mint)?;
            let keys = Keys { mint: mint.url.clone(), active: active(mint, &all)?, all };
            let planned = self.store.write(|connection| {
                let mut chunk = coins(connection)?;
                chunk.truncate(COINS_MAX);
                let inputs: Vec<Proof> =
                    chunk.iter().cloned().map(|coin| self.unlocked(coin)).collect::<Result<_, _>>()?;
                let planned = self.plan_redeem(connection, &keys, inputs)?;
                if let Some((id, _)) = planned {
                    coins::reserve(connection, &chunk, id)?;
                }
                Ok(planned.map(|planned| (planned, chunk)))
            })?;
            // Worth less than the fee: with more coins later they may be worth it.
            let Some(((id, worth), chunk)) = planned else { return Ok(done) };
            match self.run(id) {
                Ok(()) => done.sat += worth,
                Err(EcashError::Spent) => done.gone_sat += self.gone(&chunk)?,
                Err(error) => return Err(error),
            }
        }
    }

    /// What is not in the file any more.
    fn gone(&self, chunk: &[Coin]) -> Result<u64, EcashError> {
        self.store.read(|connection| {
            let mut sat = 0;
            for coin in bare(chunk) {
                if !coins::is_there(connection, &coins::name(&coin)?)? {
                    sat += u64::from(coin.amount);
                }
            }
            Ok(sat)
        })
    }
}
