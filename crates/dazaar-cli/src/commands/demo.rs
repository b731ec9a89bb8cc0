//! `dazaar demo`: a seller and a buyer, two processes on this machine, and a real data set between them.

#[cfg(feature = "cashu")]
mod ecash;
#[cfg(feature = "ldk")]
mod lightning;

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Instant;

use clap::{Args, ValueEnum};
#[cfg(any(feature = "cashu", feature = "ldk"))]
use dazaar::cards::{Asset, Money};
use serde_json::Value;

use super::Context;
use super::actor::Actor;
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::output::Unit;

/// A week of flights, 113,493 rows: see `data/README.md` for source and licence.
const FLIGHTS: &[u8] = include_bytes!("../../../../data/flights.csv.gz");

/// The last rows of the data set, which arrive while the buyer watches.
const ROWS_LIVE: usize = 12;

/// Watch a sale from beginning to end, on this machine and with real data
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Pay in this way, not with a voucher
    #[arg(long, value_enum, value_name = "WAY")]
    pay: Option<Way>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    /// Ecash, of a mint that the demo starts: the program `dazaar-mint` of `tools/mint`
    Cashu,
    /// Lightning, on a chain that the demo starts with Bitcoin Core: `bitcoind`, or what DAZAAR_BITCOIND names
    Lightning,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let stage = tempfile::tempdir()?;
    let demo = Demo { context, began: Instant::now(), dir: stage.path() };
    match arguments.pay {
        None => demo.play().await,
        #[cfg(feature = "cashu")]
        Some(Way::Cashu) => ecash::play(&demo).await,
        #[cfg(not(feature = "cashu"))]
        Some(Way::Cashu) => Err(super::wallet::not_built("ecash", "cashu")),
        #[cfg(feature = "ldk")]
        Some(Way::Lightning) => lightning::play(&demo).await,
        #[cfg(not(feature = "ldk"))]
        Some(Way::Lightning) => Err(super::wallet::not_built("Lightning node", "ldk")),
    }
}

struct Demo<'a> {
    context: &'a Context,
    began: Instant,
    dir: &'a Path,
}

impl Demo<'_> {
    async fn play(&self) -> Result<(), Failure> {
        let csv = self.dir.join("flights.csv");
        let copy = self.dir.join("copy.csv");
        let (history, live) = split_off_last(&unpack()?, ROWS_LIVE);
        std::fs::write(&csv, &history)?;
        let rows = lines(&history);
        self.introduce(&history)?;

        let mut seller = self.actor(
            "seller",
            &[
                "sell",
                path(&csv),
                "--blocks",
                "raw",
                "--follow",
                "--listen",
                "127.0.0.1:0",
                "--interval",
                "100",
            ],
        )?;
        let listening = seller.wait("listening").await?;
        let link = listening["link"].as_str().unwrap_or_default().to_owned();
        self.say(&format!("The seller lists them and listens on {}", text(&listening["address"])))?;
        self.say(&format!("  {link}"))?;

        let mut visitor = self.actor("buyer", &["buy", &link, "--no-wait"])?;
        let invalid = visitor.wait("invalid").await?;
        self.say(&format!("A buyer connects, and is refused: {}", text(&invalid["error"])))?;
        let key = text(&seller.wait("buyer-invalid").await?["buyer"]).to_owned();

        let made = self.actor("seller", &["credit", "new", "2h"])?.wait("voucher-made").await?;
        let code = text(&made["code"]);
        self.say(&format!("The seller makes a voucher for two hours, to be sold in whatever way: {code}"))?;
        let voucher = self.dir.join("voucher.txt");
        std::fs::write(&voucher, code)?;
        let redeem = ["buy", &link, "--live", "--to", path(&copy), "--voucher-file", path(&voucher)];
        let mut buyer = self.actor("buyer", &redeem)?;
        buyer.wait("paid").await?;
        seller.wait("buyer-paid").await?;
        buyer.wait("valid").await?;
        self.say("The buyer redeems it, is admitted at once, and downloads")?;
        self.download(&mut buyer, rows).await?;
        self.say(&format!("{rows} rows are here, each verified against the seller's signature"))?;

        let (now, later) = split_off_last(&live, ROWS_LIVE / 2);
        self.append_rows(&csv, &now, &mut buyer, rows).await?;
        self.revoke_and_restore(&csv, &later, &key, &mut seller, &mut buyer, rows + lines(&now)).await?;
        seller.stop().await?;
        buyer.stop().await?;
        self.compare(&csv, &copy)
    }

    fn introduce(&self, csv: &[u8]) -> Result<(), Failure> {
        let size = indicatif::HumanBytes(csv.len() as u64);
        self.say(&format!("A week of US flights: {} rows, {size}", lines(csv)))
    }

    /// Follows the download to its end, with a bar if somebody is looking.
    async fn download(&self, buyer: &mut Actor, rows: u64) -> Result<(), Failure> {
        loop {
            let progress = buyer.wait("progress").await?;
            let have = progress["have"].as_u64().unwrap_or(0);
            self.context.output.progress(Unit::Rows, have, rows, String::new());
            if have >= rows {
                self.context.output.finish_progress();
                return Ok(());
            }
        }
    }

    /// New rows are written to the seller's file one by one; the buyer has them moments later.
    async fn append_rows(
        &self,
        csv: &Path,
        new: &[u8],
        buyer: &mut Actor,
        mut rows: u64,
    ) -> Result<(), Failure> {
        for row in new.split_inclusive(|&byte| byte == b'\n') {
            append(csv, row)?;
            rows += 1;
            buyer.wait_for("progress", |event| event["have"].as_u64() == Some(rows)).await?;
            let row = String::from_utf8_lossy(row);
            self.say(&format!("  live: {}", row.trim_end()))?;
        }
        Ok(())
    }

    async fn revoke_and_restore(
        &self,
        csv: &Path,
        new: &[u8],
        key: &str,
        seller: &mut Actor,
        buyer: &mut Actor,
        rows: u64,
    ) -> Result<(), Failure> {
        self.actor("seller", &["revoke", key])?.wait("revoked").await?;
        let invalid = buyer.wait("invalid").await?;
        seller.wait("buyer-invalid").await?;
        self.say(&format!("The seller takes the rest back; the buyer reads: {}", text(&invalid["error"])))?;
        append(csv, new)?;
        self.say(&format!("{} more rows are published, which the buyer does not get", lines(new)))?;
        self.actor("seller", &["grant", key, "10m"])?.wait("granted").await?;
        let all = rows + lines(new);
        buyer.wait_for("progress", |event| event["have"].as_u64() == Some(all)).await?;
        self.say("Ten more minutes are granted: they arrive without reconnecting")
    }

    fn compare(&self, csv: &Path, copy: &Path) -> Result<(), Failure> {
        let (original, copy) = (std::fs::read(csv)?, std::fs::read(copy)?);
        if original != copy {
            return Err(Failure::new(Kind::General, "the copy differs from the original: this is a bug"));
        }
        let seconds = self.began.elapsed().as_secs_f32();
        self.say(&format!("Both files are identical: {} rows. It took {seconds:.1} s", lines(&copy)))?;
        Ok(self.context.output.event(&Event::Done { length: lines(&copy), have: lines(&copy) })?)
    }

    fn actor(&self, name: &str, arguments: &[&str]) -> Result<Actor, Failure> {
        Actor::start(&self.dir.join(name), arguments)
    }

    fn say(&self, text: &str) -> Result<(), Failure> {
        Ok(self.context.output.event(&Event::Note { text: text.to_owned() })?)
    }
}

fn unpack() -> Result<Vec<u8>, Failure> {
    let mut csv = Vec::new();
    flate2::read::GzDecoder::new(FLIGHTS).read_to_end(&mut csv)?;
    Ok(csv)
}

/// The text without its last `count` lines, and those.
fn split_off_last(text: &[u8], count: usize) -> (Vec<u8>, Vec<u8>) {
    let all: Vec<_> = text.split_inclusive(|&byte| byte == b'\n').collect();
    let (first, last) = all.split_at(all.len().saturating_sub(count));
    (first.concat(), last.concat())
}

fn lines(text: &[u8]) -> u64 {
    text.split_inclusive(|&byte| byte == b'\n').count() as u64
}

fn append(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = std::fs::OpenOptions::new().append(true).open(path)?;
    Ok(file.write_all(bytes)?)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

#[cfg(any(feature = "cashu", feature = "ldk"))]
fn bitcoin(units: &Value) -> Money {
    Money { asset: Asset::Bitcoin, units: units.as_u64().unwrap_or(0) }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
