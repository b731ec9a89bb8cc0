//! `dazaar status`: what I sell and what I buy.

use clap::Args;
use dazaar::Market;
use dazaar::database::{Listing, Purchase};
use dazaar::folder::Folder;

use super::{Context, read_feed};
use crate::event::Event;
use crate::failure::Failure;

/// List what I sell and what I buy
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(context: &Context, _: &Arguments) -> Result<(), Failure> {
    let market = context.market()?;
    let (listings, purchases) = (market.database().listings()?, market.database().purchases()?);
    if listings.is_empty() && purchases.is_empty() {
        context.output.remark("Nothing is sold or bought here yet.");
    }
    for listing in listings {
        context.output.event(&describe_listing(&market, listing)?)?;
    }
    for purchase in purchases {
        context.output.event(&describe_purchase(&market, purchase)?)?;
    }
    Ok(())
}

fn describe_listing(market: &Market, listing: Listing) -> Result<Event, Failure> {
    let log = read_feed(&listing.folder)?;
    Ok(Event::Listing {
        seller: market.seller_identity(&listing).public().to_string(),
        feed: listing.feed.to_string(),
        length: log.length(),
        bytes: log.byte_length(),
        buyers: market.database().sales(&listing.feed)?.len() as u64,
        admission: serde_json::to_value(&listing.admission).unwrap_or_default(),
        folder: listing.folder.display().to_string(),
        name: listing.name,
    })
}

fn describe_purchase(market: &Market, purchase: Purchase) -> Result<Event, Failure> {
    let folder =
        purchase.feed.map(|feed| market.purchase_folder(&feed)).filter(|folder| Folder::is_feed(folder));
    let (have, length, bytes) = match folder {
        Some(folder) => {
            let log = read_feed(&folder)?;
            (log.downloaded(), log.length(), log.byte_length())
        }
        None => (0, 0, 0),
    };
    Ok(Event::Purchase {
        name: purchase.name,
        seller: purchase.seller.to_string(),
        feed: purchase.feed.map(|feed| feed.to_string()),
        have,
        length,
        bytes,
        addresses: purchase.addresses,
    })
}
