//! A feed at its seller: connects, keeps connecting, and waits for blocks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dazaar::cards::BuyerEvent;
use dazaar::log::LogError;
use dazaar::{Buyer, BuyerNotice, BuyerOptions, Order, Replicator, explain};
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
    feed: Arc<Replicator>,
    status: watch::Receiver<Status>,
    task: JoinHandle<()>,
}

/// What those who wait are woken by.
#[derive(Debug, Default)]
struct Status {
    end: Option<SellerError>,
}

impl Remote {
    /// Connects, and waits until the seller has told how long the feed is.
    pub(crate) async fn connect(
        tables: &Tables,
        order: Order,
        options: BuyerOptions,
    ) -> Result<Self, TableError> {
        let buyer = Buyer::new(Arc::clone(tables.market()), order, options)
            .map_err(|error| TableError::Market(Arc::new(error)))?;
        let (changes, mut status) = watch::channel(Status::default());
        let task = tokio::spawn(keep_up(buyer.clone(), tables.settings().clone(), changes));
        let task = AbortOnDrop(Some(task));
        loop {
            let end = status.borrow_and_update().end.clone();
            if let Some(feed) = buyer.feed().filter(|feed| feed.is_informed() && feed.progress().length > 0) {
                return Ok(Self { feed: Arc::clone(feed), status, task: task.keep() });
            }
            wait(&mut status, end).await?;
        }
    }

    pub(crate) fn length(&self) -> u64 {
        self.feed.progress().length
    }

    /// Waits for more than `length` blocks.
    pub(crate) async fn grown(&self, length: u64) -> Result<u64, SellerError> {
        let mut status = self.status.clone();
        loop {
            let end = status.borrow_and_update().end.clone();
            let now = self.length();
            if now > length {
                return Ok(now);
            }
            wait(&mut status, end).await?;
        }
    }

    /// These blocks are needed soon.
    pub(crate) fn want(&self, blocks: &[u64]) {
        for run in blocks.chunk_by(|one, next| one + 1 == *next) {
            self.feed.want(run[0]..run[0] + run.len() as u64);
        }
    }

    /// A block, or none if nobody has it any more.
    pub(crate) async fn block(&self, number: u64) -> Result<Option<Bytes>, TableError> {
        if let Some(block) = self.feed.log().lock().block(number)? {
            return Ok(Some(block));
        }
        self.feed.want(number..number + 1);
        let mut status = self.status.clone();
        loop {
            let end = status.borrow_and_update().end.clone();
            // Asked before the log is: what is not there then was not there before.
            let is_settled = self.feed.gone().is_some();
            if let Some(block) = self.feed.log().lock().block(number)? {
                return Ok(Some(block));
            }
            if is_settled {
                return Ok(None);
            }
            wait(&mut status, end).await?;
        }
    }

    pub(crate) fn downloaded(&self) -> u64 {
        self.feed.progress().bytes_down
    }

    pub(crate) async fn flush(&self) -> Result<(), LogError> {
        self.feed.log().flush().await
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Ends a task that nobody took over.
struct AbortOnDrop(Option<JoinHandle<()>>);

impl AbortOnDrop {
    fn keep(mut self) -> JoinHandle<()> {
        self.0.take().expect("it is taken once")
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Waits for a change, unless it is known that there is none to come.
async fn wait(status: &mut watch::Receiver<Status>, end: Option<SellerError>) -> Result<(), SellerError> {
    let ended = || SellerError::Ended { reason: "the purchase was stopped".to_owned() };
    match end {
        Some(end) => Err(end),
        None => status.changed().await.map_err(|_| ended()),
    }
}

/// Keeps the purchase going, and wakes those who wait.
async fn keep_up(buyer: Buyer, settings: Settings, changes: watch::Sender<Status>) {
    let end = until_end(&buyer, &settings, &changes).await;
    changes.send_modify(|status| status.end = Some(end));
}

async fn until_end(buyer: &Buyer, settings: &Settings, changes: &watch::Sender<Status>) -> SellerError {
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
            end = &mut connection => {
                let reason = explain(&end);
                return match end.is_about_terms() || end.is_about_security() {
                    true => SellerError::Refused { reason },
                    false => SellerError::Ended { reason },
                };
            }
            () = changed.notified() => {}
            _ = look.tick() => {}
            () = at(give_up) => return SellerError::Unreachable { reason: obstacle },
        }
        if !is_listening && let Some(feed) = buyer.feed() {
            feed.log().listen(&changed);
            is_listening = true;
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
