//! Being paid: what is asked, and what comes.
//!
//! Grade: driver. Coins that are proved to be ours count at once, with the mint down too; others count once they are redeemed. Either way
//! they are on disk, under the order that they came for, before anybody is told.

use cashu::{KeySet, Proof, PublicKey, Token};
use dazaar::database::{Finality, Receipt};
use dazaar::payment::Bill;
use rusqlite::Connection;

use super::plan::{Keys, worth};
use super::{Wallet, active, now_s};
use crate::amounts::total;
use crate::demand::{Asked, write_request};
use crate::error::EcashError;
use crate::limits::SAT_MAX;
use crate::mint::Mint;
use crate::offline::{Standing, examine};
use crate::reference::reference_of;
use crate::store::batches::{self, Batch};
use crate::store::coins::{self, Coin, Kind};
use crate::token::{self, TokenFault, read_token};

/// Units of the asset that make a satoshi.
pub(crate) const MSAT: u64 = 1000;

/// Coins that came for an order and were never seen before.
struct Fresh {
    coins: Vec<Proof>,
    ys: Vec<PublicKey>,
}

impl Wallet {
    /// The request of a bill. Mints whose keys are not known, and cannot be asked for now, are left out.
    pub(crate) fn demand(&self, bill: &Bill) -> Result<String, EcashError> {
        let (mut mints, mut failure) = (Vec::new(), None);
        for mint in &self.mints {
            match self.keysets(mint).and_then(|keysets| active(mint, &keysets)) {
                Ok(_) => mints.push(mint.url.clone()),
                Err(error) => failure = Some(error),
            }
        }
        match failure {
            Some(error) if mints.is_empty() => Err(error),
            _ => {
                let lock = self.seed.key(&lock_name(bill)).public_key();
                Ok(write_request(&Asked { sat: whole_sat(bill)?, mints, lock }, &bill.order))
            }
        }
    }

    /// Takes a token for a bill.
    pub(crate) fn take(&self, bill: &Bill, proof: &str) -> Result<Vec<Receipt>, EcashError> {
        let token = read_token(proof)?;
        let url = token.mint_url().map_err(|_| TokenFault::SeveralMints)?;
        let mint = self.mint(&url)?;
        let (coins, all) = self.coins_of(mint, &token)?;
        let standing = self.examine_all(bill, &coins, &all)?;
        let keys = Keys { mint: mint.url.clone(), active: active(mint, &all)?, all };
        self.store.write(|connection| {
            let Some(fresh) = fresh(connection, bill, coins)? else { return Ok(()) };
            self.accept(connection, bill, &keys, fresh, standing)
        })?;
        let batches = self.store.read(|connection| batches::of_order(connection, &bill.order))?;
        for id in batches.iter().filter_map(|batch| batch.operation) {
            self.run(id)?;
        }
        self.receipts(bill)
    }

    /// What was paid so far.
    pub(crate) fn look_up(&self, bill: &Bill) -> Result<Vec<Receipt>, EcashError> {
        let batches = self.store.read(|connection| batches::of_order(connection, &bill.order))?;
        for id in batches.iter().filter_map(|batch| batch.operation) {
            // What counts is told, whatever becomes of the rest.
            if let Err(error) = self.run(id) {
                tracing::debug!(%error, "coins that came are not redeemed yet");
            }
        }
        self.receipts(bill)
    }

    fn receipts(&self, bill: &Bill) -> Result<Vec<Receipt>, EcashError> {
        let batches = self.store.read(|connection| batches::of_order(connection, &bill.order))?;
        let receipt = |batch: Batch| Receipt {
            reference: batch.reference,
            block: Vec::new(),
            order: Some(bill.order),
            units: batch.sat * MSAT,
            finality: Finality::Final,
            evidence: Vec::new(),
        };
        Ok(batches.into_iter().filter(|batch| batch.counts).map(receipt).collect())
    }

    /// The coins of a token, with the keysets of their mint. That has its keys asked for again, now and then, if they are not known.
    pub(super) fn coins_of(
        &self,
        mint: &Mint,
        token: &Token,
    ) -> Result<(Vec<Proof>, Vec<KeySet>), EcashError> {
        let mut keysets = self.keysets(mint)?;
        let coins = |keysets: &[KeySet]| {
            let ids: Vec<_> = keysets.iter().map(|keyset| keyset.id).collect();
            token::coins(token, &ids)
        };
        let mut found = coins(&keysets);
        if found == Err(TokenFault::UnknownKeyset) && mint.may_ask_for_keys() {
            self.refresh(mint)?;
            keysets = self.keysets(mint)?;
            found = coins(&keysets);
        }
        let found = found?;
        if total(&found) > SAT_MAX {
            return Err(TokenFault::Value.into());
        }
        Ok((found, keysets))
    }

    /// Whether all coins are ours without asking the mint.
    fn examine_all(&self, bill: &Bill, coins: &[Proof], keysets: &[KeySet]) -> Result<Standing, EcashError> {
        let lock = self.seed.key(&lock_name(bill)).public_key();
        let safe_until_s = now_s().saturating_add(self.settings.margin_hours.saturating_mul(3600));
        let mut standing = Standing::Ours;
        for (coin, index) in coins.iter().zip(1..) {
            let keyset = keysets.iter().find(|keyset| keyset.id == coin.keyset_id);
            let keyset = keyset.ok_or(TokenFault::UnknownKeyset)?;
            let one = examine(coin, keyset, &lock, safe_until_s);
            if one.map_err(|fault| EcashError::Coin { index, fault })? == Standing::RedeemFirst {
                standing = Standing::RedeemFirst;
            }
        }
        Ok(standing)
    }

    /// Records coins that came. They count at once if they are ours and there are not too many of them; else an operation is to redeem
    /// them first.
    fn accept(
        &self,
        connection: &Connection,
        bill: &Bill,
        keys: &Keys,
        fresh: Fresh,
        standing: Standing,
    ) -> Result<(), EcashError> {
        let name = lock_name(bill);
        let reference = reference_of(&fresh.ys);
        let sat = worth(&fresh.coins, &keys.all)?;
        let unredeemed =
            coins::sum(connection, &keys.mint, Kind::Earned)?.saturating_add(total(&fresh.coins));
        let is_ours = standing == Standing::Ours && unredeemed <= self.settings.unredeemed_max_sat && sat > 0;
        let mut came = fresh.coins.into_iter().map(|proof| {
            let key = proof.secret.is_p2pk().then(|| name.clone());
            Coin { proof, key }
        });
        if is_ours {
            for coin in came {
                coins::put(connection, &keys.mint, Kind::Earned, &coin, None)?;
            }
            let batch = Batch { reference, sat, counts: true, operation: None };
            return batches::put(connection, &bill.order, &batch, &fresh.ys);
        }
        let inputs = came.try_fold(Vec::new(), |mut inputs, coin| {
            inputs.push(self.unlocked(coin)?);
            Ok::<_, EcashError>(inputs)
        })?;
        let planned = self.plan_redeem(connection, keys, inputs)?;
        let (operation, sat) = planned.ok_or_else(|| EcashError::Amount {
            reason: "the coins are worth no more than their mint takes for redeeming them".to_owned(),
        })?;
        let batch = Batch { reference, sat, counts: false, operation: Some(operation) };
        batches::put(connection, &bill.order, &batch, &fresh.ys)
    }
}

/// The coins that were never handed over before; none if all were, for the same order.
fn fresh(connection: &Connection, bill: &Bill, coins: Vec<Proof>) -> Result<Option<Fresh>, EcashError> {
    let mut fresh = Fresh { coins: Vec::new(), ys: Vec::new() };
    for coin in coins {
        let y = coins::name(&coin)?;
        match batches::order_of(connection, &y)? {
            Some(order) if order == bill.order => {}
            Some(_) => return Err(EcashError::Replayed),
            // Our own money would be counted as somebody else's.
            None if coins::is_there(connection, &y)? => return Err(EcashError::Replayed),
            None => {
                fresh.coins.push(coin);
                fresh.ys.push(y);
            }
        }
    }
    Ok((!fresh.coins.is_empty()).then_some(fresh))
}

/// The name of the key that the coins for a bill are locked to: one for each, so that nobody sees which were for the same seller.
fn lock_name(bill: &Bill) -> String {
    format!("lock/{}/{}/{}", bill.seller, bill.buyer, hex::encode(bill.order))
}

/// What a bill is over, rounded up.
pub(super) fn whole_sat(bill: &Bill) -> Result<u64, EcashError> {
    let sat = bill.units.div_ceil(MSAT);
    if sat == 0 || sat > SAT_MAX {
        return Err(EcashError::Amount { reason: format!("{sat} sat cannot be paid in ecash") });
    }
    Ok(sat)
}
