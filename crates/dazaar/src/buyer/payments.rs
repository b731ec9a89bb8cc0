//! Payments within a session: handed over or ordered, once terms are settled, until they are answered.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use dazaar_log::IdentityKey;
use dazaar_market::limits::OFFERS_MAX;
use dazaar_market::pay::lnd::{self, LndInvoice, LndRequest};
use dazaar_market::pay::{self, Due, Proof, Receipt, Refusal, Request};
use dazaar_market::{Method, Money, SignedReceipt, VoucherCode, display_text};
use serde_json::Value;

use super::session::BuyerConnection;
use super::{BuyerNotice, NamedPayer, Shared};
use crate::clock::now_ms;
use crate::database::{OrderId, Spending, SpendingRequest, SpendingState};
use crate::payment::{Bill, Paid, PaymentError};

/// Answers without a good receipt after which a payment is not handed over any more.
const UNPROVEN_MAX: u32 = 3;

/// Pause before a wallet that is out of reach is asked again; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// The longest.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// For how long after it expired a payment that was given up may come, and the seller is asked whether it did.
const LATE_MAX_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Payments that were given up of which the seller is asked: the latest.
const GIVEN_UP_MAX: usize = 4;

/// Code of a payment that is handed over again, because the answer does not prove that it counts.
const UNPROVEN: &str = "unproven";

/// A payment that is handed over, or ordered, until it is answered.
#[derive(Debug)]
pub(super) struct Payment {
    /// Its name in messages.
    pub(super) order: String,
    pub(super) method: Method,
    /// What is to be paid; none if it is handed over without having been ordered.
    pub(super) bill: Option<Bill>,
    /// How it is paid, once the seller has said so: so or not at all.
    pub(super) request: Option<String>,
    /// The wallet that began to pay.
    pub(super) wallet: Option<String>,
    pub(super) stage: Stage,
    /// Answers that said it counts, and did not prove it.
    pub(super) unproven: u32,
}

/// How far a payment is.
#[derive(Debug)]
pub(super) enum Stage {
    /// The seller is to say how it can be paid.
    Ordered,
    /// The wallet pays.
    Paying,
    /// It is paid: the seller is to say that it counts.
    Paid(Paid),
}

impl BuyerConnection {
    /// Hands over what was not handed over on this connection yet; to nobody whose software would not know what it is.
    pub(super) fn send_payments(&mut self) {
        if self.is_native() && !self.has_settled_terms() {
            return;
        }
        self.buyer().go_on();
        let to_send = |payment: &Payment| {
            let (name, message) = payment.message(self.is_native())?;
            let is_new = !self.has_sent(&payment.order, name);
            is_new.then(|| (payment.order.clone(), (name, message)))
        };
        let mut waiting: Vec<(String, Message)> =
            self.buyer().payments().iter().filter_map(to_send).collect();
        if self.is_native() {
            let given_up = self.buyer().given_up.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.extend(given_up.iter().filter_map(to_send));
        }
        for (order, (name, message)) in waiting {
            if !self.is_native() && name != lnd::REQUEST {
                let error = "the seller's software takes no such payments".to_owned();
                self.buyer().give_up(&order);
                self.buyer().refuse(order, "software", error);
                continue;
            }
            if self.say(name, &message) {
                self.mark_sent(order, name);
            }
        }
    }

    /// Whether this is an invoice that we asked for in the way of npm dazaar. Any other is the application's.
    pub(super) fn awaits_invoice(&self, name: &str) -> bool {
        name == lnd::INVOICE && !self.is_native() && self.buyer().is_waiting_for_invoice()
    }

    /// A message about payments came. An answer to what nobody asked says nothing.
    pub(super) fn handle_payment(&mut self, name: &str, message: Value) {
        let notice = match name {
            pay::REQUEST => {
                if let Some(request) = pay::read::<Request>(message) {
                    self.buyer().handle_request(request);
                }
                None
            }
            lnd::INVOICE => {
                if let Some(invoice) = pay::read::<LndInvoice>(message) {
                    self.buyer().handle_invoice(invoice);
                }
                None
            }
            pay::RECEIPT => pay::read::<Receipt>(message).and_then(|receipt| self.buyer().paid(receipt)),
            pay::REFUSE => pay::read::<Refusal>(message).and_then(|refusal| self.refused(refusal)),
            pay::DUE => pay::read::<Due>(message).map(|due| {
                let [methods, offers] = [&due.methods, &due.offers].map(|lines| pay::display_lines(lines));
                let asked = due.asked.into_iter().take(OFFERS_MAX).collect();
                BuyerNotice::Due(Due { methods, offers, asked })
            }),
            _ => None,
        };
        if let Some(notice) = notice {
            self.buyer().notify(notice);
        }
    }

    /// A payment that the seller could not check is kept, and handed over again later. What our wallet is paying is not over because the
    /// seller says so.
    fn refused(&mut self, refusal: Refusal) -> Option<BuyerNotice> {
        let is_paying = {
            let payments = self.buyer().payments();
            let payment = payments.iter().find(|payment| payment.order == refusal.order)?;
            matches!(payment.stage, Stage::Paying) || (payment.request.is_some() && !payment.is_paid())
        };
        if refusal.is_temporary() || refusal.code == "too-many" {
            self.resend_later();
        } else if !is_paying {
            self.buyer().give_up(&refusal.order);
        }
        let Refusal { order, code, error } = refusal;
        let (code, error) = (display_text(&code), display_text(&error));
        Some(BuyerNotice::PaymentRefused(Refusal { order, code, error }))
    }
}

/// A message's name, and what it says.
type Message = (&'static str, Value);

impl Shared {
    /// The seller says how an order can be paid. What is being paid, or is paid, is not paid again.
    fn handle_request(self: &Arc<Self>, request: Request) {
        let Request { order, request, units, expires_ms } = request;
        self.begin(&order, move |payment| {
            let bill = payment.bill.as_mut()?;
            bill.expires_ms = expires_ms;
            (units == bill.units).then_some(request)
        });
    }

    /// A seller with npm dazaar has an invoice for us: it is for the first order of so much.
    fn handle_invoice(self: &Arc<Self>, invoice: LndInvoice) {
        let is_meant = |payment: &&Payment| {
            let units = payment.bill.as_ref().map(|bill| bill.units);
            payment.method == Method::Bolt11
                && matches!(payment.stage, Stage::Ordered)
                && units == invoice.amount.checked_mul(lnd::SATOSHI)
        };
        let order = self.payments().iter().find(is_meant).map(|payment| payment.order.clone());
        let Some(order) = order else { return };
        self.begin(&order, move |payment| {
            let bill = payment.bill.as_mut()?;
            bill.memo = lnd::memo(&bill.seller, &bill.buyer);
            Some(invoice.request)
        });
    }

    fn is_waiting_for_invoice(&self) -> bool {
        let payments = self.payments();
        payments
            .iter()
            .any(|payment| payment.method == Method::Bolt11 && matches!(payment.stage, Stage::Ordered))
    }

    /// Goes on with payments that the wallet was asked for in an earlier run.
    fn go_on(self: &Arc<Self>) {
        let is_begun =
            |payment: &&Payment| payment.request.is_some() && matches!(payment.stage, Stage::Ordered);
        let begun: Vec<String> =
            self.payments().iter().filter(is_begun).map(|payment| payment.order.clone()).collect();
        for order in begun {
            self.begin(&order, |_| None);
        }
    }

    /// Has the wallet pay an order as it began to in an earlier run, or else in the way that `request` finds out; none if the seller
    /// asks for something else.
    fn begin(self: &Arc<Self>, order: &str, request: impl FnOnce(&mut Payment) -> Option<String>) {
        let mut payments = self.payments();
        let Some(payment) = payments.iter_mut().find(|payment| payment.order == *order) else { return };
        if !matches!(payment.stage, Stage::Ordered) || self.payer_of(payment).is_none() {
            return;
        }
        let request = match &payment.request {
            Some(known) => Some(known.clone()),
            None => request(payment),
        };
        let Some(bill) = payment.bill.clone() else { return };
        let wallet = payment.wallet.clone();
        payment.stage = Stage::Paying;
        drop(payments);
        let order = order.to_owned();
        let Some(request) = request else {
            self.give_up(&order);
            let error = "the seller asks for another amount than was ordered".to_owned();
            return self.refuse(order, "amount", error);
        };
        let buyer = Arc::clone(self);
        tokio::spawn(async move {
            let wallet = match wallet {
                Some(wallet) => wallet,
                None => {
                    buyer.options.first_payer(&bill).await.map(|named| named.name.clone()).unwrap_or_default()
                }
            };
            buyer.settle(wallet, bill, &order, request).await;
        });
    }

    /// Has the wallet pay, and try again as long as it is out of reach: it pays once. What was recorded first is what is paid, whatever
    /// the seller or another process says now. If the seller says meanwhile that it is paid, it is over.
    async fn settle(&self, wallet: String, bill: Bill, order: &str, request: String) {
        let (memo, expires_ms) = (bill.memo.clone(), bill.expires_ms);
        let asked = SpendingRequest { request, memo, expires_ms, wallet };
        let made = match self.market.database().put_request(&bill.order, &asked) {
            Ok(made) => made,
            Err(error) => {
                tracing::error!(%error, "cannot record how a payment is made");
                self.give_up(order);
                let error = "my own records cannot be written".to_owned();
                return self.refuse(order.to_owned(), "records", error);
            }
        };
        let bill = Bill { memo: made.memo, expires_ms: made.expires_ms, ..bill };
        let Some(NamedPayer { payer, .. }) = self.options.payer_of(&bill, Some(&made.wallet)) else {
            let error = format!("wallet `{}` began to pay this, and is not here", made.wallet);
            // It stays on record for a program that has that wallet.
            self.payments().retain(|payment| payment.order != order);
            return self.refuse(order.to_owned(), pay::UNAVAILABLE, error);
        };
        let mut pause = PAUSE_FIRST;
        loop {
            match payer.pay(&bill, &made.request).await {
                Ok(paid) => return self.sent(order, &bill, paid),
                Err(PaymentError::Refused { reason }) => {
                    if self.give_up(order) {
                        self.refuse(order.to_owned(), "wallet", reason);
                    }
                    return;
                }
                Err(PaymentError::Unavailable { reason }) if self.has_payment(order) => {
                    self.refuse(order.to_owned(), pay::UNAVAILABLE, reason);
                }
                Err(PaymentError::Unavailable { .. }) => return,
            }
            tokio::time::sleep(pause).await;
            pause = PAUSE_MAX.min(pause * 2);
        }
    }

    /// The wallet has paid: that is on record before anything is handed over.
    fn sent(&self, order: &str, bill: &Bill, paid: Paid) {
        if let Err(error) = self.market.database().put_sent(&bill.order, &paid) {
            tracing::error!(%error, "cannot record what was paid");
        }
        let money = Money { asset: bill.price.asset.clone(), units: bill.units };
        let notice = BuyerNotice::Sent { method: bill.method, money, fee: paid.fee };
        let mut payments = self.payments();
        // npm dazaar gives no receipts: that it admits us is all that it says.
        let is_over = !bill.memo.is_empty();
        if is_over {
            payments.retain(|payment| payment.order != order);
        } else if let Some(payment) = payments.iter_mut().find(|payment| payment.order == order) {
            payment.stage = Stage::Paid(paid);
        }
        drop(payments);
        if is_over {
            self.end_spending(&bill.order, SpendingState::Done);
        }
        self.notify(notice);
        self.outbox_filled.notify_one();
    }

    fn refuse(&self, order: String, code: &str, error: String) {
        self.notify(BuyerNotice::PaymentRefused(Refusal { order, code: code.to_owned(), error }));
    }

    /// A payment counts if its receipt proves it. If not, it is handed over on the next connection, but not for ever. A receipt for more
    /// than one payment of an order is kept too.
    fn paid(&self, receipt: Receipt) -> Option<BuyerNotice> {
        let (seller, buyer) = (self.order.link.seller, self.market.buyer().public());
        let mut payments = self.payments();
        let Some(index) = payments.iter().position(|payment| payment.order == receipt.order) else {
            drop(payments);
            let signed = SignedReceipt::verify(&receipt.signed).ok()?;
            let is_ours = signed.seller == seller && signed.buyer == buyer;
            return (is_ours && self.count_late(&receipt, &signed)).then_some(BuyerNotice::Paid(receipt));
        };
        let payment = payments.get_mut(index)?;
        let reason = match payment.proven(&receipt.signed, seller, buyer) {
            Ok(signed) => {
                let payment = payments.remove(index);
                drop(payments);
                let order = payment.bill.as_ref().map(|bill| &bill.order);
                if let Some(order) = order {
                    self.end_spending(order, SpendingState::Done);
                }
                self.keep_receipt(&signed, &receipt.signed, order);
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

    /// Keeps a receipt for a payment that nobody waits for. Whether that was given up, and counts after all.
    fn count_late(&self, receipt: &Receipt, signed: &SignedReceipt) -> bool {
        let spendings = self.market.database().spendings(Some(&signed.seller)).unwrap_or_else(|error| {
            tracing::error!(%error, "cannot read what was paid");
            Vec::new()
        });
        let is_it = |spending: &&Spending| {
            hex::encode(spending.order) == receipt.order
                && spending.method.name() == signed.method
                && spending.paid.as_ref().is_none_or(|paid| paid.reference == signed.reference)
        };
        let spending = spendings.iter().find(is_it);
        self.keep_receipt(signed, &receipt.signed, spending.map(|spending| &spending.order));
        let Some(spending) = spending else { return false };
        self.end_spending(&spending.order, SpendingState::Done);
        self.given_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|payment| payment.order != receipt.order);
        spending.state != SpendingState::Done
    }

    /// The seller is asked whether it came all the same, if it was told how and may still: the buyer may be away when it does.
    pub(super) fn keep_given_up(&self, payment: Payment) {
        let may_come = |bill: &Bill| now_ms().saturating_sub(LATE_MAX_MS) < bill.expires_ms;
        let was_told = payment.request.is_some() || matches!(payment.stage, Stage::Paying);
        if !was_told || !payment.bill.as_ref().is_some_and(may_come) {
            return;
        }
        let mut given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        if given_up.len() == GIVEN_UP_MAX {
            given_up.pop_front();
        }
        given_up.push_back(Payment { stage: Stage::Ordered, ..payment });
    }

    fn keep_receipt(&self, receipt: &SignedReceipt, signed: &Value, order: Option<&OrderId>) {
        if let Err(error) = self.market.database().put_receipt(receipt, signed, order, now_ms()) {
            tracing::error!(%error, "cannot keep a receipt");
        }
    }

    fn has_payment(&self, order: &str) -> bool {
        self.payments().iter().any(|payment| payment.order == order)
    }

    /// A payment is not handed over any more. On record is whether it was sent. False if it was over already.
    fn give_up(&self, order: &str) -> bool {
        let mut payments = self.payments();
        let Some(index) = payments.iter().position(|payment| payment.order == order) else { return false };
        let payment = payments.remove(index);
        drop(payments);
        let state = if payment.is_paid() { SpendingState::Refused } else { SpendingState::Failed };
        if let Some(bill) = &payment.bill {
            self.end_spending(&bill.order, state);
        }
        if state == SpendingState::Failed {
            self.keep_given_up(payment);
        }
        true
    }

    fn end_spending(&self, order: &OrderId, state: SpendingState) {
        if let Err(error) = self.market.database().end_spending(order, state) {
            tracing::error!(%error, "cannot record what became of a payment");
        }
    }
}

impl Payment {
    /// A voucher, ready to be handed over.
    pub(super) fn of_voucher(code: &VoucherCode) -> Self {
        let paid = Paid { reference: code.hash().to_string(), proof: Some(code.reveal()), fee: 0 };
        Self {
            order: format!("{:032x}", rand::random::<u128>()),
            method: Method::Credit,
            bill: None,
            request: None,
            wallet: None,
            stage: Stage::Paid(paid),
            unproven: 0,
        }
    }

    /// A payment that was begun earlier, or is about to be.
    pub(super) fn of_spending(spending: Spending, buyer: IdentityKey) -> Self {
        let Spending { order, seller, method, price, units, pay_to, request, paid, .. } = spending;
        let (request, memo, expires_ms, wallet) = match request {
            Some(SpendingRequest { request, memo, expires_ms, wallet }) => {
                (Some(request), memo, expires_ms, Some(wallet))
            }
            None => (None, String::new(), i64::MAX, None),
        };
        let bill = Bill { order, seller, buyer, method, price, units, pay_to, memo, expires_ms };
        let stage = paid.map_or(Stage::Ordered, Stage::Paid);
        Self { order: hex::encode(order), method, bill: Some(bill), request, wallet, stage, unproven: 0 }
    }

    const fn is_paid(&self) -> bool {
        matches!(self.stage, Stage::Paid(_))
    }

    /// What the seller is told at this stage. While our wallet pays, an order is told too: the seller may have been paid already.
    fn message(&self, is_native: bool) -> Option<Message> {
        let (order, method) = (self.order.clone(), self.method.name().to_owned());
        match (&self.stage, &self.bill) {
            (Stage::Paying, _) if !is_native => None,
            (Stage::Ordered | Stage::Paying | Stage::Paid(Paid { proof: None, .. }), None) => None,
            (Stage::Paid(Paid { proof: Some(proof), .. }), _) => {
                let proof = proof.clone();
                Some((pay::PROOF, pay::write(&Proof { order, method, proof })))
            }
            (Stage::Ordered, Some(bill)) if !is_native && self.method == Method::Bolt11 => {
                let request = LndRequest { amount: bill.units.div_ceil(lnd::SATOSHI) };
                Some((lnd::REQUEST, pay::write(&request)))
            }
            // The answer to an order that is paid is its receipt.
            (Stage::Ordered | Stage::Paying | Stage::Paid(_), Some(bill)) => {
                let (price, units) = (bill.price.to_json(), bill.units);
                Some((pay::ORDER, pay::write(&pay::Order { order, method, price, units })))
            }
        }
    }

    /// The receipt for exactly this payment, of this seller's for this buyer; or why it is none. As long as our wallet has not
    /// answered we do not know the payment's own name: a seller may see it before.
    fn proven(
        &self,
        signed: &Value,
        seller: IdentityKey,
        buyer: IdentityKey,
    ) -> Result<SignedReceipt, String> {
        let receipt = SignedReceipt::verify(signed).map_err(|error| error.to_string())?;
        let is_it = match &self.stage {
            Stage::Paid(paid) => receipt.reference == paid.reference,
            Stage::Ordered | Stage::Paying => true,
        };
        let is_ours = receipt.seller == seller
            && receipt.buyer == buyer
            && receipt.method == self.method.name()
            && is_it;
        if is_ours { Ok(receipt) } else { Err("the receipt is for another payment".to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use dazaar_log::IdentityKeyPair;

    use super::*;

    #[test]
    fn a_receipt_proves_one_payment_only() {
        let [seller, buyer] = [1, 2].map(|seed| IdentityKeyPair::from_seed(&[seed; 32]));
        let code = VoucherCode::new([7; 16]);
        let payment = Payment::of_voucher(&code);
        let good = SignedReceipt {
            seller: seller.public(),
            buyer: buyer.public(),
            method: "credit".to_owned(),
            reference: code.hash().to_string(),
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
