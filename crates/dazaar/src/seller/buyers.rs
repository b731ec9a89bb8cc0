//! What is known of the buyers who are connected, across their connections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dazaar_log::IdentityKey;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::allowance::{Allowance, Limits};

/// Connections of one buyer to one listing.
const CONNECTIONS_PER_BUYER_MAX: usize = 8;

/// Messages that wait to be sent to one buyer.
const OUTBOX_MAX: usize = 64;

/// Questions about payments that a buyer may ask in a while.
const ASKED_MAX: u32 = 60;

/// How long that is.
const ASKED_WINDOW: Duration = Duration::from_secs(60);

/// A message's name, and what it says.
pub(super) type UserMessage = (String, Value);

/// The buyers of one listing who are connected.
#[derive(Debug, Default)]
pub(super) struct Buyers(Mutex<BTreeMap<IdentityKey, BuyerState>>);

#[derive(Debug, Default)]
struct BuyerState {
    /// One for each connection.
    outboxes: Vec<mpsc::Sender<UserMessage>>,
    /// Connections on which the meter runs.
    metered: usize,
    /// What may be sent, and was.
    allowance: Arc<Allowance>,
    /// Something is given back.
    is_refunded: bool,
    /// Questions about payments since a moment.
    asked: u32,
    asked_since: Option<Instant>,
    /// Up to when delivery was charged, while the meter runs on any connection.
    charged: Option<Instant>,
}

impl Buyers {
    /// Registers a connection of a buyer; none if there are enough already.
    pub(super) fn enter(&self, buyer: IdentityKey) -> Option<mpsc::Receiver<UserMessage>> {
        let mut buyers = self.lock();
        let state = buyers.entry(buyer).or_default();
        state.outboxes.retain(|outbox| !outbox.is_closed());
        if state.outboxes.len() >= CONNECTIONS_PER_BUYER_MAX {
            return None;
        }
        let (outbox, inbox) = mpsc::channel(OUTBOX_MAX);
        state.outboxes.push(outbox);
        Some(inbox)
    }

    /// Forgets a buyer whose last connection is gone.
    pub(super) fn leave(&self, buyer: &IdentityKey) {
        let mut buyers = self.lock();
        if let Some(state) = buyers.get_mut(buyer) {
            state.outboxes.retain(|outbox| !outbox.is_closed());
            if state.outboxes.is_empty() {
                buyers.remove(buyer);
            }
        }
    }

    /// Whether a buyer has a connection.
    pub(super) fn is_connected(&self, buyer: &IdentityKey) -> bool {
        self.lock().contains_key(buyer)
    }

    /// Sends a message to one connection of a buyer; false if there is none, or none takes anything in.
    pub(super) fn send(&self, buyer: &IdentityKey, name: &str, message: &Value) -> bool {
        let buyers = self.lock();
        let outboxes = buyers.get(buyer).map(|state| state.outboxes.as_slice()).unwrap_or_default();
        outboxes.iter().any(|outbox| outbox.try_send((name.to_owned(), message.clone())).is_ok())
    }

    /// Sends a message to every connection of a buyer. One that takes nothing in asks again.
    pub(super) fn tell(&self, buyer: &IdentityKey, name: &str, message: &Value) {
        let buyers = self.lock();
        for outbox in buyers.get(buyer).iter().flat_map(|state| &state.outboxes) {
            let _ = outbox.try_send((name.to_owned(), message.clone()));
        }
    }

    /// The meter starts to run on a connection of a buyer. However many there are, time runs once.
    pub(super) fn start_meter(&self, buyer: &IdentityKey) {
        if let Some(state) = self.lock().get_mut(buyer) {
            state.metered += 1;
            state.charged.get_or_insert_with(Instant::now);
        }
    }

    /// The meter stops on a connection of a buyer; returns the milliseconds that nobody has charged yet.
    pub(super) fn stop_meter(&self, buyer: &IdentityKey) -> i64 {
        let mut buyers = self.lock();
        let Some(state) = buyers.get_mut(buyer) else { return 0 };
        let served_ms = state.take_served_ms();
        state.metered = state.metered.saturating_sub(1);
        if state.metered == 0 {
            state.charged = None;
        }
        served_ms
    }

    /// Milliseconds of delivery that nobody has charged this buyer for yet. Whoever asks charges them.
    pub(super) fn take_served_ms(&self, buyer: &IdentityKey) -> i64 {
        self.lock().get_mut(buyer).map_or(0, BuyerState::take_served_ms)
    }

    /// What this buyer may be sent, on all connections together. Of one who is gone it limits nothing, and nobody sends anything by it.
    pub(super) fn allowance(&self, buyer: &IdentityKey) -> Arc<Allowance> {
        self.lock().get(buyer).map(|state| Arc::clone(&state.allowance)).unwrap_or_default()
    }

    /// The records say what the buyer may be sent. While something is given back, nothing is.
    pub(super) fn set_limits(&self, buyer: &IdentityKey, limits: Limits) {
        if let Some(state) = self.lock().get(buyer) {
            state.allowance.set(limits);
            if state.is_refunded {
                state.allowance.close();
            }
        }
    }

    /// Nothing is sent to a buyer while something is given back to them.
    pub(super) fn pause(&self, buyer: &IdentityKey, is_refunded: bool) {
        if let Some(state) = self.lock().get_mut(buyer) {
            state.is_refunded = is_refunded;
            if is_refunded {
                state.allowance.close();
            }
        }
    }

    /// Whether a buyer may ask one more thing about payments: each costs a wallet or the records some work.
    pub(super) fn may_ask(&self, buyer: &IdentityKey) -> bool {
        let mut buyers = self.lock();
        let Some(state) = buyers.get_mut(buyer) else { return false };
        let now = Instant::now();
        if state.asked_since.is_none_or(|since| now.duration_since(since) >= ASKED_WINDOW) {
            (state.asked_since, state.asked) = (Some(now), 0);
        }
        state.asked += 1;
        state.asked <= ASKED_MAX
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IdentityKey, BuyerState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BuyerState {
    fn take_served_ms(&mut self) -> i64 {
        let Some(charged) = self.charged.as_mut() else { return 0 };
        let served_ms = u64::try_from(charged.elapsed().as_millis()).unwrap_or(u64::MAX);
        // The fraction of a millisecond that is not charged now is charged next time.
        *charged += Duration::from_millis(served_ms);
        i64::try_from(served_ms).unwrap_or(i64::MAX)
    }
}
