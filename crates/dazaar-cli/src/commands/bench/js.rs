//! Replication with npm dazaar: the peers of the interoperability tests, in a process of their own.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use dazaar::BuyerOptions;
use dazaar::cards::Link;
use tokio::process::Command;

use super::job::{Job, Sample};
use super::replicate::{self, buyer, complete, local, timed};
use crate::commands::actor::Actor;
use crate::failure::Failure;

/// We sell, npm dazaar buys: from the moment when it connects.
pub(super) async fn sell(job: &Job) -> Result<Sample, Failure> {
    let mut seller =
        replicate::sell(&job.dir.join("seller"), job.feed()?, (Ipv4Addr::LOCALHOST, 0).into(), &[])?;
    let listening = seller.wait("listening").await?;
    let text = |name: &str| listening[name].as_str().unwrap_or_default().to_owned();
    let address: SocketAddr = text("address").parse().map_err(Failure::input)?;
    let (port, blocks) = (address.port().to_string(), job.blocks.to_string());
    let options = ["--port", &port, "--seller", &text("seller"), "--until-length", &blocks];
    let mut buyer = npm(job, "buyer", &options)?;
    buyer.wait("ready").await?;
    let began = Instant::now();
    buyer.wait("done").await?;
    let sample = Sample::since(began);
    seller.stop().await?;
    Ok(sample)
}

/// npm dazaar sells, we buy.
pub(super) async fn buy(job: &Job) -> Result<Sample, Failure> {
    let folder = job.feed()?.to_str().ok_or_else(|| Failure::input("the folder's name is not text"))?;
    let mut seller = npm(job, "seller", &["--folder", folder, "--free"])?;
    let listening = seller.wait("listening").await?;
    let port: u16 = listening["port"].as_u64().unwrap_or(0).try_into().map_err(Failure::input)?;
    let key = listening["seller"].as_str().unwrap_or_default().parse().map_err(Failure::input)?;
    let link = Link { seller: key, addresses: vec![local(port)?], name: None };
    let buyer = buyer(&job.dir.join("buyer"), link, BuyerOptions::default())?;
    let sample = timed(&buyer, complete(&buyer, job.blocks)).await?;
    seller.stop().await?;
    Ok(sample)
}

/// Starts a peer of the tests.
fn npm(job: &Job, role: &str, options: &[&str]) -> Result<Actor, Failure> {
    let interop = job.interop.as_ref().ok_or_else(|| Failure::input("this workload needs npm peers"))?;
    let mut command = Command::new("node");
    command.arg(interop.join("js").join(role).with_extension("js"));
    command.arg("--dir").arg(job.dir.join(format!("npm-{role}"))).args(options);
    Actor::spawn(command)
}
