//! Where the measurements take place: a folder that is gone afterwards, with the feeds that are read and replicated.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::feed::{create, fill};
use crate::failure::Failure;

/// Bytes that are appended together to a feed that is not measured yet.
const BATCH_BYTES: usize = 1024 * 1024;

/// The folder and the feeds in it, by blocks and bytes of a block.
#[derive(Debug)]
pub(super) struct Stage {
    dir: TempDir,
    feeds: BTreeMap<(u64, usize), PathBuf>,
}

impl Stage {
    /// A stage below `dir`.
    pub(super) fn new(dir: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(dir)?;
        Ok(Self { dir: TempDir::with_prefix_in("bench-", dir)?, feeds: BTreeMap::new() })
    }

    /// The folder of a feed, made when it is first asked for.
    pub(super) fn feed(&mut self, blocks: u64, block_bytes: usize) -> Result<PathBuf, Failure> {
        if let Some(folder) = self.feeds.get(&(blocks, block_bytes)) {
            return Ok(folder.clone());
        }
        let folder = self.dir.path().join(format!("feed-{blocks}-{block_bytes}"));
        let batch = (BATCH_BYTES / block_bytes) as u64;
        fill(&*create(&folder)?, blocks, batch, block_bytes)?;
        self.feeds.insert((blocks, block_bytes), folder.clone());
        Ok(folder)
    }

    /// An empty folder for one measurement.
    pub(super) fn scratch(&self) -> Result<TempDir, Failure> {
        Ok(TempDir::with_prefix_in("job-", self.dir.path())?)
    }
}
