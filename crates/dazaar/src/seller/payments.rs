//! Payments within a session: what a buyer hands over is counted before anything else happens, and answered.

use std::str::FromStr as _;

use dazaar_log::IdentityKey;
use dazaar_market::limits::{ORDER_CHARS_MAX, PROOFS_IN_VAIN_MAX};
use dazaar_market::pay::{self, Due, Proof, Receipt, Refusal};
use dazaar_market::{Asset, Card, Method, Money, Offer, SignedReceipt, VoucherCode};
use serde_json::Value;

use super::session::SellerConnection;
use super::{SellerNotice, Shared};
use crate::clock::now_ms;
use crate::database::{Admission, Credit, DatabaseError, Redeemed};
use crate::validator::credit_info;

impl SellerConnection {
    /// A message about payments came. What is not a proof of one says nothing to a seller.
    pub(super) fn handle_payment(&mut self, buyer: IdentityKey, name: &str, message: Value) {
        if name != pay::PROOF {
            return;
        }
        let Some(proof) = pay::read::<Proof>(message) else { return };
        if proof.order.chars().count() > ORDER_CHARS_MAX {
            return;
        }
        // Once it has heard that it tries too often, a connection is not heard any more.
        if self.proofs_in_vain() > PROOFS_IN_VAIN_MAX {
            return;
        }
        match self.take(&buyer, &proof) {
            Ok((code, redeemed)) => {
                let Redeemed { amount_ms, again, credit, .. } = redeemed;
                if again {
                    self.count_in_vain();
                }
                let receipt = self.seller().receipt(buyer, &proof, &code, &redeemed);
                self.say(pay::RECEIPT, &pay::write(&receipt));
                self.seller().notify(SellerNotice::Paid {
                    buyer,
                    method: Method::Credit,
                    amount_ms,
                    again,
                    credit,
                });
                self.ask_at_once();
            }
            Err(refusal) => {
                // What we did not check cost nothing, or is not the buyer's fault.
                if !refusal.is_temporary() {
                    self.count_in_vain();
                }
                self.seller().notify(SellerNotice::PaymentRefused { buyer, reason: refusal.error.clone() });
                self.say(pay::REFUSE, &pay::write(&refusal));
            }
        }
    }

    fn take(&self, buyer: &IdentityKey, proof: &Proof) -> Result<(VoucherCode, Redeemed), Refusal> {
        let refuse = |code: &str, error: &str| Refusal {
            order: proof.order.clone(),
            code: code.to_owned(),
            error: error.to_owned(),
        };
        if !self.has_settled_terms() {
            return Err(refuse(
                pay::TERMS,
                "the terms of use must be accepted first; this voucher is as good as before",
            ));
        }
        if self.proofs_in_vain() == PROOFS_IN_VAIN_MAX {
            return Err(refuse(
                "too-many",
                "too many payments on this connection count for nothing; connect again",
            ));
        }
        if proof.method != Method::Credit.name() || self.seller().listing.admission != Admission::Granted {
            return Err(refuse("method", "this seller does not take this way to pay"));
        }
        let code =
            VoucherCode::from_str(&proof.proof).map_err(|error| refuse("malformed", &error.to_string()))?;
        let feed = self.seller().feed();
        let redeemed = self.seller().market.database().redeem(&feed, buyer, &code.hash(), now_ms());
        redeemed.map(|redeemed| (code, redeemed)).map_err(|error| match error {
            DatabaseError::Voucher(error) => refuse(error.code(), &error.to_string()),
            error => {
                tracing::error!(%error, %buyer, "cannot look up a voucher");
                refuse(
                    pay::UNAVAILABLE,
                    "the seller cannot check this voucher at the moment; it is as good as before",
                )
            }
        })
    }

    /// Tells a buyer who was refused what is asked, if credit is what they lack; of a verdict that nobody could give that is not known.
    pub(super) fn say_due(&mut self, buyer: &IdentityKey) {
        let seller = self.seller();
        if seller.listing.admission != Admission::Granted {
            return;
        }
        let credit = seller.market.database().credit(&seller.feed(), buyer, now_ms());
        if credit.is_ok_and(|credit| credit.is_none_or(Credit::is_used_up)) {
            let due = due(self.seller());
            self.say(pay::DUE, &pay::write(&due));
        }
    }
}

impl Shared {
    fn receipt(&self, buyer: IdentityKey, proof: &Proof, code: &VoucherCode, redeemed: &Redeemed) -> Receipt {
        let money = redeemed.amount_ms.map(|ms| Money { asset: Asset::Time, units: ms.unsigned_abs() });
        let signed = SignedReceipt {
            seller: self.identity.public(),
            buyer,
            method: proof.method.clone(),
            reference: code.hash().to_string(),
            money: money.clone(),
            time_ms: redeemed.time_ms.unsigned_abs(),
        };
        Receipt {
            order: proof.order.clone(),
            method: proof.method.clone(),
            units: money.map(|money| money.units),
            asset: Asset::Time.to_string(),
            again: redeemed.again,
            credit: credit_info(redeemed.credit),
            // It is our own, so that nothing can be wrong with it.
            signed: signed.sign(&self.identity, &rand::random()).unwrap_or_default(),
        }
    }
}

fn due(seller: &Shared) -> Due {
    // A card that we stored is one; if not, there is nothing on it to show.
    let card = Card::parse(seller.listing.card.as_bytes());
    let offers = card.map(|card| card.offers()).unwrap_or_default();
    let is_taken = |offer: &&Offer| offer.terms.as_ref().is_ok_and(|terms| terms.method == Method::Credit);
    Due {
        methods: vec![Method::Credit.name().to_owned()],
        offers: offers.iter().filter(is_taken).map(ToString::to_string).collect(),
    }
}
