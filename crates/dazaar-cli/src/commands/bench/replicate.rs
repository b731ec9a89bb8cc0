//! Replication: a seller and a buyer on the two ends of a TCP connection, with frames authenticated.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dazaar::cards::{Address, Link};
use dazaar::database::Admission;
use dazaar::folder::Folder;
use dazaar::log::{IdentityKey, Log};
use dazaar::wire::session::SecurityPolicy;
use dazaar::{Buyer, BuyerOptions, Market, Offer, Seller, SellerOptions, now_ms};
use tokio::net::TcpListener;

use super::job::{Job, Sample};
use crate::failure::{Failure, Kind};

/// How often the buyer's feed is looked at: the error of a measurement.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// Sells the feed and buys it, from the first packet to the last block on disk.
pub(super) async fn replicate(job: &Job) -> Result<Sample, Failure> {
    let seller = seller(&job.dir.join("seller"), job.feed()?)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address: Address = listener.local_addr()?.to_string().parse().map_err(Failure::input)?;
    let buyer = buyer(&job.dir.join("buyer"), seller.key())?;
    let serving = tokio::spawn(async move { seller.serve(listener).await });

    let began = Instant::now();
    let addresses = [address];
    let outcome = tokio::select! {
        end = buyer.run(&addresses) => Err(Failure::new(Kind::General, end)),
        () = complete(&buyer, job.blocks) => Ok(Sample::since(began)),
    };
    serving.abort();
    outcome
}

/// A seller who admits everybody to the feed in `folder`.
fn seller(dir: &Path, folder: &Path) -> Result<Seller, Failure> {
    let market = Arc::new(Market::create(dir, None, None)?);
    let offer = Offer {
        feed: Log::open(Folder::snapshot(folder)?)?.key(),
        name: "bench".to_owned(),
        folder: folder.to_owned(),
        card: None,
        terms: None,
        unsigned_terms: false,
        admission: Admission::Free,
        listen: None,
    };
    let listing = market.list(offer, now_ms())?;
    let options = SellerOptions { security: SecurityPolicy::Require, ..SellerOptions::default() };
    Ok(Seller::new(market, listing, options)?)
}

fn buyer(dir: &Path, seller: IdentityKey) -> Result<Buyer, Failure> {
    let market = Arc::new(Market::create(dir, None, None)?);
    market.remember_purchase(&Link::new(seller), None, None)?;
    let options = BuyerOptions { security: SecurityPolicy::Require, ..BuyerOptions::default() };
    Ok(Buyer::new(market, seller, options)?)
}

/// Waits until the buyer holds all the blocks.
async fn complete(buyer: &Buyer, blocks: u64) {
    while buyer.feed().is_none_or(|feed| feed.log().lock().downloaded() < blocks) {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}
