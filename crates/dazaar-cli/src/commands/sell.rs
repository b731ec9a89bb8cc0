//! `dazaar sell`: turns data into a feed, lists it and serves it.

mod drive;
mod import;
mod json;
mod lines;
mod map;
mod several;
mod source;
mod table;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use dazaar::cards::{Card, SpokenPrice};
use dazaar::database::{Admission, ListedMember, Listing, Retention};
use dazaar::log::{FeedKey, IdentityKey};
use dazaar::{Market, Offer, SharedLog, now_ms};
use dazaar_data::{CARD_FIELD, Free, described, described_map};
use serde_json::{Map, Value};

use self::source::Source;
use super::serve::Sold;
use super::{Context, serve};
use crate::failure::{Failure, Kind};

/// Bytes of the largest card or terms file.
const TEXT_BYTES_MAX: u64 = 1024 * 1024;

/// Turn data into a feed, list it, and serve it to buyers until Ctrl-C
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar sell trades.csv                      to buyers whom you grant time: dazaar grant
  dazaar sell trades.csv --price '100 sats/hour'      to whoever pays, with a wallet: dazaar wallet
  dazaar sell weather.jsonl --free            to everybody, who may pass it on
  tail -F ticks.log | dazaar sell - --name ticks --follow
  dazaar sell ./photos                        a folder; buyers get a copy of it
  dazaar sell ./my-hypercore                  a feed that npm hypercore 9 made, or a drive
  dazaar sell ./team --writers 0.0.0.0:4100   a map of several writers, who bring what they write")]
pub(crate) struct Arguments {
    /// CSV, JSON lines or other text (.gz too), a folder with files, that of a feed, drive or map, or - for standard input
    source: PathBuf,

    /// What to call it [default: the file's name]
    #[arg(long)]
    name: Option<String>,

    /// How the rows are written [default: by the file's name; lines for standard input]
    #[arg(long, value_enum)]
    format: Option<RowFormat>,

    /// How rows become blocks [default: table, or raw for plain lines]
    #[arg(long, value_enum)]
    blocks: Option<BlocksMode>,

    /// Go on reading when the file or standard input grows, and publish each row at once; look again and again for changes of a folder
    #[arg(long)]
    follow: bool,

    /// What a row survives once it is published
    #[arg(long, value_enum, default_value_t = Durability::Os)]
    durability: Durability,

    /// What to do with a row that is wrong
    #[arg(long, value_enum, default_value_t = OnError::Stop)]
    on_error: OnError,

    #[command(flatten)]
    table: table::TableArguments,

    #[command(flatten)]
    admission: AdmissionArguments,

    /// Admit this buyer until revoked; may be repeated
    #[arg(long, value_name = "BUYER")]
    allow: Vec<IdentityKey>,

    /// Card to show (JSON); its id is set to yours, and it is signed
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,

    /// What is asked: '100 sats/hour', '5 EUR once by transfer', '0.10 EUR/GB', '1 sat/row', '2 EUR for 2024-01-01 to 2025-01-01'; may
    /// be repeated, any one suffices
    #[arg(long, value_name = "PRICE", conflicts_with_all = ["free", "admit_all", "validate_command", "validate_url"])]
    price: Vec<SpokenPrice>,

    /// Rows that anybody may look at: 'first 1000', '1d each month', 'older than 30d'; may be repeated
    #[arg(long, value_name = "ROWS")]
    preview: Vec<Free>,

    /// Terms of use that a buyer must accept, with a signature, before anything is delivered
    #[arg(long, value_name = "FILE")]
    terms: Option<PathBuf>,

    /// Whether buyers with npm dazaar, which cannot sign terms, are served
    #[arg(long, value_enum, default_value_t = UnsignedTerms::Refuse)]
    unsigned_terms: UnsignedTerms,

    #[command(flatten)]
    keep: KeepArguments,

    /// Let the writers of a map of several writers connect to this address, to bring what they write; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT")]
    writers: Option<SocketAddr>,

    /// List and import only; serve later with `dazaar serve`
    #[arg(long)]
    no_serve: bool,

    #[command(flatten)]
    serving: serve::Serving,
}

/// What admits a buyer; by default, time that I granted.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct AdmissionArguments {
    /// Admit everybody, to one feed that all may pass on
    #[arg(long)]
    free: bool,

    /// Admit everybody, each to a feed of their own
    #[arg(long)]
    admit_all: bool,

    /// Ask a command: exit code 0 admits; it finds DAZAAR_BUYER in its environment
    #[arg(long, value_name = "COMMAND")]
    validate_command: Option<String>,

    /// Ask a web service: it gets the buyer as JSON, and status 200 admits
    #[arg(long, value_name = "URL")]
    validate_url: Option<String>,
}

/// How much of the past is kept; by default, everything.
#[derive(Debug, Args)]
struct KeepArguments {
    /// Clear blocks that are older: 90d, 12h
    #[arg(long, value_name = "TIME", value_parser = age_ms)]
    keep: Option<i64>,

    /// Clear the oldest blocks beyond so many bytes: 10GB, 512MiB
    #[arg(long, value_name = "BYTES", value_parser = crate::sizes::bytes)]
    keep_bytes: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RowFormat {
    /// Comma separated values with a header; each row must have as many fields
    Csv,
    /// One JSON value a line
    Jsonl,
    /// Any text, a row each line
    Lines,
    /// A Parquet file
    Parquet,
    /// Arrow IPC, a file or a stream
    Arrow,
}

/// How rows become blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BlocksMode {
    /// Many rows in each, column by column, with an index of times
    Table,
    /// Each row a block, as JSON
    Lines,
    /// Each row a block, as it stands
    Raw,
    /// The newest row of each key, as JSON, to be looked up: dazaar map
    Map,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Durability {
    /// The end of the program; a power cut may take the rows of the last seconds
    Os,
    /// A power cut as well: each batch waits for the disk once
    Committed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnError {
    /// Import nothing
    Stop,
    /// Leave it out, and say so
    Skip,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum UnsignedTerms {
    Serve,
    Refuse,
}

pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let source = Source::new(&arguments)?;
    // What is wrong with these is found before anything is made.
    let (card, terms) = (arguments.card()?, arguments.terms()?);
    let market = context.market_or_new()?;
    let name = arguments.name.clone().unwrap_or_else(|| source.name());
    if let Source::Drive { path } | Source::Files { path } = &source {
        let path = (path.as_path(), matches!(source, Source::Files { .. }));
        return drive::run(context, &market, &arguments, path, &name).await;
    }
    if let Source::Several { path } = &source {
        return several::run(context, &market, &arguments, path, &name).await;
    }
    if arguments.writers.is_some() {
        return Err(Failure::new(Kind::Usage, "--writers is for maps of several writers: dazaar map create"));
    }
    let (log, folder) = open_feed(&market, &source, &name)?;

    let offer = Offer { card, terms, ..arguments.offer(log.key(), name, folder) };
    let is_described = card_describes(&offer);
    let mut listing = market.draft(offer, now_ms())?;
    let mut follower = match arguments.mode(&source) {
        BlocksMode::Table => table::begin(&source, &log, &arguments, context)?,
        BlocksMode::Lines => lines::begin(&source, &log, &arguments, context)?,
        BlocksMode::Raw => import::begin(&source, &log, &arguments, context)?,
        BlocksMode::Map => map::begin(&source, &log, &arguments, context)?,
    };
    if let (false, Some(data)) = (is_described, data_of(&log)) {
        market.describe(&mut listing, "data", data)?;
    }
    if !arguments.preview.is_empty() {
        let rules = arguments.preview.iter().map(ToString::to_string).collect();
        market.describe(&mut listing, CARD_FIELD, rules)?;
    }
    record(context, &market, (&mut listing, &[]), &arguments)?;
    log.flush().await?;
    if arguments.no_serve {
        let finished = follower.finished().await;
        // What was published stays, however the import ended.
        log.flush().await?;
        finished?;
        market.forget_past(&listing, &log, now_ms())?;
        return Ok(());
    }
    let sold = Sold { listings: vec![listing], ..Sold::default() };
    let served = serve::serve(context, &market, sold, &arguments.serving, follower.failed()).await;
    let stopped = follower.stop().await;
    // What was published stays, however the serving ended.
    log.flush().await?;
    served.and(stopped)
}

/// What a card says of a feed, in its field `data`.
fn data_of(log: &Arc<SharedLog>) -> Option<Value> {
    // The lock must be free for the second look.
    let table = described(&log.lock());
    table.or_else(|| described_map(log))
}

/// Puts a listing on record: its prices, the feeds that come with it, and whom it admits at once.
fn record(
    context: &Context,
    market: &Market,
    (listing, members): (&mut Listing, &[ListedMember]),
    arguments: &Arguments,
) -> Result<(), Failure> {
    set_prices(market, listing, arguments)?;
    tell_changes(context, market, listing)?;
    market.database().put_listing_with(listing, members)?;
    for buyer in &arguments.allow {
        let id = format!("{}-{:016x}", now_ms(), dazaar::random_number());
        market.database().grant(&id, &listing.feed, buyer, None, now_ms())?;
    }
    Ok(())
}

/// Takes over the prices that were typed, if any were.
fn set_prices(market: &Market, listing: &mut Listing, arguments: &Arguments) -> Result<(), Failure> {
    if !arguments.price.is_empty() {
        let entries = arguments.price.iter().map(|price| Value::Object(price.entry().clone())).collect();
        market.describe(listing, "prices", entries)?;
    }
    Ok(())
}

impl Arguments {
    /// The same for everybody, who may pass it on.
    ///
    /// # Errors
    /// [`Kind::Usage`] if something else is asked of buyers.
    pub(crate) fn free(mut self) -> Result<Self, Failure> {
        if !self.price.is_empty()
            || !self.allow.is_empty()
            || self.admission.admission() != Admission::Granted
        {
            let failure = Failure::new(Kind::Usage, "what is shared is free, for everybody");
            return Err(failure.hint("to ask for something: dazaar sell"));
        }
        self.admission.free = true;
        Ok(self)
    }

    fn card(&self) -> Result<Option<Map<String, Value>>, Failure> {
        self.card.as_deref().map(read_fields).transpose()
    }

    fn terms(&self) -> Result<Option<String>, Failure> {
        self.terms.as_deref().map(read_text).transpose()
    }

    /// What is offered, but for card and terms.
    fn offer(&self, feed: FeedKey, name: String, folder: PathBuf) -> Offer {
        Offer {
            unsigned_terms: self.unsigned_terms == UnsignedTerms::Serve,
            listen: self.serving.listen(),
            keep: Retention { age_ms: self.keep.keep, bytes: self.keep.keep_bytes },
            ..Offer::new(feed, &name, folder, self.admission.admission())
        }
    }

    /// How rows become blocks. A feed that is there already stays as it is.
    fn mode(&self, source: &Source) -> BlocksMode {
        match (self.blocks, source.format()) {
            (Some(blocks), _) => blocks,
            (None, None | Some(RowFormat::Lines)) => BlocksMode::Raw,
            (None, Some(_)) => BlocksMode::Table,
        }
    }
}

/// Whether the seller's own card says what is sold.
fn card_describes(offer: &Offer) -> bool {
    offer.card.as_ref().is_some_and(|card| card.contains_key("data"))
}

/// Listing anew what is listed changes its conditions. That may be meant, or forgotten.
fn tell_changes(context: &Context, market: &Market, listing: &Listing) -> Result<(), Failure> {
    let Some(before) = market.database().listing(&listing.feed)? else { return Ok(()) };
    if before.terms != listing.terms {
        context.output.remark(&format!("The terms of use of `{}` are other ones now", listing.name));
    }
    if before.admission != listing.admission {
        context.output.remark(&format!("Other buyers are admitted to `{}` now than before", listing.name));
    }
    if before.keep != listing.keep {
        let whole = listing.keep == Retention::default();
        let kept = if whole { "Everything of" } else { "Another part of the past of" };
        context.output.remark(&format!("{kept} `{}` is kept from now on", listing.name));
    }
    Ok(())
}

/// The feed for the source: a folder as it stands, anything else a feed of mine with this name.
fn open_feed(market: &Market, source: &Source, name: &str) -> Result<(Arc<SharedLog>, PathBuf), Failure> {
    let (log, folder) = match source {
        Source::Folder { path } => (market.log(path)?, path.clone()),
        _ => {
            let log = market.own_feed(name)?;
            let folder = market.feed_folder(&log.key());
            (log, folder)
        }
    };
    match market.database().listing_named(name)? {
        Some(other) if other.feed != log.key() => {
            Err(Failure::input(format!("`{name}` is already the name of another listing"))
                .hint("choose another with --name"))
        }
        _ => Ok((log, folder)),
    }
}

/// A span of time in milliseconds.
fn age_ms(text: &str) -> Result<i64, String> {
    let ms = dazaar::cards::parse_span_ms(text).map_err(|error| error.to_string())?;
    i64::try_from(ms).map_err(|_| "longer than can be counted".to_owned())
}

impl From<Durability> for dazaar::log::Durability {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Os => Self::Os,
            Durability::Committed => Self::Committed,
        }
    }
}

impl AdmissionArguments {
    fn admission(&self) -> Admission {
        match self {
            Self { free: true, .. } => Admission::Free,
            Self { admit_all: true, .. } => Admission::Everybody,
            Self { validate_command: Some(command), .. } => {
                Admission::Command { command: ["sh", "-c", command].map(str::to_owned).to_vec() }
            }
            Self { validate_url: Some(url), .. } => Admission::Http { url: url.clone() },
            _ => Admission::Granted,
        }
    }
}

/// The fields of a card that has no `id` yet.
fn read_fields(path: &Path) -> Result<Map<String, Value>, Failure> {
    serde_json::from_str(&read_text(path)?)
        .map_err(|error| Failure::input(format!("{}: not a JSON object: {error}", path.display())))
}

pub(super) fn read_card(path: &Path) -> Result<Card, Failure> {
    Card::parse(read_text(path)?.as_bytes())
        .map_err(|error| Failure::input(format!("{}: {error}", path.display())))
}

pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(TEXT_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
    Ok(text)
}
