//! `dazaar buy`: downloads a feed from its seller, verified, and keeps it up to date if wanted.

mod deliver;
mod follow;

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use dazaar::cards::{Address, Card, CardSignature, Link, LinkError, TermsHash};
use dazaar::wire::replication::Download;
use dazaar::wire::session::SecurityPolicy;
use dazaar::{Buyer, BuyerOptions, Market, Order, validator};

use self::deliver::Delivery;
use super::Context;
use super::sell::read_card;
use crate::blocks::Blocks;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;

/// Buy a feed: find the seller, be admitted, and download a verified copy
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar buy 'dazaar:4f1c...?at=203.0.113.7:49737' --to trades.csv
  dazaar buy card.json --live --to -          history, then every new row as it comes
  dazaar buy card.json --sparse --blocks 0..100,5000")]
pub(crate) struct Arguments {
    /// A card (JSON file), a link (dazaar:...), or the seller's key; one that was bought from before needs no address
    seller: String,

    /// Where the seller is, if the card or link does not say; may be repeated
    #[arg(long, value_name = "HOST:PORT")]
    connect: Vec<Address>,

    /// Go on after the history: deliver new rows as they come, until Ctrl-C
    #[arg(long)]
    live: bool,

    /// Download only the blocks that are asked for; without --blocks, only learn how many there are
    #[arg(long)]
    sparse: bool,

    /// Blocks to download with --sparse: `5`, `3..10` (without 10), `3-9` (with 9), several with commas
    #[arg(long, requires = "sparse")]
    blocks: Option<Blocks>,

    /// Write the rows, in order, to a file or (-) to standard output
    #[arg(long, short = 'o', visible_alias = "output", value_name = "FILE")]
    to: Option<PathBuf>,

    /// Accept the seller's terms of use: the file with the terms, or their hash
    #[arg(long, value_name = "FILE|HASH")]
    accept_terms: Option<String>,

    /// Refuse sellers whose frames are not authenticated, as those of npm dazaar are not
    #[arg(long)]
    require_authenticated: bool,

    /// Ask a command, again and again, whether to download from this seller: exit code 0 means yes
    #[arg(long, value_name = "COMMAND")]
    vet_command: Option<String>,

    /// Send the seller a message of your own
    #[arg(long, value_name = "NAME=JSON")]
    send: Vec<String>,

    /// End with exit code 4 when the seller refuses, instead of waiting to be admitted
    #[arg(long)]
    no_wait: bool,

    /// Seconds without a connection after which to give up; 0 never does
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=31_536_000))]
    timeout: u64,
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
    let (link, card) = arguments.link(&market)?;
    let terms = arguments.accept_terms.as_deref().map(accepted_terms).transpose()?;
    let options = BuyerOptions {
        download: arguments.download(),
        security: if arguments.require_authenticated {
            SecurityPolicy::Require
        } else {
            SecurityPolicy::Offer
        },
        vetting: arguments
            .vet_command
            .as_ref()
            .map(|command| validator::command(["sh", "-c", command].map(str::to_owned).to_vec())),
    };
    let buyer = Buyer::new(Arc::clone(&market), Order { link, card, terms }, options)?;
    for (name, value) in messages {
        buyer.send(&name, &value);
    }
    let delivery = Delivery::new(arguments)?;
    let follow = follow::Follow {
        output: &context.output,
        buyer: &buyer,
        no_wait: arguments.no_wait,
        patience: (arguments.timeout > 0).then(|| Duration::from_secs(arguments.timeout)),
        is_admitted: Cell::default(),
        obstacle: RefCell::default(),
    };
    let outcome = Interruption::listen()?.or(follow.until(delivery)).await;
    if let Some(feed) = buyer.feed() {
        feed.log().flush().await?;
    }
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
    fn download(&self) -> Download {
        match (self.sparse, &self.to) {
            (true, _) => Download::Sparse,
            // Rows that are written as they come had better come in order.
            (false, Some(_)) => Download::Linear,
            (false, None) => Download::All,
        }
    }

    /// Who sells, and where they may be: typed, on the card, or known from before. With the card, if there is one.
    fn link(&self, market: &Market) -> Result<(Link, Option<String>), Failure> {
        let (mut link, card) = self.parse_seller(market)?;
        let known = market.database().purchase(&link.seller)?;
        let known =
            known.iter().flat_map(|purchase| &purchase.addresses).filter_map(|text| text.parse().ok());
        let mut addresses = self.connect.clone();
        for address in link.addresses.into_iter().chain(known) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        link.addresses = addresses;
        if link.addresses.is_empty() {
            return Err(Failure::new(Kind::Unreachable, "no address of this seller is known")
                .hint("use --connect host:port"));
        }
        Ok((link, card))
    }

    fn parse_seller(&self, market: &Market) -> Result<(Link, Option<String>), Failure> {
        let path = Path::new(&self.seller);
        if path.is_file() {
            let card = read_card(path)?;
            if card.verify() == CardSignature::Invalid {
                return Err(Failure::input("the card was changed after its seller signed it"));
            }
            return Ok((link_of(&card), Some(card.to_json().to_string())));
        }
        // A name comes from a stranger: a key or link is never looked up as one.
        let problem = match self.seller.parse() {
            Ok(link) => return Ok((link, None)),
            Err(problem) => problem,
        };
        let purchases = market.database().purchases()?;
        let known = purchases.iter().find(|purchase| purchase.name.as_deref() == Some(&self.seller));
        match known {
            Some(purchase) => Ok((Link { name: purchase.name.clone(), ..Link::new(purchase.seller) }, None)),
            None => Err(unknown_seller(&self.seller, &problem)),
        }
    }
}

fn unknown_seller(text: &str, problem: &LinkError) -> Failure {
    Failure::input(format!("`{text}` is neither a card, nor a link, nor a key, nor bought before: {problem}"))
}

fn link_of(card: &Card) -> Link {
    Link { seller: card.id, addresses: card.addresses.clone(), name: card.name.clone() }
}

/// The terms that are accepted: by their hash, or by their text in a file.
fn accepted_terms(text: &str) -> Result<TermsHash, Failure> {
    match text.parse() {
        Ok(hash) => Ok(hash),
        Err(_) => match std::fs::read_to_string(text) {
            Ok(terms) => Ok(TermsHash::of(&terms)),
            Err(error) => Err(Failure::input(format!(
                "`{text}` is neither the hash of terms nor a file with them: {error}"
            ))),
        },
    }
}

fn message(text: &str) -> Result<(String, serde_json::Value), Failure> {
    let (name, json) = text.split_once('=').unwrap_or((text, "null"));
    let value = serde_json::from_str(json)
        .map_err(|error| Failure::input(format!("`{json}` is not JSON: {error}")))?;
    Ok((name.to_owned(), value))
}
