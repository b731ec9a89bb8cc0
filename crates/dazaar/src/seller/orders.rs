//! Orders: what a buyer wants to pay is put on record, and a wallet says how.

use std::sync::Arc;

use dazaar_log::IdentityKey;
use dazaar_market::pay::lnd::{self, LndInvoice, LndRequest};
use dazaar_market::pay::{self, Proof, Refusal};
use dazaar_market::price::OfferField;
use dazaar_market::{Asset, Method, Money, Price, PriceTerms};

use super::payments::refusal;
use super::{NamedPayee, SellerNotice, Shared};
use crate::clock::now_ms;
use crate::database::{DatabaseError, Order, OrderId, OrderLimits, OrderRecord};
use crate::payment::{Bill, Payee, PaymentError};

/// Orders that wallets are asked about at once.
pub(super) const ASKED_AT_ONCE_MAX: usize = 16;

/// Orders that are open. Those of strangers are looked for at least for an hour before they give way to others.
const LIMITS: OrderLimits = OrderLimits { of_buyer: 4, of_strangers: 1024, of_feed: 4 * 1024 };

/// How long an order that no wallet was asked about is counted.
const UNASKED_MS: i64 = 15 * 60 * 1000;

/// Code of an order that nobody paid in time.
const EXPIRED: &str = "expired";

/// The most that one account, and so one order, may be paid.
const UNITS_MAX: u64 = 1 << 53;

impl Shared {
    /// Tells a buyer how to pay an order, or that it is paid, or why it cannot be.
    pub(super) async fn answer_order(self: Arc<Self>, buyer: IdentityKey, message: pay::Order) {
        match self.demand(buyer, &message).await {
            Ok(record) if self.tell_payments(&record.order, &[]) => {}
            Ok(OrderRecord { order, demand: Some(demand), .. }) => {
                let request = pay::Request {
                    order: message.order,
                    request: demand.request,
                    units: order.units,
                    expires_ms: order.expires_ms,
                };
                self.buyers.tell(&buyer, pay::REQUEST, &pay::write(&request));
            }
            Ok(_) => {}
            Err(refusal) => self.tell_refusal(&buyer, &refusal),
        }
    }

    /// Sends a buyer with npm dazaar an invoice. One that cannot be made is not answered, as there.
    pub(super) async fn answer_lnd(self: Arc<Self>, buyer: IdentityKey, request: LndRequest) {
        let Some(terms) = self.lnd_terms() else { return };
        let message = pay::Order {
            order: format!("{:032x}", rand::random::<u128>()),
            method: terms.method.name().to_owned(),
            price: terms.price.to_json(),
            units: request.amount.saturating_mul(lnd::SATOSHI),
        };
        match self.demand_as(buyer, &message, lnd::memo(&self.identity.public(), &buyer)).await {
            Ok(OrderRecord { demand: Some(demand), .. }) => {
                let invoice = LndInvoice { request: demand.request, amount: request.amount };
                self.buyers.tell(&buyer, lnd::INVOICE, &pay::write(&invoice));
            }
            Ok(_) => {}
            Err(refusal) => self.notify(SellerNotice::PaymentRefused { buyer, reason: refusal.error }),
        }
    }

    /// The price that buyers with npm dazaar pay over Lightning, if somebody makes invoices for it.
    pub(super) fn lnd_terms(&self) -> Option<PriceTerms> {
        let offers = self.offers().into_iter().filter(|offer| offer.field == OfferField::Payment);
        offers.filter_map(|offer| offer.terms.ok()).find(|terms| terms.method == Method::Bolt11)
    }

    /// Counts what a buyer hands over for an order.
    pub(super) async fn answer_proof(self: Arc<Self>, buyer: IdentityKey, proof: Proof) {
        if let Err(refusal) = self.take(buyer, &proof).await {
            self.tell_refusal(&buyer, &refusal);
        }
    }

    fn tell_refusal(&self, buyer: &IdentityKey, refusal: &Refusal) {
        // A buyer who asks whether an old order was paid after all is no news.
        if refusal.code != EXPIRED {
            self.notify(SellerNotice::PaymentRefused { buyer: *buyer, reason: refusal.error.clone() });
        }
        self.buyers.tell(buyer, pay::REFUSE, &pay::write(refusal));
    }

    /// The order on record, and how it can be paid.
    async fn demand(&self, buyer: IdentityKey, message: &pay::Order) -> Result<OrderRecord, Refusal> {
        let memo = format!("dazaar {}", message.order.get(..8).unwrap_or_default());
        self.demand_as(buyer, message, memo).await
    }

    /// The same, under a name of the payment's that others may read.
    async fn demand_as(
        &self,
        buyer: IdentityKey,
        message: &pay::Order,
        memo: String,
    ) -> Result<OrderRecord, Refusal> {
        let record = match self.known_order(buyer, message)? {
            Some(record) => record,
            None => self.new_order(buyer, message, memo)?,
        };
        if record.closed && self.is_paid(&record.order) {
            return Ok(record);
        }
        if record.closed {
            self.look_again(&message.order, &record).await?;
        }
        if record.demand.is_some() {
            return Ok(record);
        }
        self.ask_wallet(buyer, &message.order, record).await
    }

    /// The payment of an order may have come after nobody looked any more. If not, and it may still come, it is looked for again.
    async fn look_again(&self, name: &str, record: &OrderRecord) -> Result<(), Refusal> {
        let order = &record.order;
        if record.demand.is_some() {
            let Ok(_permit) = self.ordering.try_acquire() else { return Err(busy(name)) };
            if let Err(error) = self.look_for(record).await {
                tracing::warn!(error, "cannot look for a payment");
            }
            if self.has_payments(order) {
                return Ok(());
            }
            if order.expires_ms <= now_ms() {
                return Err(refusal(name, EXPIRED, "this order was not paid in time"));
            }
        }
        let reopened = self.market.database().reopen_order(order, LIMITS, now_ms());
        reopened.map_err(|error| no_room(name, &error))?;
        self.ordered.push(order.id);
        Ok(())
    }

    /// Has a wallet say how an order can be paid.
    async fn ask_wallet(
        &self,
        buyer: IdentityKey,
        name: &str,
        mut record: OrderRecord,
    ) -> Result<OrderRecord, Refusal> {
        let Ok(_permit) = self.ordering.try_acquire() else { return Err(busy(name)) };
        let gone = || refusal(name, "method", "this way to pay is gone");
        let NamedPayee { name: wallet, payee, .. } =
            self.payee_for(&record.order.method, &record.order.price.asset).ok_or_else(gone)?;
        let lifetime_ms = i64::try_from(payee.lifetime().as_millis()).unwrap_or(i64::MAX);
        record.order.expires_ms = now_ms().saturating_add(lifetime_ms);
        let bill = self.bill(&record.order).ok_or_else(gone)?;
        let demand = payee.demand(&bill).await.map_err(|error| declined(name, &error))?;
        let stored = self.market.database().put_demand(&bill.order, &demand, (wallet, bill.expires_ms));
        stored.map_err(|error| broken(name, &error))?;
        self.ordered.push(bill.order);
        let money = Money { asset: bill.price.asset.clone(), units: bill.units };
        self.notify(SellerNotice::Ordered { buyer, method: bill.method, money });
        let stored = self.market.database().order(&bill.order).map_err(|error| broken(name, &error))?;
        stored.ok_or_else(gone)
    }

    /// The order, if it was made before.
    fn known_order(&self, buyer: IdentityKey, message: &pay::Order) -> Result<Option<OrderRecord>, Refusal> {
        let id = order_id(&message.order)?;
        let record = self.market.database().order(&id).map_err(|error| broken(&message.order, &error))?;
        let Some(record) = record else { return Ok(None) };
        let order = &record.order;
        let is_same = order.buyer == buyer
            && order.feed == self.feed()
            && order.method == message.method
            && order.units == message.units
            && order.price.to_json() == message.price;
        if !is_same {
            return Err(refusal(&message.order, "order", "another order has this name"));
        }
        Ok(Some(record))
    }

    fn new_order(
        &self,
        buyer: IdentityKey,
        message: &pay::Order,
        memo: String,
    ) -> Result<OrderRecord, Refusal> {
        let refuse = |code: &str, error: &str| refusal(&message.order, code, error);
        let terms = self.terms_of(message).ok_or_else(|| {
            refuse("price", "the card does not ask this price, or it cannot be paid so at the moment")
        })?;
        check_amount(&terms, message.units).map_err(|error| refuse("amount", &error))?;
        let now_ms = now_ms();
        let order = Order {
            id: order_id(&message.order)?,
            feed: self.feed(),
            buyer,
            price: terms.price,
            method: terms.method.name().to_owned(),
            units: message.units,
            memo,
            // Until a wallet says how long.
            expires_ms: now_ms + UNASKED_MS,
        };
        let stored = self.market.database().put_order_within(&order, LIMITS, now_ms);
        stored.map_err(|error| no_room(&message.order, &error))?;
        Ok(OrderRecord { order, demand: None, wallet: None, made_ms: now_ms, closed: false })
    }

    /// What the card asks that an order wants to pay.
    fn terms_of(&self, message: &pay::Order) -> Option<PriceTerms> {
        let method = Method::by_name(&message.method)?;
        let price = Price::from_json(&message.price).ok()?;
        let is_asked = |terms: &PriceTerms| terms.method == method && terms.price == price;
        let terms = self.offers().into_iter().filter_map(|offer| offer.terms.ok()).find(is_asked)?;
        self.payee_for(method.name(), &terms.price.asset).is_some().then_some(terms)
    }

    async fn take(&self, buyer: IdentityKey, proof: &Proof) -> Result<(), Refusal> {
        let refuse = |code: &str, error: &str| refusal(&proof.order, code, error);
        let id = order_id(&proof.order)?;
        let record = self.market.database().order(&id).map_err(|error| broken(&proof.order, &error))?;
        let is_theirs = |record: &OrderRecord| {
            record.order.buyer == buyer
                && record.order.feed == self.feed()
                && record.order.method == proof.method
        };
        let record = record.filter(is_theirs).ok_or_else(|| refuse("unknown", "there is no such order"))?;
        let (Some(bill), Some(demand)) = (self.bill(&record.order), &record.demand) else {
            return Err(refuse("unknown", "nothing was asked for this order yet"));
        };
        let Ok(_permit) = self.ordering.try_acquire() else { return Err(busy(&proof.order)) };
        let payee = self.payee_of(&record).ok_or_else(|| refuse("method", "this way to pay is gone"))?;
        let receipts = payee.take(&bill, demand, &proof.proof).await;
        let receipts = receipts.map_err(|error| declined(&proof.order, &error))?;
        self.credit(&record.order, &receipts).map_err(|error| broken(&proof.order, &error))?;
        // A proof that comes again is answered again.
        self.tell_payments(&record.order, &[]);
        Ok(())
    }

    /// What a wallet is told about an order; none if we do not know its way to pay.
    pub(super) fn bill(&self, order: &Order) -> Option<Bill> {
        Some(Bill {
            order: order.id,
            seller: self.identity.public(),
            buyer: order.buyer,
            method: Method::by_name(&order.method)?,
            price: order.price.clone(),
            units: order.units,
            pay_to: None,
            memo: order.memo.clone(),
            expires_ms: order.expires_ms,
        })
    }

    /// The wallet that said how an order can be paid; of a record that does not say, the first that can.
    pub(super) fn payee_of(&self, record: &OrderRecord) -> Option<&Arc<dyn Payee>> {
        let named = match &record.wallet {
            Some(wallet) => self.payee_named(wallet),
            None => self.payee_for(&record.order.method, &record.order.price.asset),
        };
        named.map(|named| &named.payee)
    }

    pub(super) fn payee_named(&self, name: &str) -> Option<&NamedPayee> {
        self.options.payees.iter().find(|payee| payee.name == *name)
    }

    /// The first wallet that takes this asset in this way.
    pub(super) fn payee_for(&self, method: &str, asset: &Asset) -> Option<&NamedPayee> {
        let takes = |named: &&NamedPayee| named.payee.method().name() == method && named.payee.takes(asset);
        self.options.payees.iter().find(takes)
    }
}

fn order_id(text: &str) -> Result<OrderId, Refusal> {
    let mut id = [0; 16];
    hex::decode_to_slice(text, &mut id)
        .map_err(|_| refusal(text, "malformed", "the name of an order has 32 hex digits"))?;
    Ok(id)
}

/// Whether so much may be paid at once.
fn check_amount(terms: &PriceTerms, units: u64) -> Result<(), String> {
    let price = &terms.price;
    match price.flat() {
        // Some wallets count nothing smaller than a satoshi.
        Some(flat) if !(flat..flat.saturating_add(lnd::SATOSHI)).contains(&units) => {
            Err(format!("what is asked is {}, not {}", terms.shown.amount(flat), terms.shown.amount(units)))
        }
        _ if units > UNITS_MAX => Err("nobody can pay so much".to_owned()),
        _ if units == 0 => Err("nothing would be paid".to_owned()),
        _ if units < price.minimum => Err(format!("at least {}", terms.shown.amount(price.minimum))),
        _ => Ok(()),
    }
}

fn busy(order: &str) -> Refusal {
    refusal(order, pay::UNAVAILABLE, "too many buyers pay at this moment; try again soon")
}

/// What a wallet says no to, it says to the buyer; why it cannot be asked is not the buyer's business.
fn declined(order: &str, error: &PaymentError) -> Refusal {
    match error {
        PaymentError::Refused { reason } => refusal(order, "refused", reason),
        PaymentError::Unavailable { reason } => {
            tracing::warn!(reason, "a wallet cannot be asked");
            let error = "the seller's wallet cannot be asked at the moment; nothing is lost";
            refusal(order, pay::UNAVAILABLE, error)
        }
    }
}

/// Why an order is not put on record.
fn no_room(order: &str, error: &DatabaseError) -> Refusal {
    match error {
        DatabaseError::TooManyOrders => {
            refusal(order, "too-many", "too many orders are open; pay one of them, or wait until they expire")
        }
        error => broken(order, error),
    }
}

/// What is wrong with our records is not the buyer's business.
fn broken(order: &str, error: &DatabaseError) -> Refusal {
    tracing::error!(%error, "cannot look up an order");
    refusal(order, pay::UNAVAILABLE, "the seller cannot take orders at the moment; nothing is lost")
}

#[cfg(test)]
mod tests;
