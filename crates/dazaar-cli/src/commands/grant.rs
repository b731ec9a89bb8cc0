//! `dazaar grant`: lets a buyer in, for a time or for good.

use clap::Args;
use dazaar::database::Credit;
use dazaar::log::IdentityKey;
use dazaar::now_ms;

use super::credit::amount_ms;
use super::{Context, find_listing};
use crate::event::Event;
use crate::failure::Failure;

/// Grant a buyer time, or admit them for good
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dazaar grant 6078252b3c85837e055f1daa415ff2afe87724b651fa4ae12e6f53876144833a 2h"
)]
pub(crate) struct Arguments {
    /// The buyer's key, as `dazaar sell` and `dazaar sales` show it
    buyer: IdentityKey,

    /// How long: 30s, 90m, 2h, 7d, 1d12h, or `forever`
    time: String,

    /// Which of my listings, if there are several: its name, feed or seller key
    #[arg(long)]
    listing: Option<String>,

    /// Name of this grant; granting twice under one name grants once
    #[arg(long)]
    id: Option<String>,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let market = context.market()?;
    let listing = find_listing(&market, arguments.listing.as_deref())?;
    let amount_ms = amount_ms(&arguments.time)?;
    let id = arguments.id.clone().unwrap_or_else(|| format!("{}-{:016x}", now_ms(), dazaar::random_number()));
    let credit = market.database().grant(&id, &listing.feed, &arguments.buyer, amount_ms, now_ms())?;
    context.output.event(&Event::Granted {
        buyer: arguments.buyer.to_string(),
        feed: listing.feed.to_string(),
        remaining_ms: match credit {
            Credit::Time { left_ms } => Some(left_ms),
            _ => None,
        },
    })?;
    Ok(())
}
