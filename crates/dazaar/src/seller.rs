//! Serving one listing: every connection is a session of its own, admitted and metered by the listing's rules.

mod buyers;
mod credit;
mod looks;
mod members;
mod orders;
mod payments;
mod refunds;
mod session;
mod unordered;
mod uploads;

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dazaar_log::{FeedKey, IdentityKey, IdentityKeyPair, SignedHead};
use dazaar_market::{Card, Method, Money, Sale, SellerConfig, Terms, UnsignedTerms};
use dazaar_wire::session::SecurityPolicy;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio::task::JoinSet;

use self::buyers::Buyers;
use self::looks::NewOrders;
use self::members::Members;
use self::unordered::Lane;
use crate::allowance::{LookUp, Sent};
use crate::clock::now_ms;
use crate::connection::explain;
use crate::contents::{Contents, ContentsOf};
use crate::database::{Admission, Credit, Listing, Retention};
use crate::discovery::Topic;
use crate::market::{Market, MarketError};
use crate::payment::Payee;
use crate::shared_log::SharedLog;
use crate::stored_feed::StoredFeed;
use crate::transport::{BoxedStream, Listener};
use crate::trie::ServedTries;
use crate::validator::{Question, Validator, validator};

/// Connections that one listing serves at once, if nobody says otherwise.
const CONNECTIONS_MAX: NonZeroU32 = NonZeroU32::new(1024).unwrap();

/// Notices that wait for a slow watcher; older ones are dropped.
const NOTICES_MAX: usize = 1024;

/// Pause after the system refused to accept a connection (too many open files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long the connections of a seller that closes may take to end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time from one look at what a listing no longer keeps to the next.
const RETENTION_INTERVAL: Duration = Duration::from_secs(60);

/// The longest time for which what was delivered is charged in memory only.
const CHARGE_INTERVAL_MAX: Duration = Duration::from_secs(1);

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
    /// Connections that are served at once; further ones wait. Each costs about 40 kB while nothing is sent, and up to about half a
    /// megabyte while it is.
    pub connections_max: NonZeroU32,
    /// Finds the rows in what is sold, for prices that count them or sell a range of time.
    pub contents: ContentsOf,
}

/// A wallet that takes payments, and the name under which orders remember it.
#[derive(Debug, Clone)]
pub struct NamedPayee {
    /// Its name: an order's payment is looked for where it was asked for.
    pub name: String,
    /// The wallet.
    pub payee: Arc<dyn Payee>,
    /// Whoever looks for what nobody ordered takes turns, whatever they sell: for strangers, and for those who have paid.
    turns: [Arc<Mutex<()>>; 2],
}

impl NamedPayee {
    /// A wallet of this name. Its clones are the same wallet.
    pub fn new(name: impl Into<String>, payee: Arc<dyn Payee>) -> Self {
        Self { name: name.into(), payee, turns: Default::default() }
    }
}

impl Default for SellerOptions {
    fn default() -> Self {
        Self {
            validate_interval: dazaar_market::session::VALIDATE_INTERVAL,
            security: SecurityPolicy::Offer,
            payees: Vec::new(),
            refunds: true,
            announced_port: None,
            connections_max: CONNECTIONS_MAX,
            contents: |_| None,
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
    /// The feeds that come with it.
    members: Members,
    tries: ServedTries,
    contents: OnceLock<Arc<dyn Contents>>,
    validator: Arc<dyn Validator>,
    config: SellerConfig,
    options: SellerOptions,
    notices: broadcast::Sender<SellerNotice>,
    buyers: Buyers,
    /// Orders that a wallet is asked about at the moment.
    ordering: Semaphore,
    /// One refund is given at a time.
    refunding: Semaphore,
    /// Orders whose payment is to be looked for from now on.
    ordered: NewOrders,
    /// Buyers who may pay without an order.
    lanes: Vec<Lane>,
    /// True once no more buyers are served.
    closing: watch::Sender<bool>,
}

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
        let members = Members::of(&market, &listing)?;
        let identity = market.seller_identity(&listing);
        let sale = match listing.admission {
            Admission::Free => Sale::Free { feed: listing.feed, members: Vec::new() },
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
        let lanes = Lane::all(&listing.admission, &card, &options.payees);
        Ok(Self(Arc::new(Shared {
            market,
            listing,
            identity,
            log,
            members,
            tries: ServedTries::default(),
            contents: OnceLock::new(),
            validator,
            config,
            options,
            notices: broadcast::Sender::new(NOTICES_MAX),
            buyers: Buyers::default(),
            ordering: Semaphore::new(orders::ASKED_AT_ONCE_MAX),
            refunding: Semaphore::new(1),
            ordered: NewOrders::default(),
            lanes,
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

    /// The prices of the card that can be paid now.
    pub fn prices_taken(&self) -> Vec<dazaar_market::Offer> {
        self.0.offers()
    }

    /// The prices of the card that nobody can pay now: for rows of what has none, or no wallet takes the currency in this way.
    pub fn prices_not_taken(&self) -> Vec<dazaar_market::Offer> {
        self.0.card_offers().1
    }

    /// The feed that is sold.
    pub fn log(&self) -> &Arc<SharedLog> {
        &self.0.log
    }

    /// Sells one more feed along with the listing, to those who are served already too; whether it was not sold along before.
    ///
    /// # Errors
    /// [`DatabaseError::TooManyMembers`](crate::database::DatabaseError::TooManyMembers).
    pub fn add_member(&self, member: &StoredFeed) -> Result<bool, MarketError> {
        let is_new = member.feed != self.0.feed() && self.0.members.get(&member.feed).is_none();
        if is_new {
            self.0.market.database().add_listing_member(&self.0.feed(), &member.listed())?;
            self.0.market.adopt(&member.folder, &member.log);
            self.0.members.add(member.feed, &member.log);
        }
        Ok(is_new)
    }

    /// What happens from now on.
    pub fn notices(&self) -> broadcast::Receiver<SellerNotice> {
        self.0.notices.subscribe()
    }

    /// Sends a message of the application's own to a buyer; false if the buyer is not connected, or takes nothing in.
    pub fn send(&self, buyer: &IdentityKey, name: &str, message: &Value) -> bool {
        self.0.buyers.send(buyer, name, message)
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
        self.serve_also(listener, Vec::new()).await;
    }

    /// The same, and serves those who connect to other listeners. No more connections are served for it.
    pub async fn serve_also(&self, listener: TcpListener, others: Vec<Box<dyn Listener>>) {
        if let (Some(discovery), Ok(address)) = (self.0.market.discovery(), listener.local_addr()) {
            let port = self.0.options.announced_port.unwrap_or_else(|| address.port());
            let is_loopback = address.ip().is_loopback();
            self.topics().for_each(|topic| discovery.announce(topic, port, is_loopback));
        }
        let first: Box<dyn Listener> = Box::new(listener);
        tokio::select! {
            () = self.serve_all(std::iter::once(first).chain(others)) => {}
            () = Arc::clone(&self.0).forget_past() => {}
            () = Arc::clone(&self.0).look_for_payments() => {}
            () = Arc::clone(&self.0).look_for_unordered() => {}
        }
    }

    /// Under what a seller is found: its own key, and that of the feed if it is sold as it is.
    pub fn topics(&self) -> impl Iterator<Item = Topic> {
        let feed = match &self.0.config.sale {
            Sale::Free { feed, .. } => Some(feed.discovery_key()),
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

    async fn serve_all(&self, listeners: impl Iterator<Item = Box<dyn Listener>>) {
        let room = usize::try_from(self.0.options.connections_max.get()).unwrap_or(usize::MAX);
        let room = Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS)));
        let serving = listeners.map(|listener| self.serve_at(listener, &room));
        let withdrawing = async {
            // It is changed by nobody who is gone before.
            let _ = self.0.closing.subscribe().wait_for(|closing| *closing).await;
            self.withdraw().await;
        };
        tokio::join!(join_all(serving), withdrawing);
    }

    async fn serve_at(&self, mut listener: Box<dyn Listener>, room: &Arc<Semaphore>) {
        let mut sessions = JoinSet::new();
        let mut closing = self.0.closing.subscribe();
        loop {
            while sessions.try_join_next().is_some() {}
            let (stream, permit) = tokio::select! {
                accepted = accept(listener.as_mut(), room) => accepted,
                _ = closing.wait_for(|closing| *closing) => break,
            };
            let seller = Arc::clone(&self.0);
            sessions.spawn(async move {
                seller.serve_one(stream).await;
                drop(permit);
            });
        }
        // Whoever does not finish in time is cut off with the set.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, sessions.join_all()).await;
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
async fn accept(listener: &mut dyn Listener, room: &Arc<Semaphore>) -> (BoxedStream, OwnedSemaphorePermit) {
    loop {
        match (Arc::clone(room).acquire_owned().await, listener.accept().await) {
            (Ok(permit), Ok(stream)) => return (stream, permit),
            (Err(error), _) => tracing::error!(%error, "no more connections are counted"),
            (_, Err(error)) => tracing::warn!(%error, "cannot accept a connection"),
        }
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

impl Shared {
    async fn serve_one(self: Arc<Self>, stream: BoxedStream) {
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

    fn feed(&self) -> FeedKey {
        self.listing.feed
    }

    const fn is_free(&self) -> bool {
        matches!(self.config.sale, Sale::Free { .. })
    }

    /// What the validator is asked about a buyer. Whoever asks has what was sent charged.
    fn question(&self, buyer: IdentityKey, served_ms: i64) -> Question {
        let Sent { bytes, rows, ranges } = self.buyers.allowance(&buyer).take_sent();
        Question {
            served_ms,
            served_bytes: bytes,
            served_rows: rows,
            served_ranges: ranges,
            ..Question::new(self.config.seller, buyer, self.feed())
        }
    }

    /// Looks up which rows a buyer was charged for.
    fn charged_rows(&self, buyer: IdentityKey) -> LookUp {
        let (market, feed) = (Arc::clone(&self.market), self.feed());
        Box::new(move |rows| {
            let charged = market.database().charged_rows(&feed, &buyer, &rows);
            // Where they are charged, each counts once all the same.
            charged
                .inspect_err(
                    |error| tracing::error!(%error, %buyer, "cannot look up which rows were charged"),
                )
                .ok()
        })
    }

    /// The rows of what is sold, if it is one feed and has any.
    fn contents(&self) -> Option<Arc<dyn Contents>> {
        if !self.members.all().is_empty() {
            return None;
        }
        if let Some(found) = self.contents.get() {
            return Some(Arc::clone(found));
        }
        // As long as there is nothing, nobody knows what it will be.
        let found = (self.options.contents)(&self.log)?;
        Some(Arc::clone(self.contents.get_or_init(|| found)))
    }

    /// The log of a feed that is sold, by its own key.
    fn log_of(&self, feed: &FeedKey) -> Option<Arc<SharedLog>> {
        if *feed == self.feed() { Some(Arc::clone(&self.log)) } else { self.members.get(feed) }
    }
}

#[cfg(test)]
mod tests;
