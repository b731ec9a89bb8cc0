//! Payments within a session: handed over until they are answered.

use dazaar_market::pay::{self, Due, Proof, Receipt, Refusal};
use dazaar_market::{SignedReceipt, display_text};
use serde_json::Value;

use super::session::BuyerConnection;
use super::{BuyerNotice, Shared};
use crate::clock::now_ms;

impl BuyerConnection {
    /// Hands over what was not handed over on this connection yet; to nobody whose software would not know what it is.
    pub(super) fn send_payments(&mut self) {
        let waiting: Vec<Proof> =
            self.buyer().payments().iter().filter(|proof| !self.has_sent(&proof.order)).cloned().collect();
        for proof in waiting {
            if !self.is_native() {
                let error = "the seller's software takes no vouchers".to_owned();
                self.buyer().answered(&proof.order);
                let refusal = Refusal { order: proof.order, code: "software".to_owned(), error };
                self.buyer().notify(BuyerNotice::PaymentRefused(refusal));
                continue;
            }
            if self.say(pay::PROOF, &pay::write(&proof)) {
                self.mark_sent(proof.order);
            }
        }
    }

    /// A message about payments came. An answer to what nobody asked says nothing.
    pub(super) fn handle_payment(&self, name: &str, message: Value) {
        let buyer = self.buyer();
        let notice = match name {
            pay::RECEIPT => pay::read::<Receipt>(message)
                .filter(|receipt| buyer.answered(&receipt.order))
                .map(|receipt| {
                    buyer.keep(&receipt.signed);
                    BuyerNotice::Paid(receipt)
                }),
            pay::REFUSE => pay::read::<Refusal>(message)
                .filter(|refusal| buyer.answered(&refusal.order))
                .map(|Refusal { order, code, error }| {
                    let (code, error) = (display_text(&code), display_text(&error));
                    BuyerNotice::PaymentRefused(Refusal { order, code, error })
                }),
            pay::DUE => pay::read::<Due>(message).map(|due| {
                let [methods, offers] = [&due.methods, &due.offers].map(|lines| pay::display_lines(lines));
                BuyerNotice::Due(Due { methods, offers })
            }),
            _ => None,
        };
        if let Some(notice) = notice {
            buyer.notify(notice);
        }
    }
}

impl Shared {
    /// Keeps a receipt, if it is this seller's for us. One that is not costs nothing but the evidence.
    fn keep(&self, signed: &Value) {
        let (seller, buyer) = (self.order.link.seller, self.market.buyer().public());
        match SignedReceipt::verify(signed) {
            Ok(receipt) if receipt.seller == seller && receipt.buyer == buyer => {
                if let Err(error) = self.market.database().put_receipt(&receipt, signed, now_ms()) {
                    tracing::error!(%error, "cannot keep a receipt");
                }
            }
            Ok(_) => tracing::warn!("the seller's receipt is for somebody else"),
            Err(error) => tracing::warn!(%error, "the seller gave no receipt"),
        }
    }

    /// A payment was answered: it is not handed over any more. Whether it was ours.
    fn answered(&self, order: &str) -> bool {
        let mut payments = self.payments();
        let waiting = payments.len();
        payments.retain(|proof| proof.order != order);
        payments.len() < waiting
    }
}
