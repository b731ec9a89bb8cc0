//! Buying from one seller: connects, keeps connecting, and replicates the feed that the seller gives.

mod candidates;
mod feeds;
mod payments;
mod session;
mod swarm;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::pay::lnd;
use dazaar_market::pay::{Due, Receipt, Refusal};
use dazaar_market::{Acceptance, Address, Asset, Link, Method, Money, PriceTerms, TermsHash, VoucherCode};
use dazaar_trie::hypertrie::ExtensionMessage;
use dazaar_wire::replication::Download;
use dazaar_wire::session::SecurityPolicy;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::{Instant, timeout};

use crate::clock::now_ms;
use crate::connection::{ConnectionError, explain};
use crate::database::{Purchase, Spending, SpendingState};
use crate::discovery::Discovery;
use crate::market::{Market, MarketError};
use crate::payment::{Bill, Payer, PaymentError};
use crate::peer::FeedSet;
use crate::replicator::Replicator;
use crate::trie;
use crate::validator::Validator;
use payments::Payment;

pub use session::BuyerEnd;

use candidates::{Candidates, DIALLED_MAX};
use session::{BuyerConnection, Part, expired};

/// Notices that wait for a slow watcher; older ones are dropped.
const NOTICES_MAX: usize = 1024;

/// Messages that wait for a connection.
const OUTBOX_MAX: usize = 64;

/// How long a seller at a better address may take to admit us there.
const TRIAL_MAX: Duration = Duration::from_secs(10);

/// What to buy, and what is known of it.
#[derive(Debug, Clone)]
pub struct Order {
    /// Who sells, and where they may be reached.
    pub link: Link,
    /// The card, as JSON.
    pub card: Option<String>,
    /// Terms of use that are accepted.
    pub terms: Option<TermsHash>,
}

impl From<Link> for Order {
    fn from(link: Link) -> Self {
        Self { link, card: None, terms: None }
    }
}

/// How to buy.
#[derive(Debug, Clone)]
pub struct BuyerOptions {
    /// Which blocks to download without being asked.
    pub download: Download,
    /// Whether frames must be authenticated.
    pub security: SecurityPolicy,
    /// Who decides, again and again, whether to download from this seller; nobody if there is no doubt.
    pub vetting: Option<Arc<dyn Validator>>,
    /// Who pays: the first that may.
    pub payers: Vec<NamedPayer>,
    /// Where other buyers of a feed that is free for everybody are served, who are found as the seller is; none serves and asks nobody
    /// but the seller. Port 0 takes a free one.
    pub share: Option<SocketAddr>,
}

/// A wallet that pays, and the name under which payments remember it.
#[derive(Debug, Clone)]
pub struct NamedPayer {
    /// Its name: a payment that it began is no other wallet's business.
    pub name: String,
    /// The wallet.
    pub payer: Arc<dyn Payer>,
}

impl BuyerOptions {
    /// Who pays in this way, in this.
    fn payer(&self, method: Method, asset: &Asset) -> Option<&NamedPayer> {
        self.payers.iter().find(|named| named.payer.method() == method && named.payer.pays(asset))
    }

    /// Who goes on with a payment: the wallet that began it, or else the first that can.
    fn payer_of(&self, bill: &Bill, wallet: Option<&str>) -> Option<&NamedPayer> {
        match wallet {
            Some(wallet) => self.payers.iter().find(|named| named.name == wallet),
            None => self.payer(bill.method, &bill.price.asset),
        }
    }

    /// Who begins to pay a bill: the first that may. Some wallets can only be paid, and say so when they are asked.
    async fn first_payer(&self, bill: &Bill) -> Option<&NamedPayer> {
        let (method, asset) = (bill.method, &bill.price.asset);
        let can = |named: &&NamedPayer| named.payer.method() == method && named.payer.pays(asset);
        let all: Vec<&NamedPayer> = self.payers.iter().filter(can).collect();
        if all.len() > 1 {
            for named in &all {
                if !matches!(named.payer.may_pay(bill).await, Err(PaymentError::Refused { .. })) {
                    return Some(named);
                }
            }
        }
        // It says itself why it does not pay.
        all.first().copied()
    }
}

impl Default for BuyerOptions {
    fn default() -> Self {
        Self {
            download: Download::All,
            security: SecurityPolicy::Offer,
            vetting: None,
            payers: Vec::new(),
            share: None,
        }
    }
}

/// A purchase that is being made or kept up. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Buyer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    market: Arc<Market>,
    order: Order,
    options: BuyerOptions,
    acceptance: Option<Acceptance>,
    /// Known from the moment when the seller gave us a feed.
    replicator: OnceLock<Arc<Replicator>>,
    /// What the data calls it, if the seller said so.
    name: OnceLock<FeedKey>,
    /// The feeds that come with it, as the data names them.
    members: Mutex<BTreeMap<FeedKey, Arc<Replicator>>>,
    /// Whether some were named that are not open yet.
    is_opening: AtomicBool,
    /// All of these, for other buyers if they are free.
    feeds: Arc<FeedSet>,
    /// Whether everybody gets them, and may pass them on.
    is_free: watch::Sender<bool>,
    notices: broadcast::Sender<BuyerNotice>,
    outbox: Mutex<VecDeque<(String, Value)>>,
    outbox_filled: Arc<Notify>,
    /// Payments that the seller has not answered yet.
    payments: Mutex<Vec<Payment>>,
    /// Those that were given up and may have come all the same: the seller is asked on each connection.
    given_up: Mutex<VecDeque<Payment>>,
}

/// What a buyer may want to know.
#[derive(Debug, Clone, PartialEq)]
pub enum BuyerNotice {
    /// The seller was reached and has proved who they are.
    Connected {
        /// Where.
        address: Address,
        /// Whether frames are authenticated.
        authenticated: bool,
    },
    /// The connection ended, or there was none.
    Disconnected {
        /// Where.
        address: Address,
        /// Why.
        reason: String,
    },
    /// Something happened in a session.
    Session(dazaar_market::BuyerEvent),
    /// My wallet has paid; the seller is to say that it counts.
    Sent {
        /// How.
        method: Method,
        /// How much.
        money: Money,
        /// What paying cost on top, in the same units.
        fee: u64,
    },
    /// A payment counts.
    Paid(Receipt),
    /// A payment does not count, for good unless [`Buyer::is_paying`] still. Its texts are fit for display.
    PaymentRefused(Refusal),
    /// The seller does not serve us, and says what is asked. Its texts are fit for display.
    Due(Due),
}

impl Buyer {
    /// Gets ready to buy; what is known of an earlier purchase from the same seller is used.
    pub fn new(market: Arc<Market>, order: Order, options: BuyerOptions) -> Result<Self, MarketError> {
        let seller = order.link.seller;
        let purchase = market.database().purchase(&seller)?;
        let terms = order.terms.or_else(|| purchase.as_ref()?.terms_hash.map(TermsHash));
        let accepted_at_ms = u64::try_from(now_ms()).unwrap_or(0);
        let acceptance = terms
            .map(|terms| Acceptance::sign(market.buyer(), seller, terms, accepted_at_ms, &rand::random()));
        let buyer = Self(Arc::new(Shared {
            market,
            order,
            options,
            acceptance,
            replicator: OnceLock::new(),
            name: OnceLock::new(),
            members: Mutex::default(),
            is_opening: AtomicBool::new(false),
            feeds: FeedSet::new(),
            is_free: watch::Sender::new(false),
            notices: broadcast::Sender::new(NOTICES_MAX),
            outbox: Mutex::default(),
            outbox_filled: Arc::default(),
            payments: Mutex::default(),
            given_up: Mutex::default(),
        }));
        buyer.0.resume_payments()?;
        // Who accepted terms passes nothing on, whatever was so before.
        let is_free = buyer.0.acceptance.is_none() && buyer.0.market.database().is_purchase_free(&seller)?;
        buyer.0.is_free.send_replace(is_free);
        if let Some(feed) = purchase.and_then(|purchase| purchase.feed) {
            buyer.0.begin_feed(&feed)?;
            for member in buyer.0.market.database().purchase_members(&seller)? {
                if !buyer.0.take_name(&member) {
                    buyer.0.begin_member(member)?;
                }
            }
        }
        Ok(buyer)
    }

    /// Who sells.
    pub fn seller(&self) -> IdentityKey {
        self.0.order.link.seller
    }

    /// What the seller's link calls it.
    pub fn name(&self) -> Option<&str> {
        self.0.order.link.name.as_deref()
    }

    /// The feed, once the seller has given us one.
    pub fn feed(&self) -> Option<&Arc<Replicator>> {
        self.0.replicator.get()
    }

    /// What the data calls the feed: what the seller said, or else its own key.
    pub fn feed_name(&self) -> Option<FeedKey> {
        self.0.name.get().copied().or_else(|| Some(self.feed()?.key()))
    }

    /// The feeds that come with it, by the keys that the data calls them.
    pub fn members(&self) -> BTreeMap<FeedKey, Arc<Replicator>> {
        self.0.members().clone()
    }

    /// Whether the seller has named feeds that come with it and are not open yet: there will be more [members](Self::members).
    pub fn is_opening(&self) -> bool {
        self.0.is_opening.load(Ordering::Acquire)
    }

    /// What happens from now on.
    pub fn notices(&self) -> broadcast::Receiver<BuyerNotice> {
        self.0.notices.subscribe()
    }

    /// Sends a message of the application's own to the seller, as soon as there is a connection; false if too many
    /// wait already.
    pub fn send(&self, name: &str, message: &Value) -> bool {
        let mut outbox = self.0.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = outbox.len() < OUTBOX_MAX;
        if has_room {
            outbox.push_back((name.to_owned(), message.clone()));
            self.0.outbox_filled.notify_one();
        }
        has_room
    }

    /// Asks the seller which blocks a question about the map in the feed needs. Those that they name are fetched, or come along; whoever
    /// misses the question, or does not understand it, names none.
    pub fn ask_about_map(&self, question: &ExtensionMessage) {
        if let Some(feed) = self.feed() {
            self.0.feeds.ask(feed.key(), &trie::question(question, feed.log(), None));
        }
    }

    /// Redeems a voucher. It is handed over on every connection until the seller has answered, and counts once.
    pub fn redeem(&self, code: &VoucherCode) {
        self.0.payments().push(Payment::of_voucher(code));
        self.0.outbox_filled.notify_one();
    }

    /// Pays `units` at a price of the seller's card, with the first wallet that can. It goes on, also after a restart, until the
    /// seller has said that it counts, or that it cannot be paid.
    ///
    /// # Errors
    /// [`MarketError::NoPayer`], and [`DatabaseError::Budget`](crate::database::DatabaseError::Budget) if that is more than I allow.
    pub fn pay(&self, terms: &PriceTerms, units: u64) -> Result<(), MarketError> {
        let method = terms.method;
        if !self.can_pay(terms) {
            return Err(MarketError::NoPayer { method });
        }
        let spending = Spending {
            order: rand::random(),
            seller: self.seller(),
            method,
            price: terms.price.clone(),
            units: Self::whole_units(terms, units),
            counted: 0,
            pay_to: terms.pay_to.clone(),
            fee: 0,
            state: SpendingState::Open,
            request: None,
            paid: None,
            time_ms: now_ms(),
        };
        self.0.market.database().begin_spending(&spending)?;
        self.0.add_payment(Payment::of_spending(spending, self.0.market.buyer().public()));
        Ok(())
    }

    /// What is paid for so much at this price: some wallets count nothing smaller than a satoshi.
    pub fn whole_units(terms: &PriceTerms, units: u64) -> u64 {
        match terms.price.asset {
            Asset::Bitcoin => units.checked_next_multiple_of(lnd::SATOSHI).unwrap_or(units),
            _ => units,
        }
    }

    /// Whether a wallet of mine can pay at this price.
    pub fn can_pay(&self, terms: &PriceTerms) -> bool {
        self.0.options.payer(terms.method, &terms.price.asset).is_some()
    }

    /// Whether a payment is still to be answered.
    pub fn is_paying(&self) -> bool {
        !self.0.payments().is_empty()
    }

    /// Connects to the seller and goes on with whoever proves first to be it, at the order's addresses and wherever the market's
    /// [`Discovery`] finds it; and again whenever the connection ends. Where it turns out later that the seller can be reached in a
    /// better way, it goes on there. Returns only when trying again is pointless.
    ///
    /// Meanwhile buyers of a free feed serve each other, if [`BuyerOptions::share`] says so.
    pub async fn run(&self) -> BuyerEnd {
        let discovery = self.0.market.discovery();
        let Some((discovery, address)) = discovery.zip(self.0.options.share) else {
            return self.buy(discovery).await;
        };
        let mut buying = pin!(self.buy(Some(discovery)));
        tokio::select! {
            end = &mut buying => end,
            error = self.0.swarm(discovery, address) => {
                tracing::warn!(%error, "other buyers are not served");
                buying.await
            }
        }
    }

    async fn buy(&self, discovery: Option<&Discovery>) -> BuyerEnd {
        let lookup = discovery.map(|discovery| discovery.look_up(self.seller().discovery_key()));
        let known = self.0.order.link.addresses.iter();
        let known = known.filter(|address| self.0.market.dialer(address).is_some());
        let mut candidates = Candidates::new(Instant::now(), known, lookup, DIALLED_MAX);
        // Connections that we have left for a better one.
        let mut left = FuturesUnordered::new();
        loop {
            let connected = meanwhile(&mut left, self.connect(&mut candidates)).await;
            let (mut address, mut session) = match connected {
                Ok(connected) => connected,
                Err(end) => return end,
            };
            let end = loop {
                let moved = async {
                    tokio::select! {
                        end = session.run() => Err(end),
                        better = self.improve(&mut candidates, &address) => Ok(better),
                    }
                };
                let better = match meanwhile(&mut left, moved).await {
                    Ok(better) => better,
                    Err(end) => break end,
                };
                session.leave();
                left.push(std::mem::replace(&mut session, better.1).end());
                address = better.0;
                candidates.handle_moved(Instant::now(), &address);
                if let Err(end) = session.take() {
                    break end;
                }
            };
            let was_served = session.was_served();
            meanwhile(&mut left, session.finish()).await;
            if end.is_final() {
                return end;
            }
            self.disconnected(&address, &end);
            if was_served {
                candidates.handle_served(Instant::now(), &address);
            } else {
                candidates.handle_failure(Instant::now(), &address);
            }
        }
    }

    /// Dials one address after the other, without waiting long for any, until the seller has proved to be at one.
    async fn connect(&self, candidates: &mut Candidates) -> Result<(Address, BuyerConnection), BuyerEnd> {
        let mut attempts = FuturesUnordered::new();
        loop {
            while let Some(address) = candidates.dial(Instant::now()) {
                attempts.push(self.dial(address, Part::Main));
            }
            if candidates.is_exhausted() {
                return Err(BuyerEnd::NoAddress);
            }
            let due = candidates.due();
            tokio::select! {
                Some((address, outcome)) = attempts.next() => match outcome {
                    Ok(session) => {
                        candidates.handle_connected(Instant::now());
                        return Ok((address, session));
                    }
                    Err(end) if end.is_final() => return Err(end),
                    Err(end) => {
                        self.disconnected(&address, &end);
                        if end.is_about_identity() {
                            candidates.handle_impostor(&address);
                            if candidates.is_exhausted() {
                                return Err(end);
                            }
                        } else {
                            candidates.handle_failure(Instant::now(), &address);
                        }
                    }
                },
                () = candidates.hear() => {}
                () = expired(due) => {}
            }
        }
    }

    /// Waits until the seller has proved to be at a better address than the present one, and has admitted us there.
    async fn improve(&self, candidates: &mut Candidates, present: &Address) -> (Address, BuyerConnection) {
        loop {
            if let Some(address) = candidates.dial_better(Instant::now(), present) {
                let (address, outcome) = self.dial(address, Part::Trial).await;
                let proved = match outcome {
                    Ok(mut session) => {
                        timeout(TRIAL_MAX, session.prove()).await.map(|proved| (proved, session))
                    }
                    Err(end) if end.is_about_identity() => {
                        candidates.handle_impostor(&address);
                        continue;
                    }
                    Err(end) => {
                        tracing::debug!(%address, %end, "no better address");
                        continue;
                    }
                };
                match proved {
                    Ok((Ok(true), session)) => return (address, session),
                    Ok((Ok(false), session)) => session.finish().await,
                    _ => tracing::debug!(%address, "nothing came of a better address"),
                }
            }
            let due = candidates.better_due(present);
            tokio::select! {
                () = candidates.hear() => {}
                () = expired(due) => {}
            }
        }
    }

    /// Connects to one address, up to the proof that the seller is there.
    async fn dial(&self, address: Address, part: Part) -> (Address, Result<BuyerConnection, BuyerEnd>) {
        let dialled = async {
            let stream = self.0.market.dial(&address).await.map_err(ConnectionError::from)?;
            let mut session = BuyerConnection::new(Arc::clone(&self.0), stream, address.clone(), part);
            session.authenticate().await.map(|()| session)
        };
        let outcome = dialled.await;
        (address, outcome)
    }

    fn disconnected(&self, address: &Address, end: &BuyerEnd) {
        let (address, reason) = (address.clone(), explain(end));
        self.0.notify(BuyerNotice::Disconnected { address, reason });
    }
}

/// Waits for something, while other things end.
async fn meanwhile<T>(
    ending: &mut FuturesUnordered<impl Future<Output = ()>>,
    awaited: impl Future<Output = T>,
) -> T {
    let mut awaited = pin!(awaited);
    loop {
        tokio::select! {
            outcome = &mut awaited => return outcome,
            Some(()) = ending.next() => {}
        }
    }
}

impl Shared {
    fn notify(&self, notice: BuyerNotice) {
        // Nobody need be watching.
        let _ = self.notices.send(notice);
    }

    /// Goes on with payments of earlier runs. An order that nobody can pay now waits for a wallet.
    fn resume_payments(&self) -> Result<(), MarketError> {
        for spending in self.market.database().spendings(Some(&self.order.link.seller))? {
            let state = spending.state;
            let payment = Payment::of_spending(spending, self.market.buyer().public());
            let can_go_on = match state {
                SpendingState::Open => self.payer_of(&payment).is_some(),
                SpendingState::Sent => true,
                SpendingState::Done | SpendingState::Failed | SpendingState::Refused => false,
            };
            if can_go_on {
                self.add_payment(payment);
            } else if state == SpendingState::Failed {
                self.keep_given_up(payment);
            }
        }
        Ok(())
    }

    fn payer_of(&self, payment: &Payment) -> Option<&NamedPayer> {
        self.options.payer_of(payment.bill.as_ref()?, payment.wallet.as_deref())
    }

    fn add_payment(&self, payment: Payment) {
        self.payments().push(payment);
        self.outbox_filled.notify_one();
    }

    fn payments(&self) -> MutexGuard<'_, Vec<Payment>> {
        self.payments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Market {
    /// Records that I buy from a seller.
    fn remember_purchase(&self, order: &Order) -> Result<(), MarketError> {
        let purchase = Purchase {
            seller: order.link.seller,
            feed: None,
            name: order.link.name.clone(),
            card: order.card.clone(),
            addresses: order.link.addresses.iter().map(ToString::to_string).collect(),
            terms_hash: order.terms.map(|terms| terms.0),
            since_ms: now_ms(),
        };
        Ok(self.database().put_purchase(&purchase)?)
    }
}
