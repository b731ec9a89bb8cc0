//! `dazaar sql`: questions in SQL, over tables that are here and tables that sellers have.

use std::path::PathBuf;

use clap::Args;

use super::Context;
use super::purchase::SellerArguments;
use super::table::RowsFormat;
use crate::failure::Failure;
use crate::sizes::bytes;

#[cfg(feature = "sql")]
mod query;
#[cfg(feature = "sql")]
mod wrong;

/// Ask questions in SQL, of tables that are here and of tables that sellers have
///
/// A table goes by the name of a listing or purchase, by a key, a link, or the file of a card, in double quotes if it is more than a
/// word. Only what a question needs is downloaded: a range of time, values of the first key column, columns and a limit reach the
/// seller. `bucket('1h', time)` is the beginning of the hour that a time lies in; `candles('trades', '1m')` is a table of prices.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar sql \"select * from btcusd where time >= '2026-03-01' limit 10\"
  dazaar sql \"select * from candles('btcusd', '1h') where time >= now() - interval '1 day' order by time\"
  dazaar sql --table btc='dazaar:4f1c...?at=203.0.113.7:49737' \"select symbol, avg(price) from btc group by symbol\"
  dazaar sql \"explain select price from btcusd where time >= '2026-03-01'\"")]
pub(crate) struct Arguments {
    /// The question; `-` reads it from standard input
    query: String,

    /// A name for a seller or feed: NAME=SELLER; may be repeated
    #[arg(long = "table", value_name = "NAME=SELLER", value_parser = named)]
    tables: Vec<(String, String)>,

    /// How rows are written [default: by the name of the file; a table in a terminal, else csv]
    #[arg(long, value_enum)]
    format: Option<RowsFormat>,

    /// File to write to
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Memory for sorts, groups and joins; more of those goes to the disk, or ends the question
    #[arg(long, value_name = "BYTES", default_value = "2GB", value_parser = bytes)]
    memory: i64,

    #[command(flatten)]
    seller: SellerArguments,
}

#[cfg(feature = "sql")]
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    query::run(context, arguments).await
}

#[cfg(not(feature = "sql"))]
pub(crate) async fn run(_: &Context, _: &Arguments) -> Result<(), Failure> {
    Err(Failure::new(crate::failure::Kind::Usage, "this program was built without SQL")
        .hint("build it with: cargo install --path crates/dazaar-cli --features sql"))
}

fn named(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, seller)) if !name.is_empty() && !seller.is_empty() => {
            Ok((name.to_owned(), seller.to_owned()))
        }
        _ => Err("it looks like this: btc=dazaar:4f1c...".to_owned()),
    }
}
