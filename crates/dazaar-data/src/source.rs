//! Where the blocks of a table come from: the disk, and the seller for those that are not there.

use std::sync::Mutex;

use bytes::Bytes;
use dazaar::Order;
use dazaar::folder::Folder;
use dazaar::log::Log;
use tokio::sync::OnceCell;

use crate::error::TableError;
use crate::remote::Remote;
use crate::table::Tables;

/// The blocks of one feed.
#[derive(Debug)]
pub(crate) struct Source {
    tables: Tables,
    /// What was on the disk when the table was opened.
    disk: Option<Mutex<Log<Folder>>>,
    /// Who sells it, if it is not mine.
    order: Option<Order>,
    remote: OnceCell<Remote>,
}

impl Source {
    pub(crate) fn new(tables: Tables, disk: Option<Log<Folder>>, order: Option<Order>) -> Self {
        Self { tables, disk: disk.map(Mutex::new), order, remote: OnceCell::new() }
    }

    /// How many blocks there are, as far as is known. Whoever holds none asks the seller.
    pub(crate) async fn length(&self) -> Result<u64, TableError> {
        match (self.remote.get(), &self.disk) {
            (None, Some(disk)) => Ok(lock(disk).length()),
            _ => Ok(self.remote().await?.map_or(0, Remote::length)),
        }
    }

    /// Waits for more than `length` blocks.
    pub(crate) async fn grown(&self, length: u64) -> Result<u64, TableError> {
        match self.remote().await? {
            Some(remote) => Ok(remote.grown(length).await?),
            None => std::future::pending().await,
        }
    }

    /// These blocks are needed soon.
    pub(crate) async fn want(&self, blocks: impl Iterator<Item = u64>) -> Result<(), TableError> {
        let missing: Vec<u64> = match &self.disk {
            Some(disk) => {
                let disk = lock(disk);
                blocks.filter(|&block| !disk.has(block)).collect()
            }
            None => blocks.collect(),
        };
        if !missing.is_empty()
            && let Some(remote) = self.remote().await?
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
        match self.remote().await? {
            Some(remote) => remote.block(number).await,
            None => Ok(None),
        }
    }

    /// Bytes of blocks that came from the seller.
    pub(crate) fn downloaded(&self) -> u64 {
        self.remote.get().map_or(0, Remote::downloaded)
    }

    /// Makes what was downloaded survive a power cut.
    pub(crate) async fn flush(&self) -> Result<(), TableError> {
        match self.remote.get() {
            Some(remote) => Ok(remote.flush().await?),
            None => Ok(()),
        }
    }

    /// The connection to the seller, made when it is first needed.
    async fn remote(&self) -> Result<Option<&Remote>, TableError> {
        let Some(order) = &self.order else { return Ok(None) };
        let connect = || Remote::connect(&self.tables, order.clone(), self.tables.options());
        self.remote.get_or_try_init(connect).await.map(Some)
    }
}

fn lock(disk: &Mutex<Log<Folder>>) -> std::sync::MutexGuard<'_, Log<Folder>> {
    disk.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
