//! `dazaar buy`: downloads a feed from its seller, verified, and keeps it up to date if wanted.

mod choose;
mod copied;
mod deliver;
mod destination;
mod files;
mod several;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::{ArgAction, Args};
use dazaar::cards::extension::printable;
use dazaar::wire::replication::Download;
use dazaar::{Buyer, Market, switch};

use self::choose::Chosen;
use self::copied::Memory;
use self::destination::Destination;
use super::Context;
use super::purchase::{PaymentArguments, Purchase, SellerArguments};
use crate::blocks::Blocks;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;

/// Buy a feed: find the seller, be admitted, and download a verified copy
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar buy 'dazaar:4f1c...?at=203.0.113.7:49737' --to trades.csv
  dazaar buy card.json --live --to -          history, then every new row as it comes
  dazaar buy 'dazaar:77ab...' --to ./copy      the files of a drive
  dazaar buy card.json --sparse --blocks 0..100,5000
  dazaar buy card.json --pay 1h --max-spend '500 sats' --top-up
  dazaar buy card.json --voucher              asks for the code of a voucher that the seller gave you")]
pub(crate) struct Arguments {
    /// A card (JSON file), a link (dazaar:...), or the seller's key; one that was bought from before needs no address
    seller: String,

    /// Go on after the history: deliver new rows as they come, until Ctrl-C
    #[arg(long)]
    live: bool,

    /// Download only the blocks that are asked for; without --blocks, only learn how many there are
    #[arg(long)]
    sparse: bool,

    /// Blocks to download with --sparse: `5`, `3..10` (without 10), `3-9` (with 9), several with commas
    #[arg(long, requires = "sparse")]
    blocks: Option<Blocks>,

    /// Write the rows, in order, to a file or (-) to standard output; those of a table as csv, jsonl, parquet or arrow, by the
    /// name of the file. The files of a drive go into a folder
    #[arg(long, short = 'o', visible_alias = "output", value_name = "FILE")]
    to: Option<PathBuf>,

    #[command(flatten)]
    purchase: SellerArguments,

    #[command(flatten)]
    payment: PaymentArguments,

    /// Of a feed that is free for everybody, neither serve other buyers nor ask them: they would see this machine's address
    #[arg(long, env = "DAZAAR_NO_SHARE", hide_env_values = true, action = ArgAction::SetTrue, value_parser = switch)]
    no_share: bool,

    /// Where to serve other buyers of such a feed, who are found as sellers are [default: 0.0.0.0, any free port]
    #[arg(long, value_name = "IP:PORT", env = "DAZAAR_SHARE_ON", hide_env_values = true)]
    share_on: Option<SocketAddr>,

    /// Send the seller a message of your own
    #[arg(long, value_name = "NAME=JSON")]
    send: Vec<String>,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.to.as_deref() == Some(Path::new("-")) {
        if context.output.is_json() {
            return Err(Failure::new(Kind::Usage, "--json and --to - would both write to standard output"));
        }
        context.output.reserve_for_data();
    }
    let messages = arguments.send.iter().map(|text| message(text)).collect::<Result<Vec<_>, _>>()?;
    let market = context.market_or_new()?;
    let how = (&arguments.purchase, &arguments.payment);
    let purchase = Purchase::paying(
        context,
        &market,
        &arguments.seller,
        how,
        (arguments.download(), arguments.share()),
    )?;
    for (name, value) in messages {
        purchase.buyer().send(&name, &value);
    }
    let memory = Memory::new(market.clone(), purchase.buyer().seller());
    let name = name_of(&market, purchase.buyer())?;
    let destination = Destination::new(arguments, (market.dir(), memory), name)?;
    let chosen = Chosen::new(arguments, purchase.buyer(), destination)?;
    let outcome = Interruption::listen()?.or(purchase.follow(context, chosen)).await;
    purchase.flush().await?;
    match outcome? {
        Some(()) => Ok(()),
        // A live purchase has no other end.
        None if arguments.live => Ok(()),
        None => {
            Err(Failure::new(Kind::Interrupted, "interrupted; the same command goes on where it stopped"))
        }
    }
}

impl Arguments {
    /// Where to serve other buyers.
    fn share(&self) -> Option<SocketAddr> {
        let anywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        (!self.no_share).then(|| self.share_on.unwrap_or(anywhere))
    }

    fn download(&self) -> Download {
        match (self.sparse, &self.to) {
            (true, _) => Download::Sparse,
            // Rows that are written as they come had better come in order.
            (false, Some(_)) => Download::Linear,
            (false, None) => Download::All,
        }
    }
}

/// By what this purchase is found again: its name, or who sells.
fn name_of(market: &Market, buyer: &Buyer) -> Result<String, Failure> {
    let purchase = market.database().purchase(&buyer.seller())?;
    let name = purchase.and_then(|purchase| purchase.name).or_else(|| buyer.name().map(str::to_owned));
    Ok(name.map_or_else(|| buyer.seller().to_string(), |name| printable(&name)))
}

fn message(text: &str) -> Result<(String, serde_json::Value), Failure> {
    let (name, json) = text.split_once('=').unwrap_or((text, "null"));
    let value = serde_json::from_str(json)
        .map_err(|error| Failure::input(format!("`{json}` is not JSON: {error}")))?;
    Ok((name.to_owned(), value))
}
