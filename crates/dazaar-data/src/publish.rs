//! Rows into the table of a feed of one's own: what it has already is left out, what is new is appended.

use std::sync::Arc;

use arrow::array::RecordBatch;
use dazaar::SharedLog;
use dazaar::log::{Durability, LogError};
use dazaar_table::read::ScanError;
use dazaar_table::writer::{KnownError, KnownRows};
use dazaar_table::{ResumeError, Schema, TableWriter, WriteError};

/// Why rows cannot be published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The feed holds no table that could be continued.
    #[error(transparent)]
    Resume(#[from] ResumeError<LogError>),
    /// The rows that the table has are other ones.
    #[error(transparent)]
    Known(#[from] KnownError<LogError>),
    /// The rows that the table has cannot be read.
    #[error(transparent)]
    Read(#[from] ScanError<LogError>),
    /// A row that the table cannot have.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The feed takes nothing.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Publishes rows. What was pushed is on the disk no later than after [`Self::flush`] or [`Self::finish`].
#[derive(Debug)]
pub struct TablePublisher {
    log: Arc<SharedLog>,
    durability: Durability,
    writer: TableWriter,
    /// Rows that the source gives again.
    known: Option<KnownRows>,
}

impl TablePublisher {
    /// Goes on with the table in a feed; `None` if the feed is empty.
    ///
    /// # Errors
    /// There is something else in the feed, or it cannot be read.
    pub fn resume(log: &Arc<SharedLog>, durability: Durability) -> Result<Option<Self>, PublishError> {
        let writer = {
            let log = log.lock();
            if log.length() == 0 {
                return Ok(None);
            }
            TableWriter::resume(log.length(), |block| log.block(block))?
        };
        Ok(Some(Self { log: Arc::clone(log), durability, writer, known: None }))
    }

    /// Begins a table in an empty feed.
    ///
    /// # Errors
    /// The feed takes nothing.
    pub fn begin(log: &Arc<SharedLog>, durability: Durability, schema: Schema) -> Result<Self, PublishError> {
        let writer = TableWriter::new(schema);
        let mut publisher = Self { log: Arc::clone(log), durability, writer, known: None };
        publisher.publish()?;
        Ok(publisher)
    }

    /// The source gives the rows that the table has once more: those that come are compared with them and left out.
    ///
    /// # Errors
    /// The feed cannot be read.
    pub fn leave_out_known(&mut self) -> Result<(), PublishError> {
        let log = self.log.lock();
        self.known = Some(KnownRows::new(log.length(), self.writer.rows(), |block| log.block(block))?);
        Ok(())
    }

    /// What the rows look like.
    pub const fn schema(&self) -> &Schema {
        self.writer.schema()
    }

    /// Rows of the table, whether they are in blocks or not.
    pub const fn rows(&self) -> u64 {
        self.writer.rows()
    }

    /// Whether rows wait that are in no block yet.
    pub const fn has_waiting_rows(&self) -> bool {
        self.writer.has_waiting_rows()
    }

    /// Adds rows, and appends the blocks that are full.
    ///
    /// # Errors
    /// Which row is wrong; those before it are published.
    pub fn push(&mut self, rows: &RecordBatch) -> Result<(), PublishError> {
        let pushed = match &mut self.known {
            Some(known) => {
                let log = self.log.lock();
                let new = known.leave_out(rows, |block| log.block(block))?;
                drop(log);
                self.writer.push(&new)
            }
            None => self.writer.push(rows),
        };
        self.publish()?;
        Ok(pushed?)
    }

    /// Appends all rows, those of blocks that are not full as well.
    ///
    /// # Errors
    /// The feed takes nothing.
    pub fn flush(&mut self) -> Result<(), PublishError> {
        self.writer.flush();
        self.publish()
    }

    /// Appends all rows, and the index that finds them.
    ///
    /// # Errors
    /// The feed takes nothing.
    pub fn finish(&mut self) -> Result<(), PublishError> {
        self.writer.finish();
        self.publish()
    }

    fn publish(&mut self) -> Result<(), PublishError> {
        let blocks = self.writer.take_blocks();
        if !blocks.is_empty() {
            self.log.append_at(self.durability, &blocks)?;
        }
        Ok(())
    }
}
