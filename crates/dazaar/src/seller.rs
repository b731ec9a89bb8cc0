//! Serving one listing: every connection is a session of its own, admitted and metered by the listing's rules.

mod credit;
mod orders;
mod payments;
mod refunds;
mod session;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dazaar_log::{FeedKey, IdentityKey, IdentityKeyPair, SignedHead};
use dazaar_market::{Card, Method, Money, Sale, SellerConfig, Terms, UnsignedTerms};
use dazaar_wire::session::SecurityPolicy;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, broadcast, mpsc, watch};
use tokio::task::JoinSet;

use crate::allowance::Allowance;
use crate::clock::now_ms;
use crate::connection::explain;
use crate::database::{Admission, Credit, Listing, Retention};
use crate::discovery::Topic;
use crate::market::{Market, MarketError};
use crate::payment::Payee;
use crate::shared_log::SharedLog;
use crate::validator::{Validator, validator};

/// Connections that one listing serves at once. Each costs up to about half a megabyte.
const CONNECTIONS_MAX: usize = 1024;

/// Connections of one buyer to one listing.
const CONNECTIONS_PER_BUYER_MAX: usize = 8;

/// Notices that wait for a slow watcher; older ones are dropped.
const NOTICES_MAX: usize = 1024;

/// Messages that wait to be sent to one buyer.
const OUTBOX_MAX: usize = 64;

/// Pause after the system refused to accept a connection (too many open files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the connections of a seller that closes may take to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time from one look at what a listing no longer keeps to the next.
const RETENTION_INTERVAL: Duration = Duration::from_secs(60);

/// The longest time for which what was delivered is charged in memory only.
const CHARGE_INTERVAL_MAX: Duration = Duration::from_secs(1);

/// Questions about payments that a buyer may ask in a while.
const ASKED_MAX: u32 = 60;

/// How long that is.
const ASKED_WINDOW: Duration = Duration::from_secs(60);

/// How a listing is served.
#[derive(Debug, Clone)]
pub struct SellerOptions {
    /// Time from one verdict about a buyer to the next question.
    pub validate_interval: Duration,
    /// Whether frames must be authenticated.
    pub security: SecurityPolicy,
    /// Who takes payments: the first that can take one does.
    pub payees: Vec<NamedPayee>,
    /// Whether buyers who ask are given back what they have not used.
    pub refunds: bool,
    /// The port that is announced, if it is another one than that of the listener: a router may forward it.
    pub announced_port: Option<u16>,
}

/// A wallet that takes payments, and the name under which orders remember it.
#[derive(Debug, Clone)]
pub struct NamedPayee {
    /// Its name: an order's payment is looked for where it was asked for.
    pub name: String,
    /// The wallet.
    pub payee: Arc<dyn Payee>,
}

impl Default for SellerOptions {
    fn default() -> Self {
        Self {
            validate_interval: dazaar_market::session::VALIDATE_INTERVAL,
            security: SecurityPolicy::Offer,
            payees: Vec::new(),
            refunds: true,
            announced_port: None,
        }
    }
}

/// A listing that is being served. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Seller(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    market: Arc<Market>,
    listing: Listing,
    identity: IdentityKeyPair,
    log: Arc<SharedLog>,
    validator: Arc<dyn Validator>,
    config: SellerConfig,
    options: SellerOptions,
    notices: broadcast::Sender<SellerNotice>,
    buyers: Mutex<BTreeMap<IdentityKey, BuyerState>>,
    /// Orders that a wallet is asked about at the moment.
    ordering: Semaphore,
    /// One refund is given at a time.
    refunding: Semaphore,
    /// There is an order whose payment is to be looked for.
    ordered: Notify,
    /// True once no more buyers are served.
    closing: watch::Sender<bool>,
}

/// What is known of a buyer across their connections.
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

type UserMessage = (String, Value);

/// What a seller may want to know.
#[derive(Debug, Clone, PartialEq)]
pub enum SellerNotice {
    /// A buyer proved who they are.
    Connected {
        /// Who.
        buyer: IdentityKey,
        /// Whether frames are authenticated.
        authenticated: bool,
    },
    /// A connection ended.
    Disconnected {
        /// Who, if they had proved it.
        buyer: Option<IdentityKey>,
        /// Why.
        reason: String,
    },
    /// Something happened in a session.
    Session {
        /// With whom.
        buyer: IdentityKey,
        /// What.
        event: dazaar_market::SellerEvent,
    },
    /// A buyer proved that the feed's key signed a history that is not here, as after a restored backup. Nothing can be appended
    /// any more; what is there is served. Told once for each such mark on the log.
    Forked {
        /// Who.
        buyer: IdentityKey,
        /// What is here; `None` if the feed is empty.
        ours: Option<SignedHead>,
        /// What the buyer has, under the key of the feed or of the buyer's own.
        theirs: SignedHead,
    },
    /// A buyer wants to pay, and was told how.
    Ordered {
        /// Who.
        buyer: IdentityKey,
        /// How.
        method: Method,
        /// How much.
        money: Money,
    },
    /// A payment counts.
    Paid {
        /// Whose.
        buyer: IdentityKey,
        /// How.
        method: Method,
        /// What it gave; none admits until revoked.
        money: Option<Money>,
        /// Whether it counted before, and only the answer was given again.
        again: bool,
        /// What the buyer has now.
        credit: Credit,
    },
    /// A payment does not count.
    PaymentRefused {
        /// Whose.
        buyer: IdentityKey,
        /// Why.
        reason: String,
    },
    /// A buyer signed the terms; the record is stored.
    TermsAccepted {
        /// Who.
        buyer: IdentityKey,
    },
}

impl Seller {
    /// Gets a listing ready to be served.
    pub fn new(market: Arc<Market>, listing: Listing, options: SellerOptions) -> Result<Self, MarketError> {
        let log = market.log(&listing.folder)?;
        let identity = market.seller_identity(&listing);
        let sale = match listing.admission {
            Admission::Free => Sale::Free { feed: listing.feed },
            _ => Sale::Unique,
        };
        let terms = Terms::new(listing.terms.as_deref().unwrap_or_default())?;
        let config = SellerConfig {
            seller: identity.public(),
            seller_id: rand::random(),
            sale,
            terms,
            unsigned_terms: if listing.unsigned_terms { UnsignedTerms::Serve } else { UnsignedTerms::Refuse },
            validate_interval: interval(&listing.admission, options.validate_interval),
        };
        let card = Card::parse(listing.card.as_bytes()).map_err(MarketError::from)?;
        let validator = validator(&listing.admission, &card, market.database());
        Ok(Self(Arc::new(Shared {
            market,
            listing,
            identity,
            log,
            validator,
            config,
            options,
            notices: broadcast::Sender::new(NOTICES_MAX),
            buyers: Mutex::default(),
            ordering: Semaphore::new(orders::ASKED_AT_ONCE_MAX),
            refunding: Semaphore::new(1),
            ordered: Notify::new(),
            closing: watch::Sender::new(false),
        })))
    }

    /// Who sells.
    pub fn key(&self) -> IdentityKey {
        self.0.config.seller
    }

    /// What is sold.
    pub fn listing(&self) -> &Listing {
        &self.0.listing
    }

    /// The feed that is sold.
    pub fn log(&self) -> &Arc<SharedLog> {
        &self.0.log
    }

    /// What happens from now on.
    pub fn notices(&self) -> broadcast::Receiver<SellerNotice> {
        self.0.notices.subscribe()
    }

    /// Sends a message of the application's own to a buyer; false if the buyer is not connected, or takes nothing in.
    pub fn send(&self, buyer: &IdentityKey, name: &str, message: &Value) -> bool {
        let buyers = self.0.buyers.lock().unwrap_or_else(PoisonError::into_inner);
        let outboxes = buyers.get(buyer).map(|state| state.outboxes.as_slice()).unwrap_or_default();
        outboxes.iter().any(|outbox| outbox.try_send((name.to_owned(), message.clone())).is_ok())
    }

    /// Ends all connections and lets [`serve`](Self::serve) return, once what was delivered is recorded.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Serves everybody who connects to `listener`, until [`close`](Self::close) is called. Meanwhile what the listing no
    /// longer keeps is cleared.
    ///
    /// If the market is part of a [`Discovery`](crate::Discovery), this announces the seller meanwhile.
    pub async fn serve(&self, listener: TcpListener) {
        if let (Some(discovery), Ok(address)) = (self.0.market.discovery(), listener.local_addr()) {
            let port = self.0.options.announced_port.unwrap_or_else(|| address.port());
            let is_loopback = address.ip().is_loopback();
            self.topics().for_each(|topic| discovery.announce(topic, port, is_loopback));
        }
        tokio::select! {
            () = self.serve_all(listener) => {}
            () = Arc::clone(&self.0).forget_past() => {}
            () = Arc::clone(&self.0).look_for_payments() => {}
        }
    }

    /// Under what a seller is found: its own key, and that of the feed if it is sold as it is.
    pub fn topics(&self) -> impl Iterator<Item = Topic> {
        let feed = match self.0.config.sale {
            Sale::Free { feed } => Some(feed.discovery_key()),
            Sale::Unique => None,
        };
        std::iter::once(self.key().discovery_key()).chain(feed)
    }

    /// Takes the announcements back.
    async fn withdraw(&self) {
        if let Some(discovery) = self.0.market.discovery() {
            for topic in self.topics() {
                discovery.withdraw(topic).await;
            }
        }
    }

    async fn serve_all(&self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut sessions = JoinSet::new();
        let mut closing = self.0.closing.subscribe();
        loop {
            while sessions.try_join_next().is_some() {}
            let (stream, permit) = tokio::select! {
                accepted = accept(&listener, &room) => accepted,
                _ = closing.wait_for(|closing| *closing) => break,
            };
            let seller = Arc::clone(&self.0);
            sessions.spawn(async move {
                seller.serve_one(stream).await;
                drop(permit);
            });
        }
        // Whoever does not finish in time is cut off with the set.
        let ending = tokio::time::timeout(CLOSE_TIMEOUT, sessions.join_all());
        let _ = tokio::join!(ending, self.withdraw());
    }
}

/// The time from one question to the next. What was delivered is charged with each, and a crash must not cost the seller more than
/// a second of it.
fn interval(admission: &Admission, wanted: Duration) -> Duration {
    match admission {
        Admission::Granted => wanted.min(CHARGE_INTERVAL_MAX),
        _ => wanted,
    }
}

/// The next connection for which there is room.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        match (Arc::clone(room).acquire_owned().await, listener.accept().await) {
            (Ok(permit), Ok((stream, _))) => return (stream, permit),
            (Err(error), _) => tracing::error!(%error, "no more connections are counted"),
            (_, Err(error)) => tracing::warn!(%error, "cannot accept a connection"),
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

impl Shared {
    async fn serve_one(self: Arc<Self>, stream: TcpStream) {
        // Small messages must not wait for more; a socket that cannot be told works all the same.
        let _ = stream.set_nodelay(true);
        let mut session = session::SellerConnection::new(Arc::clone(&self), stream);
        let mut closing = self.closing.subscribe();
        let end = tokio::select! {
            end = session.run() => end,
            _ = closing.wait_for(|closing| *closing) => session::SessionEnd::Closing,
        };
        let buyer = session.buyer();
        session.finish().await;
        self.notify(SellerNotice::Disconnected { buyer, reason: explain(&end) });
    }

    /// Clears what the listing no longer keeps, again and again.
    async fn forget_past(self: Arc<Self>) {
        if self.listing.keep == Retention::default() {
            return std::future::pending().await;
        }
        let mut interval = tokio::time::interval(RETENTION_INTERVAL);
        loop {
            interval.tick().await;
            let seller = Arc::clone(&self);
            let forgetting =
                move || seller.market.forget_past(&seller.listing, &seller.log, now_ms()).map(drop);
            match tokio::task::spawn_blocking(forgetting).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "cannot clear what is no longer kept"),
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            }
        }
    }

    fn notify(&self, notice: SellerNotice) {
        // Nobody need be watching.
        let _ = self.notices.send(notice);
    }

    /// Sends a message to every connection of a buyer.
    fn tell(&self, buyer: &IdentityKey, name: &str, message: &Value) {
        let buyers = self.buyers.lock().unwrap_or_else(PoisonError::into_inner);
        for outbox in buyers.get(buyer).iter().flat_map(|state| &state.outboxes) {
            // One that takes nothing in asks again.
            let _ = outbox.try_send((name.to_owned(), message.clone()));
        }
    }

    /// Registers a connection of a buyer; none if there are enough already.
    fn enter(&self, buyer: IdentityKey) -> Option<mpsc::Receiver<UserMessage>> {
        let mut buyers = self.buyers.lock().unwrap_or_else(PoisonError::into_inner);
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
    fn leave(&self, buyer: &IdentityKey) {
        let mut buyers = self.buyers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = buyers.get_mut(buyer) {
            state.outboxes.retain(|outbox| !outbox.is_closed());
            if state.outboxes.is_empty() {
                buyers.remove(buyer);
            }
        }
    }

    /// The meter starts to run on a connection of a buyer. However many there are, time runs once.
    fn start_meter(&self, buyer: &IdentityKey) {
        let mut buyers = self.buyers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = buyers.get_mut(buyer) {
            state.metered += 1;
            state.charged.get_or_insert_with(Instant::now);
        }
    }

    /// The meter stops on a connection of a buyer; what it has not charged yet is returned if it was the last.
    fn stop_meter(&self, buyer: &IdentityKey) -> i64 {
        let served_ms = self.served_ms(buyer);
        let mut buyers = self.buyers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = buyers.get_mut(buyer) {
            state.metered = state.metered.saturating_sub(1);
            if state.metered == 0 {
                state.charged = None;
            }
        }
        served_ms
    }

    /// Milliseconds of delivery that nobody has charged this buyer for yet.
    fn served_ms(&self, buyer: &IdentityKey) -> i64 {
        let mut buyers = self.buyers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(charged) = buyers.get_mut(buyer).and_then(|state| state.charged.as_mut()) else { return 0 };
        let served_ms = u64::try_from(charged.elapsed().as_millis()).unwrap_or(u64::MAX);
        // The fraction of a millisecond that is not charged now is charged next time.
        *charged += Duration::from_millis(served_ms);
        i64::try_from(served_ms).unwrap_or(i64::MAX)
    }

    /// What this buyer may be sent, on all connections together.
    fn allowance(&self, buyer: &IdentityKey) -> Arc<Allowance> {
        let mut buyers = self.buyers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&buyers.entry(*buyer).or_default().allowance)
    }

    /// The records say how many bytes the buyer has left, if bytes limit them. While something is given back, nothing is sent.
    fn set_allowance(&self, buyer: &IdentityKey, left: Option<u64>) {
        let mut buyers = self.buyers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = buyers.get_mut(buyer) {
            state.allowance.set(if state.is_refunded { Some(0) } else { left });
        }
    }

    /// Nothing is sent to a buyer while something is given back to them.
    fn pause(&self, buyer: &IdentityKey, is_refunded: bool) {
        let mut buyers = self.buyers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = buyers.get_mut(buyer) {
            state.is_refunded = is_refunded;
            if is_refunded {
                state.allowance.set(Some(0));
            }
        }
    }

    /// Whether a buyer may ask one more thing about payments: each costs a wallet or the records some work.
    fn may_ask(&self, buyer: &IdentityKey) -> bool {
        let mut buyers = self.buyers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(state) = buyers.get_mut(buyer) else { return false };
        let now = Instant::now();
        if state.asked_since.is_none_or(|since| now.duration_since(since) >= ASKED_WINDOW) {
            (state.asked_since, state.asked) = (Some(now), 0);
        }
        state.asked += 1;
        state.asked <= ASKED_MAX
    }

    fn feed(&self) -> FeedKey {
        self.listing.feed
    }
}

#[cfg(test)]
mod tests;
