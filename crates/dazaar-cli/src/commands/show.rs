//! `dazaar show`: what a table is and has.

use std::collections::BTreeMap;

use clap::Args;
use dazaar::wire::replication::Download;
use dazaar_data::{Tables, gaps};
use dazaar_table::times::Rfc3339;

use super::get::find_feed;
use super::purchase::{Purchase, SellerArguments};
use super::table::{SummaryDelivery, span, summary};
use super::{Context, read_feed};
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;

/// Show what a table is and has: columns, rows, first and last time
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar show prices
  dazaar show prices --gaps 1h
  dazaar show 'dazaar:4f1c...?at=203.0.113.7:49737'")]
pub(crate) struct Arguments {
    /// Name of a listing or purchase, key of a feed or seller, folder of a feed; a link or card asks the seller
    feed: String,

    /// List the spans of time longer than this that have no row: 1h
    #[arg(long, value_name = "TIME", value_parser = span)]
    gaps: Option<i64>,

    #[command(flatten)]
    purchase: SellerArguments,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    show(context, arguments).await?;
    match arguments.gaps {
        Some(span) => show_gaps(context, arguments, span).await,
        None => Ok(()),
    }
}

/// Only what the index does not say is read, and downloaded.
async fn show_gaps(context: &Context, arguments: &Arguments, span: i64) -> Result<(), Failure> {
    let market = context.market_or_new()?;
    let settings = arguments.purchase.settings(&market, BTreeMap::new())?;
    let tables = Tables::new(market, settings);
    let finding = async {
        let table = tables.open(&arguments.feed).await?;
        let found = gaps(&table, span).await?;
        table.flush().await?;
        Ok(found)
    };
    let Some(found) = Interruption::listen()?.or(finding).await? else {
        return Err(Failure::new(Kind::Interrupted, "interrupted"));
    };
    for (after, before) in found {
        let time = |time: i64| Rfc3339(time).to_string();
        let seconds = (before as f64 - after as f64) / 1e9;
        context.output.event(&Event::Gap { after: time(after), before: time(before), seconds })?;
    }
    Ok(())
}

async fn show(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    if let Some(folder) = find_feed(context, &arguments.feed)? {
        let log = read_feed(&folder)?;
        if log.length() == 0 {
            return Err(Failure::input("the feed is empty"));
        }
        // A purchase of some rows may lack the newest index; then its seller is asked.
        if log.has(0) && log.has(log.length() - 1) {
            return Ok(context.output.event(&summary(&log)?)?);
        }
    }
    let market = context.market_or_new()?;
    let purchase = Purchase::new(&market, &arguments.feed, &arguments.purchase, Download::Sparse)?;
    let outcome = Interruption::listen()?.or(purchase.follow(context, SummaryDelivery::default())).await;
    purchase.flush().await?;
    match outcome? {
        Some(()) => Ok(()),
        None => Err(Failure::new(Kind::Interrupted, "interrupted")),
    }
}
