//! Keeps a purchase going and reports on it, until everything that was asked for is there.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::BuyerEvent;
use dazaar::cards::pay::Refusal;
use dazaar::log::FeedKey;
use dazaar::wire::replication::Progress;
use dazaar::{Buyer, BuyerNotice, Replicator, buyer::BuyerEnd};
use tokio::sync::Notify;
use tokio::time::{Instant, interval, sleep_until};

use super::paying::Paying;
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::output::Output;
use crate::watch::{buyer_event, next};

/// How often progress is reported.
const REPORT_INTERVAL: Duration = Duration::from_millis(200);

/// What is done with blocks as they arrive.
pub(super) trait Deliver {
    /// Hands over what has arrived, and asks for more; true when there is no more to come.
    fn advance(&mut self, feed: &Replicator, output: &Output) -> Result<bool, Failure>;
}

/// How far a feed is, and those that come with it.
#[derive(Debug, Clone, Copy)]
struct Total {
    have: u64,
    length: u64,
    bytes: u64,
}

impl Total {
    fn of(feed: &Replicator, members: &BTreeMap<FeedKey, Arc<Replicator>>) -> Self {
        let of_one = |feed: &Replicator| {
            let Progress { have, length, bytes_down, .. } = feed.progress();
            Self { have, length, bytes: bytes_down }
        };
        members.values().map(|member| of_one(member)).fold(of_one(feed), |sum, next| Self {
            have: sum.have + next.have,
            length: sum.length + next.length,
            bytes: sum.bytes + next.bytes,
        })
    }
}

/// A purchase and how to see it through.
pub(super) struct Follow<'a> {
    output: &'a Output,
    buyer: &'a Buyer,
    no_wait: bool,
    /// How long to go on without a connection.
    patience: Option<Duration>,
    /// Pays when the seller asks.
    paying: Option<Paying<'a>>,
    /// Whether to end when a payment is refused: one that was begun earlier is no reason.
    pays: bool,
    /// What the seller said last about admitting us.
    is_admitted: Cell<bool>,
    /// Whether the seller has not answered a payment of ours yet: until then a refusal may be out of date.
    is_paying: Cell<bool>,
    /// The refusal that was not heeded for that: the seller says it once.
    refusal: RefCell<Option<String>>,
    /// Why there was no connection when one was tried last.
    obstacle: RefCell<Option<String>>,
}

impl<'a> Follow<'a> {
    pub(super) fn new(
        output: &'a Output,
        buyer: &'a Buyer,
        no_wait: bool,
        patience: Option<Duration>,
    ) -> Self {
        let is_paying = Cell::new(buyer.is_paying());
        Self {
            output,
            buyer,
            no_wait,
            patience,
            paying: None,
            pays: false,
            is_admitted: Cell::default(),
            is_paying,
            refusal: RefCell::default(),
            obstacle: RefCell::default(),
        }
    }

    /// The same, with payments of its own.
    pub(super) fn paying(self, paying: Option<Paying<'a>>, pays: bool) -> Self {
        Self { paying, pays, ..self }
    }

    /// Runs until `delivery` is complete.
    pub(super) async fn until(&self, mut delivery: impl Deliver) -> Result<(), Failure> {
        let mut notices = self.buyer.notices();
        let mut connection = pin!(self.buyer.run());
        let mut report = interval(REPORT_INTERVAL);
        let changed = Arc::new(Notify::new());
        let mut feed = self.buyer.feed().cloned();
        if let Some(feed) = &feed {
            feed.log().listen(&changed);
        }
        let (mut heard, mut had) = (BTreeSet::new(), 0);
        let mut last_report = None;
        let mut is_complete = false;
        let mut give_up = self.patience.map(|patience| Instant::now() + patience);
        loop {
            let mut is_due = false;
            tokio::select! {
                Some(notice) = next(&mut notices) => {
                    self.renew(&mut give_up, &notice);
                    self.handle_notice(notice)?;
                }
                end = &mut connection => {
                    // What led to the end was said before it.
                    while let Ok(notice) = notices.try_recv() {
                        self.handle_notice(notice)?;
                    }
                    return Err(ended(&end));
                }
                () = changed.notified() => {}
                _ = report.tick() => is_due = true,
                () = expired(give_up) => {
                    return Err(self.unreachable());
                }
            }
            // What was said before the blocks came is told before them.
            while let Ok(notice) = notices.try_recv() {
                self.renew(&mut give_up, &notice);
                self.handle_notice(notice)?;
            }
            if feed.is_none()
                && let Some(begun) = self.buyer.feed()
            {
                begun.log().listen(&changed);
                feed = Some(Arc::clone(begun));
            }
            let Some(feed) = &feed else { continue };
            let members = self.buyer.members();
            for (name, member) in &members {
                if heard.insert(*name) {
                    member.log().listen(&changed);
                }
            }
            // Whoever reads the report may count on these blocks being handed over.
            let progress = Total::of(feed, &members);
            // Other buyers may send what the seller, who is away, does not.
            if give_up.is_some() && progress.have > had {
                give_up = self.patience.map(|patience| Instant::now() + patience);
            }
            had = progress.have;
            is_complete = is_complete || delivery.advance(feed, self.output)?;
            // Whoever hands over a payment wants to know what became of it.
            let is_done = is_complete && !self.is_paying.get();
            if is_due && !is_done {
                self.report(progress, &mut last_report)?;
            }
            if is_done {
                let progress = Total::of(feed, &members);
                self.report(progress, &mut last_report)?;
                self.output.finish_progress();
                return Ok(self
                    .output
                    .event(&Event::Done { length: progress.length, have: progress.have })?);
            }
        }
    }

    /// Patience is lost only while there is no connection.
    fn renew(&self, give_up: &mut Option<Instant>, notice: &BuyerNotice) {
        match notice {
            BuyerNotice::Connected { .. } => *give_up = None,
            BuyerNotice::Disconnected { .. } if give_up.is_none() => {
                *give_up = self.patience.map(|patience| Instant::now() + patience);
            }
            _ => {}
        }
    }

    fn handle_notice(&self, notice: BuyerNotice) -> Result<(), Failure> {
        if let Some(paying) = &self.paying
            && paying.handle_notice(&notice)?
        {
            self.is_paying.set(true);
        }
        let refusal = self.refusal(&notice);
        if let BuyerNotice::Disconnected { reason, .. } = &notice {
            self.obstacle.replace(Some(reason.clone()));
        }
        let is_news = match &notice {
            BuyerNotice::Session(BuyerEvent::Valid { .. }) => !self.is_admitted.replace(true),
            BuyerNotice::Session(BuyerEvent::Invalid { .. }) | BuyerNotice::Disconnected { .. } => {
                self.is_admitted.set(false);
                true
            }
            _ => true,
        };
        // The seller repeats itself every second: a machine may count the time that is left, a person need not.
        if is_news || self.output.is_json() {
            self.output.event(&buyer_event(&self.buyer.seller().to_string(), notice))?;
        }
        match refusal {
            Some(reason) => Err(Failure::new(Kind::Refused, reason)),
            None => Ok(()),
        }
    }

    /// Why to give up, if what the seller says is a reason.
    fn refusal(&self, notice: &BuyerNotice) -> Option<String> {
        match notice {
            BuyerNotice::Session(BuyerEvent::Invalid { reason }) => {
                self.refusal.replace(Some(reason.clone()));
                (self.no_wait && !self.is_paying.get()).then(|| refuses(reason))
            }
            BuyerNotice::Session(BuyerEvent::Valid { .. }) => {
                self.refusal.take();
                None
            }
            BuyerNotice::Paid(receipt) => {
                self.is_paying.set(self.buyer.is_paying());
                let reason =
                    self.refusal.take().unwrap_or_else(|| "nothing is left of what was paid".to_owned());
                (self.no_wait && receipt.credit["remaining"] == 0).then(|| refuses(&reason))
            }
            // npm dazaar gives no receipts.
            BuyerNotice::Sent { .. } => {
                self.is_paying.set(self.buyer.is_paying());
                None
            }
            // A payment that is kept is handed over again.
            BuyerNotice::PaymentRefused(Refusal { error, .. }) => {
                let is_paying = self.buyer.is_paying();
                self.is_paying.set(is_paying);
                (self.pays && (self.no_wait || !is_paying)).then(|| error.clone())
            }
            _ => None,
        }
    }

    fn unreachable(&self) -> Failure {
        let obstacle = self.obstacle.borrow();
        let reason = obstacle.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        Failure::new(Kind::Unreachable, format!("the seller cannot be reached{reason}"))
            .hint("is it running, and is the address right? --connect host:port tries another, --bootstrap host:port looks in a DHT")
    }

    fn report(&self, progress: Total, last: &mut Option<(u64, u64)>) -> Result<(), Failure> {
        let now = (progress.have, progress.length);
        if progress.length > 0 && last.replace(now) != Some(now) {
            let (have, length) = now;
            self.output.event(&Event::Progress { have, length, bytes: progress.bytes })?;
        }
        Ok(())
    }
}

fn refuses(reason: &str) -> String {
    format!("the seller refuses: {reason}")
}

/// Why a purchase cannot go on.
pub(super) fn ended(end: &BuyerEnd) -> Failure {
    if end.is_about_terms() {
        return Failure::new(Kind::Refused, end).hint("read them above, then add --accept-terms <hash>");
    }
    if end.is_about_security() {
        return Failure::new(Kind::Refused, end)
            .hint("leave out --require-authenticated to buy all the same");
    }
    if matches!(end, BuyerEnd::NoAddress) {
        return Failure::new(Kind::Unreachable, end).hint("--iroh dials the endpoints of a link or card");
    }
    if end.is_about_identity() {
        return Failure::new(Kind::Unreachable, end);
    }
    Failure::new(Kind::General, dazaar::explain(end))
}

async fn expired(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
