//! `dazaar revoke`: takes back what a buyer has left.

use clap::Args;
use dazaar::log::IdentityKey;
use dazaar::now_ms;

use super::{Context, find_listing};
use crate::event::Event;
use crate::failure::Failure;

/// Take back whatever a buyer has left; takes effect within a second
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  dazaar revoke 6078252b3c85837e055f1daa415ff2afe87724b651fa4ae12e6f53876144833a"
)]
pub(crate) struct Arguments {
    /// The buyer's key
    buyer: IdentityKey,

    /// Which of my listings, if there are several: its name, feed or seller key
    #[arg(long)]
    listing: Option<String>,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let market = context.market()?;
    let listing = find_listing(&market, arguments.listing.as_deref())?;
    market
        .database()
        .revoke(&listing.feed, &arguments.buyer, now_ms())?
        .ok_or_else(|| Failure::input("nothing was ever granted to this buyer"))?;
    let (buyer, feed) = (arguments.buyer.to_string(), listing.feed.to_string());
    Ok(context.output.event(&Event::Revoked { buyer, feed })?)
}
