//! One seller and very many buyers who have everything and wait: the buyers in several processes, since each has many files open.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

use dazaar::cards::Link;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use super::fan_out::Crowd;
use super::figures::Figures;
use super::job::{Job, Sample};
use super::vendor::Vendor;
use crate::commands::actor::Actor;
use crate::failure::{Failure, Kind};
use crate::file_limit;

/// Files that a buyer has open, the connection included, and those that a process has besides.
const FILES_PER_BUYER: u64 = 16;
const FILES_BESIDES: u64 = 100;

/// Most buyers of one process.
const CROWD_MAX: u64 = 1000;

/// Some of the buyers.
#[derive(Debug, Serialize, Deserialize)]
struct Part {
    link: String,
    buyers: u64,
    blocks: u64,
}

/// The buyers come, one crowd after the other, fetch what little there is, and wait.
pub(super) async fn idle(job: &Job) -> Result<Sample, Failure> {
    let granted = file_limit::raise().unwrap_or(u64::MAX).saturating_sub(FILES_BESIDES);
    if granted < job.buyers.max(FILES_PER_BUYER) {
        let problem = format!("{granted} connections can be open at once, and not {}", job.buyers);
        return Err(
            Failure::new(Kind::General, problem).hint("allow more files: ulimit -Hn; or try --blocks")
        );
    }
    let crowd = CROWD_MAX.min(granted / FILES_PER_BUYER);
    let mut vendor = Vendor::start(job, job.blocks).await?;
    let before = vendor.usage().await?;
    let began = Instant::now();
    let mut crowds = Vec::new();
    for first in (0..job.buyers).step_by(usize::try_from(crowd).map_err(Failure::input)?) {
        let buyers = crowd.min(job.buyers - first);
        let part = Part { link: vendor.link.to_string(), buyers, blocks: job.blocks };
        let part = serde_json::to_string(&part).map_err(io::Error::from)?;
        let mut actor = Actor::start(&job.dir.join(format!("from-{first}")), &["bench", "--crowd", &part])?;
        actor.wait("complete").await?;
        crowds.push(actor);
    }
    let sample = Sample::since(began);
    let after = vendor.usage().await?;
    drop(crowds);
    vendor.stop().await?;
    let rss_bytes_per_buyer = Some((after.rss_bytes - before.rss_bytes) / job.buyers as f64);
    let figures = Figures { rss_bytes_per_buyer, ..Figures::default() };
    Ok(Sample { rss_bytes: Some(after.rss_bytes as u64), figures, ..sample })
}

/// Buys with some of the buyers, until standard input ends.
pub(super) async fn buy(dir: &Path, part: &str) -> Result<(), Failure> {
    let part: Part = serde_json::from_str(part).map_err(Failure::input)?;
    let link: Link = part.link.parse().map_err(Failure::input)?;
    let mut crowd = Crowd::new(dir, part.buyers, &link).await?;
    crowd.connect();
    crowd.complete(part.blocks).await?;
    writeln!(io::stdout(), "{}", json!({ "event": "complete" }))?;
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    Ok(())
}
