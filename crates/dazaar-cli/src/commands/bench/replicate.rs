//! Replication: a seller, who is another process of this program, and a buyer here, with frames authenticated.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dazaar::cards::Link;
use dazaar::wire::session::SecurityPolicy;
use dazaar::{Buyer, BuyerOptions, Market};

use super::job::{Job, Sample};
use crate::commands::actor::Actor;
use crate::failure::{Failure, Kind};

/// How often the buyer's feed is looked at: the error of a measurement.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// Sells the feed and buys it, from the first packet to the last block on disk.
pub(super) async fn replicate(job: &Job) -> Result<Sample, Failure> {
    let mut seller = sell(&job.dir.join("seller"), job.feed()?)?;
    let listening = seller.wait("listening").await?;
    let link: Link = listening["link"].as_str().unwrap_or_default().parse().map_err(Failure::input)?;
    let buyer = buyer(&job.dir.join("buyer"), &link)?;

    let began = Instant::now();
    let sample = tokio::select! {
        end = buyer.run() => return Err(Failure::new(Kind::General, end)),
        () = complete(&buyer, job.blocks) => Sample::since(began),
    };
    seller.stop().await?;
    Ok(sample)
}

/// Starts a seller who admits everybody to the feed in `folder`.
fn sell(dir: &Path, folder: &Path) -> Result<Actor, Failure> {
    let folder = folder.to_str().ok_or_else(|| Failure::input("the folder's name is not text"))?;
    Actor::start(dir, &["sell", folder, "--free", "--listen", "127.0.0.1:0", "--require-authenticated"])
}

fn buyer(dir: &Path, link: &Link) -> Result<Buyer, Failure> {
    let market = Arc::new(Market::create(dir, None, None)?);
    let options = BuyerOptions { security: SecurityPolicy::Require, ..BuyerOptions::default() };
    Ok(Buyer::new(market, link.clone().into(), options)?)
}

/// Waits until the buyer holds all the blocks.
async fn complete(buyer: &Buyer, blocks: u64) {
    while buyer.feed().is_none_or(|feed| feed.log().lock().downloaded() < blocks) {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
