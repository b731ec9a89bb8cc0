//! `dazaar get`: rows of a table, or blocks of any feed, from the disk or from their seller.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use dazaar::folder::Folder;
use dazaar::log::Log;
use dazaar::wire::replication::Download;
use dazaar_data::{find_folder, is_seller};
use dazaar_table::export::OutputFormat;
use dazaar_table::header;
use dazaar_table::read::Query;

use super::purchase::{PaymentArguments, Purchase, SellerArguments};
use super::table::{
    Answer, Cursor, Question, TableDelivery, answer_from_disk, file_of, holds_all, reserve_for_rows,
};
use super::{Context, read_feed};
use crate::blocks::Blocks;
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;

/// Get rows of a table, by time: from the disk if they are here, else from their seller
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar get btcusd --from 2026-03-01 --to 2026-04-01 -o march.parquet
  dazaar get 'dazaar:4f1c...?at=203.0.113.7:49737' --from '2h ago' --follow --columns time,price
  dazaar get btcusd --symbol BTCUSD --where 'price>=100000' --limit 10
  dazaar get flights 0..100                   blocks as they stand, of a feed that is here")]
pub(crate) struct Arguments {
    /// Name of a listing or purchase, key of a feed or seller, folder of a feed; a link or card asks the seller
    pub(super) feed: String,

    /// Blocks: `5`, `3..10` (without 10), `3-9` (with 9), `100..`, and several with commas [default: all]
    pub(super) blocks: Option<Blocks>,

    #[command(flatten)]
    pub(super) question: Question,

    /// Go on after the history: deliver new rows as they come, until Ctrl-C
    #[arg(long, visible_alias = "live")]
    pub(super) follow: bool,

    /// Note in this file how far the rows went, and go on there next time: none lost, none doubled, whatever happened
    #[arg(long, value_name = "FILE", requires = "output")]
    pub(super) cursor: Option<PathBuf>,

    /// File to write to
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) purchase: SellerArguments,

    #[command(flatten)]
    pub(super) payment: PaymentArguments,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let folder = find_feed(context, &arguments.feed)?;
    let Some(folder) = folder else { return from_seller(context, arguments).await };
    let log = read_feed(&folder)?;
    let is_table = match log.block(0) {
        Ok(Some(block)) => header::decode(&block).is_ok(),
        Ok(None) => false,
        Err(error) => return Err(Failure::of_log(&folder, &error)),
    };
    if arguments.blocks.is_some() || !(is_table || arguments.is_for_table()) {
        arguments.payment.remark_unused(context);
        return blocks(context, arguments, &folder, &log);
    }
    let query = arguments.query()?;
    let is_mine = log.is_writable();
    if arguments.follow && is_mine {
        return Err(Failure::new(Kind::Usage, "only a purchase can be followed; these are rows of yours"));
    }
    if is_mine || (!arguments.follow && holds_all(&log, &query)?) {
        let answer = arguments.answer(context)?;
        arguments.payment.remark_unused(context);
        return answer_from_disk(&log, query, answer, &context.output);
    }
    drop(log);
    from_seller(context, arguments).await
}

/// Asks the seller for the blocks that are not here.
async fn from_seller(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.blocks.is_some() {
        return Err(Failure::input(format!("`{}` is no feed that is held here", arguments.feed))
            .hint("blocks of a seller: dazaar buy <seller> --sparse --blocks ..."));
    }
    let market = context.market_or_new()?;
    let how = (&arguments.purchase, &arguments.payment);
    let purchase = Purchase::paying(context, &market, &arguments.feed, how, (Download::Sparse, None))?;
    let (query, answer) = (arguments.query()?, arguments.answer(context)?);
    let delivery = TableDelivery::new(query, arguments.follow, answer);
    let outcome = Interruption::listen()?.or(purchase.follow(context, delivery)).await;
    purchase.flush().await?;
    match outcome? {
        Some(()) => Ok(()),
        None if arguments.follow => Ok(()),
        None => {
            Err(Failure::new(Kind::Interrupted, "interrupted; what was downloaded is not asked for again"))
        }
    }
}

impl Arguments {
    fn is_for_table(&self) -> bool {
        self.follow || self.question.query() != Query::default()
    }

    /// What is asked, from where the cursor is on.
    fn query(&self) -> Result<Query, Failure> {
        let place = self.cursor.as_deref().map(Cursor::open).transpose()?.and_then(|cursor| cursor.place);
        Ok(Query { from_row: place.map_or(0, |place| place.next_row), ..self.question.query() })
    }

    /// Where the rows go.
    fn answer(&self, context: &Context) -> Result<Answer, Failure> {
        let file = file_of(self.output.as_deref());
        if file.is_none() {
            if self.cursor.is_some() {
                return Err(Failure::new(Kind::Usage, "a cursor needs a file with the rows: -o FILE"));
            }
            reserve_for_rows(&context.output)?;
        }
        let format = self.question.format(file)?;
        if self.follow && format == OutputFormat::Parquet {
            return Err(Failure::new(Kind::Usage, "a Parquet file has an end, and cannot be followed"));
        }
        let answer = Answer::new(format, file.map(Path::to_owned));
        Ok(match &self.cursor {
            Some(cursor) => answer.with_cursor(Cursor::open(cursor)?),
            None => answer,
        })
    }
}

fn blocks(context: &Context, arguments: &Arguments, folder: &Path, log: &Log<Folder>) -> Result<(), Failure> {
    let wanted = arguments.blocks.clone().map_or_else(|| "0..".parse(), Ok).map_err(Failure::input)?;
    let mut sink = None;
    for range in wanted.ranges(log.length()) {
        for index in range {
            let block = log
                .block(index)
                .map_err(|error| Failure::of_log(folder, &error))?
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

/// The folder that is meant: a path, or something that the market knows. None if a seller has to be asked.
pub(super) fn find_feed(context: &Context, wanted: &str) -> Result<Option<PathBuf>, Failure> {
    let path = Path::new(wanted);
    if Folder::is_feed(path) {
        return Ok(Some(path.to_owned()));
    }
    if is_seller(wanted) {
        return Ok(None);
    }
    feed_here(context, wanted).map(Some)
}

/// The folder of something that the market knows, or a path.
pub(super) fn feed_here(context: &Context, wanted: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(wanted);
    if Folder::is_feed(path) {
        return Ok(path.to_owned());
    }
    let market = context.market()?;
    find_folder(&market, wanted)?.ok_or_else(|| {
        Failure::input(format!("`{wanted}` is no feed that is held here")).hint("see what is: dazaar status")
    })
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
