//! `dazaar doctor`: what is wrong with a feed's folder, and what can be done about it; or with the way to a seller.

mod network;
mod relays;

use std::io;
use std::path::Path;

use clap::Args;
use dazaar::folder::Folder;
use dazaar::log::FeedKey;
use dazaar::log::log::doctor::{Cure, Report, examine, repair};

use super::dialling::DialArguments;
use super::{Context, get};
use crate::event::Event;
use crate::failure::{Failure, Kind};

/// Look at every file of a feed, and repair what the others prove; or look for the way to a seller
///
/// With a link or a card every way to the seller is tried, and what is wrong with each is told; also what kind of router is in between,
/// as far as nodes of the DHT (two or more hosts) tell, and whether relays of iroh are reached.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar doctor prices
  dazaar doctor ./my-hypercore --repair
  dazaar doctor 'dazaar:4f1c...' --bootstrap dht.example.org:49737")]
pub(crate) struct Arguments {
    /// Folder of a feed, or what `get` takes: name of a listing or purchase, key of a feed or seller; or a link (dazaar:...) or
    /// card
    feed: String,

    /// Repair what can be repaired; a folder of which something cannot is left alone
    #[arg(long)]
    repair: bool,

    #[command(flatten)]
    dialling: DialArguments,
}

/// How a link begins.
const SCHEME: &str = "dazaar:";

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.feed.starts_with(SCHEME) || Path::new(&arguments.feed).is_file() {
        return network::examine(context, &arguments.feed, &arguments.dialling).await;
    }
    examine_feed(context, arguments)
}

fn examine_feed(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let folder = match Path::new(&arguments.feed) {
        path if path.is_dir() => path.to_owned(),
        _ => get::feed_here(context, &arguments.feed)?,
    };
    let named = folder.file_name().and_then(|name| name.to_str()?.parse::<FeedKey>().ok());
    let remains = Folder::remains(&folder).map_err(|error| unusable(&folder, &error))?;
    let mut report = examine(&remains, named)?;
    // The lock of the one keeps the other out.
    drop(remains);
    let repaired = arguments.repair && !report.is_fine() && report.is_repairable();
    if repaired {
        let storage = Folder::open(&folder).map_err(|error| unusable(&folder, &error))?;
        report = repair(storage, named)?;
    }
    tell(context, &folder, &report, repaired)?;
    match (report.is_fine() || repaired, report.is_repairable()) {
        (true, _) => Ok(()),
        (false, true) => Err(Failure::new(Kind::Damaged, "the feed is damaged")
            .hint(format!("dazaar doctor {} --repair", folder.display()))),
        (false, false) => {
            Err(Failure::new(Kind::Damaged, "the feed is damaged beyond repair; nothing was changed"))
        }
    }
}

fn tell(context: &Context, folder: &Path, report: &Report, repaired: bool) -> Result<(), Failure> {
    for finding in &report.findings {
        context.output.event(&Event::Finding {
            file: finding.file.as_str(),
            fault: finding.fault.to_string(),
            cure: finding.cure.to_string(),
            repairable: !matches!(finding.cure, Cure::None { .. }),
            repaired,
        })?;
    }
    Ok(context.output.event(&Event::Examined {
        folder: folder.display().to_string(),
        feed: report.key.map(|key| key.to_string()),
        writable: report.is_writable,
        length: report.length,
        have: report.held,
        findings: report.findings.len() as u64,
        repaired,
    })?)
}

fn unusable(folder: &Path, error: &io::Error) -> Failure {
    let folder = folder.display();
    match error.kind() {
        io::ErrorKind::NotFound => Failure::input(format!("there is no feed in {folder}")),
        io::ErrorKind::WouldBlock => Failure::new(Kind::Busy, format!("the feed in {folder} is in use"))
            .hint("another process has it open: stop that one first"),
        _ => Failure::new(Kind::General, format!("{folder}: {error}")),
    }
}
