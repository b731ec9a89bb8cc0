//! One connection to the seller: carries out what the market's session machine decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use dazaar_log::{FeedKey, IdentityKey};
use dazaar_market::{Address, BuyerAction, BuyerConfig, BuyerEvent, BuyerSession, EndReason, Member, pay};
use dazaar_wire::PeerFault;
use dazaar_wire::replication::Fault;
use dazaar_wire::session::{Channel, Config, Event, Expected, Role, Security};
use serde_json::Value;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until, timeout};

use super::{BuyerNotice, Shared};
use crate::answers::Answers;
use crate::connection::{Connection, ConnectionError};
use crate::market::MarketError;
use crate::peer::{Line, Question as PeerQuestion};
use crate::replicator::Replicator;
use crate::transport::BoxedStream;
use crate::validator::{Asked, Question};

/// Pause before a payment that the seller could not check is handed over again.
const RESEND_PAUSE: Duration = Duration::from_secs(5);

/// How long what is under way may take to come on a connection that we leave.
const LEAVE_MAX: Duration = Duration::from_secs(2);

/// A connection and where it stands.
#[derive(Debug)]
pub(super) struct BuyerConnection {
    buyer: Arc<Shared>,
    connection: Connection<BoxedStream>,
    machine: BuyerSession,
    address: Address,
    part: Part,
    is_connected: bool,
    was_served: bool,
    /// What the seller said of us while this was a trial.
    judged: Option<BuyerEvent>,
    /// Feeds that were opened then.
    opened: Vec<(Channel, Arc<Replicator>)>,
    /// What the seller sells us, once they have said it.
    feed: Option<FeedKey>,
    /// Whether the validator lets us download; also before there is a feed.
    downloading: bool,
    /// The answer about the seller, on its way.
    verdict: Asked,
    /// Payments of which the seller was told on this connection, and what.
    sent: BTreeSet<(String, &'static str)>,
    /// When to hand them over again: the seller could not check one.
    resend_at: Option<Instant>,
    /// Whether the seller's software knows our additions.
    is_native: bool,
    /// Whether the seller offers another feed than the one that we have: what they say is not about ours.
    is_other_feed: bool,
    /// The channels of feeds that are open.
    channels: BTreeMap<FeedKey, Channel>,
    /// What is to be asked about them.
    questions: broadcast::Receiver<PeerQuestion>,
    line: Line,
    answers: Answers,
}

/// The part that a connection plays in a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Another one is the purchase's, and this may become it.
    Trial,
    /// It is the purchase's.
    Main,
    /// It was, and what it owes still comes.
    Last,
}

impl BuyerConnection {
    pub(super) fn new(buyer: Arc<Shared>, stream: BoxedStream, address: Address, part: Part) -> Self {
        let config = Config {
            role: Role::Initiator,
            identity: buyer.market.buyer(),
            expected: Expected::Only(buyer.order.link.seller),
            security: buyer.options.security,
            seed: rand::random(),
            extensions: dazaar_market::extension::names(),
        };
        let connection = Connection::new(stream, config);
        let (questions, line) = (buyer.feeds.questions(), buyer.feeds.line());
        let machine = BuyerSession::new(BuyerConfig {
            seller: buyer.order.link.seller,
            known_feed: buyer.replicator.get().map(|replicator| replicator.key()),
            known_members: buyer.known_members(),
            acceptance: buyer.acceptance,
            vet_seller: buyer.options.vetting.is_some(),
            validate_interval: dazaar_market::session::VALIDATE_INTERVAL,
        });
        Self {
            buyer,
            connection,
            machine,
            address,
            part,
            is_connected: false,
            was_served: false,
            judged: None,
            opened: Vec::new(),
            feed: None,
            downloading: true,
            verdict: Asked::default(),
            sent: BTreeSet::new(),
            resend_at: None,
            is_native: false,
            is_other_feed: false,
            channels: BTreeMap::new(),
            questions,
            line,
            answers: Answers::new(),
        }
    }

    /// Whether the seller let us open the feed: more than a connection that is cut at once.
    pub(super) const fn was_served(&self) -> bool {
        self.was_served
    }

    /// Runs until the seller has proved who they are. What the buyer tells them waits until [`run`](Self::run).
    pub(super) async fn authenticate(&mut self) -> Result<(), BuyerEnd> {
        loop {
            while let Some(event) = self.connection.poll_event()? {
                self.handle_event(event)?;
                self.act()?;
                if self.is_connected {
                    return Ok(());
                }
            }
            self.connection.turn(None).await?;
        }
    }

    /// Runs until the connection ends, and says why.
    pub(super) async fn run(&mut self) -> BuyerEnd {
        loop {
            if let Err(end) = self.step().await {
                return end;
            }
        }
    }

    /// Runs until the seller has admitted us and opened the feed, or has refused us: then this is not better than what we have.
    pub(super) async fn prove(&mut self) -> Result<bool, BuyerEnd> {
        loop {
            match &self.judged {
                Some(BuyerEvent::Valid { .. }) if self.was_served => return Ok(true),
                Some(BuyerEvent::Invalid { .. }) => return Ok(false),
                _ => self.step().await?,
            }
        }
    }

    /// From now on this connection is the purchase's.
    pub(super) fn take(&mut self) -> Result<(), BuyerEnd> {
        self.part = Part::Main;
        self.begin();
        self.set_downloading();
        for (channel, replicator) in std::mem::take(&mut self.opened) {
            self.connection.attach(channel, replicator)?;
        }
        // What was asked before was asked of others.
        self.questions = self.buyer.feeds.questions();
        self.channels.keys().for_each(|key| self.line.open(*key));
        self.judged.take().map_or(Ok(()), |judged| self.tell(judged))
    }

    /// From now on another connection is the purchase's, and nothing more is asked for here.
    pub(super) fn leave(&mut self) {
        self.part = Part::Last;
        self.channels.keys().for_each(|key| self.line.close(key));
        self.connection.leave();
    }

    /// Runs until everything has come that is under way, though not for long, and says goodbye.
    pub(super) async fn end(mut self) {
        let coming = async { while self.connection.owes() && self.step().await.is_ok() {} };
        // What does not come is asked for at the other address.
        let _ = timeout(LEAVE_MAX, coming).await;
        self.machine.handle_closed();
        self.connection.close().await;
    }

    /// Says goodbye.
    pub(super) async fn finish(mut self) {
        self.machine.handle_closed();
        if self.part == Part::Main {
            self.buyer.is_opening.store(false, Ordering::Release);
        }
        self.connection.close().await;
    }

    async fn step(&mut self) -> Result<(), BuyerEnd> {
        while let Some(event) = self.connection.poll_event()? {
            self.handle_event(event)?;
            self.act()?;
        }
        let is_main = self.is_connected && self.part == Part::Main;
        if is_main {
            self.send_payments();
            self.act()?;
        }
        let outbox_filled = Arc::clone(&self.buyer.outbox_filled);
        tokio::select! {
            turn = self.connection.turn(self.machine.poll_timeout()) => turn?,
            verdict = self.verdict.answer() => self.machine.handle_verdict(self.connection.now(), verdict),
            () = outbox_filled.notified(), if is_main => self.send_outbox(),
            question = self.questions.recv(), if self.part == Part::Main => self.ask_about(question)?,
            () = expired(self.resend_at) => self.forget_sent(),
        }
        self.machine.handle_timeout(self.connection.now());
        self.act()
    }

    fn handle_event(&mut self, event: Event) -> Result<(), BuyerEnd> {
        match event {
            Event::Connected { .. } => {
                self.is_connected = true;
                self.line.connected(self.connection.now());
                self.is_native = self.connection.session().remote_authenticates();
                self.buyer.market.remember_purchase(&self.buyer.order)?;
                self.machine.handle_connected();
                if self.part == Part::Main {
                    self.begin();
                }
            }
            Event::Extension { name, payload } => self.machine.handle_extension(&name, &payload)?,
            Event::Offered { discovery_key } => {
                // The seller may open the feed before we have read which one it is: then it is joined later.
                tracing::trace!(%discovery_key, "the seller offers a feed");
            }
            Event::Opened { channel } => self.handle_opened(channel)?,
            Event::ChannelExtension { channel, name, payload } => {
                let key = self.connection.session().feed(channel);
                if let Some((key, extension)) =
                    key.and_then(|key| Some((key, self.buyer.feeds.extension(&key)?)))
                {
                    let reaction = || {
                        let reaction = extension.react(&payload);
                        if reaction.is_answer {
                            self.line.answered(&key);
                        }
                        reaction
                    };
                    self.answers.give(&mut self.connection, (channel, &name), reaction)?;
                }
            }
            Event::Refused { discovery_key, .. } => self.machine.handle_feed_refused(&discovery_key),
            Event::Closed { channel } => self.forget(channel),
            _ => {}
        }
        Ok(())
    }

    /// The seller has proved who they are, and this connection is the purchase's.
    fn begin(&mut self) {
        let authenticated = self.connection.session().security() == Security::Authenticated;
        self.buyer.notify(BuyerNotice::Connected { address: self.address.clone(), authenticated });
        self.send_outbox();
    }

    /// Carries out what the machine decided.
    fn act(&mut self) -> Result<(), BuyerEnd> {
        if self.part == Part::Main {
            self.buyer.is_opening.store(self.machine.is_opening(), Ordering::Release);
        }
        while let Some(action) = self.machine.poll_action() {
            match action {
                BuyerAction::Send { name, payload } => {
                    self.connection
                        .session()
                        .send_extension(name, &payload)
                        .map_err(ConnectionError::from)?;
                }
                BuyerAction::OpenFeed { key } => {
                    self.feed.get_or_insert(key);
                    self.connection.session().open(key).map_err(ConnectionError::from)?;
                }
                BuyerAction::StoreFeed { key } => {
                    self.buyer
                        .market
                        .database()
                        .set_purchase_feed(&self.buyer.order.link.seller, &key)
                        .map_err(MarketError::from)?;
                }
                BuyerAction::StoreMember(member) => {
                    self.buyer.take_name(&member);
                    self.buyer
                        .market
                        .database()
                        .put_purchase_member(&self.buyer.order.link.seller, &member)
                        .map_err(MarketError::from)?;
                }
                BuyerAction::Notify(BuyerEvent::UserMessage { name, message })
                    if pay::is_payment(&name) || self.awaits_invoice(&name) =>
                {
                    self.handle_payment(&name, message);
                }
                BuyerAction::Notify(event @ (BuyerEvent::Valid { .. } | BuyerEvent::Invalid { .. }))
                    if self.part != Part::Main =>
                {
                    self.judged = Some(event);
                }
                BuyerAction::Notify(event) => self.tell(event)?,
                BuyerAction::End(reason) => return Err(BuyerEnd::Ended(reason)),
                BuyerAction::Download(downloading) => {
                    self.downloading = downloading;
                    self.set_downloading();
                }
                BuyerAction::Validate { seller } => self.ask(seller),
            }
        }
        Ok(())
    }

    fn tell(&mut self, event: BuyerEvent) -> Result<(), BuyerEnd> {
        match &event {
            BuyerEvent::FeedChanged { .. } => self.is_other_feed = true,
            // It may be sold from now on.
            BuyerEvent::Invalid { .. } => self.buyer.set_free(false).map_err(MarketError::from)?,
            BuyerEvent::Valid { info } => {
                let is_free = is_free(info) && !self.is_other_feed;
                self.buyer.set_free(is_free).map_err(MarketError::from)?;
            }
            _ => {}
        }
        self.buyer.notify(BuyerNotice::Session(event));
        Ok(())
    }

    /// Has the feeds ask, or not, if that is for this connection to say.
    fn set_downloading(&self) {
        if self.part == Part::Main {
            let members = self.buyer.members();
            for replicator in self.buyer.replicator.get().into_iter().chain(members.values()) {
                replicator.set_downloading(self.downloading);
            }
        }
    }

    /// The seller has proved to know the feed's key: only now is it worth a folder.
    fn handle_opened(&mut self, channel: Channel) -> Result<(), BuyerEnd> {
        if let Some(key) = self.connection.session().feed(channel) {
            let replicator = match self.machine.member(&key) {
                Some(feed) => self.buyer.begin_member(Member { feed, key })?,
                None => self.buyer.begin_feed(&key)?,
            };
            if self.part == Part::Main {
                replicator.set_downloading(self.downloading);
            }
            if let Some(extension) = self.buyer.feeds.extension(&key) {
                self.connection.session().set_channel_extensions(channel, [extension.name()]);
                self.channels.insert(key, channel);
                if self.part == Part::Main {
                    self.line.open(key);
                }
            }
            match self.part {
                Part::Trial => self.opened.push((channel, replicator)),
                Part::Main => self.connection.attach(channel, replicator)?,
                Part::Last => {}
            }
            self.machine.handle_feed_opened(&key);
            self.was_served = true;
        }
        Ok(())
    }

    /// The seller has closed a feed: nothing is asked about it any more.
    fn forget(&mut self, channel: Channel) {
        self.opened.retain(|(open, _)| *open != channel);
        for (key, _) in self.channels.extract_if(.., |_, open| *open == channel) {
            self.line.close(&key);
        }
    }

    /// Asks the seller which blocks a question about a feed needs. What was missed has an answer all the same: block by block.
    fn ask_about(&mut self, question: Result<PeerQuestion, RecvError>) -> Result<(), BuyerEnd> {
        let Ok(PeerQuestion { line, feed, payload }) = question else { return Ok(()) };
        if line != self.line.number() {
            return Ok(());
        }
        if let (Some(&channel), Some(extension)) =
            (self.channels.get(&feed), self.buyer.feeds.extension(&feed))
        {
            // What is wanted by number goes first, so that it does not come along as well.
            self.connection.fill()?;
            let session = self.connection.session();
            session
                .send_channel_extension(channel, extension.name(), &payload)
                .map_err(ConnectionError::from)?;
        }
        Ok(())
    }

    fn ask(&mut self, seller: IdentityKey) {
        if let (Some(validator), Some(feed)) = (&self.buyer.options.vetting, self.feed) {
            let buyer = self.buyer.market.buyer().public();
            self.verdict.ask(Arc::clone(validator), Question::new(seller, buyer, feed));
        }
    }

    fn send_outbox(&mut self) {
        let buyer = Arc::clone(&self.buyer);
        let mut outbox = buyer.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, message) in outbox.drain(..) {
            self.say(&name, &message);
        }
    }

    /// Sends a message of an application's; whether it is on its way.
    pub(super) fn say(&mut self, name: &str, message: &Value) -> bool {
        match self.machine.send_user_message(name, message) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, name, "cannot send a message");
                false
            }
        }
    }

    pub(super) const fn buyer(&self) -> &Arc<Shared> {
        &self.buyer
    }

    pub(super) const fn has_settled_terms(&self) -> bool {
        self.machine.has_settled_terms()
    }

    pub(super) const fn is_native(&self) -> bool {
        self.is_native
    }

    pub(super) fn has_sent(&self, order: &str, message: &'static str) -> bool {
        self.sent.contains(&(order.to_owned(), message))
    }

    pub(super) fn mark_sent(&mut self, order: String, message: &'static str) {
        self.sent.insert((order, message));
    }

    pub(super) fn resend_later(&mut self) {
        self.resend_at.get_or_insert_with(|| Instant::now() + RESEND_PAUSE);
    }

    fn forget_sent(&mut self) {
        self.resend_at = None;
        self.sent.clear();
    }
}

/// Whether everybody gets the feed itself: npm dazaar says it in two ways.
fn is_free(info: &Value) -> bool {
    let is_unique = info["uniqueFeed"] == true;
    !is_unique && (info["free"] == true || (info["type"] == "free" && info["uniqueFeed"] == false))
}

/// Waits for a time; for ever, if there is none.
pub(super) async fn expired(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Why a connection to a seller, or the whole purchase, ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuyerEnd {
    /// The connection broke, or the seller broke a rule.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The seller broke a rule of the market.
    #[error(transparent)]
    Misbehaved(#[from] dazaar_market::PeerFault),
    /// The session could lead nowhere.
    #[error(transparent)]
    Ended(#[from] EndReason),
    /// Our own records or feeds cannot be used.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// Nobody said where the seller can be reached in a way that we have.
    #[error("no address of the seller is known that can be dialled")]
    NoAddress,
}

impl BuyerEnd {
    /// Whether the terms of use must be accepted first.
    pub const fn is_about_terms(&self) -> bool {
        matches!(self, Self::Ended(EndReason::TermsMissing | EndReason::TermsChanged))
    }

    /// Whether somebody else than the seller was reached.
    pub const fn is_about_identity(&self) -> bool {
        matches!(self, Self::Connection(ConnectionError::Peer(PeerFault::WrongIdentity { .. })))
    }

    /// Whether the seller does not authenticate frames, and we insist.
    pub const fn is_about_security(&self) -> bool {
        matches!(self, Self::Connection(ConnectionError::Peer(PeerFault::NotAuthenticated)))
    }

    /// Whether our own copy cannot be read or written.
    pub const fn is_about_our_disk(&self) -> bool {
        matches!(self, Self::Connection(ConnectionError::Replication(Fault::Log(_) | Fault::Damaged(_))))
    }

    /// Whether the next connection would end the same way.
    pub(super) const fn is_final(&self) -> bool {
        self.is_about_security()
            || self.is_about_terms()
            || self.is_about_our_disk()
            || matches!(self, Self::Market(_) | Self::NoAddress)
    }
}
