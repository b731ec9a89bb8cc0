//! Where the blocks of a table or map come from: the disk, and the seller for those that are not there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dazaar::Order;
use dazaar::folder::Folder;
use dazaar::log::{Log, LogError};
use dazaar::maps::hypertrie::ExtensionMessage;

use crate::error::TableError;
use crate::remote::Remote;
use crate::table::Tables;

/// The blocks of one feed.
#[derive(Debug)]
pub(crate) struct Source {
    /// What was on the disk when it was opened.
    disk: Option<Mutex<Log<Folder>>>,
    /// Who sells it, if it is not mine, and how to deal with them.
    seller: Option<(Tables, Order)>,
    connected: Mutex<Connected>,
}

/// The seller, as far as they were asked.
#[derive(Debug, Default)]
struct Connected {
    remote: Option<Arc<Remote>>,
    /// Bytes that came over connections that have ended.
    downloaded: u64,
}

impl Source {
    pub(crate) fn new(disk: Option<Log<Folder>>, seller: Option<(Tables, Order)>) -> Self {
        Self { disk: disk.map(Mutex::new), seller, connected: Mutex::default() }
    }

    /// How many blocks there are, as far as is known. Whoever holds none asks the seller.
    pub(crate) async fn length(&self) -> Result<u64, TableError> {
        let is_connected = lock(&self.connected).remote.is_some();
        match &self.disk {
            Some(disk) if !is_connected => Ok(lock(disk).length()),
            _ => match self.remote()? {
                Some(remote) => Ok(remote.length().await?),
                None => Ok(0),
            },
        }
    }

    /// Whether there is anybody to ask.
    pub(crate) const fn has_seller(&self) -> bool {
        self.seller.is_some()
    }

    /// Whether nothing of it is read from the disk without asking the seller.
    pub(crate) const fn has_only_seller(&self) -> bool {
        self.disk.is_none()
    }

    /// Waits for more than `length` blocks.
    pub(crate) async fn grown(&self, length: u64) -> Result<u64, TableError> {
        match self.remote()? {
            Some(remote) => Ok(remote.grown(length).await?),
            None => std::future::pending().await,
        }
    }

    /// These blocks are needed soon. Nobody waits for them here.
    pub(crate) fn want(&self, blocks: impl Iterator<Item = u64>) -> Result<(), TableError> {
        let missing: Vec<u64> = match &self.disk {
            Some(disk) => {
                let disk = lock(disk);
                blocks.filter(|&block| !disk.has(block)).collect()
            }
            None => blocks.collect(),
        };
        if !missing.is_empty()
            && let Some(remote) = self.remote()?
        {
            remote.want(&missing);
        }
        Ok(())
    }

    /// A block, or none if nobody has it any more.
    pub(crate) async fn block(&self, number: u64) -> Result<Option<Bytes>, TableError> {
        if let Some(disk) = &self.disk
            && let Some(block) = lock(disk).block(number)?
        {
            return Ok(Some(block));
        }
        match self.remote()? {
            Some(remote) => remote.block(number).await,
            None => Ok(None),
        }
    }

    /// Asks the seller, if there is one, which blocks a question about a map needs.
    pub(crate) fn ask(&self, question: &ExtensionMessage) -> Result<(), TableError> {
        if let Some(remote) = self.remote()? {
            remote.ask(question);
        }
        Ok(())
    }

    /// A block, if it is here.
    pub(crate) fn held(&self, number: u64) -> Result<Option<Bytes>, LogError> {
        if let Some(disk) = &self.disk
            && let Some(block) = lock(disk).block(number)?
        {
            return Ok(Some(block));
        }
        let remote = lock(&self.connected).remote.clone();
        remote.map_or(Ok(None), |remote| remote.held(number))
    }

    /// Bytes of blocks that came from the seller.
    pub(crate) fn downloaded(&self) -> u64 {
        let connected = lock(&self.connected);
        connected.downloaded + connected.remote.as_ref().map_or(0, |remote| remote.downloaded())
    }

    /// Makes what was downloaded survive a power cut.
    pub(crate) async fn flush(&self) -> Result<(), TableError> {
        let remote = lock(&self.connected).remote.clone();
        match remote {
            Some(remote) => Ok(remote.flush().await?),
            None => Ok(()),
        }
    }

    /// The connection to the seller, begun when it is first needed, and again after it has ended.
    fn remote(&self) -> Result<Option<Arc<Remote>>, TableError> {
        let Some((tables, order)) = &self.seller else { return Ok(None) };
        let mut connected = lock(&self.connected);
        if let Some(remote) = connected.remote.take() {
            if !remote.has_ended() {
                connected.remote = Some(Arc::clone(&remote));
                return Ok(Some(remote));
            }
            connected.downloaded += remote.downloaded();
        }
        let remote = Remote::begin(tables, order.clone(), tables.options());
        let remote = Arc::new(remote.map_err(|error| TableError::Market(Arc::new(error)))?);
        connected.remote = Some(Arc::clone(&remote));
        Ok(Some(remote))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
