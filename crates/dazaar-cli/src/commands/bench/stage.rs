//! Where the measurements take place: a folder that is gone afterwards, with the feeds that are read and replicated.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::job::Job;
use super::peer::Peer;
use super::workload::Workload;
use crate::failure::Failure;

/// The folder and the feeds in it, by who made them, blocks and bytes of a block.
#[derive(Debug)]
pub(super) struct Stage {
    dir: TempDir,
    feeds: BTreeMap<(&'static str, u64, usize), PathBuf>,
}

impl Stage {
    /// A stage below `dir`.
    pub(super) fn new(dir: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(dir)?;
        Ok(Self { dir: TempDir::with_prefix_in("bench-", dir)?, feeds: BTreeMap::new() })
    }

    /// The folder of a feed that `maker` made when it was first asked for.
    pub(super) async fn feed(
        &mut self,
        maker: &Peer,
        blocks: u64,
        block_bytes: usize,
    ) -> Result<PathBuf, Failure> {
        let key = (maker.name(), blocks, block_bytes);
        if let Some(folder) = self.feeds.get(&key) {
            return Ok(folder.clone());
        }
        let dir = self.dir.path().join(format!("{}-{blocks}-{block_bytes}", maker.name()));
        std::fs::create_dir(&dir)?;
        // The one whose batches suit blocks of any size.
        let workload = Workload::AppendLarge;
        maker.measure(&Job { blocks, block_bytes, ..Job::new(workload, blocks, dir.clone()) }).await?;
        let folder = dir.join("feed");
        self.feeds.insert(key, folder.clone());
        Ok(folder)
    }

    /// An empty folder for one measurement.
    pub(super) fn scratch(&self) -> Result<TempDir, Failure> {
        Ok(TempDir::with_prefix_in("job-", self.dir.path())?)
    }
}
