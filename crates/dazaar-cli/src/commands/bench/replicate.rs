//! Replication: a seller, who is another process of this program, and a buyer here, with frames authenticated.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dazaar::cards::{Address, Link};
use dazaar::wire::replication::Download;
use dazaar::wire::session::SecurityPolicy;
use dazaar::{Buyer, BuyerOptions, Market};

use super::feed::scattered;
use super::job::{Job, Sample};
use crate::commands::actor::Actor;
use crate::failure::{Failure, Kind};

/// How often the buyer's feed is looked at: the error of a measurement.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// Sells the feed and buys it, from the first packet to the last block on disk.
pub(super) async fn replicate(job: &Job) -> Result<Sample, Failure> {
    sale(job, Download::All, async |buyer| complete(buyer, job.blocks).await).await
}

/// Sells the feed and buys blocks here and there.
pub(super) async fn sparse(job: &Job) -> Result<Sample, Failure> {
    let length = super::feed::open_feed(job)?.length();
    sale(job, Download::Sparse, async |buyer| {
        while buyer.feed().is_none() {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        for block in scattered(job.blocks, length) {
            buyer.feed().inspect(|feed| feed.want(block..block + 1));
        }
        complete(buyer, job.blocks).await;
    })
    .await
}

/// A sale, from connecting to the end of `work`.
async fn sale(job: &Job, download: Download, work: impl AsyncFnOnce(&Buyer)) -> Result<Sample, Failure> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, job.line.map_or(0, |line| line.seller)));
    let mut seller = sell(&job.dir.join("seller"), job.feed()?, listen, &["--require-authenticated"])?;
    let listening = seller.wait("listening").await?;
    let mut link: Link = listening["link"].as_str().unwrap_or_default().parse().map_err(Failure::input)?;
    if let Some(line) = job.line {
        link.addresses = vec![local(line.buyer)?];
    }
    let options = BuyerOptions { download, security: SecurityPolicy::Require, ..BuyerOptions::default() };
    let buyer = buyer(&job.dir.join("buyer"), link, options)?;
    let sample = timed(&buyer, work(&buyer)).await?;
    seller.stop().await?;
    Ok(sample)
}

/// The time from connecting to the end of `work`.
pub(super) async fn timed(buyer: &Buyer, work: impl Future<Output = ()>) -> Result<Sample, Failure> {
    let began = Instant::now();
    tokio::select! {
        end = buyer.run() => Err(Failure::new(Kind::General, end)),
        () = work => Ok(Sample::since(began)),
    }
}

/// Starts a seller who admits everybody to the feed in `folder`.
pub(super) fn sell(
    dir: &Path,
    folder: &Path,
    listen: SocketAddr,
    options: &[&str],
) -> Result<Actor, Failure> {
    let folder = folder.to_str().ok_or_else(|| Failure::input("the folder's name is not text"))?;
    let listen = listen.to_string();
    Actor::start(dir, &[&["sell", folder, "--free", "--listen", &listen], options].concat())
}

/// A new buyer.
pub(super) fn buyer(dir: &Path, link: Link, options: BuyerOptions) -> Result<Buyer, Failure> {
    let market = Arc::new(Market::create(dir, None, None)?);
    Ok(Buyer::new(market, link.into(), options)?)
}

/// A port of this machine.
pub(super) fn local(port: u16) -> Result<Address, Failure> {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port)).to_string().parse().map_err(Failure::input)
}

/// Waits until the buyer holds so many blocks.
pub(super) async fn complete(buyer: &Buyer, blocks: u64) {
    while buyer.feed().is_none_or(|feed| feed.log().lock().downloaded() < blocks) {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
