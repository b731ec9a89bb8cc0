//! A seller in a process of its own, who appends when told to and says what that cost.
//!
//! Commands and answers are JSON, one a line: on standard input and output.

use std::io::{self, Write as _};
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::Link;
use dazaar::database::Admission;
use dazaar::wire::session::SecurityPolicy;
use dazaar::{Market, Offer, Seller, SellerOptions, SharedLog, now_ms};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;

use super::feed::{fill, rss_bytes};
use super::job::Job;
use crate::commands::actor::Actor;
use crate::failure::Failure;
use crate::file_limit;

/// Blocks that are appended together before anybody buys.
const STOCK_BATCH: u64 = 1000;

/// What to have in stock.
#[derive(Debug, Serialize, Deserialize)]
struct Stock {
    blocks: u64,
    block_bytes: usize,
}

/// Appends `commits` times `batch` blocks, with so much time from one to the next.
#[derive(Debug, Serialize, Deserialize)]
struct Append {
    commits: u64,
    batch: u64,
    pause_us: u64,
}

/// What the seller's process has used so far.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Usage {
    pub(super) cpu_us: f64,
    pub(super) rss_bytes: f64,
}

/// The other process, seen from here.
#[derive(Debug)]
pub(super) struct Vendor {
    actor: Actor,
    pub(super) link: Link,
}

impl Vendor {
    /// Starts a seller with so many blocks in stock.
    pub(super) async fn start(job: &Job, blocks: u64) -> Result<Self, Failure> {
        let stock = Stock { blocks, block_bytes: job.block_bytes };
        let stock = serde_json::to_string(&stock).map_err(io::Error::from)?;
        let mut actor = Actor::start(&job.dir.join("seller"), &["bench", "--vendor", &stock])?;
        let listening = actor.wait("listening").await?;
        let link = listening["link"].as_str().unwrap_or_default().parse().map_err(Failure::input)?;
        Ok(Self { actor, link })
    }

    /// Has blocks appended.
    pub(super) async fn append(&mut self, commits: u64, batch: u64, pause: Duration) -> Result<(), Failure> {
        let pause_us = u64::try_from(pause.as_micros()).map_err(Failure::input)?;
        let append = Append { commits, batch, pause_us };
        self.actor.tell(&serde_json::to_string(&append).map_err(io::Error::from)?).await
    }

    /// Waits until what was told last is done.
    pub(super) async fn appended(&mut self) -> Result<Usage, Failure> {
        serde_json::from_value(self.actor.wait("appended").await?).map_err(Failure::input)
    }

    /// What it has used so far.
    pub(super) async fn usage(&mut self) -> Result<Usage, Failure> {
        self.append(0, 0, Duration::ZERO).await?;
        self.appended().await
    }

    pub(super) async fn stop(self) -> Result<(), Failure> {
        self.actor.stop().await
    }
}

/// Sells from a new market in `dir`, each buyer a feed of their own, until standard input ends.
pub(super) async fn sell(dir: &Path, stock: &str) -> Result<(), Failure> {
    file_limit::raise();
    let stock: Stock = serde_json::from_str(stock).map_err(Failure::input)?;
    let market = Arc::new(Market::create(dir, None, None)?);
    let log = market.own_feed("bench")?;
    fill(&log, stock.blocks, STOCK_BATCH, stock.block_bytes)?;
    let folder = market.feed_folder(&log.key());
    let offer = Offer::new(log.key(), "bench", folder, Admission::Everybody);
    let listing = market.list(offer, now_ms())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?.to_string().parse().map_err(Failure::input)?;
    let link = market.link(&listing, vec![address]);
    let options = SellerOptions {
        security: SecurityPolicy::Require,
        connections_max: NonZeroU32::MAX,
        ..SellerOptions::default()
    };
    let seller = Seller::new(market, listing, options)?;
    say(&json!({ "event": "listening", "link": link.to_string() }))?;
    tokio::select! {
        () = seller.serve(listener) => Ok(()),
        result = obey(&log, stock.block_bytes) => result,
    }
}

async fn obey(log: &SharedLog, block_bytes: usize) -> Result<(), Failure> {
    let mut commands = BufReader::new(tokio::io::stdin()).lines();
    while let Some(command) = commands.next_line().await? {
        let append: Append = serde_json::from_str(&command).map_err(Failure::input)?;
        let mut pace = tokio::time::interval(Duration::from_micros(append.pause_us.max(1)));
        for _ in 0..append.commits {
            pace.tick().await;
            let block = stamped(block_bytes);
            log.append(&vec![block.as_slice(); usize::try_from(append.batch).map_err(Failure::input)?])?;
        }
        let cpu_us = micros(ClockId::ProcessCPUTime);
        say(&json!({ "event": "appended", "cpu_us": cpu_us, "rss_bytes": rss_bytes() }))?;
    }
    Ok(())
}

fn say(answer: &Value) -> Result<(), Failure> {
    Ok(writeln!(io::stdout(), "{answer}")?)
}

/// A block with the time in it.
fn stamped(bytes: usize) -> Vec<u8> {
    let mut block = micros(ClockId::Monotonic).to_le_bytes().to_vec();
    block.resize(bytes, 0x41);
    block
}

/// How long ago a block was stamped, in microseconds. All processes have the same clock.
pub(super) fn age(block: &[u8]) -> Option<f64> {
    Some(micros(ClockId::Monotonic) - f64::from_le_bytes(*block.first_chunk()?))
}

fn micros(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}
