//! The content feed of a drive: the bytes of its files, one file after the other.

use std::sync::Arc;

use bytes::Bytes;
use dazaar_log::{Feed, LogError};
use dazaar_trie::hyperdrive::Stat;
use dazaar_wire::replication::{self, Download};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::Notify;

use super::error::DriveAccessError;
use crate::peer::FeedSet;
use crate::replicator::Replicator;
use crate::shared_log::SharedLog;

/// Bytes of a block, the last of a file apart: what npm hyperdrive gathers before it writes one.
pub(super) const BLOCK_BYTES: usize = 64 * 1024;

/// Blocks of one append, which takes one signature.
const APPEND_BLOCKS: usize = 16;

/// Blocks that are asked for before they are needed.
const BLOCKS_AHEAD: u64 = 16;

/// The content feed of a drive.
#[derive(Debug)]
pub(super) struct Content {
    log: Arc<SharedLog>,
    replicator: Arc<Replicator>,
    /// Whether somebody might send what is missing.
    is_fetched: bool,
}

impl Content {
    pub(super) fn new(log: Arc<SharedLog>, feeds: &FeedSet, is_snapshot: bool) -> Self {
        let is_fetched = !log.lock().is_writable() && !is_snapshot;
        let download = if is_fetched { Download::Sparse } else { Download::None };
        let options = replication::Options { download, seed: 0 };
        let replicator = Replicator::new(Arc::clone(&log), Feed::own(log.key()), options);
        feeds.add(Arc::clone(&replicator), None);
        Self { log, replicator, is_fetched }
    }

    pub(super) const fn log(&self) -> &Arc<SharedLog> {
        &self.log
    }

    /// Blocks that are known of.
    pub(super) fn length(&self) -> u64 {
        self.log.lock().length()
    }

    /// Bytes that are known of.
    pub(super) fn byte_length(&self) -> u64 {
        self.log.lock().byte_length()
    }

    /// Appends a stream, and returns the stat with its place. Nobody else may append meanwhile. `copied` is told of bytes as they go by.
    pub(super) async fn append(
        &self,
        stream: &mut (impl AsyncRead + Unpin),
        mut stat: Stat,
        mut copied: impl FnMut(u64),
    ) -> Result<Stat, DriveAccessError> {
        (stat.offset, stat.byte_offset) = {
            let log = self.log.lock();
            (log.length(), log.byte_length())
        };
        (stat.size, stat.blocks) = (0, 0);
        let mut is_at_end = false;
        while !is_at_end {
            let (mut blocks, before) = (Vec::new(), stat.size);
            while blocks.len() < APPEND_BLOCKS && !is_at_end {
                let block = read_block(stream).await?;
                is_at_end = block.len() < BLOCK_BYTES;
                if !block.is_empty() {
                    stat.size += block.len() as u64;
                    blocks.push(block);
                }
            }
            if blocks.is_empty() {
                break;
            }
            if !self.log.append_at_length(stat.offset + stat.blocks, &blocks)? {
                return Err(DriveAccessError::Interrupted);
            }
            stat.blocks += blocks.len() as u64;
            copied(stat.size - before);
        }
        Ok(stat)
    }

    /// Appends files that have a block each or none, all with one signature, and sets their places. Nobody else may append meanwhile.
    pub(super) fn append_small<'f>(
        &self,
        files: impl Iterator<Item = (&'f mut Stat, &'f [u8])>,
    ) -> Result<(), DriveAccessError> {
        let (start, mut byte_offset) = {
            let log = self.log.lock();
            (log.length(), log.byte_length())
        };
        let mut blocks = Vec::new();
        for (stat, body) in files {
            (stat.offset, stat.byte_offset) = (start + blocks.len() as u64, byte_offset);
            (stat.size, stat.blocks) = (body.len() as u64, u64::from(!body.is_empty()));
            byte_offset += stat.size;
            blocks.extend((!body.is_empty()).then_some(body));
        }
        if blocks.is_empty() || self.log.append_at_length(start, &blocks)? {
            return Ok(());
        }
        Err(DriveAccessError::Interrupted)
    }

    pub(super) async fn flush(&self) -> Result<(), LogError> {
        self.log.flush().await
    }

    /// Fetches the first block of a file, if there is nothing yet that proves that the feed is that long.
    pub(super) async fn reach(&self, offset: u64, blocks: u64) -> Result<(), DriveAccessError> {
        let Some(last) = offset.checked_add(blocks).and_then(|end| end.checked_sub(1)) else { return Ok(()) };
        if self.is_fetched && blocks > 0 && last >= self.length() {
            // Nobody can be asked for what is beyond the feed, so it is first known how long that is.
            self.wait_until_informed().await;
            if last < self.replicator.progress().length {
                self.block(last).await?;
            }
        }
        Ok(())
    }

    /// Fetches the newest block that peers have told of; if nothing is here, waits until one does.
    pub(super) async fn update(&self) -> Result<(), DriveAccessError> {
        if self.is_fetched && (self.length() == 0 || self.replicator.is_informed()) {
            self.wait_until_informed().await;
            let newest = self.replicator.progress().length;
            if newest > self.length() {
                self.block(newest - 1).await?;
            }
        }
        Ok(())
    }

    async fn wait_until_informed(&self) {
        let changed = self.listen();
        while !self.replicator.is_informed() {
            changed.notified().await;
        }
    }

    /// A block, which is fetched if it is missing, and with it those before `end` that are needed next.
    pub(super) async fn block_and(&self, block: u64, end: u64) -> Result<Bytes, DriveAccessError> {
        let mut listener = None;
        loop {
            // Whoever handles messages takes the lock of the replication first: ours must be free before it is asked.
            let held = self.log.lock().block(block)?;
            if let Some(bytes) = held {
                if self.is_fetched {
                    self.replicator.want(block..end.min(block + BLOCKS_AHEAD));
                }
                return Ok(bytes);
            }
            if !self.is_fetched {
                return Err(DriveAccessError::Missing { block });
            }
            match &listener {
                None => {
                    // What came before somebody listened is looked at once more.
                    listener = Some(self.listen());
                    self.replicator.want(block..end.min(block + BLOCKS_AHEAD));
                }
                Some(changed) => changed.notified().await,
            }
        }
    }

    pub(super) async fn block(&self, block: u64) -> Result<Bytes, DriveAccessError> {
        self.block_and(block, block + 1).await
    }

    /// The first byte of a block, which is fetched if nothing tells.
    pub(super) async fn start_of(&self, block: u64) -> Result<u64, DriveAccessError> {
        let known = self.log.lock().byte_offset(block)?;
        if let Some(start) = known {
            return Ok(start);
        }
        self.block(block).await?;
        let start = self.log.lock().byte_offset(block)?;
        start.ok_or(DriveAccessError::Missing { block })
    }

    /// The end of the last of so many blocks, in bytes.
    pub(super) async fn end_of(&self, blocks: u64) -> Result<u64, DriveAccessError> {
        if blocks < self.length() { self.start_of(blocks).await } else { Ok(self.byte_length()) }
    }

    /// The block of a byte, if the tree tells.
    pub(super) fn seek(&self, byte: u64) -> Result<Option<(u64, u64)>, LogError> {
        self.log.lock().seek(byte)
    }

    fn listen(&self) -> Arc<Notify> {
        let changed = Arc::new(Notify::new());
        self.log.listen(&changed);
        changed
    }
}

/// Reads up to a whole block; a shorter one is the last.
async fn read_block(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, DriveAccessError> {
    let mut block = Vec::new();
    let mut rest = stream.take(BLOCK_BYTES as u64);
    rest.read_to_end(&mut block).await.map_err(DriveAccessError::Read)?;
    Ok(block)
}
