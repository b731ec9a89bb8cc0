//! One measurement: what is to be done, and how long it took.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::figures::Figures;
use super::line::Ends;
use super::workload::Workload;
use super::{fan_out, feed, find, idle, js, live, replicate};
use crate::failure::Failure;

/// What a peer is asked to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) workload: Workload,
    /// Blocks that are appended, read or replicated; by each buyer, if there are several.
    pub(super) blocks: u64,
    pub(super) block_bytes: usize,
    pub(super) batch: u64,
    pub(super) buyers: u64,
    /// Folder of the feed to read or to replicate.
    pub(super) feed: Option<PathBuf>,
    /// Empty folder for what is written.
    pub(super) dir: PathBuf,
    /// The line between seller and buyer, if it is not the system's.
    pub(super) line: Option<Ends>,
    /// The folder with the npm peers.
    pub(super) interop: Option<PathBuf>,
}

impl Job {
    pub(super) fn new(workload: Workload, scale: u64, dir: PathBuf) -> Self {
        Self {
            workload,
            blocks: workload.blocks(scale),
            block_bytes: workload.block_bytes(),
            batch: workload.batch(),
            buyers: workload.buyers(scale),
            feed: None,
            dir,
            line: None,
            interop: None,
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
    /// Memory of the whole process with the feed open, or of the seller's, where that is what is measured.
    pub(super) rss_bytes: Option<u64>,
    #[serde(default)]
    pub(super) figures: Figures,
}

impl Sample {
    /// The time since `began`.
    pub(super) fn since(began: Instant) -> Self {
        Self { seconds: began.elapsed().as_secs_f64(), rss_bytes: None, figures: Figures::default() }
    }

    /// By what samples of one workload are compared; less is better.
    pub(super) fn cost(&self) -> f64 {
        self.figures.p50_us.or(self.figures.cpu_us).unwrap_or(self.seconds)
    }
}

/// Does a job and prints the sample.
pub(super) async fn perform(job: &str) -> Result<(), Failure> {
    let job: Job = serde_json::from_str(job).map_err(Failure::input)?;
    let sample = match job.workload {
        Workload::AppendBatches | Workload::AppendSingly | Workload::AppendLarge => feed::append(&job)?,
        Workload::AppendCommitted => feed::append_committed(&job, 1).await?,
        Workload::AppendConcurrent => feed::append_committed(&job, feed::APPENDERS).await?,
        Workload::Open => feed::open(&job)?,
        Workload::GetRandom => feed::get_random(&job)?,
        Workload::ReadInOrder => feed::read_in_order(&job)?,
        Workload::Replicate | Workload::ReplicateLarge | Workload::ReplicateFar => {
            replicate::replicate(&job).await?
        }
        Workload::Sparse | Workload::SparseFar => replicate::sparse(&job).await?,
        Workload::Live => live::live(&job).await?,
        Workload::FanOut => fan_out::catch_up(&job).await?,
        Workload::Idle => idle::idle(&job).await?,
        Workload::FanOutLive | Workload::FanOutLiveBatches => fan_out::live(&job).await?,
        Workload::FindByDht | Workload::FindByLan => find::find(&job).await?,
        Workload::SellToJs => js::sell(&job).await?,
        Workload::BuyFromJs => js::buy(&job).await?,
    };
    Ok(writeln!(io::stdout(), "{}", serde_json::to_string(&sample).map_err(io::Error::from)?)?)
}
