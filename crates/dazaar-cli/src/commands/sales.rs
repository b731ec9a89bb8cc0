//! `dazaar sales`: who bought what from me.

use clap::Args;

use super::{Context, find_listing};
use crate::event::Event;
use crate::failure::Failure;
use crate::times::utc;

/// List my buyers, and what was delivered to each
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar sales --listing btcusd --json")]
pub(crate) struct Arguments {
    /// Only this listing: its name, feed or seller key
    #[arg(long)]
    listing: Option<String>,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let market = context.market()?;
    let listings = match &arguments.listing {
        Some(wanted) => vec![find_listing(&market, Some(wanted))?],
        None => market.database().listings()?,
    };
    for listing in listings {
        for sale in market.database().sales(&listing.feed)? {
            context.output.event(&Event::Sale {
                name: listing.name.clone(),
                feed: sale.feed.to_string(),
                buyer: sale.buyer.to_string(),
                unique_feed: sale.unique_feed.to_string(),
                blocks: sale.blocks,
                bytes: sale.bytes,
                since: utc(sale.since_ms),
                seen: utc(sale.seen_ms),
            })?;
        }
    }
    Ok(())
}
