//! A log that several tasks use: one at a time, and whoever wants hears of every change.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use dazaar_log::{FeedKey, Log, LogError};
use tokio::sync::Notify;

use crate::folder::Folder;

/// An open log in a folder of its own.
#[derive(Debug)]
pub struct SharedLog {
    key: FeedKey,
    log: Mutex<Log<Folder>>,
    listeners: Mutex<Vec<Weak<Notify>>>,
    /// End of the blocks that were cleared since the log was opened.
    cleared: AtomicU64,
}

impl SharedLog {
    /// Shares a log.
    pub fn new(log: Log<Folder>) -> Arc<Self> {
        Arc::new(Self {
            key: log.key(),
            log: Mutex::new(log),
            listeners: Mutex::default(),
            cleared: AtomicU64::new(0),
        })
    }

    /// The feed's own key.
    pub const fn key(&self) -> FeedKey {
        self.key
    }

    /// The log, for a few steps: nobody else can use it meanwhile. Never hold it across an `await`.
    pub fn lock(&self) -> MutexGuard<'_, Log<Folder>> {
        // A log whose write failed half-way says so itself, so a poisoned lock adds nothing.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends blocks, which survive the end of this process, and tells the listeners.
    pub fn append(&self, blocks: &[impl AsRef<[u8]>]) -> Result<std::ops::Range<u64>, LogError> {
        let appended = self.lock().append(blocks)?;
        self.announce();
        Ok(appended)
    }

    /// Forgets the blocks before `end`, gives their space back, and tells the listeners.
    pub fn clear_before(&self, end: u64) -> Result<(), LogError> {
        self.lock().clear(0..end)?;
        if self.cleared.fetch_max(end, Ordering::AcqRel) < end {
            self.announce();
        }
        Ok(())
    }

    /// End of the blocks that were cleared since the log was opened.
    pub(crate) fn cleared(&self) -> u64 {
        self.cleared.load(Ordering::Acquire)
    }

    /// Makes everything that was appended or downloaded survive a power cut.
    pub async fn flush(self: &Arc<Self>) -> Result<(), LogError> {
        let log = Arc::clone(self);
        match tokio::task::spawn_blocking(move || log.lock().flush()).await {
            Ok(result) => result,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// Wakes `listener` at every change, for as long as it exists.
    pub fn listen(&self, listener: &Arc<Notify>) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Arc::downgrade(listener));
    }

    /// Tells the listeners that the log changed.
    pub fn announce(&self) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            listener.notify_one();
        }
    }
}
