//! A live feed: how long a block takes from being appended in one process to being read in another.

use std::sync::Arc;
use std::time::Duration;

use dazaar::wire::session::SecurityPolicy;
use dazaar::{Buyer, BuyerOptions};
use tokio::sync::Notify;

use super::figures::Figures;
use super::job::{Job, Sample};
use super::replicate::{buyer, complete, timed};
use super::vendor::{Vendor, age};
use crate::failure::{Failure, Kind};

/// Time from one block to the next.
const PAUSE: Duration = Duration::from_millis(2);

/// Follows a feed, each of whose blocks tells when it was made.
pub(super) async fn live(job: &Job) -> Result<Sample, Failure> {
    let mut vendor = Vendor::start(job, 1).await?;
    let options = BuyerOptions { security: SecurityPolicy::Require, ..BuyerOptions::default() };
    let buyer = buyer(&job.dir.join("buyer"), vendor.link.clone(), options)?;
    let mut delays = Ok(Vec::new());
    let sample = timed(&buyer, async {
        complete(&buyer, 1).await;
        delays = match vendor.append(job.blocks, 1, PAUSE).await {
            Ok(()) => follow(&buyer, 1 + job.blocks).await,
            Err(failure) => Err(failure),
        };
    })
    .await?;
    vendor.stop().await?;
    Ok(Sample { figures: Figures::of_delays(delays?), ..sample })
}

/// Reads the blocks from the second up to `end` as they come; returns how old each was, in microseconds.
async fn follow(buyer: &Buyer, end: u64) -> Result<Vec<f64>, Failure> {
    let log = buyer.feed().ok_or_else(|| Failure::new(Kind::General, "there is no feed"))?.log();
    let changed = Arc::new(Notify::new());
    log.listen(&changed);
    let mut delays = Vec::new();
    for next in 1..end {
        let block = loop {
            if let Some(block) = log.lock().block(next)? {
                break block;
            }
            changed.notified().await;
        };
        delays.extend(age(&block));
    }
    Ok(delays)
}
