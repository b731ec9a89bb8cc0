//! Payments within a session: what a buyer wants to pay or hands over is counted before anything else happens, and answered.

use std::str::FromStr as _;
use std::sync::Arc;

use dazaar_log::IdentityKey;
use dazaar_market::limits::{ORDER_CHARS_MAX, PROOFS_IN_VAIN_MAX};
use dazaar_market::pay::lnd::{self, LndRequest};
use dazaar_market::pay::refund::{self, RefundQuestion};
use dazaar_market::pay::{self, Asked, Due, Order, Proof, Receipt, Refusal};
use dazaar_market::price::Kind;
use dazaar_market::{Asset, Card, Method, Money, Offer, PriceTerms, SignedReceipt, VoucherCode};
use serde_json::Value;

use super::session::SellerConnection;
use super::{SellerNotice, Shared};
use crate::clock::now_ms;
use crate::database::{Admission, Credit, DatabaseError, Redeemed};
use crate::validator::credit_info;

impl SellerConnection {
    /// A message about payments came. What is neither an order nor a payment says nothing to a seller.
    pub(super) fn handle_payment(&mut self, buyer: IdentityKey, name: &str, message: Value) {
        // Once it has heard that it tries too often, a connection is not heard any more.
        if self.payments_in_vain() > PROOFS_IN_VAIN_MAX {
            return;
        }
        match name {
            pay::ORDER => {
                let order = pay::read(message).filter(|order: &Order| is_name(&order.order));
                if let Some(order) = order
                    && self.is_heard(buyer, &order.order)
                {
                    let seller = Arc::clone(self.seller());
                    tokio::spawn(async move { seller.answer_order(buyer, order).await });
                }
            }
            pay::PROOF => {
                let proof = pay::read(message).filter(|proof: &Proof| is_name(&proof.order));
                if let Some(proof) = proof
                    && self.is_heard(buyer, &proof.order)
                {
                    self.handle_proof(buyer, proof);
                }
            }
            refund::NAME => {
                if let Some(question) = pay::read::<RefundQuestion>(message)
                    && self.is_heard(buyer, "")
                {
                    let seller = Arc::clone(self.seller());
                    tokio::spawn(async move { seller.answer_refund(buyer, question).await });
                }
            }
            lnd::REQUEST => {
                if let Some(request) = pay::read::<LndRequest>(message)
                    && self.is_heard(buyer, "")
                {
                    let seller = Arc::clone(self.seller());
                    tokio::spawn(async move { seller.answer_lnd(buyer, request).await });
                }
            }
            _ => {}
        }
    }

    /// Whether this is a question of npm dazaar for an invoice, and we make invoices. Any other is the application's.
    pub(super) fn takes_lnd(&self, name: &str) -> bool {
        name == lnd::REQUEST && self.seller().lnd_terms().is_some()
    }

    fn handle_proof(&mut self, buyer: IdentityKey, proof: Proof) {
        if proof.method != Method::Credit.name() {
            let seller = Arc::clone(self.seller());
            tokio::spawn(async move { seller.answer_proof(buyer, proof).await });
            return;
        }
        if self.payments_in_vain() == PROOFS_IN_VAIN_MAX {
            let error = "too many payments on this connection count for nothing; connect again";
            return self.refuse(buyer, &refusal(&proof.order, "too-many", error));
        }
        match self.redeem(&buyer, &proof) {
            Ok((code, redeemed)) => {
                if redeemed.again {
                    self.count_in_vain();
                }
                let receipt = self.seller().voucher_receipt(buyer, &proof, &code, &redeemed);
                self.say(pay::RECEIPT, &pay::write(&receipt));
                self.seller().notify(SellerNotice::Paid {
                    buyer,
                    method: Method::Credit,
                    money: redeemed.money(),
                    again: redeemed.again,
                    credit: redeemed.credit,
                });
                self.ask_at_once();
            }
            Err(refusal) => self.refuse(buyer, &refusal),
        }
    }

    /// Whether payments are heard from this buyer now; if not, the buyer is told.
    fn is_heard(&mut self, buyer: IdentityKey, order: &str) -> bool {
        let refused = if !self.has_settled_terms() {
            refusal(order, pay::TERMS, "the terms of use must be accepted first; nothing is lost")
        } else if self.seller().listing.admission != Admission::Granted {
            refusal(order, "method", "this seller does not take payments")
        } else if !self.seller().buyers.may_ask(&buyer) {
            refusal(order, pay::UNAVAILABLE, "too much is asked at once; try again soon")
        } else {
            return true;
        };
        self.refuse(buyer, &refused);
        false
    }

    fn refuse(&mut self, buyer: IdentityKey, refusal: &Refusal) {
        // What we did not check cost nothing, or is not the buyer's fault.
        if !refusal.is_temporary() {
            self.count_in_vain();
        }
        self.seller().notify(SellerNotice::PaymentRefused { buyer, reason: refusal.error.clone() });
        self.say(pay::REFUSE, &pay::write(refusal));
    }

    fn redeem(&self, buyer: &IdentityKey, proof: &Proof) -> Result<(VoucherCode, Redeemed), Refusal> {
        let refuse = |code: &str, error: &str| refusal(&proof.order, code, error);
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
            let due = self.seller().due();
            self.say(pay::DUE, &pay::write(&due));
        }
    }
}

/// Whether this may name an order.
fn is_name(order: &str) -> bool {
    order.chars().count() <= ORDER_CHARS_MAX
}

/// A refusal of a payment.
pub(super) fn refusal(order: &str, code: &str, error: &str) -> Refusal {
    Refusal { order: order.to_owned(), code: code.to_owned(), error: error.to_owned() }
}

impl Shared {
    fn voucher_receipt(
        &self,
        buyer: IdentityKey,
        proof: &Proof,
        code: &VoucherCode,
        redeemed: &Redeemed,
    ) -> Receipt {
        let signed = SignedReceipt {
            seller: self.identity.public(),
            buyer,
            method: proof.method.clone(),
            reference: code.hash().to_string(),
            money: redeemed.money(),
            time_ms: redeemed.time_ms.unsigned_abs(),
        };
        self.receipt(&proof.order, &Asset::Time, &signed, redeemed.again, redeemed.credit)
    }

    /// What a buyer is told about a payment that counts.
    pub(super) fn receipt(
        &self,
        order: &str,
        asset: &Asset,
        signed: &SignedReceipt,
        again: bool,
        credit: Credit,
    ) -> Receipt {
        Receipt {
            order: order.to_owned(),
            method: signed.method.clone(),
            units: signed.money.as_ref().map(|money| money.units),
            asset: asset.to_string(),
            again,
            credit: credit_info(credit),
            // It is our own, so that nothing can be wrong with it.
            signed: signed.sign(&self.identity, &rand::random()).unwrap_or_default(),
        }
    }

    /// The ways to pay on the card that can be used now.
    pub(super) fn offers(&self) -> Vec<Offer> {
        self.card_offers().0
    }

    /// The ways to pay on the card that make sense: those that can be used now, and the others.
    pub(super) fn card_offers(&self) -> (Vec<Offer>, Vec<Offer>) {
        // A card that we stored is one; if not, there is nothing on it to show.
        let card = Card::parse(self.listing.card.as_bytes());
        let offers = card.map(|card| card.offers()).unwrap_or_default();
        let make_sense = offers.into_iter().filter(|offer| offer.terms.is_ok());
        make_sense.partition(|offer| offer.terms.as_ref().is_ok_and(|terms| self.takes(terms)))
    }

    /// Whether a price can be paid: if it is for rows there are some, and if for a range of time, they have times.
    fn takes(&self, terms: &PriceTerms) -> bool {
        let is_there = match terms.price.kind {
            Kind::Records { .. } => self.contents().is_some(),
            Kind::Range { .. } => self.contents().is_some_and(|contents| contents.has_times()),
            _ => true,
        };
        if !is_there {
            return false;
        }
        terms.method == Method::Credit || self.payee_for(terms.method.name(), &terms.price.asset).is_some()
    }

    fn due(&self) -> Due {
        let (offers, others) = self.card_offers();
        // Vouchers can be redeemed whatever the card says.
        let mut methods = vec![Method::Credit.name().to_owned()];
        for terms in offers.iter().filter_map(|offer| offer.terms.as_ref().ok()) {
            let name = terms.method.name().to_owned();
            if !methods.contains(&name) {
                methods.push(name);
            }
        }
        let asked = offers.iter().filter_map(|offer| offer.terms.as_ref().ok()).map(Asked::of).collect();
        let others = others.iter().map(|offer| format!("{offer} (cannot be paid now)"));
        Due { methods, offers: offers.iter().map(ToString::to_string).chain(others).collect(), asked }
    }
}

impl Redeemed {
    fn money(&self) -> Option<Money> {
        self.amount_ms.map(|ms| Money { asset: Asset::Time, units: ms.unsigned_abs() })
    }
}
