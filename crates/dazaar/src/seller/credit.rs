//! Payments of orders: looked for again and again, credited once, and told to the buyer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dazaar_market::{Method, Money, SignedReceipt, pay};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{SellerNotice, Shared};
use crate::clock::now_ms;
use crate::database::{Applied, DatabaseError, Finality, Order, OrderId, OrderRecord, Receipt};

/// How long after it expired the payment of an order is looked for at least. One that comes later still is found when the buyer asks.
const LATE_MIN: Duration = Duration::from_secs(60 * 60);

/// The shortest time from one look for a payment to the next.
const LOOK_PAUSE: Duration = Duration::from_millis(250);

/// The longest. A buyer who asks is answered at once.
const LOOK_PAUSE_MAX: Duration = Duration::from_secs(300);

/// An order is looked for again when it has become older by this part of its age.
const LOOK_AGE_PART: u32 = 20;

/// Orders that are looked for at once.
const LOOKED_FOR_AT_ONCE_MAX: usize = 32;

impl Shared {
    /// Counts what came for an order, and tells the buyer; once, however often it is reported.
    pub(super) fn credit(&self, order: &Order, receipts: &[Receipt]) -> Result<(), DatabaseError> {
        if receipts.is_empty() {
            return Ok(());
        }
        let database = self.market.database();
        let applied = database.apply(&order.method, receipts, None, now_ms())?;
        let counted: Vec<&[u8]> = applied
            .iter()
            .zip(receipts)
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

    /// Looks for the payments of open orders, those of earlier runs too, for as long as the listing is served.
    pub(super) async fn look_for_payments(self: Arc<Self>) {
        if self.options.payees.is_empty() {
            return std::future::pending().await;
        }
        let mut waits: BTreeMap<OrderId, Wait> = BTreeMap::new();
        // A wallet that hangs keeps nobody else waiting.
        let mut looks: JoinSet<(OrderRecord, bool)> = JoinSet::new();
        loop {
            while let Some(looked) = looks.try_join_next() {
                let Ok((record, is_known)) = looked else {
                    tracing::error!("a wallet failed while it was asked for a payment");
                    waits.values_mut().for_each(|wait| wait.is_looked_for = false);
                    continue;
                };
                waits.insert(record.order.id, Wait::after(&record, is_known, &waits));
            }
            let open = match self.market.database().open_orders(&self.feed()) {
                Ok(open) => open,
                Err(error) => {
                    tracing::error!(%error, "cannot read which orders are open");
                    sleep(LOOK_PAUSE * 4).await;
                    continue;
                }
            };
            let ids: BTreeSet<OrderId> = open.iter().map(|record| record.order.id).collect();
            waits.retain(|id, _| ids.contains(id));
            let is_idle = open.is_empty() && looks.is_empty();
            let is_due = |record: &OrderRecord| waits.get(&record.order.id).is_none_or(Wait::is_over);
            let room = LOOKED_FOR_AT_ONCE_MAX.saturating_sub(looks.len());
            let mut due: Vec<OrderRecord> = open.into_iter().filter(is_due).collect();
            // New ones first, and then whichever has waited longest: many old ones hide no other.
            due.sort_by_key(|record| waits.get(&record.order.id).and_then(|wait| wait.until));
            for record in due.into_iter().take(room) {
                let wait = waits.entry(record.order.id).or_default();
                wait.is_looked_for = true;
                let (seller, failed) = (Arc::clone(&self), wait.failures > 0);
                looks.spawn(async move {
                    let looked = seller.look_for(&record).await;
                    match &looked {
                        Err(error) if failed => tracing::debug!(error, "still cannot look for a payment"),
                        Err(error) => tracing::warn!(error, order = %hex::encode(record.order.id), "cannot look for a payment"),
                        Ok(()) => {}
                    }
                    (record, looked.is_ok())
                });
            }
            if is_idle {
                self.ordered.notified().await;
            } else {
                sleep(LOOK_PAUSE).await;
            }
        }
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

/// When an order is looked for again.
#[derive(Debug, Default)]
struct Wait {
    is_looked_for: bool,
    until: Option<Instant>,
    failures: u32,
}

impl Wait {
    fn is_over(&self) -> bool {
        !self.is_looked_for && self.until.is_none_or(|until| until <= Instant::now())
    }

    /// The older an order is, and the more often its wallet was out of reach, the longer.
    fn after(record: &OrderRecord, is_known: bool, waits: &BTreeMap<OrderId, Self>) -> Self {
        let failed = waits.get(&record.order.id).map_or(0, |wait| wait.failures);
        let failures = if is_known { 0 } else { failed.saturating_add(1) };
        let age = Duration::from_millis(u64::try_from(now_ms() - record.made_ms).unwrap_or(0));
        let pause = (age / LOOK_AGE_PART).max(LOOK_PAUSE * 2_u32.saturating_pow(failures.min(10)));
        Self { is_looked_for: false, until: Some(Instant::now() + pause.min(LOOK_PAUSE_MAX)), failures }
    }
}
