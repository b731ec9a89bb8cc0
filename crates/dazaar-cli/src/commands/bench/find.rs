//! Finding a seller by its key: how long it takes from nothing to a connection on which the seller has proved who they are.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Instant;

use dazaar::cards::Link;
use dazaar::database::Admission;
use dazaar::discovery::{Discovery, DiscoverySettings, LanScope, Mode};
use dazaar::{Buyer, BuyerNotice, BuyerOptions, Market, Offer, Seller, SellerOptions, now_ms};
use tokio::net::TcpListener;

use super::figures::Figures;
use super::job::{Job, Sample};
use super::workload::Workload;
use crate::failure::{Failure, Kind};

const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Finds a seller again and again, each time as a new buyer with new sockets.
pub(super) async fn find(job: &Job) -> Result<Sample, Failure> {
    let (_node, settings) = network(job.workload).await?;
    let (seller, market) = seller(job, settings.clone())?;
    let listener = TcpListener::bind((LOOPBACK, 0)).await?;
    let server = seller.clone();
    tokio::spawn(async move { server.serve(listener).await });
    if let Some(discovery) = market.discovery() {
        discovery.announced(seller.key().discovery_key()).await;
    }
    let mut delays = Vec::new();
    let began = Instant::now();
    for number in 0..job.blocks {
        let market = Arc::new(Market::create(&job.dir.join(format!("buyer-{number}")), None, None)?);
        market.discover_by(settings.clone());
        let buyer = Buyer::new(market, Link::new(seller.key()).into(), BuyerOptions::default())?;
        let start = Instant::now();
        connect(&buyer).await?;
        delays.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let sample = Sample::since(began);
    Ok(Sample { figures: Figures::of_delays(delays), ..sample })
}

/// A network on this machine, and how buyers use it.
async fn network(workload: Workload) -> Result<(Option<Discovery>, DiscoverySettings), Failure> {
    if workload == Workload::FindByLan {
        let lan = LanScope::Interface(LOOPBACK);
        return Ok((None, DiscoverySettings { lan, ..DiscoverySettings::default() }));
    }
    let bind = Some(SocketAddrV4::new(LOOPBACK, 0));
    let node = DiscoverySettings { dht: Some(Mode::Full), bind, lan: LanScope::None, bootstrap: Vec::new() };
    let node = Discovery::start(node).map_err(|error| Failure::new(Kind::General, error))?;
    let bound =
        node.status().await.bound.ok_or_else(|| Failure::new(Kind::General, "the node is not bound"))?;
    let bootstrap = vec![bound.to_string().parse().map_err(Failure::input)?];
    let settings = DiscoverySettings { dht: Some(Mode::Client), bootstrap, bind: None, lan: LanScope::None };
    Ok((Some(node), settings))
}

fn seller(job: &Job, settings: DiscoverySettings) -> Result<(Seller, Arc<Market>), Failure> {
    let market = Arc::new(Market::create(&job.dir.join("seller"), None, None)?);
    market.discover_by(settings);
    let log = market.own_feed("bench")?;
    let offer = Offer::new(log.key(), "bench", market.feed_folder(&log.key()), Admission::Everybody);
    let listing = market.list(offer, now_ms())?;
    Ok((Seller::new(Arc::clone(&market), listing, SellerOptions::default())?, market))
}

/// Runs a buyer until the seller has proved who they are.
async fn connect(buyer: &Buyer) -> Result<(), Failure> {
    let mut notices = buyer.notices();
    tokio::select! {
        end = buyer.run() => Err(Failure::new(Kind::General, end)),
        connected = async {
            loop {
                match notices.recv().await {
                    Ok(BuyerNotice::Connected { .. }) => return Ok(()),
                    Ok(_) => {}
                    Err(error) => return Err(Failure::new(Kind::General, error)),
                }
            }
        } => connected,
    }
}
