//! A feed at its seller: connects, keeps connecting, and waits for blocks.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use dazaar::cards::BuyerEvent;
use dazaar::log::LogError;
use dazaar::maps::hypertrie::ExtensionMessage;
use dazaar::{Buyer, BuyerNotice, BuyerOptions, MarketError, Order, Replicator};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, sleep_until};

use crate::error::{SellerError, TableError};
use crate::table::{Settings, Tables};

/// How often those who wait look again: that a block is gone changes nothing on the disk.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A purchase that goes on in the background until this is dropped.
#[derive(Debug)]
pub(crate) struct Remote {
    buyer: Buyer,
    waits: bool,
    early: Arc<Early>,
    status: watch::Receiver<Status>,
    task: JoinHandle<()>,
}

/// Blocks that were wanted before there was a feed.
type Early = Mutex<Vec<Range<u64>>>;

/// What those who wait are woken by.
#[derive(Debug, Default)]
struct Status {
    end: Option<SellerError>,
}

impl Remote {
    /// Begins to connect.
    pub(crate) fn begin(tables: &Tables, order: Order, options: BuyerOptions) -> Result<Self, MarketError> {
        let buyer = Buyer::new(Arc::clone(tables.market()), order, options)?;
        let (changes, status) = watch::channel(Status::default());
        let early = Arc::<Early>::default();
        let keeping = keep_up(buyer.clone(), tables.settings().clone(), Arc::clone(&early), changes);
        let task = tokio::spawn(keeping);
        Ok(Self { buyer, waits: tables.settings().waits, early, status, task })
    }

    /// Whether nothing more is to be expected.
    pub(crate) fn has_ended(&self) -> bool {
        self.status.borrow().end.is_some()
    }

    /// How many blocks the feed has, once the seller has told.
    pub(crate) async fn length(&self) -> Result<u64, SellerError> {
        self.when(|feed| {
            let length = feed.progress().length;
            let is_known = feed.is_informed() && (length > 0 || !self.waits);
            is_known.then_some(length)
        })
        .await
    }

    /// Waits for more than `length` blocks.
    pub(crate) async fn grown(&self, length: u64) -> Result<u64, SellerError> {
        self.when(|feed| Some(feed.progress().length).filter(|&now| now > length)).await
    }

    /// These blocks are needed soon.
    pub(crate) fn want(&self, blocks: &[u64]) {
        for run in blocks.chunk_by(|one, next| one + 1 == *next) {
            let run = run[0]..run[0] + run.len() as u64;
            match self.buyer.feed() {
                Some(feed) => feed.want(run),
                None => lock(&self.early).push(run),
            }
        }
    }

    /// A block, or none if nobody has it any more.
    pub(crate) async fn block(&self, number: u64) -> Result<Option<Bytes>, TableError> {
        self.want(&[number]);
        let mut was_wanted = false;
        let found = self.when(|feed| {
            // Asked before the log is: what is not there then was not there before.
            let is_settled = feed.gone().is_some();
            match feed.log().lock().block(number) {
                Ok(None) if !is_settled => return None,
                // What was wanted before there was a feed may not have reached it.
                Ok(None) if !was_wanted => was_wanted = true,
                found => return Some(found),
            }
            feed.want(number..number + 1);
            None
        });
        Ok(found.await??)
    }

    /// Asks the seller which blocks a question about a map needs.
    pub(crate) fn ask(&self, question: &ExtensionMessage) {
        self.buyer.ask_about_map(question);
    }

    /// A block, if it came.
    pub(crate) fn held(&self, number: u64) -> Result<Option<Bytes>, LogError> {
        self.buyer.feed().map_or(Ok(None), |feed| feed.log().lock().block(number))
    }

    pub(crate) fn downloaded(&self) -> u64 {
        self.buyer.feed().map_or(0, |feed| feed.progress().bytes_down)
    }

    pub(crate) async fn flush(&self) -> Result<(), LogError> {
        match self.buyer.feed() {
            Some(feed) => feed.log().flush().await,
            None => Ok(()),
        }
    }

    /// Who buys.
    pub(crate) const fn buyer(&self) -> &Buyer {
        &self.buyer
    }

    /// Waits until the feed has what is looked for.
    pub(crate) async fn when<T>(
        &self,
        mut look: impl FnMut(&Replicator) -> Option<T>,
    ) -> Result<T, SellerError> {
        let mut status = self.status.clone();
        loop {
            // What ended is still looked at once: the last news came before the end.
            let end = status.borrow_and_update().end.clone();
            if let Some(found) = self.buyer.feed().and_then(|feed| look(feed)) {
                return Ok(found);
            }
            let stopped = || SellerError::Ended { reason: "the purchase was stopped".to_owned() };
            match end {
                Some(end) => return Err(end),
                None => status.changed().await.map_err(|_| stopped())?,
            }
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(early: &Early) -> std::sync::MutexGuard<'_, Vec<Range<u64>>> {
    early.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the purchase going, and wakes those who wait.
async fn keep_up(buyer: Buyer, settings: Settings, early: Arc<Early>, changes: watch::Sender<Status>) {
    let end = until_end(&buyer, &settings, &early, &changes).await;
    changes.send_modify(|status| status.end = Some(end));
}

async fn until_end(
    buyer: &Buyer,
    settings: &Settings,
    early: &Early,
    changes: &watch::Sender<Status>,
) -> SellerError {
    let mut notices = buyer.notices();
    let mut connection = std::pin::pin!(buyer.run());
    let mut look = interval(LOOK_INTERVAL);
    let changed = Arc::new(Notify::new());
    let mut is_listening = false;
    let mut obstacle = "nobody answers".to_owned();
    let mut give_up = settings.patience.map(|patience| Instant::now() + patience);
    loop {
        tokio::select! {
            notice = notices.recv() => match notice {
                Ok(BuyerNotice::Connected { .. }) => give_up = None,
                Ok(BuyerNotice::Disconnected { reason, .. }) => {
                    obstacle = reason;
                    give_up = give_up.or_else(|| settings.patience.map(|patience| Instant::now() + patience));
                }
                Ok(BuyerNotice::Session(BuyerEvent::Invalid { reason })) if !settings.waits => {
                    return SellerError::Refused { reason };
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return SellerError::Ended { reason: obstacle },
            },
            end = &mut connection => return SellerError::of(&end),
            () = changed.notified() => {}
            _ = look.tick() => {}
            () = at(give_up) => return SellerError::Unreachable { reason: obstacle },
        }
        if let Some(feed) = buyer.feed() {
            if !std::mem::replace(&mut is_listening, true) {
                feed.log().listen(&changed);
            }
            lock(early).drain(..).for_each(|blocks| feed.want(blocks));
        }
        changes.send_modify(|_| {});
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
