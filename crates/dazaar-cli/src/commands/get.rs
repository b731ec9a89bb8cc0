//! `dazaar get`: blocks of a feed that I hold, from the disk alone.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use dazaar::Market;
use dazaar::folder::Folder;

use super::{Context, read_feed};
use crate::blocks::Blocks;
use crate::event::Event;
use crate::failure::Failure;

/// Print blocks of a feed that I sell or have bought; needs no network
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar get btcusd 0..100
  dazaar get 4b942f52aa2ec6d1f43dfcf5425e4fa8b8ca283028f4a2d626dd55787967402f -o all.csv")]
pub(crate) struct Arguments {
    /// Name of a listing or purchase, key of a feed or seller, or folder of a feed
    feed: String,

    /// Blocks: `5`, `3..10` (without 10), `3-9` (with 9), `100..`, and several with commas [default: all]
    blocks: Option<Blocks>,

    /// File to write to
    #[arg(short, long, visible_alias = "to", value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let folder = find_feed(context, &arguments.feed)?;
    let log = read_feed(&folder)?;
    let wanted = arguments.blocks.clone().map_or_else(|| "0..".parse(), Ok).map_err(Failure::input)?;
    let mut sink = None;
    for range in wanted.ranges(log.length()) {
        for index in range {
            let block = log
                .block(index)
                .map_err(|error| Failure::of_log(&folder, &error))?
                .ok_or_else(|| missing(index, log.length(), log.downloaded()))?;
            // A file is touched only once there is something to write.
            let sink = match &mut sink {
                Some(sink) => sink,
                None => sink.insert(Sink::new(context, arguments.output.as_deref())?),
            };
            sink.block(index, &block)?;
        }
    }
    sink.map_or(Ok(()), Sink::finish)
}

fn missing(index: u64, length: u64, held: u64) -> Failure {
    if index >= length {
        return Failure::input(format!("block {index} is wanted, but the feed has {length} blocks here"));
    }
    Failure::input(format!("block {index} is not held here; {held} of {length} blocks are"))
        .hint(format!("download it: dazaar buy <seller> --sparse --blocks {index}"))
}

/// The folder that is meant: a path, or something that the market knows.
pub(super) fn find_feed(context: &Context, wanted: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(wanted);
    if Folder::is_feed(path) {
        return Ok(path.to_owned());
    }
    let market = context.market()?;
    known_feed(&market, wanted)?.ok_or_else(|| {
        Failure::input(format!("`{wanted}` is no feed that is held here")).hint("see what is: dazaar status")
    })
}

/// Keys first: a name may come from a stranger, and must not pass for a key.
fn known_feed(market: &Market, wanted: &str) -> Result<Option<PathBuf>, Failure> {
    let (listings, purchases) = (market.database().listings()?, market.database().purchases()?);
    let sold = listings.into_iter().map(|listing| {
        let seller = market.seller_identity(&listing).public();
        (listing.feed, seller, Some(listing.name), listing.folder)
    });
    let bought = purchases.into_iter().filter_map(|purchase| {
        let feed = purchase.feed?;
        Some((feed, purchase.seller, purchase.name, market.purchase_folder(&feed)))
    });
    let known: Vec<_> = sold.chain(bought).collect();
    let by_key =
        known.iter().find(|(feed, seller, ..)| feed.to_string() == wanted || seller.to_string() == wanted);
    let by_name = || known.iter().find(|(_, _, name, _)| name.as_deref() == Some(wanted));
    Ok(by_key.or_else(by_name).map(|(.., folder)| folder.clone()))
}

/// Where the blocks go: a file, standard output, or one event each.
enum Sink<'a> {
    File(io::BufWriter<File>),
    Output(io::BufWriter<io::Stdout>),
    Events(&'a Context),
}

impl<'a> Sink<'a> {
    fn new(context: &'a Context, file: Option<&Path>) -> Result<Self, Failure> {
        Ok(match file {
            Some(path) => {
                let file = File::create(path)
                    .map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
                Self::File(io::BufWriter::new(file))
            }
            None if context.output.is_json() => Self::Events(context),
            None => Self::Output(io::BufWriter::new(io::stdout())),
        })
    }

    fn block(&mut self, index: u64, block: &[u8]) -> Result<(), Failure> {
        match self {
            Self::File(file) => file.write_all(block)?,
            Self::Output(output) => output.write_all(block)?,
            Self::Events(context) => context.output.event(&Event::block(index, block))?,
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::File(mut file) => file.flush()?,
            Self::Output(mut output) => output.flush()?,
            Self::Events(_) => {}
        }
        Ok(())
    }
}
