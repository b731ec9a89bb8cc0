//! Refunds: what a buyer has not used is given back when they ask. It is off the balance before the money leaves.

use std::sync::Arc;

use dazaar_log::IdentityKey;
use dazaar_market::pay::refund::{self, FAILED, RefundAnswer, RefundBalance, RefundQuestion, Refunded};
use dazaar_market::{Asset, Method, Price};
use serde_json::json;

use super::{NamedPayee, SellerNotice, Shared};
use crate::clock::now_ms;
use crate::database::{self, Account, DatabaseError, RefundName, RefundRecord};
use crate::payment::PaymentError;

impl Shared {
    /// Tells a buyer what is left, or gives it back.
    pub(super) async fn answer_refund(self: Arc<Self>, buyer: IdentityKey, question: RefundQuestion) {
        let answer = match &question.method {
            None => self
                .balances(&buyer)
                .await
                .map(|balances| RefundAnswer { balances, ..RefundAnswer::default() }),
            Some(method) => self.give_back(buyer, &question, method).await,
        };
        let message = match answer {
            // Texts and numbers always have a JSON form.
            Ok(answer) => serde_json::to_value(answer).unwrap_or_default(),
            Err(error) => {
                self.notify(SellerNotice::PaymentRefused { buyer, reason: error.clone() });
                json!({ "error": error })
            }
        };
        self.buyers.tell(&buyer, refund::NAME, &message);
    }

    /// The accounts with something that can be given back: money, not time that was granted.
    fn refundable(&self, buyer: &IdentityKey) -> Result<Vec<Account>, String> {
        let accounts =
            self.market.database().accounts(&self.feed(), buyer).map_err(|error| broken(&error))?;
        let has_money = |account: &Account| *account.asset() != Asset::Time && account.meter.balance > 0;
        Ok(accounts.into_iter().filter(has_money).collect())
    }

    async fn balances(&self, buyer: &IdentityKey) -> Result<Vec<RefundBalance>, String> {
        let mut balances = Vec::new();
        for account in self.refundable(buyer)? {
            let (asset, units) = (account.asset(), account.meter.balance);
            let mut methods: Vec<String> = Vec::new();
            for named in self.options.payees.iter().filter(|_| self.options.refunds) {
                let method = named.payee.method().to_string();
                if !methods.contains(&method) && may_refund(named, asset, units).await {
                    methods.push(method);
                }
            }
            balances.push(RefundBalance { asset: asset.to_string(), units, methods });
        }
        Ok(balances)
    }

    /// The price of the account that is given back from, and the wallet that gives: that of the refund on record, or else the first that
    /// can.
    async fn way_back(
        &self,
        buyer: &IdentityKey,
        method: Method,
        known: Option<RefundRecord>,
    ) -> Result<(Price, &NamedPayee), String> {
        if let Some(known) = known {
            // Another wallet would give it a second time.
            let named = self.payee_named(&known.wallet).ok_or("the wallet that gives this back is gone")?;
            return Ok((known.account.price, named));
        }
        let mut unable = None;
        for account in self.refundable(buyer)? {
            let asset = account.asset().clone();
            let gives = |named: &&NamedPayee| named.payee.method() == method && named.payee.takes(&asset);
            for named in self.options.payees.iter().filter(gives) {
                if may_refund(named, &asset, account.meter.balance).await {
                    return Ok((account.price, named));
                }
                unable.get_or_insert_with(|| (account.price.clone(), named));
            }
        }
        // It says itself why it does not.
        unable.ok_or_else(|| "nothing is left that could be given back so".to_owned())
    }

    async fn give_back(
        &self,
        buyer: IdentityKey,
        question: &RefundQuestion,
        method: &str,
    ) -> Result<RefundAnswer, String> {
        if !self.options.refunds {
            return Err("this seller gives nothing back without being asked in person".to_owned());
        }
        let mut name = [0; 16];
        hex::decode_to_slice(&question.refund, &mut name)
            .map_err(|_| "the name of a refund has 32 hex digits".to_owned())?;
        let method = Method::by_name(method).ok_or("this is no way to pay")?;
        let Ok(_permit) = self.refunding.try_acquire() else {
            return Ok(RefundAnswer::pending("another refund is under way"));
        };
        let known =
            self.market.database().refund_on_record(method.name(), &name).map_err(|error| broken(&error))?;
        if let Some(RefundRecord { account, to, outcome, .. }) = &known {
            if (&account.feed, &account.buyer, to) != (&self.feed(), &buyer, &question.to) {
                return Err("another refund has this name".to_owned());
            }
            // What is over needs no wallet.
            match outcome {
                database::Refunded::Sent { units, proof } => {
                    return self.sent(&buyer, account.asset(), *units, proof.clone()).await;
                }
                database::Refunded::Failed { .. } => return Err(FAILED.to_owned()),
                database::Refunded::New { .. } | database::Refunded::Again { .. } => {}
            }
        }
        let is_new = known.is_none();
        let (price, NamedPayee { name: wallet, payee, .. }) = self.way_back(&buyer, method, known).await?;
        let most = question.units.unwrap_or(u64::MAX);
        // Each costs a fee: whoever comes back again and again takes at least half.
        let has_less =
            |account: &Account| *account.asset() == price.asset && most < account.meter.balance / 2;
        if is_new && self.refundable(&buyer)?.iter().any(has_less) {
            return Err("at least half of what is left is given back at once".to_owned());
        }
        let (reference, to) = (name.as_slice(), question.to.as_str());
        let taken = self.take_off(
            (&buyer, &price),
            most,
            RefundName { method: method.name(), reference, wallet, to },
        );
        let taken = taken.await?;
        let asset = price.asset;
        let units = match taken {
            database::Refunded::New { units: 0 } => return Err("nothing is left to give back".to_owned()),
            database::Refunded::New { units } | database::Refunded::Again { units } => units,
            database::Refunded::Sent { units, proof } => {
                return self.sent(&buyer, &asset, units, proof).await;
            }
            database::Refunded::Failed { .. } => {
                return Err(FAILED.to_owned());
            }
        };
        let database = self.market.database();
        match payee.refund(&name, &asset, units, &question.to).await {
            Ok(proof) => {
                let stored = database.refund_sent(method.name(), &name, &proof, now_ms());
                stored.map_err(|error| broken(&error))?;
                self.sent(&buyer, &asset, units, proof).await
            }
            Err(PaymentError::Refused { reason }) => {
                // It did not leave, so it is theirs again.
                database.refund_failed(method.name(), &name, now_ms()).map_err(|error| broken(&error))?;
                Err(reason)
            }
            Err(PaymentError::Unavailable { reason }) => {
                tracing::info!(reason, "a refund is not sent yet");
                Ok(RefundAnswer::pending("the seller's wallet has not sent it yet"))
            }
        }
    }

    /// Takes a refund off the balance, once all that was delivered is charged; meanwhile nothing is delivered.
    async fn take_off(
        &self,
        (buyer, price): (&IdentityKey, &Price),
        most: u64,
        name: RefundName<'_>,
    ) -> Result<database::Refunded, String> {
        self.buyers.pause(buyer, true);
        let served_ms = self.buyers.take_served_ms(buyer);
        self.validator.validate(self.question(*buyer, served_ms)).await;
        let account = (&self.feed(), buyer, price);
        let taken = self.market.database().refund(account, most, name, now_ms());
        // The answer to the next question says what may be sent.
        self.buyers.pause(buyer, false);
        taken.map_err(|error| match error {
            DatabaseError::RefundDiffers => "another refund has this name".to_owned(),
            error => broken(&error),
        })
    }

    async fn sent(
        &self,
        buyer: &IdentityKey,
        asset: &Asset,
        units: u64,
        proof: String,
    ) -> Result<RefundAnswer, String> {
        let refunded = Some(Refunded { asset: asset.to_string(), units, proof });
        Ok(RefundAnswer { balances: self.balances(buyer).await?, refunded, pending: None })
    }
}

/// Whether a wallet gives so much back, as far as it knows: one that is out of reach may.
async fn may_refund(named: &NamedPayee, asset: &Asset, units: u64) -> bool {
    named.payee.takes(asset)
        && !matches!(named.payee.may_refund(asset, units).await, Err(PaymentError::Refused { .. }))
}

/// What is wrong with our records is not the buyer's business.
fn broken(error: &DatabaseError) -> String {
    tracing::error!(%error, "cannot give anything back");
    "the seller cannot give anything back at the moment".to_owned()
}
