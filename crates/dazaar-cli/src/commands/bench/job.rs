//! One measurement: what is to be done, and how long it took.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{feed, replicate};
use crate::failure::Failure;

/// Bytes of a small block: a trade or a reading.
const SMALL_BYTES: usize = 64;

/// Bytes of a large block: a file in pieces.
const LARGE_BYTES: usize = 64 * 1024;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Workload {
    /// Append small blocks, 1,000 at a time
    AppendBatches,
    /// Append small blocks one by one, each of which survives the process once appended
    AppendSingly,
    /// Append blocks of 64 KiB, 100 at a time
    AppendLarge,
    /// Open the largest feed
    Open,
    /// Read small blocks in random order, from the page cache
    GetRandom,
    /// Read small blocks in order, as many at a time as the peer likes
    ReadInOrder,
    /// Replicate small blocks over TCP on this machine, verified and stored
    Replicate,
    /// Replicate blocks of 64 KiB over TCP on this machine, verified and stored
    ReplicateLarge,
}

impl Workload {
    /// As typed.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Blocks that are appended, read or replicated, if the largest feed has `scale` blocks.
    pub(super) fn blocks(self, scale: u64) -> u64 {
        let part = match self {
            Self::AppendBatches | Self::Open | Self::ReadInOrder => 1,
            Self::Replicate => 10,
            Self::AppendSingly | Self::GetRandom => 50,
            Self::AppendLarge | Self::ReplicateLarge => 200,
        };
        (scale / part).max(1)
    }

    pub(super) const fn block_bytes(self) -> usize {
        match self {
            Self::AppendLarge | Self::ReplicateLarge => LARGE_BYTES,
            _ => SMALL_BYTES,
        }
    }

    /// Blocks that are appended together.
    const fn batch(self) -> u64 {
        match self {
            Self::AppendBatches => 1000,
            Self::AppendLarge => 100,
            _ => 1,
        }
    }

    /// Blocks of the feed that has to be there before; none if it starts from nothing.
    pub(super) fn feed_blocks(self, scale: u64) -> Option<u64> {
        match self {
            Self::AppendBatches | Self::AppendSingly | Self::AppendLarge => None,
            Self::Open | Self::GetRandom | Self::ReadInOrder => Some(scale),
            Self::Replicate | Self::ReplicateLarge => Some(self.blocks(scale)),
        }
    }
}

/// What a peer is asked to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) workload: Workload,
    pub(super) blocks: u64,
    pub(super) block_bytes: usize,
    pub(super) batch: u64,
    /// Folder of the feed to read or to replicate.
    pub(super) feed: Option<PathBuf>,
    /// Empty folder for what is written.
    pub(super) dir: PathBuf,
}

impl Job {
    pub(super) fn new(workload: Workload, scale: u64, feed: Option<PathBuf>, dir: PathBuf) -> Self {
        Self {
            workload,
            blocks: workload.blocks(scale),
            block_bytes: workload.block_bytes(),
            batch: workload.batch(),
            feed,
            dir,
        }
    }

    /// The feed to read or to replicate.
    pub(super) fn feed(&self) -> Result<&PathBuf, Failure> {
        self.feed.as_ref().ok_or_else(|| Failure::input("this workload needs a feed"))
    }
}

/// What a peer answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample {
    pub(super) seconds: f64,
    /// Memory of the whole process with the feed open, where that is what is measured.
    pub(super) rss_bytes: Option<u64>,
}

impl Sample {
    /// The time since `began`.
    pub(super) fn since(began: Instant) -> Self {
        Self { seconds: began.elapsed().as_secs_f64(), rss_bytes: None }
    }
}

/// Does a job and prints the sample.
pub(super) async fn perform(job: &str) -> Result<(), Failure> {
    let job: Job = serde_json::from_str(job).map_err(Failure::input)?;
    let sample = match job.workload {
        Workload::AppendBatches | Workload::AppendSingly | Workload::AppendLarge => feed::append(&job)?,
        Workload::Open => feed::open(&job)?,
        Workload::GetRandom => feed::get_random(&job)?,
        Workload::ReadInOrder => feed::read_in_order(&job)?,
        Workload::Replicate | Workload::ReplicateLarge => replicate::replicate(&job).await?,
    };
    Ok(writeln!(io::stdout(), "{}", serde_json::to_string(&sample).map_err(io::Error::from)?)?)
}
