//! Payments within a session: handed over, once terms are settled, until they are answered.

use dazaar_log::IdentityKey;
use dazaar_market::pay::{self, Due, Proof, Receipt, Refusal};
use dazaar_market::{SignedReceipt, display_text};
use serde_json::Value;

use super::session::BuyerConnection;
use super::{BuyerNotice, Payment, Shared};
use crate::clock::now_ms;

/// Answers without a good receipt after which a payment is not handed over any more.
const UNPROVEN_MAX: u32 = 3;

/// Code of a payment that is handed over again, because the answer does not prove that it counts.
const UNPROVEN: &str = "unproven";

impl BuyerConnection {
    /// Hands over what was not handed over on this connection yet; to nobody whose software would not know what it is.
    pub(super) fn send_payments(&mut self) {
        if self.is_native() && !self.has_settled_terms() {
            return;
        }
        let waiting: Vec<Proof> = self
            .buyer()
            .payments()
            .iter()
            .map(|payment| &payment.proof)
            .filter(|proof| !self.has_sent(&proof.order))
            .cloned()
            .collect();
        for proof in waiting {
            if !self.is_native() {
                let error = "the seller's software takes no vouchers".to_owned();
                self.buyer().drop_payment(&proof.order);
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
    pub(super) fn handle_payment(&mut self, name: &str, message: Value) {
        let notice = match name {
            pay::RECEIPT => pay::read::<Receipt>(message).and_then(|receipt| self.buyer().paid(receipt)),
            pay::REFUSE => pay::read::<Refusal>(message).and_then(|refusal| self.refused(refusal)),
            pay::DUE => pay::read::<Due>(message).map(|due| {
                let [methods, offers] = [&due.methods, &due.offers].map(|lines| pay::display_lines(lines));
                BuyerNotice::Due(Due { methods, offers })
            }),
            _ => None,
        };
        if let Some(notice) = notice {
            self.buyer().notify(notice);
        }
    }

    /// A payment that the seller could not check is kept, and handed over again later.
    fn refused(&mut self, refusal: Refusal) -> Option<BuyerNotice> {
        if refusal.is_temporary() {
            if !self.buyer().payments().iter().any(|payment| payment.proof.order == refusal.order) {
                return None;
            }
            self.resend_later();
        } else if !self.buyer().drop_payment(&refusal.order) {
            return None;
        }
        let Refusal { order, code, error } = refusal;
        let (code, error) = (display_text(&code), display_text(&error));
        Some(BuyerNotice::PaymentRefused(Refusal { order, code, error }))
    }
}

impl Shared {
    /// A payment counts if its receipt proves it. If not, it is handed over on the next connection, but not for ever.
    fn paid(&self, receipt: Receipt) -> Option<BuyerNotice> {
        let (seller, buyer) = (self.order.link.seller, self.market.buyer().public());
        let mut payments = self.payments();
        let index = payments.iter().position(|payment| payment.proof.order == receipt.order)?;
        let payment = payments.get_mut(index)?;
        let reason = match payment.proven(&receipt.signed, seller, buyer) {
            Ok(signed) => {
                payments.remove(index);
                drop(payments);
                if let Err(error) = self.market.database().put_receipt(&signed, &receipt.signed, now_ms()) {
                    tracing::error!(%error, "cannot keep a receipt");
                }
                return Some(BuyerNotice::Paid(receipt));
            }
            Err(reason) => reason,
        };
        payment.unproven += 1;
        let next = if payment.unproven < UNPROVEN_MAX {
            "it is asked again on the next connection"
        } else {
            payments.remove(index);
            "it is not asked again"
        };
        let error = format!("the seller says that this is paid, and does not prove it: {reason}; {next}");
        Some(BuyerNotice::PaymentRefused(Refusal { order: receipt.order, code: UNPROVEN.to_owned(), error }))
    }

    /// A payment is not handed over any more. Whether it was ours.
    fn drop_payment(&self, order: &str) -> bool {
        let mut payments = self.payments();
        let waiting = payments.len();
        payments.retain(|payment| payment.proof.order != order);
        payments.len() < waiting
    }
}

impl Payment {
    /// The receipt for exactly this payment, of this seller's for this buyer; or why it is none.
    fn proven(
        &self,
        signed: &Value,
        seller: IdentityKey,
        buyer: IdentityKey,
    ) -> Result<SignedReceipt, String> {
        let receipt = SignedReceipt::verify(signed).map_err(|error| error.to_string())?;
        let is_ours = receipt.seller == seller
            && receipt.buyer == buyer
            && receipt.method == self.proof.method
            && receipt.reference == self.reference;
        if is_ours { Ok(receipt) } else { Err("the receipt is for another payment".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use dazaar_log::IdentityKeyPair;
    use dazaar_market::VoucherCode;

    use super::*;

    #[test]
    fn a_receipt_proves_one_payment_only() {
        let [seller, buyer] = [1, 2].map(|seed| IdentityKeyPair::from_seed(&[seed; 32]));
        let code = VoucherCode::new([7; 16]);
        let proof = Proof { order: "1".into(), method: "credit".into(), proof: code.reveal() };
        let payment = Payment { proof, reference: code.hash().to_string(), unproven: 0 };
        let good = SignedReceipt {
            seller: seller.public(),
            buyer: buyer.public(),
            method: "credit".to_owned(),
            reference: payment.reference.clone(),
            money: None,
            time_ms: 5,
        };
        let check = |receipt: &SignedReceipt, by: &IdentityKeyPair| {
            payment.proven(&receipt.sign(by, &[7; 64]).unwrap(), seller.public(), buyer.public())
        };
        assert_eq!(check(&good, &seller), Ok(good.clone()));
        assert!(check(&SignedReceipt { seller: buyer.public(), ..good.clone() }, &buyer).is_err());
        assert!(check(&SignedReceipt { buyer: seller.public(), ..good.clone() }, &seller).is_err());
        assert!(check(&SignedReceipt { method: "lightning".into(), ..good.clone() }, &seller).is_err());
        assert!(check(&SignedReceipt { reference: "ab".repeat(32), ..good }, &seller).is_err());
        assert!(payment.proven(&Value::Null, seller.public(), buyer.public()).is_err());
    }
}
