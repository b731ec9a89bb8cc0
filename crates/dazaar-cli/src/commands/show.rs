//! `dazaar show`: what a table is and has.

use clap::Args;
use dazaar::wire::replication::Download;

use super::get::find_feed;
use super::purchase::{Purchase, SellerArguments};
use super::table::{SummaryDelivery, summary};
use super::{Context, read_feed};
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;

/// Show what a table is and has: columns, rows, first and last time
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar show prices
  dazaar show 'dazaar:4f1c...?at=203.0.113.7:49737'")]
pub(crate) struct Arguments {
    /// Name of a listing or purchase, key of a feed or seller, folder of a feed; a link or card asks the seller
    feed: String,

    #[command(flatten)]
    purchase: SellerArguments,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
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
