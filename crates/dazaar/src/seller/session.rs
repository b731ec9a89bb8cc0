//! One connection of one buyer: carries out what the market's session machine decides.

use std::collections::BTreeSet;
use std::sync::Arc;

use dazaar_log::{Feed, FeedKey, IdentityKey};
use dazaar_market::price::TimeRange;
use dazaar_market::{Acceptance, Member, PeerKind, SellerAction, SellerEvent, SellerSession, Verdict, pay};
use dazaar_trie::hypertrie::EXTENSION;
use dazaar_wire::session::{Config, Event, Expected, Role, Security};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::buyers::UserMessage;
use super::uploads::Uploads;
use super::{SellerNotice, Shared};
use crate::allowance::{Counter, Limits};
use crate::answers::Answers;
use crate::clock::{moment, now_ms};
use crate::connection::{Connection, ConnectionError};
use crate::contents::Contents;
use crate::database::{DatabaseError, Sale};
use crate::market::MarketError;
use crate::shared_log::SharedLog;
use crate::transport::BoxedStream;
use crate::validator::{Asked, Question};

/// A connection and where it stands.
#[derive(Debug)]
pub(super) struct SellerConnection {
    seller: Arc<Shared>,
    connection: Connection<BoxedStream>,
    machine: SellerSession,
    /// Who is at the other end, and what is to be sent to them.
    buyer: Option<(IdentityKey, mpsc::Receiver<UserMessage>)>,
    /// The validator's answer, on its way.
    verdict: Asked,
    uploads: Uploads,
    /// The feeds besides the first that the buyer gets, by their own keys; none before the first is ready.
    members: Option<BTreeSet<FeedKey>>,
    growing: watch::Receiver<()>,
    delivery: Delivery,
    /// Whether the buyer's software knows our additions.
    is_native: bool,
    /// Whether the buyer heard last that they are not served.
    is_refused: bool,
    /// Payments that changed nothing.
    payments_in_vain: u32,
    answers: Answers,
}

/// What was delivered on this connection.
#[derive(Debug, Default)]
struct Delivery {
    /// Uploading is allowed.
    is_open: bool,
    /// Something was delivered since: the meter runs.
    is_metered: bool,
    /// Milliseconds of delivery that ended before anybody was asked to charge them.
    uncharged_ms: i64,
    /// Something was delivered that costs time.
    counts: bool,
    /// The rows that were paid are used up, and more was asked for.
    is_spent: bool,
    /// Not yet recorded.
    blocks: u64,
    bytes: u64,
}

impl SellerConnection {
    pub(super) fn new(seller: Arc<Shared>, stream: BoxedStream) -> Self {
        let config = Config {
            role: Role::Responder,
            identity: &seller.identity,
            expected: Expected::Anybody,
            security: seller.options.security,
            seed: rand::random(),
            extensions: dazaar_market::extension::names(),
        };
        let connection = Connection::new(stream, config);
        let mut machine = SellerSession::new(seller.config.clone());
        let growing = seller.members.growing();
        let mut members = None;
        if seller.is_free() {
            let all: BTreeSet<_> = seller.members.all().into_keys().collect();
            machine.handle_members(&all.iter().copied().map(Member::free).collect::<Vec<_>>());
            members = Some(all);
        }
        let delivery = Delivery::default();
        Self {
            seller,
            connection,
            machine,
            buyer: None,
            verdict: Asked::default(),
            uploads: Uploads::default(),
            members,
            growing,
            delivery,
            is_native: false,
            is_refused: false,
            payments_in_vain: 0,
            answers: Answers::new(),
        }
    }

    pub(super) fn buyer(&self) -> Option<IdentityKey> {
        self.buyer.as_ref().map(|(buyer, _)| *buyer)
    }

    /// Runs until the connection ends, and says why.
    pub(super) async fn run(&mut self) -> SessionEnd {
        loop {
            if let Err(end) = self.step().await {
                return end;
            }
        }
    }

    /// Charges and records the last of the delivery, and says goodbye.
    pub(super) async fn finish(mut self) {
        let Some(buyer) = self.buyer() else { return };
        self.machine.handle_closed();
        self.count_deliveries();
        if let Err(error) = self.record_deliveries(&buyer) {
            tracing::error!(%error, %buyer, "cannot record what was delivered");
        }
        self.stop_meter();
        let mut last = Asked::default();
        last.ask(Arc::clone(&self.seller.validator), self.question(buyer));
        // Nobody is told the answers. The question that is still out, and the last one, charge what was delivered.
        tokio::join!(self.verdict.settle(), last.settle());
        self.buyer = None;
        self.seller.buyers.leave(&buyer);
        self.connection.close().await;
    }

    async fn step(&mut self) -> Result<(), SessionEnd> {
        while let Some(event) = self.connection.poll_event()? {
            self.handle_event(event)?;
            self.act()?;
        }
        self.count_deliveries();
        let inbox = self.buyer.as_mut().map(|(_, inbox)| inbox);
        tokio::select! {
            turn = self.connection.turn(self.machine.poll_timeout()) => turn?,
            verdict = self.verdict.answer() => self.handle_verdict(verdict)?,
            Ok(()) = self.growing.changed() => self.add_members()?,
            Some((name, message)) = next(inbox) => {
                self.say(&name, &message);
                // What is left has changed.
                if [pay::RECEIPT, pay::refund::NAME].contains(&name.as_str()) {
                    self.ask_at_once();
                }
            }
        }
        self.machine.handle_timeout(self.connection.now());
        self.act()
    }

    fn handle_event(&mut self, event: Event) -> Result<(), SessionEnd> {
        match event {
            Event::Connected { remote, security, .. } => self.handle_connected(remote, security)?,
            Event::Extension { name, payload } => self.machine.handle_extension(&name, &payload)?,
            Event::Opened { channel } => {
                let key = self.connection.session().feed(channel);
                if let Some(view) = key.and_then(|key| self.uploads.get(&key)) {
                    self.connection.session().set_channel_extensions(channel, [EXTENSION]);
                    self.connection.attach(channel, Arc::clone(view))?;
                }
            }
            Event::ChannelExtension { channel, name, payload } if self.delivery.is_open => {
                let key = self.connection.session().feed(channel);
                if let Some(view) = key.and_then(|key| self.uploads.get(&key)) {
                    let reaction = || self.seller.tries.react(view.log(), &payload);
                    self.answers.give(&mut self.connection, (channel, &name), reaction)?;
                }
            }
            Event::Offered { discovery_key } => self.machine.handle_offer(discovery_key)?,
            _ => {}
        }
        Ok(())
    }

    fn handle_connected(&mut self, buyer: IdentityKey, security: Security) -> Result<(), SessionEnd> {
        let inbox = self.seller.buyers.enter(buyer).ok_or(SessionEnd::TooManyConnections)?;
        self.buyer = Some((buyer, inbox));
        self.seller.expect_unordered(buyer);
        let authenticated = security == Security::Authenticated;
        self.seller.notify(SellerNotice::Connected { buyer, authenticated });
        self.is_native = self.connection.session().remote_authenticates();
        let kind = if self.is_native { PeerKind::Native } else { PeerKind::Classic };
        let stored = self.stored_acceptance(&buyer)?;
        self.machine.handle_connected(self.connection.now(), buyer, kind, stored);
        Ok(())
    }

    fn stored_acceptance(&self, buyer: &IdentityKey) -> Result<Option<Acceptance>, SessionEnd> {
        let Some(terms) = &self.seller.config.terms else { return Ok(None) };
        let database = self.seller.market.database();
        let record = database.acceptance(&self.seller.feed(), buyer, &terms.hash().0)?;
        Ok(record.and_then(|record| Acceptance::decode(&record).ok()))
    }

    /// Carries out what the machine decided.
    fn act(&mut self) -> Result<(), SessionEnd> {
        while let Some(action) = self.machine.poll_action() {
            let Some(buyer) = self.buyer() else { return Ok(()) };
            match action {
                SellerAction::Send { name, payload } => {
                    self.connection
                        .session()
                        .send_extension(name, &payload)
                        .map_err(ConnectionError::from)?;
                }
                SellerAction::Validate { buyer } => self.ask(buyer)?,
                SellerAction::StoreAcceptance(acceptance) => self.store_acceptance(&buyer, acceptance)?,
                SellerAction::PrepareFeed { buyer } => self.prepare_feed(&buyer)?,
                SellerAction::OpenFeed { key } => self.open_feed(&buyer, key)?,
                SellerAction::Upload(upload) => self.set_uploading(upload),
                SellerAction::RefuseOffer { discovery_key } => {
                    self.connection.session().refuse(discovery_key)
                }
                SellerAction::Notify(SellerEvent::UserMessage { name, message })
                    if pay::is_payment(&name) || name == pay::refund::NAME || self.takes_lnd(&name) =>
                {
                    self.handle_payment(buyer, &name, message);
                }
                SellerAction::Notify(event) => self.tell(buyer, event),
            }
        }
        Ok(())
    }

    /// A buyer who is refused for want of credit has heard before what is asked. npm dazaar would not know what to do with it.
    fn handle_verdict(&mut self, mut verdict: Verdict) -> Result<(), SessionEnd> {
        if let (Some(buyer), Verdict::Admit { info }) = (self.buyer(), &verdict) {
            let limits = info.as_ref().map(limits).unwrap_or_default();
            // Who has no rows left is sent what costs none. Who wants more hears what is asked.
            let (is_empty, is_held) = (limits.of_rows && limits.left == Some(0), self.uploads.take_held());
            self.delivery.is_spent = is_empty && (self.delivery.is_spent || is_held);
            if self.delivery.is_spent {
                verdict = Verdict::Refuse { reason: "nothing left of what was paid".to_owned() };
            } else {
                self.set_limits(&buyer, limits)?;
            }
        }
        if let Some(buyer) = self.buyer()
            && self.is_native
            && !self.is_refused
            && !self.machine.is_outdated()
            && matches!(verdict, Verdict::Refuse { .. })
        {
            self.say_due(&buyer);
        }
        self.machine.handle_verdict(self.connection.now(), verdict);
        Ok(())
    }

    fn set_limits(&self, buyer: &IdentityKey, limits: Limits) -> Result<(), SessionEnd> {
        let allowance = self.seller.buyers.allowance(buyer);
        if (limits.of_rows || limits.counts_rows) && allowance.lacks_rows() {
            allowance.set_rows(self.seller.charged_rows(*buyer));
        }
        let contents = self.learn_contents();
        self.seller.buyers.set_limits(buyer, limits);
        if let (Some(contents), Some(ranges)) = (contents, allowance.look_for()) {
            let log = Arc::clone(&self.seller.log);
            // Until it is known, each block is read to find out.
            tokio::task::spawn_blocking(move || {
                let outside = contents.outside(&log, &ranges);
                allowance.set_outside(&ranges, outside);
            });
        }
        self.uploads.announce_withheld();
        self.uploads.wake();
        Ok(())
    }

    /// What the feed holds, once that can be known: an empty one may become anything.
    fn learn_contents(&self) -> Option<Arc<dyn Contents>> {
        let contents = self.seller.contents();
        if contents.is_some() || self.seller.log.lock().length() > 0 {
            self.uploads.set_contents(contents.as_ref());
        }
        contents
    }

    fn tell(&mut self, buyer: IdentityKey, event: SellerEvent) {
        match event {
            SellerEvent::Admitted { .. } => self.is_refused = false,
            SellerEvent::Refused { .. } => self.is_refused = true,
            _ => {}
        }
        self.seller.notify(SellerNotice::Session { buyer, event });
    }

    pub(super) const fn seller(&self) -> &Arc<Shared> {
        &self.seller
    }

    /// Sends a message of our own.
    pub(super) fn say(&mut self, name: &str, message: &Value) {
        if let Err(error) = self.machine.send_user_message(name, message) {
            tracing::warn!(%error, name, "cannot send a message");
        }
    }

    /// Has the validator asked now: something was paid.
    pub(super) fn ask_at_once(&mut self) {
        self.machine.handle_payment(self.connection.now());
    }

    pub(super) const fn has_settled_terms(&self) -> bool {
        self.machine.has_settled_terms()
    }

    pub(super) const fn payments_in_vain(&self) -> u32 {
        self.payments_in_vain
    }

    pub(super) const fn count_in_vain(&mut self) {
        self.payments_in_vain += 1;
    }

    fn ask(&mut self, buyer: IdentityKey) -> Result<(), SessionEnd> {
        self.record_deliveries(&buyer)?;
        let question = self.question(buyer);
        self.verdict.ask(Arc::clone(&self.seller.validator), question);
        Ok(())
    }

    fn question(&mut self, buyer: IdentityKey) -> Question {
        let running_ms = if self.delivery.is_metered { self.seller.buyers.take_served_ms(&buyer) } else { 0 };
        let served_ms = running_ms.saturating_add(std::mem::take(&mut self.delivery.uncharged_ms));
        self.seller.question(buyer, served_ms)
    }

    fn store_acceptance(&mut self, buyer: &IdentityKey, acceptance: Acceptance) -> Result<(), SessionEnd> {
        let (feed, terms) = (self.seller.feed(), acceptance.terms());
        let database = self.seller.market.database();
        database.put_acceptance(&feed, buyer, &terms.0, &acceptance.encode(), now_ms())?;
        self.seller.notify(SellerNotice::TermsAccepted { buyer: *buyer });
        self.machine.handle_acceptance_stored(self.connection.now());
        Ok(())
    }

    fn prepare_feed(&mut self, buyer: &IdentityKey) -> Result<(), SessionEnd> {
        let pair = self.seller.market.unique_feed(&self.seller.feed(), buyer)?;
        let key = pair.public();
        self.put_sale(buyer, key)?;
        let seller = Arc::clone(&self.seller);
        self.add_view(&seller.log, Feed::rekeyed(pair));
        let name = seller.members.names_first().then_some(Member { feed: seller.feed(), key });
        self.members = Some(BTreeSet::new());
        let others = self.derive_members(buyer)?;
        let members: Vec<_> = name.into_iter().chain(others).collect();
        self.machine.handle_feed(self.connection.now(), key, &members);
        Ok(())
    }

    /// More feeds are sold. Whoever has not got the first yet gets them with it.
    fn add_members(&mut self) -> Result<(), SessionEnd> {
        let added = match (self.buyer(), &mut self.members) {
            (_, Some(known)) if self.seller.is_free() => {
                let all = self.seller.members.all().into_keys();
                all.filter(|feed| known.insert(*feed)).map(Member::free).collect()
            }
            (Some(buyer), Some(_)) => self.derive_members(&buyer)?,
            _ => Vec::new(),
        };
        self.machine.handle_members(&added);
        Ok(())
    }

    /// The feeds that this buyer does not get yet, each under a key of theirs.
    fn derive_members(&mut self, buyer: &IdentityKey) -> Result<Vec<Member>, SessionEnd> {
        let mut members = Vec::new();
        for (feed, log) in self.seller.members.all() {
            if self.members.as_mut().is_some_and(|known| known.insert(feed)) {
                let pair = self.seller.market.unique_feed(&feed, buyer)?;
                members.push(Member { feed, key: pair.public() });
                self.add_view(&log, Feed::rekeyed(pair));
            }
        }
        Ok(members)
    }

    fn open_feed(&mut self, buyer: &IdentityKey, key: FeedKey) -> Result<(), SessionEnd> {
        let seller = Arc::clone(&self.seller);
        if self.uploads.get(&key).is_none()
            && let Some(log) = seller.log_of(&key)
        {
            if key == seller.feed() {
                self.put_sale(buyer, key)?;
            }
            self.add_view(&log, Feed::own(key));
        }
        self.connection.session().open(key).map_err(ConnectionError::from)?;
        Ok(())
    }

    fn add_view(&mut self, log: &Arc<SharedLog>, feed: Feed) {
        let allowance = self.buyer().map(|buyer| self.seller.buyers.allowance(&buyer)).unwrap_or_default();
        self.uploads.add(log, feed, Counter::new(allowance));
        self.learn_contents();
    }

    fn put_sale(&self, buyer: &IdentityKey, unique_feed: FeedKey) -> Result<(), DatabaseError> {
        let (feed, now) = (self.seller.feed(), now_ms());
        let sale = Sale {
            feed,
            buyer: *buyer,
            unique_feed,
            secret: None,
            since_ms: now,
            seen_ms: now,
            blocks: 0,
            bytes: 0,
        };
        self.seller.market.database().put_sale(&sale)
    }

    fn set_uploading(&mut self, uploading: bool) {
        self.delivery.is_open = uploading;
        if !uploading {
            self.delivery.counts = false;
            self.stop_meter();
        }
        self.uploads.set_uploading(uploading);
    }

    /// The meter runs from the first block that is delivered while the gate is open, until the gate closes.
    fn count_deliveries(&mut self) {
        let uploaded = self.uploads.take_uploaded();
        self.delivery.blocks += uploaded.blocks;
        self.delivery.bytes += uploaded.bytes;
        if let (Some(buyer), 1..) = (self.buyer(), uploaded.bytes)
            && self.seller.buyers.allowance(&buyer).left() == Some(0)
        {
            self.ask_at_once();
        }
        let Some(buyer) = self.buyer() else { return };
        self.tell_fork(buyer);
        let delivery = &mut self.delivery;
        delivery.counts |= uploaded.counts;
        if delivery.is_open && !delivery.is_metered && delivery.counts {
            delivery.is_metered = true;
            self.seller.buyers.start_meter(&buyer);
        }
    }

    fn tell_fork(&self, buyer: IdentityKey) {
        if let Some((ours, theirs)) = self.uploads.take_forked() {
            self.seller.notify(SellerNotice::Forked { buyer, ours, theirs });
        }
    }

    /// The gate is closed, or the connection gone: the meter stops here.
    fn stop_meter(&mut self) {
        if let (true, Some(buyer)) = (std::mem::take(&mut self.delivery.is_metered), self.buyer()) {
            let served_ms = self.seller.buyers.stop_meter(&buyer);
            self.delivery.uncharged_ms = self.delivery.uncharged_ms.saturating_add(served_ms);
        }
    }

    fn record_deliveries(&mut self, buyer: &IdentityKey) -> Result<(), DatabaseError> {
        let (blocks, bytes) = (self.delivery.blocks, self.delivery.bytes);
        if blocks > 0 {
            self.seller.market.database().add_delivery(
                &self.seller.feed(),
                buyer,
                blocks,
                bytes,
                &moment(),
            )?;
            (self.delivery.blocks, self.delivery.bytes) = (0, 0);
        }
        Ok(())
    }
}

/// What a buyer may still be sent, as a validator says.
fn limits(info: &Value) -> Limits {
    let kind = info["type"].as_str().unwrap_or_default();
    let left = ["bytes", "records"].contains(&kind).then(|| info["remaining"].as_u64().unwrap_or(0));
    let ranges = info["ranges"].as_array().into_iter().flatten();
    let ranges =
        ranges.filter_map(|range| TimeRange::parse(range["from"].as_str()?, range["to"].as_str()?).ok());
    Limits {
        of_rows: kind == "records",
        left,
        counts_rows: info["counts"] == "records",
        ranges: ranges.collect(),
        only_ranges: kind == "range",
    }
}

/// The next message for the buyer, once there is one.
async fn next(inbox: Option<&mut mpsc::Receiver<UserMessage>>) -> Option<UserMessage> {
    match inbox {
        Some(inbox) => inbox.recv().await,
        None => std::future::pending().await,
    }
}

/// Why a buyer's connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionEnd {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Misbehaved(#[from] dazaar_market::PeerFault),
    #[error("the seller is shutting down")]
    Closing,
    #[error("this buyer has enough connections")]
    TooManyConnections,
    #[error(transparent)]
    Market(#[from] MarketError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
