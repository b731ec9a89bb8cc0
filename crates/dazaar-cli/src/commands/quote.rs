//! `dazaar quote`: how many rows a range of time has, and what they cost, asked of the seller before anything is paid.

use clap::Args;
use dazaar::cards::display_text;
use dazaar::wire::replication::Download;
use dazaar_data::{QuoteAnswer, QuoteQuestion};

use super::Context;
use super::purchase::{Purchase, SellerArguments};
use super::table::Times;
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;

/// Prices that are shown: as many as a card has.
const COSTS_MAX: usize = dazaar::cards::limits::OFFERS_MAX;

/// Ask a seller how many rows and bytes a range of time has and what it costs, before paying
#[derive(Debug, Args)]
#[command(after_help = "Example:
  dazaar quote 'dazaar:4f1c...?at=203.0.113.7:49737' --from 2026-03-01 --to 2026-04-01")]
pub(crate) struct Arguments {
    /// A card (JSON file), a link (dazaar:...), the seller's key, or the name of a purchase
    seller: String,

    #[command(flatten)]
    times: Times,

    #[command(flatten)]
    purchase: SellerArguments,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let market = context.market_or_new()?;
    let purchase = Purchase::new(&market, &arguments.seller, &arguments.purchase, Download::Sparse)?;
    let (from, to) = arguments.times.as_text();
    let question = QuoteQuestion { from, to };
    let Some(QuoteAnswer { rows, bytes, costs }) =
        Interruption::listen()?.or(purchase.ask(&question)).await?
    else {
        return Err(Failure::new(Kind::Interrupted, "interrupted"));
    };
    let QuoteQuestion { from, to } = question;
    let seller = purchase.buyer().seller().to_string();
    let costs = costs.into_iter().take(COSTS_MAX);
    let costs = costs.map(|cost| [cost.cost, cost.price].map(|text| display_text(&text))).collect();
    Ok(context.output.event(&Event::Quote { seller, from, to, rows, bytes, costs })?)
}
