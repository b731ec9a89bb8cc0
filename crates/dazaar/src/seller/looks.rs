//! Open orders: whose payment is looked for again, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::Shared;
use crate::clock::now_ms;
use crate::database::{OrderId, OrderRecord};

/// The shortest time from one look for a payment to the next.
const LOOK_PAUSE: Duration = Duration::from_millis(250);

/// The longest. A buyer who asks is answered at once.
const LOOK_PAUSE_MAX: Duration = Duration::from_secs(300);

/// An order is looked for again when it has become older by this part of its age.
const LOOK_AGE_PART: u32 = 20;

/// Orders that are looked for at once.
const LOOKED_FOR_AT_ONCE_MAX: usize = 32;

/// Orders that a wallet was just asked about: their payments are to be looked for.
#[derive(Debug, Default)]
pub(super) struct NewOrders {
    orders: Mutex<Vec<OrderId>>,
    filled: Notify,
}

impl NewOrders {
    pub(super) fn push(&self, order: OrderId) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).push(order);
        self.filled.notify_one();
    }

    fn take(&self) -> Vec<OrderId> {
        mem::take(&mut self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// When each order is looked for next.
#[derive(Debug, Default)]
struct Looks {
    /// Those that are not being looked for. What is new comes first, and then whichever has waited longest: many old ones hide no other.
    waiting: BTreeSet<(Option<Instant>, OrderId)>,
    /// All of them, and how often in a row their wallet was out of reach.
    failures: BTreeMap<OrderId, u32>,
}

impl Looks {
    /// An order, to be looked for at this time; a new one at once.
    fn add(&mut self, order: OrderId, at: Option<Instant>) {
        if self.failures.insert(order, 0).is_none() {
            self.waiting.insert((at, order));
        }
    }

    /// An order that is to be looked for now.
    fn take(&mut self, now: Instant) -> Option<OrderId> {
        let (at, order) = *self.waiting.first()?;
        if at.is_some_and(|at| at > now) {
            return None;
        }
        self.waiting.pop_first();
        Some(order)
    }

    /// When the next one is to be looked for.
    fn due(&self) -> Option<Instant> {
        self.waiting.first().and_then(|(at, _)| *at)
    }

    /// An order of this age was looked for, if its wallet could be asked. The older it is, and the more often not, the longer it waits.
    fn put_back(&mut self, order: OrderId, age: Duration, was_asked: bool, now: Instant) {
        let Some(failures) = self.failures.get_mut(&order) else { return };
        *failures = if was_asked { 0 } else { failures.saturating_add(1) };
        self.waiting.insert((Some(now + pause(age, *failures)), order));
    }

    /// Nobody looks for it any more.
    fn forget(&mut self, order: &OrderId) {
        self.failures.remove(order);
    }

    fn has_failed(&self, order: &OrderId) -> bool {
        self.failures.get(order).is_some_and(|failures| *failures > 0)
    }
}

/// How long something of this age waits to be looked for again, if its wallet was out of reach so often in a row.
pub(super) fn pause(age: Duration, failures: u32) -> Duration {
    let pause = (age / LOOK_AGE_PART).max(LOOK_PAUSE * 2_u32.saturating_pow(failures.min(10)));
    pause.min(LOOK_PAUSE_MAX)
}

/// What came of a look.
struct Looked {
    record: OrderRecord,
    outcome: Result<(), String>,
}

impl Shared {
    /// Looks for the payments of open orders, those of earlier runs too, for as long as the listing is served.
    pub(super) async fn look_for_payments(self: Arc<Self>) {
        if self.options.payees.is_empty() {
            return std::future::pending().await;
        }
        let mut looks = self.earlier_orders().await;
        // A wallet that hangs keeps nobody else waiting.
        let mut running: JoinSet<Looked> = JoinSet::new();
        loop {
            self.ordered.take().into_iter().for_each(|order| looks.add(order, None));
            while running.len() < LOOKED_FOR_AT_ONCE_MAX
                && let Some(order) = looks.take(Instant::now())
            {
                self.begin_look(order, &mut looks, &mut running);
            }
            let due = looks.due().filter(|_| running.len() < LOOKED_FOR_AT_ONCE_MAX);
            tokio::select! {
                Some(Ok(looked)) = running.join_next() => end_look(&looked, &mut looks),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                () = self.ordered.filled.notified() => {}
            }
        }
    }

    async fn earlier_orders(&self) -> Looks {
        let open = loop {
            match self.market.database().open_orders(&self.feed()) {
                Ok(open) => break open,
                Err(error) => tracing::error!(%error, "cannot read which orders are open"),
            }
            sleep(LOOK_PAUSE * 4).await;
        };
        let (mut looks, now) = (Looks::default(), Instant::now());
        open.iter().for_each(|record| looks.add(record.order.id, Some(now)));
        looks
    }

    /// Begins to look for the payment of an order, unless it was closed meanwhile.
    fn begin_look(self: &Arc<Self>, order: OrderId, looks: &mut Looks, running: &mut JoinSet<Looked>) {
        let record = match self.market.database().order(&order) {
            Ok(record) => record.filter(|record| !record.closed),
            Err(error) => {
                tracing::error!(%error, "cannot read an order");
                return looks.put_back(order, Duration::ZERO, false, Instant::now());
            }
        };
        let Some(record) = record else { return looks.forget(&order) };
        let seller = Arc::clone(self);
        running.spawn(async move {
            let looked = AssertUnwindSafe(seller.look_for(&record)).catch_unwind().await;
            let outcome = looked.unwrap_or_else(|_| Err("the wallet failed".to_owned()));
            Looked { record, outcome }
        });
    }
}

fn end_look(looked: &Looked, looks: &mut Looks) {
    let Looked { record, outcome } = looked;
    let order = record.order.id;
    match outcome {
        Err(error) if looks.has_failed(&order) => tracing::debug!(error, "still cannot look for a payment"),
        Err(error) => tracing::warn!(error, order = %hex::encode(order), "cannot look for a payment"),
        Ok(()) => {}
    }
    let age = Duration::from_millis(u64::try_from(now_ms() - record.made_ms).unwrap_or(0));
    looks.put_back(order, age, outcome.is_ok(), Instant::now());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(looks: &mut Looks, now: Instant) -> Vec<OrderId> {
        std::iter::from_fn(|| looks.take(now)).collect()
    }

    #[test]
    fn what_is_new_comes_first_and_what_was_looked_for_waits_for_a_part_of_its_age() {
        let (mut looks, now) = (Looks::default(), Instant::now());
        let [old, older, new] = [[1; 16], [2; 16], [3; 16]];
        looks.add(old, Some(now));
        looks.add(older, Some(now));
        looks.add(new, None);
        looks.add(new, None);
        assert_eq!(all(&mut looks, now), [new, old, older]);
        for (order, minutes) in [(new, 0), (old, 1), (older, 60)] {
            looks.put_back(order, Duration::from_secs(60 * minutes), true, now);
        }
        assert_eq!(looks.due(), Some(now + LOOK_PAUSE));
        assert_eq!(all(&mut looks, now + LOOK_PAUSE), [new]);
        assert_eq!(all(&mut looks, now + Duration::from_secs(3)), [old]);
        assert_eq!(all(&mut looks, now + Duration::from_secs(179)), [older; 0]);
        assert_eq!(all(&mut looks, now + Duration::from_secs(180)), [older]);
    }

    #[test]
    fn a_wallet_out_of_reach_is_asked_less_and_less_and_a_closed_order_no_more() {
        let (mut looks, now) = (Looks::default(), Instant::now());
        looks.add([1; 16], None);
        for pause in [2, 4, 8] {
            assert_eq!(looks.take(now), Some([1; 16]));
            looks.put_back([1; 16], Duration::ZERO, false, now);
            assert!(looks.has_failed(&[1; 16]));
            assert_eq!(looks.due(), Some(now + LOOK_PAUSE * pause));
            looks.waiting.clear();
            looks.waiting.insert((Some(now), [1; 16]));
        }
        looks.take(now);
        looks.forget(&[1; 16]);
        looks.put_back([1; 16], Duration::ZERO, true, now);
        assert_eq!(looks.due(), None);
    }
}
