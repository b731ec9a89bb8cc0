//! Payments of orders: credited once, and told to the buyer.

use std::time::Duration;

use dazaar_market::{Method, Money, SignedReceipt, pay};

use super::{SellerNotice, Shared};
use crate::clock::now_ms;
use crate::database::{Applied, DatabaseError, Finality, Order, OrderRecord, Receipt};

/// How long after it expired the payment of an order is looked for at least. One that comes later still is found when the buyer asks.
const LATE_MIN: Duration = Duration::from_secs(60 * 60);

impl Shared {
    /// Counts what came for an order, and tells the buyer; once, however often it is reported.
    pub(super) fn credit(&self, order: &Order, receipts: &[Receipt]) -> Result<(), DatabaseError> {
        if receipts.is_empty() {
            return Ok(());
        }
        let database = self.market.database();
        // Anybody can send dust, which is reported for ever: nobody waits while it is compared.
        let news = database.news(&order.method, receipts)?;
        let applied = match news.as_slice() {
            [] => Vec::new(),
            news => database.apply(&order.method, news, None, now_ms())?,
        };
        let counted: Vec<&[u8]> = applied
            .iter()
            .zip(&news)
            .filter(|(applied, _)| **applied == Applied::New)
            .map(|(_, receipt)| receipt.reference.as_slice())
            .collect();
        // People transfer in parts, and twice.
        if self.is_paid(order) && order.method != Method::Transfer.name() {
            database.close_order(&order.id)?;
        }
        if !counted.is_empty() {
            self.tell_payments(order, &counted);
        }
        Ok(())
    }

    /// Whether all that was ordered is paid.
    pub(super) fn is_paid(&self, order: &Order) -> bool {
        let payments = self.market.database().order_payments(&order.id).unwrap_or_default();
        let paid = payments.iter().fold(0_u64, |paid, payment| paid.saturating_add(payment.units));
        !payments.is_empty() && paid >= order.units
    }

    /// Whether anything was paid for an order.
    pub(super) fn has_payments(&self, order: &Order) -> bool {
        self.market.database().order_payments(&order.id).is_ok_and(|payments| !payments.is_empty())
    }

    /// Tells a buyer what was paid for an order; false if nothing was. `new` are the payments that nobody has heard of: if there are any,
    /// only of those.
    pub(super) fn tell_payments(&self, order: &Order, new: &[&[u8]]) -> bool {
        let database = self.market.database();
        let payments = database.order_payments(&order.id).unwrap_or_default();
        let credit = database.credit(&order.feed, &order.buyer, now_ms());
        let (Ok(Some(credit)), Some(method)) = (credit, Method::by_name(&order.method)) else { return false };
        for payment in &payments {
            let again = !new.contains(&payment.reference.as_slice());
            if again && !new.is_empty() {
                continue;
            }
            let money = Money { asset: order.price.asset.clone(), units: payment.units };
            let signed = SignedReceipt {
                seller: self.identity.public(),
                buyer: order.buyer,
                method: order.method.clone(),
                reference: hex::encode(&payment.reference),
                money: Some(money.clone()),
                time_ms: payment.time_ms.unsigned_abs(),
            };
            let name = hex::encode(order.id);
            let receipt = self.receipt(&name, &order.price.asset, &signed, again, credit);
            self.buyers.tell(&order.buyer, pay::RECEIPT, &pay::write(&receipt));
            if !again {
                let (buyer, money) = (order.buyer, Some(money));
                self.notify(SellerNotice::Paid { buyer, method, money, again, credit });
            }
        }
        !payments.is_empty()
    }

    /// Looks for the payment of one order; or why that is impossible now.
    pub(super) async fn look_for(&self, record: &OrderRecord) -> Result<(), String> {
        let order = &record.order;
        let (Some(bill), Some(demand), Some(payee)) =
            (self.bill(order), &record.demand, self.payee_of(record))
        else {
            self.close_if_late(order, LATE_MIN);
            return Err("the wallet that it was asked for is gone".to_owned());
        };
        let late = payee.lifetime().max(LATE_MIN);
        let found = match payee.look_up(&bill, demand).await {
            Ok(receipts) => receipts,
            Err(error) => {
                self.close_if_late(order, late);
                return Err(error.to_string());
            }
        };
        self.credit(order, &found).map_err(|error| error.to_string())?;
        if !found.iter().any(|receipt| receipt.finality == Finality::Seen) {
            self.close_if_late(order, late);
        }
        Ok(())
    }

    fn close_if_late(&self, order: &Order, late: Duration) {
        let late_ms = i64::try_from(late.as_millis()).unwrap_or(i64::MAX);
        if now_ms() > order.expires_ms.saturating_add(late_ms)
            && let Err(error) = self.market.database().close_order(&order.id)
        {
            tracing::error!(%error, "cannot close an order");
        }
    }
}
