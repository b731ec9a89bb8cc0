//! Payments without an order. A buyer with npm dazaar sends coins to an address of their own and says nothing, so the seller looks
//! there by itself.
//!
//! Anybody can connect with new keys, and each look costs the wallet's node some questions. So a wallet is asked about one stranger a
//! second, and about one buyer a second who has paid before, however many there are and whatever they buy: about each less and less often,
//! and about those who are gone for a while no more, until they come again. Then a look goes on where the one before ended. Only of
//! strangers who are gone no more than [`WATCHED_MAX`] are remembered. What one of the others paid before they come again is found as far
//! back as the wallet looks for somebody new; older transfers are not.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dazaar_log::IdentityKey;
use dazaar_log::key::derive_seed;
use dazaar_market::price::{Kind, OfferField};
use dazaar_market::{Card, PriceTerms};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::looks::pause;
use super::{NamedPayee, Shared};
use crate::clock::now_ms;
use crate::database::{Admission, DatabaseError, Finality, Order, OrderId};
use crate::payment::{Bill, Demand};

/// Buyers who are looked for in one lane, but for those who are connected; and strangers who are remembered for one wallet.
const WATCHED_MAX: usize = 1024;

/// Time from the end of one look to the next, in all lanes of one kind at one wallet.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// How long a buyer who is gone is looked for.
const LATELY: Duration = Duration::from_secs(60 * 60);

/// Buyers whose payments to one wallet are looked for, one at a time. Strangers have a lane of their own, in which they cannot keep those
/// waiting who pay.
#[derive(Debug)]
pub(super) struct Lane {
    wallet: NamedPayee,
    /// Whether it is for those who have paid before.
    has_paid: bool,
    arrived: Mutex<BTreeSet<IdentityKey>>,
    filled: Notify,
}

impl Lane {
    /// The lanes of a listing: two for each wallet that is paid without orders, if the card asks something that can be paid so.
    pub(super) fn all(admission: &Admission, card: &Card, payees: &[NamedPayee]) -> Vec<Self> {
        let offers = card.offers();
        let is_asked = |payee: &&NamedPayee| {
            *admission == Admission::Granted
                && payee.payee.takes_unordered()
                && offers.iter().flat_map(|offer| &offer.terms).any(|terms| is_for(terms, payee))
        };
        let lanes = payees.iter().filter(is_asked).flat_map(|wallet| {
            [false, true].map(|has_paid| Self {
                wallet: wallet.clone(),
                has_paid,
                arrived: Mutex::default(),
                filled: Notify::new(),
            })
        });
        lanes.collect()
    }

    fn push(&self, buyer: IdentityKey, is_here: impl Fn(&IdentityKey) -> bool) {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        // Who is gone is looked for when they come again.
        if arrived.len() >= WATCHED_MAX {
            arrived.retain(is_here);
        }
        arrived.insert(buyer);
        self.filled.notify_one();
    }

    fn take(&self) -> BTreeSet<IdentityKey> {
        mem::take(&mut self.arrived.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether this can be paid to a wallet without saying more than who pays.
fn is_for(terms: &PriceTerms, wallet: &NamedPayee) -> bool {
    terms.method == wallet.payee.method()
        && wallet.payee.takes(&terms.price.asset)
        && !matches!(terms.price.kind, Kind::Free | Kind::Range { .. })
}

/// Whose payments are looked for, and when.
#[derive(Debug, Default)]
struct Watch(BTreeMap<IdentityKey, Turn>);

#[derive(Debug)]
struct Turn {
    /// Since when they wait: since they came, or something of theirs is on its way.
    since: Instant,
    /// When they were here last.
    seen: Instant,
    /// When they are looked for next.
    due: Instant,
    /// How often in a row the wallet was out of reach.
    failures: u32,
    /// What the wallet wants to be reminded of, as soon as it has said so: the record of a stranger gives way to others.
    handle: Option<String>,
}

/// What came of a look.
#[derive(Debug, Clone, Copy, Default)]
struct Looked {
    /// Something came that does not count yet.
    is_on_its_way: bool,
    /// Something counts.
    has_paid: bool,
}

impl Watch {
    /// A buyer came: somebody new is looked for at once, others when it is their turn. Beyond `max` of them who is gone for longest is
    /// dropped. Nobody who is here is: the listing serves only so many.
    fn arrive(
        &mut self,
        buyer: IdentityKey,
        now: Instant,
        max: usize,
        is_here: impl Fn(&IdentityKey) -> bool,
    ) {
        let turn = Turn { since: now, seen: now, due: now, failures: 0, handle: None };
        self.0.entry(buyer).or_insert(turn).seen = now;
        let excess = self.0.len().saturating_sub(max);
        if excess > 0 {
            let others = self.0.iter().filter(|(other, _)| **other != buyer && !is_here(other));
            let mut gone: Vec<_> = others.map(|(other, turn)| (turn.seen, turn.since, *other)).collect();
            gone.sort_unstable();
            gone.iter().take(excess).for_each(|(_, _, other)| drop(self.0.remove(other)));
        }
    }

    /// Who is to be looked for next, and when.
    fn next(&self) -> Option<(Instant, IdentityKey)> {
        self.0.iter().map(|(buyer, turn)| (turn.due, *buyer)).min()
    }

    fn has_failed(&self, buyer: &IdentityKey) -> bool {
        self.0.get(buyer).is_some_and(|turn| turn.failures > 0)
    }

    fn take_handle(&mut self, buyer: &IdentityKey) -> Option<String> {
        self.0.get_mut(buyer)?.handle.take()
    }

    fn put_handle(&mut self, buyer: &IdentityKey, handle: Option<String>) {
        if let Some(turn) = self.0.get_mut(buyer) {
            turn.handle = handle;
        }
    }

    /// A buyer was looked for. Who is gone for long is not looked for any more.
    fn end(
        &mut self,
        buyer: &IdentityKey,
        is_here: bool,
        was_asked: bool,
        is_on_its_way: bool,
        now: Instant,
    ) {
        let Some(turn) = self.0.get_mut(buyer) else { return };
        if is_here {
            turn.seen = now;
        }
        if is_on_its_way {
            turn.since = now;
        }
        if now - turn.seen > LATELY {
            self.0.remove(buyer);
            return;
        }
        turn.failures = if was_asked { 0 } else { turn.failures.saturating_add(1) };
        turn.due = now + pause(now - turn.since, turn.failures);
    }
}

impl Shared {
    /// A buyer is connected, and may pay without an order.
    pub(super) fn expect_unordered(&self, buyer: IdentityKey) {
        for lane in &self.lanes {
            if lane.has_paid == self.has_paid_unordered(lane, &buyer) {
                let who = (&self.feed(), &buyer, lane.wallet.name.as_str());
                if let Err(error) = self.market.database().see_unordered(who, now_ms()) {
                    tracing::error!(%error, "cannot record that a buyer is here");
                }
                lane.push(buyer, |buyer| self.buyers.is_connected(buyer));
            }
        }
    }

    fn has_paid_unordered(&self, lane: &Lane, buyer: &IdentityKey) -> bool {
        let known = self.market.database().unordered((&self.feed(), buyer, &lane.wallet.name));
        known.is_ok_and(|known| known.is_some_and(|known| known.has_paid))
    }

    /// Looks for payments that nobody ordered, for as long as the listing is served.
    pub(super) async fn look_for_unordered(self: Arc<Self>) {
        if self.lanes.is_empty() {
            return std::future::pending().await;
        }
        join_all(self.lanes.iter().map(|lane| self.watch(lane))).await;
    }

    async fn watch(&self, lane: &Lane) {
        let is_here = |buyer: &IdentityKey| self.buyers.is_connected(buyer);
        let mut watch = Watch::default();
        let mut arrived = self.lately_here(lane);
        let mut is_out_of_reach = false;
        loop {
            arrived.extend(lane.take());
            let now = Instant::now();
            mem::take(&mut arrived)
                .into_iter()
                .for_each(|buyer| watch.arrive(buyer, now, WATCHED_MAX, is_here));
            let next = watch.next();
            let Some((_, buyer)) = next.filter(|(due, _)| *due <= now) else {
                let due = next.map(|(due, _)| due);
                tokio::select! {
                    () = sleep_until(due.unwrap_or(now)), if due.is_some() => {}
                    () = lane.filled.notified() => {}
                }
                continue;
            };
            let has_failed = is_out_of_reach || watch.has_failed(&buyer);
            let turn = lane.wallet.turns[usize::from(lane.has_paid)].lock().await;
            let mut handle = watch.take_handle(&buyer);
            let looking = self.look_for_payments_of(lane, buyer, &mut handle);
            let looked = AssertUnwindSafe(looking).catch_unwind().await;
            watch.put_handle(&buyer, handle);
            let outcome = looked.unwrap_or_else(|_| Err("the wallet failed".to_owned()));
            match &outcome {
                Err(error) if has_failed => {
                    tracing::debug!(error, %buyer, "still cannot look for payments without an order");
                }
                Err(error) => tracing::warn!(error, %buyer, "cannot look for payments without an order"),
                Ok(_) => {}
            }
            is_out_of_reach = outcome.is_err();
            let Looked { is_on_its_way, has_paid } = outcome.as_ref().ok().copied().unwrap_or_default();
            if has_paid && !lane.has_paid {
                watch.0.remove(&buyer);
                self.expect_unordered(buyer);
            } else {
                watch.end(&buyer, is_here(&buyer), outcome.is_ok(), is_on_its_way, Instant::now());
            }
            sleep(LOOK_PAUSE).await;
            drop(turn);
        }
    }

    /// Who was here a short while ago, in this run or another.
    fn lately_here(&self, lane: &Lane) -> Vec<IdentityKey> {
        let since_ms = now_ms() - i64::try_from(LATELY.as_millis()).unwrap_or(i64::MAX);
        let place = (&self.feed(), lane.wallet.name.as_str());
        let mut buyers = match self.market.database().unordered_buyers(place, lane.has_paid, since_ms) {
            Ok(buyers) => buyers,
            Err(error) => {
                tracing::error!(%error, "cannot read who may have paid");
                Vec::new()
            }
        };
        buyers.truncate(WATCHED_MAX);
        buyers
    }

    /// Looks for what a buyer paid to a wallet without an order. `handle` is what the wallet wants to be reminded of, if it has said so.
    async fn look_for_payments_of(
        &self,
        lane: &Lane,
        buyer: IdentityKey,
        handle: &mut Option<String>,
    ) -> Result<Looked, String> {
        let NamedPayee { name: wallet, payee, .. } = &lane.wallet;
        let Some((order, bill)) = self.unordered(&lane.wallet, buyer) else { return Ok(Looked::default()) };
        let database = self.market.database();
        let who = (&order.feed, &buyer, wallet.as_str());
        let text = |error: DatabaseError| error.to_string();
        let known = database.unordered(who).map_err(text)?.map(|known| known.handle);
        let is_known = known.is_some();
        let kept = match known.or_else(|| handle.take()) {
            Some(kept) => kept,
            None => payee.demand(&bill).await.map_err(|error| error.to_string())?.handle,
        };
        let kept = handle.insert(kept);
        if !is_known {
            database.put_unordered(who, kept, WATCHED_MAX, now_ms()).map_err(text)?;
        }
        let demand = Demand { request: String::new(), handle: kept.clone() };
        if self.buyers.is_connected(&buyer) {
            database.see_unordered(who, now_ms()).map_err(text)?;
        }
        let mut receipts = payee.look_up(&bill, &demand).await.map_err(|error| error.to_string())?;
        let has = |finality| receipts.iter().any(|receipt| receipt.finality == finality);
        let looked = Looked { is_on_its_way: has(Finality::Seen), has_paid: has(Finality::Final) };
        if looked.has_paid {
            database.book_unordered(&order, wallet, now_ms()).map_err(text)?;
        }
        // An order that was made meanwhile is paid at the same place: the buyer waits for it.
        let open = database.open_order_at(&order.feed, &buyer, wallet).map_err(text)?;
        let order = open.map_or(order, |open| open.order);
        receipts.iter_mut().for_each(|receipt| receipt.order = Some(order.id));
        self.credit(&order, &receipts).map_err(text)?;
        Ok(looked)
    }

    /// The order under which a buyer's payments to a wallet count that were not ordered, and what the wallet is told; none if the card
    /// does not say what is paid for.
    fn unordered(&self, wallet: &NamedPayee, buyer: IdentityKey) -> Option<(Order, Bill)> {
        let offers = self.offers().into_iter().filter_map(|offer| Some((offer.field, offer.terms.ok()?)));
        let (field, terms) = offers.into_iter().find(|(_, terms)| is_for(terms, wallet))?;
        // Its name is nobody's to guess: a buyer could order something under it.
        let name = format!("unordered/{}/{buyer}", wallet.name);
        let seed = derive_seed("dazaar", self.identity.secret(), &name);
        let order = Order {
            id: OrderId::try_from(&seed[..16]).ok()?,
            feed: self.feed(),
            buyer,
            price: terms.price,
            method: terms.method.name().to_owned(),
            units: 0,
            memo: String::new(),
            expires_ms: now_ms(),
        };
        // There npm dazaar's buyers read where to pay.
        let pay_to = terms.pay_to.filter(|_| field == OfferField::Payment);
        let bill = Bill { pay_to, ..self.bill(&order)? };
        Some((order, bill))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: fn(&IdentityKey) -> bool = |_| true;

    fn buyer(seed: u8) -> IdentityKey {
        IdentityKey([seed; 32])
    }

    /// Who is in the watch.
    fn all(watch: &Watch) -> Vec<u8> {
        watch.0.keys().map(|buyer| buyer.as_bytes()[0]).collect()
    }

    #[test]
    fn who_waits_longest_is_next_and_is_looked_for_less_and_less() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        watch.arrive(buyer(2), now, 9, HERE);
        watch.arrive(buyer(1), now + Duration::from_secs(1), 9, HERE);
        assert_eq!(watch.next(), Some((now, buyer(2))));
        let later = now + Duration::from_secs(100);
        watch.end(&buyer(2), true, true, false, later);
        assert_eq!(watch.next(), Some((now + Duration::from_secs(1), buyer(1))));
        watch.end(&buyer(1), true, true, false, later);
        let [after, before] = [2, 1].map(|seed| watch.0[&buyer(seed)].due - later);
        assert_eq!((after, before), (Duration::from_secs(5), Duration::from_millis(4950)));
        // What is on its way is looked for as if they had just come.
        watch.end(&buyer(2), true, true, true, later);
        assert_eq!(watch.next(), Some((later + Duration::from_millis(250), buyer(2))));
        // Who comes again is not looked for more often.
        let due = watch.0[&buyer(1)].due;
        watch.arrive(buyer(1), later + Duration::from_secs(1), 9, HERE);
        assert_eq!(watch.0[&buyer(1)].due, due);
        watch.end(&buyer(1), true, true, false, later);
        assert_eq!(watch.0[&buyer(1)].due, due, "they have waited for as long as before");
    }

    #[test]
    fn a_wallet_out_of_reach_is_asked_less_and_less() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        watch.arrive(buyer(1), now, 9, HERE);
        for factor in [2, 4, 8] {
            watch.end(&buyer(1), true, false, false, now);
            assert_eq!(watch.next(), Some((now + Duration::from_millis(250) * factor, buyer(1))));
        }
    }

    #[test]
    fn who_is_gone_for_an_hour_is_not_looked_for_until_they_come_again() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        watch.arrive(buyer(1), now, 9, HERE);
        watch.end(&buyer(1), true, true, false, now + LATELY * 5);
        watch.end(&buyer(1), false, true, false, now + LATELY * 6);
        assert_eq!(all(&watch), [1]);
        watch.end(&buyer(1), false, true, false, now + LATELY * 6 + Duration::from_secs(1));
        assert_eq!(all(&watch), [0; 0]);
    }

    #[test]
    fn newcomers_take_the_place_of_those_who_are_gone_for_longest_and_of_nobody_who_is_here() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        let is_here = |buyer: &IdentityKey| ![2, 3].contains(&buyer.as_bytes()[0]);
        for (seed, known) in [(1, &[1][..]), (2, &[1, 2]), (3, &[1, 2, 3]), (4, &[1, 3, 4]), (5, &[1, 4, 5])]
        {
            watch.arrive(buyer(seed), now + Duration::from_secs(seed.into()), 3, is_here);
            assert_eq!(all(&watch), known);
        }
        watch.arrive(buyer(6), now + Duration::from_secs(6), 3, is_here);
        assert_eq!(all(&watch), [1, 4, 5, 6], "nobody is gone");
        watch.arrive(buyer(7), now + Duration::from_secs(7), 3, |buyer| buyer.as_bytes()[0] > 5);
        assert_eq!(all(&watch), [5, 6, 7]);
    }
}
