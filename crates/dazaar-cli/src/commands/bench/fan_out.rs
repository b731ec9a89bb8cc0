//! One seller and many buyers, each with a feed of their own: the seller in one process, all buyers in another.

use std::path::Path;
use std::time::{Duration, Instant};

use dazaar::buyer::BuyerEnd;
use dazaar::cards::Link;
use dazaar::wire::session::SecurityPolicy;
use dazaar::{Buyer, BuyerOptions};
use tokio::task::JoinSet;

use super::figures::Figures;
use super::job::{Job, Sample};
use super::replicate::{buyer, complete};
use super::vendor::Vendor;
use crate::failure::{Failure, Kind};
use crate::file_limit;

/// Buyers who keep themselves connected.
pub(super) struct Crowd {
    buyers: Vec<Buyer>,
    running: JoinSet<BuyerEnd>,
}

impl Crowd {
    /// New buyers, in `dir`.
    pub(super) async fn new(dir: &Path, count: u64, link: &Link) -> Result<Self, Failure> {
        // Every buyer has a dozen files open.
        file_limit::raise();
        let options = BuyerOptions { security: SecurityPolicy::Require, ..BuyerOptions::default() };
        // Each waits for the disk, so all do so together.
        let mut making = JoinSet::new();
        for nth in 0..count {
            let (dir, link, options) = (dir.join(format!("buyer-{nth}")), link.clone(), options.clone());
            making.spawn_blocking(move || buyer(&dir, link, options));
        }
        let buyers = making.join_all().await.into_iter().collect::<Result<_, _>>()?;
        Ok(Self { buyers, running: JoinSet::new() })
    }

    pub(super) fn connect(&mut self) {
        for buyer in &self.buyers {
            let buyer = buyer.clone();
            self.running.spawn(async move { buyer.run().await });
        }
    }

    /// Waits until all of them hold so many blocks; fails if one gives up.
    pub(super) async fn complete(&mut self, blocks: u64) -> Result<(), Failure> {
        let all = async {
            for buyer in &self.buyers {
                complete(buyer, blocks).await;
            }
        };
        tokio::select! {
            () = all => Ok(()),
            Some(ended) = self.running.join_next() => {
                Err(Failure::new(Kind::General, ended.map_err(Failure::input)?))
            }
        }
    }
}

/// All buyers fetch what there is.
pub(super) async fn catch_up(job: &Job) -> Result<Sample, Failure> {
    let mut vendor = Vendor::start(job, job.blocks).await?;
    let mut crowd = Crowd::new(&job.dir, job.buyers, &vendor.link).await?;
    let before = vendor.usage().await?;
    let began = Instant::now();
    crowd.connect();
    crowd.complete(job.blocks).await?;
    let sample = Sample::since(began);
    let after = vendor.usage().await?;
    vendor.stop().await?;
    let rss_bytes_per_buyer = Some((after.rss_bytes - before.rss_bytes) / job.buyers as f64);
    Ok(Sample { figures: Figures { rss_bytes_per_buyer, ..Figures::default() }, ..sample })
}

/// All buyers follow the feed; each commit reaches all of them before the next.
pub(super) async fn live(job: &Job) -> Result<Sample, Failure> {
    let mut vendor = Vendor::start(job, 1).await?;
    let mut crowd = Crowd::new(&job.dir, job.buyers, &vendor.link).await?;
    crowd.connect();
    crowd.complete(1).await?;
    let before = vendor.usage().await?;
    let began = Instant::now();
    for sent in (0..job.blocks).step_by(usize::try_from(job.batch).map_err(Failure::input)?) {
        let count = job.batch.min(job.blocks - sent);
        vendor.append(1, count, Duration::ZERO).await?;
        vendor.appended().await?;
        crowd.complete(1 + sent + count).await?;
    }
    let sample = Sample::since(began);
    let after = vendor.usage().await?;
    vendor.stop().await?;
    let commits = job.blocks.div_ceil(job.batch) as f64;
    let cpu_us = Some((after.cpu_us - before.cpu_us) / commits / job.buyers as f64);
    Ok(Sample { figures: Figures { cpu_us, ..Figures::default() }, ..sample })
}
