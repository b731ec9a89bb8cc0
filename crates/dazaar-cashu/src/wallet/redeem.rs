//! Coins that change hands in the end: what was earned is redeemed, and what no seller redeemed is taken back.
//!
//! Grade: driver.

use cashu::{Proof, State};
use rusqlite::Connection;

use super::plan::Keys;
use super::{Wallet, active, at, now_s};
use crate::error::EcashError;
use crate::limits::COINS_MAX;
use crate::mint::Mint;
use crate::store::coins::{self, Coin, Kind};
use crate::store::operations::{self, Step};

/// What became of locked coins, in satoshis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Redeemed {
    /// Are ours to spend now, the mints' fees taken off.
    pub sat: u64,
    /// Somebody else had spent before: earned coins whose lock was over, or whose mint lies; given coins that the seller redeemed.
    pub gone_sat: u64,
}

impl Redeemed {
    /// Both together.
    const fn and(self, other: Self) -> Self {
        Self {
            sat: self.sat.saturating_add(other.sat),
            gone_sat: self.gone_sat.saturating_add(other.gone_sat),
        }
    }
}

impl Wallet {
    /// Settles what was interrupted, and redeems what was earned.
    pub(crate) fn redeem(&self) -> Result<Redeemed, EcashError> {
        self.at_each_mint(|mint| {
            let resumed = self.resume(mint)?;
            let swapped =
                self.swap_all(mint, |connection| coins::free(connection, &mint.url, Kind::Earned))?;
            Ok(resumed.and(swapped))
        })
    }

    /// Takes back what was locked to sellers who did not redeem it in time.
    pub(crate) fn take_back(&self) -> Result<Redeemed, EcashError> {
        let now_s = now_s();
        self.at_each_mint(|mint| {
            let resumed = self.resume(mint)?;
            let gone_sat = self.forget_spent(mint, now_s)?;
            let swapped =
                self.swap_all(mint, |connection| coins::returnable(connection, &mint.url, now_s))?;
            Ok(resumed.and(swapped).and(Redeemed { sat: 0, gone_sat }))
        })
    }

    /// Carries out whatever was interrupted at a mint.
    fn resume(&self, mint: &Mint) -> Result<Redeemed, EcashError> {
        let mut done = Redeemed::default();
        for id in self.store.read(|connection| operations::open(connection, &mint.url))? {
            match self.run_counted(id) {
                // It was given up, and that is settled too.
                Err(error) if !error.is_temporary() => {
                    tracing::warn!(%error, "an ecash operation was given up");
                }
                other => done = done.and(other?),
            }
        }
        Ok(done)
    }

    /// Carries out an operation, and says what it made of locked coins.
    fn run_counted(&self, id: i64) -> Result<Redeemed, EcashError> {
        let found = self.store.read(|connection| {
            let Some((_, operation)) = operations::find(connection, id)? else { return Ok(None) };
            Ok(Some((held(connection, &operation.inputs)?, operation)))
        })?;
        let Some((held_before, operation)) = found else { return Ok(Redeemed::default()) };
        match self.run(id) {
            Ok(()) => {
                let is_for_us = operation.outputs.iter().all(|output| !output.is_given);
                let is_redeemed = is_for_us && operation.step == Step::Swap;
                let sat = operation.outputs.iter().map(|output| output.sat).sum();
                Ok(Redeemed { sat: if is_redeemed { sat } else { 0 }, gone_sat: 0 })
            }
            Err(EcashError::Spent) => {
                let held_now = self.store.read(|connection| held(connection, &operation.inputs))?;
                Ok(Redeemed { sat: 0, gone_sat: held_before.saturating_sub(held_now) })
            }
            Err(error) => Err(error),
        }
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
                Ok(done) => sum = sum.and(done),
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
        // A coin that the mint does not take, for whatever reason, keeps no other from being swapped.
        let (mut size, mut refused) = (COINS_MAX, 0);
        loop {
            if self.store.read(&coins)?.len() <= refused {
                return Ok(done);
            }
            let all = self.keysets(mint)?;
            let keys = Keys { mint: mint.url.clone(), active: active(mint, &all)?, all };
            let planned = self.store.write(|connection| {
                let chunk: Vec<Coin> = coins(connection)?.into_iter().skip(refused).take(size).collect();
                let inputs: Vec<Proof> =
                    chunk.iter().cloned().map(|coin| self.unlocked(coin)).collect::<Result<_, _>>()?;
                let planned = self.plan_redeem(connection, &keys, inputs)?;
                if let Some((id, _)) = planned {
                    coins::reserve(connection, &chunk, id)?;
                }
                Ok(planned.map(|(id, _)| (id, chunk.len())))
            })?;
            // Worth less than the fee: with more coins later they may be worth it.
            let Some((id, swapped)) = planned else { return Ok(done) };
            match self.run_counted(id) {
                Ok(more) => done = done.and(more),
                Err(error) if error.is_temporary() => return Err(error),
                Err(error) if swapped == 1 => {
                    tracing::warn!(%error, "a mint does not take a coin");
                    refused += 1;
                }
                Err(_) => size = swapped.div_ceil(2),
            }
        }
    }
}

/// What those of these coins are worth that are in the file.
fn held(connection: &Connection, proofs: &[Proof]) -> Result<u64, EcashError> {
    let mut sat = 0_u64;
    for coin in proofs {
        if coins::is_there(connection, &coins::name(coin)?)? {
            sat = sat.saturating_add(coin.amount.into());
        }
    }
    Ok(sat)
}
