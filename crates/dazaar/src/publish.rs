//! Appends records to a feed, each once: what the feed holds already is compared, not repeated.
//!
//! Records are numbered by the feed itself, so an import that was interrupted anywhere goes on where it stopped, and a
//! file that grew is continued, with no state of its own.

use dazaar_log::{Durability, LogError};

use crate::shared_log::SharedLog;

/// Blocks that are appended, or compared, at once.
const BATCH_BLOCKS: usize = 1000;

/// Bytes after which a batch is appended even if it has fewer blocks.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Puts the records of one source into a feed.
#[derive(Debug)]
pub struct Publisher<'a> {
    log: &'a SharedLog,
    /// Blocks of the feed that the source has repeated so far.
    position: u64,
    batch: Vec<Vec<u8>>,
    batch_bytes: usize,
    durability: Durability,
}

impl<'a> Publisher<'a> {
    /// Publishes a source from its beginning: its first records must be the blocks that the feed holds.
    pub const fn new(log: &'a SharedLog) -> Self {
        Self { log, position: 0, batch: Vec::new(), batch_bytes: 0, durability: Durability::Os }
    }

    /// Publishes a source that goes on where the feed ends.
    pub fn appending(log: &'a SharedLog) -> Self {
        let position = log.lock().length();
        Self { position, ..Self::new(log) }
    }

    /// What the blocks survive once [`finish`](Self::finish) has returned; by default the end of the process.
    #[must_use]
    pub fn surviving(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// The next record of the source.
    ///
    /// # Errors
    /// [`PublishError::Differs`] or [`PublishError::Grew`] if the feed holds another block in its place, [`PublishError::Log`]. What
    /// was pushed and not yet appended is lost then.
    pub fn push(&mut self, record: Vec<u8>) -> Result<(), PublishError> {
        self.batch_bytes += record.len();
        self.batch.push(record);
        if self.is_full() { self.flush() } else { Ok(()) }
    }

    /// Blocks that a restored folder has lost are appended again together: less of them would not show that they are the same.
    fn is_full(&self) -> bool {
        if self.batch.len() < BATCH_BLOCKS && self.batch_bytes < BATCH_BYTES {
            return false;
        }
        let log = self.log.lock();
        let end = self.position + self.batch.len() as u64;
        end <= log.length() || log.fork().is_none_or(|lost| end >= lost.length())
    }

    /// Appends what was pushed, and returns how many blocks the source has given so far.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(&mut self) -> Result<u64, PublishError> {
        self.flush()?;
        Ok(self.position)
    }

    fn flush(&mut self) -> Result<(), PublishError> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        let known = {
            let log = self.log.lock();
            let held = usize::try_from(log.length().saturating_sub(self.position)).unwrap_or(usize::MAX);
            let known = held.min(batch.len());
            for (block, record) in (self.position..).zip(batch.iter().take(known)) {
                // A block that was cleared cannot be compared; it was published once, and that is all that matters.
                match log.block(block)? {
                    Some(published) if published == record.as_slice() => {}
                    Some(published) if record.starts_with(&published) => {
                        return Err(PublishError::Grew { block });
                    }
                    Some(_) => return Err(PublishError::Differs { block }),
                    None => {}
                }
            }
            known
        };
        self.position += batch.len() as u64;
        self.log.append_at(self.durability, batch.get(known..).unwrap_or_default())?;
        Ok(())
    }
}

/// Why records were not published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The source is not the one that was published before.
    #[error("row {} differs from what was published: a feed cannot be changed, only continued", .block + 1)]
    Differs {
        /// The first block that differs.
        block: u64,
    },
    /// The last row was published before its line was complete.
    #[error("row {} was published before its line had an end, and is longer now", .block + 1)]
    Grew {
        /// The block.
        block: u64,
    },
    /// The feed cannot be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
}
