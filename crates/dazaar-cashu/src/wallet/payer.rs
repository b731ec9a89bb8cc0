//! Paying: coins locked to a seller, and money given back.
//!
//! Grade: driver. What leaves has a name, and leaves once under it.

use cashu::PublicKey;
use dazaar::payment::{Bill, Paid};

use super::payee::{MSAT, whole_sat};
use super::plan::{Gift, Keys};
use super::{Wallet, active, now_s};
use crate::amounts::{split, split_for_redeemer};
use crate::demand::{RequestFault, read_request};
use crate::error::EcashError;
use crate::limits::SAT_MAX;
use crate::mint::Mint;
use crate::outputs::Lock;
use crate::store::coins::{self, Kind};
use crate::store::outgoing::{self, Outgoing};

/// What a gift is for.
struct Purpose<'a> {
    /// What it is called, for ever.
    name: &'a str,
    /// What was asked for under that name.
    terms: &'a str,
}

impl Purpose<'_> {
    /// The operation that what left under this name still waits for, if what was asked is the same.
    fn check(&self, known: &Outgoing) -> Result<Option<i64>, EcashError> {
        if known.terms == self.terms { Ok(known.operation) } else { Err(EcashError::OtherRequest) }
    }
}

/// Coins that left.
struct Left {
    token: String,
    reference: Vec<u8>,
    spent: u64,
}

impl Wallet {
    /// Pays a bill upon the seller's request.
    pub(crate) fn pay(&self, bill: &Bill, request: &str) -> Result<Paid, EcashError> {
        let asked = read_request(request)?;
        let billed_sat = whole_sat(bill)?;
        if asked.sat != billed_sat {
            return Err(RequestFault::OtherAmount { asked_sat: asked.sat, billed_sat }.into());
        }
        if bill.pay_to.is_some() {
            return Err(RequestFault::Payee.into());
        }
        let name = format!("pay/{}/{}", bill.seller, hex::encode(bill.order));
        let terms = format!("{} sat locked to {}", asked.sat, asked.lock);
        let purpose = Purpose { name: &name, terms: &terms };
        let back = format!("back/{}/{}", bill.seller, hex::encode(bill.order));
        let mints: Vec<&Mint> = self.mints.iter().filter(|mint| asked.mints.contains(&mint.url)).collect();
        if mints.is_empty() {
            return Err(RequestFault::NoCommonMint.into());
        }
        let left = self.give_once(&purpose, &mints, |keys| {
            let until_s = now_s().saturating_add(self.settings.lock_hours.saturating_mul(3600));
            let lock = Lock { to: asked.lock, back: Some((self.seed.key(&back).public_key(), until_s)) };
            let amounts = split_for_redeemer(asked.sat, &keys.active)?;
            Ok(Gift { amounts, lock: Some(lock), back: Some((back.clone(), until_s)) })
        })?;
        Ok(Paid {
            reference: hex::encode(&left.reference),
            proof: Some(left.token),
            fee: (left.spent * MSAT).saturating_sub(bill.units),
        })
    }

    /// Gives units of Bitcoin back, as a token that is locked to the key `to`, or to nobody. What is less than a satoshi stays.
    pub(crate) fn refund(&self, name: &[u8], units: u64, to: &str) -> Result<String, EcashError> {
        let sat = refunded_sat(units)?;
        let no_key = |_| EcashError::Amount { reason: "not a key that coins can be locked to".to_owned() };
        let to = Some(to).filter(|to| !to.is_empty()).map(PublicKey::from_hex).transpose().map_err(no_key)?;
        let lock = to.map(|to| Lock { to, back: None });
        let name = format!("refund/{}", hex::encode(name));
        let terms =
            format!("{sat} sat, locked to {}", to.map_or_else(|| "nobody".to_owned(), |to| to.to_hex()));
        let purpose = Purpose { name: &name, terms: &terms };
        let mints: Vec<&Mint> = self.mints.iter().collect();
        let left = self.give_once(&purpose, &mints, |keys| {
            Ok(Gift { amounts: split(sat, &keys.active)?, lock, back: None })
        })?;
        Ok(left.token)
    }

    /// Gives coins of one of the mints, once for each name.
    fn give_once(
        &self,
        purpose: &Purpose<'_>,
        mints: &[&Mint],
        gift: impl Fn(&Keys) -> Result<Gift, EcashError>,
    ) -> Result<Left, EcashError> {
        let known = self.store.read(|connection| outgoing::find(connection, purpose.name))?;
        let operation = match known {
            Some(known) => purpose.check(&known)?,
            None => self.plan_once(purpose, mints, gift)?,
        };
        if let Some(id) = operation {
            self.run(id).map_err(|error| self.of_own_coins(error))?;
        }
        let left = self.store.read(|connection| outgoing::find(connection, purpose.name))?;
        let left = left.ok_or(EcashError::GivenUp)?;
        let (token, reference) = left.token.ok_or(EcashError::GivenUp)?;
        Ok(Left { token, reference, spent: left.spent })
    }

    /// Records a gift at the first mint where there is enough, and returns the operation that is to be run, if it was not yet.
    fn plan_once(
        &self,
        purpose: &Purpose<'_>,
        mints: &[&Mint],
        gift: impl Fn(&Keys) -> Result<Gift, EcashError>,
    ) -> Result<Option<i64>, EcashError> {
        let (mut needed_sat, mut most_sat) = (0, 0);
        for mint in mints {
            let own = self.store.read(|connection| coins::sum(connection, &mint.url, Kind::Own))?;
            if own == 0 {
                continue;
            }
            most_sat = own.max(most_sat);
            let all = self.keysets(mint)?;
            let keys = Keys { mint: mint.url.clone(), active: active(mint, &all)?, all };
            let gift = gift(&keys)?;
            needed_sat = gift.amounts.iter().sum();
            let planned = self.store.write(|connection| {
                // Somebody else may have come first.
                if let Some(known) = outgoing::find(connection, purpose.name)? {
                    return purpose.check(&known).map(Some);
                }
                let Some((id, spent)) = self.plan_gift(connection, &keys, gift)? else { return Ok(None) };
                outgoing::put(connection, purpose.name, purpose.terms, spent, id)?;
                Ok(Some(Some(id)))
            })?;
            if let Some(operation) = planned {
                return Ok(operation);
            }
        }
        Err(EcashError::Short { needed_sat, most_sat })
    }
}

/// What is given back of so many units: whole satoshis.
pub(crate) fn refunded_sat(units: u64) -> Result<u64, EcashError> {
    let sat = units / MSAT;
    if sat == 0 || sat > SAT_MAX {
        let reason = format!("{sat} sat cannot be given back in ecash");
        return Err(EcashError::Amount { reason });
    }
    Ok(sat)
}
