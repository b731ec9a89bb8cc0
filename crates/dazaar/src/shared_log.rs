//! A log that several tasks use: one at a time, and whoever wants hears of every change.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use dazaar_log::{Durability, FeedKey, Log, LogError};
use tokio::sync::Notify;

use crate::folder::Folder;
use crate::group_commit::Queue;

/// How long a change waits for its checkpoint.
const CHECKPOINT_AFTER: Duration = Duration::from_secs(5);

/// Bytes of blocks that wait for a checkpoint, if they come within less time.
const CHECKPOINT_BYTES: u64 = 64 * 1024 * 1024;

/// How often it is looked whether a checkpoint is due.
const CHECKPOINT_TICK: Duration = Duration::from_secs(1);

/// An open log in a folder of its own.
#[derive(Debug)]
pub struct SharedLog {
    key: FeedKey,
    log: Mutex<Log<Folder>>,
    listeners: Mutex<Vec<Weak<Notify>>>,
    /// End of the blocks that were cleared since the log was opened, but for the first, which stays.
    cleared: AtomicU64,
    queue: Queue,
}

impl SharedLog {
    /// Shares a log. Within a runtime, what is appended or downloaded is checkpointed every few seconds, so that not much
    /// has to be hashed when the log is opened after a crash.
    pub fn new(log: Log<Folder>) -> Arc<Self> {
        let log = Arc::new(Self {
            key: log.key(),
            log: Mutex::new(log),
            listeners: Mutex::default(),
            cleared: AtomicU64::new(1),
            queue: Queue::default(),
        });
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(checkpoint_often(Arc::downgrade(&log)));
        }
        log
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
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn append(&self, blocks: &[impl AsRef<[u8]>]) -> Result<Range<u64>, LogError> {
        let appended = self.lock().append(blocks)?;
        self.announce();
        Ok(appended)
    }

    /// Appends blocks as [`append`](Self::append) does, unless the log has not `length` blocks; false then.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn append_at_length(&self, length: u64, blocks: &[impl AsRef<[u8]>]) -> Result<bool, LogError> {
        {
            let mut log = self.lock();
            if log.length() != length {
                return Ok(false);
            }
            log.append(blocks)?;
        }
        self.announce();
        Ok(true)
    }

    /// Appends blocks as [`append`](Self::append) does, or so that they survive a power cut; waits for the disk then.
    ///
    /// # Errors
    /// As [`Log::append`] or [`Log::append_committed`].
    pub fn append_at(
        &self,
        durability: Durability,
        blocks: &[impl AsRef<[u8]>],
    ) -> Result<Range<u64>, LogError> {
        if durability == Durability::Os {
            return self.append(blocks);
        }
        let appended = self.lock().append_committed(blocks)?;
        self.announce();
        Ok(appended)
    }

    /// Forgets the blocks before `end`, gives their space back, and tells the listeners. Waits for the disk. The first block
    /// stays: it says how to read the others, as the header of a table and that of a CSV file do.
    ///
    /// # Errors
    /// [`LogError::Io`]: the blocks may be forgotten while their space is not free. [`LogError::Poisoned`].
    pub fn clear_before(&self, end: u64) -> Result<(), LogError> {
        let is_idle = self.lock().have().next_set(1).is_none_or(|first| first >= end);
        if !is_idle {
            // Nobody else can use the log while clearing syncs it, so that has to be little.
            self.checkpoint()?;
        }
        self.lock().clear(1..end.max(1))?;
        if self.cleared.fetch_max(end, Ordering::AcqRel) < end {
            self.announce();
        }
        Ok(())
    }

    /// End of the blocks that were cleared since the log was opened, but for the first, which stays.
    pub(crate) fn cleared(&self) -> u64 {
        self.cleared.load(Ordering::Acquire)
    }

    /// Appends blocks, which survive a power cut once this returns, and tells the listeners. Whoever comes while others
    /// wait for the disk shares the next wait with all who come.
    ///
    /// # Errors
    /// That of the log, if the group could not be appended.
    pub async fn append_committed(
        self: &Arc<Self>,
        blocks: Vec<Vec<u8>>,
    ) -> Result<Range<u64>, Arc<LogError>> {
        self.queue.commit(self, blocks).await
    }

    pub(crate) const fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Makes everything that was appended or downloaded survive a power cut. Others may use the log meanwhile.
    ///
    /// # Errors
    /// As [`Log::flush`].
    pub async fn flush(self: &Arc<Self>) -> Result<(), LogError> {
        let log = Arc::clone(self);
        match tokio::task::spawn_blocking(move || log.checkpoint()).await {
            Ok(result) => result,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    fn checkpoint(&self) -> Result<(), LogError> {
        let (checkpoint, files) = {
            let mut log = self.lock();
            (log.begin_checkpoint()?, log.storage().checkpointed())
        };
        let synced = files.into_iter().try_for_each(|(name, file)| {
            file.sync_data().map_err(|source| LogError::Io { file: name, offset: 0, source })
        });
        self.lock().finish_checkpoint(checkpoint, synced)
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

/// Checkpoints a log for as long as somebody has it and it can be written.
async fn checkpoint_often(log: Weak<SharedLog>) {
    let mut unsynced_since: Option<Instant> = None;
    loop {
        tokio::time::sleep(CHECKPOINT_TICK).await;
        let Some(log) = log.upgrade() else { return };
        let bytes = {
            let log = log.lock();
            log.is_unsynced().then(|| log.unsynced_bytes())
        };
        let Some(bytes) = bytes else {
            unsynced_since = None;
            continue;
        };
        let since = *unsynced_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= CHECKPOINT_AFTER || bytes >= CHECKPOINT_BYTES {
            unsynced_since = None;
            if let Err(error) = log.flush().await {
                tracing::error!(feed = %log.key(), %error, "a checkpoint failed");
                if matches!(error, LogError::Poisoned) {
                    return;
                }
            }
        }
    }
}
