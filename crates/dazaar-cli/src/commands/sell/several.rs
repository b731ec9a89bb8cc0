//! A map of several writers: the owner's feed and those of all writers behind one gate, also of those who are let in while it is sold.

use std::path::Path;
use std::sync::Arc;

use dazaar::hyperdb::{HyperDb, SyncOptions};
use dazaar::{Market, Offer, now_ms};
use serde_json::json;

use super::{Arguments, Context, card_describes, record};
use crate::commands::map::sync::Writers;
use crate::commands::serve::{self, Sold};
use crate::failure::{Failure, Kind};

/// Sells the map in a folder.
pub(super) async fn run(
    context: &Context,
    market: &Arc<Market>,
    arguments: &Arguments,
    folder: &Path,
    name: &str,
) -> Result<(), Failure> {
    arguments.check_for_several()?;
    let map = Arc::new(HyperDb::open(folder, None)?);
    let parts = map.parts()?;
    let Some(first) = parts.first().filter(|first| first.log.lock().length() > 0) else {
        return Err(Failure::input("the map is empty: nobody could tell what it is")
            .hint("bring what its writers have: dazaar map sync"));
    };
    if let Some(other) = market.database().listing_named(name)?
        && other.feed != first.feed
    {
        return Err(Failure::input(format!("`{name}` is already the name of another listing"))
            .hint("choose another with --name"));
    }
    map.lend_to(market)?;
    // The first too: buyers have to know what the data calls it.
    let members: Vec<_> = parts.iter().map(dazaar::StoredFeed::listed).collect();
    let offer = arguments.offer(first.feed, name.to_owned(), first.folder.clone());
    let offer = Offer { card: arguments.card()?, terms: arguments.terms()?, ..offer };
    let is_described = card_describes(&offer);
    let mut listing = market.draft(offer, now_ms())?;
    if !is_described {
        let logs = || parts.iter().map(|part| part.log.lock());
        let changes: u64 = logs().map(|log| log.length().saturating_sub(1)).sum();
        let bytes: u64 = logs().map(|log| log.byte_length()).sum();
        let coverage = json!({ "changes": changes, "bytes": bytes });
        let data = json!({ "kind": "map", "writers": parts.len(), "coverage": coverage });
        market.describe(&mut listing, "data", data)?;
    }
    record(context, market, (&mut listing, &members), arguments)?;
    map.flush().await?;
    if arguments.no_serve {
        return Ok(());
    }
    let writers = Writers {
        map: Arc::clone(&map),
        output: Arc::clone(&context.output),
        options: SyncOptions { with_anybody: false, is_live: true },
    };
    let replicated = async {
        match arguments.writers {
            Some(address) => writers.serve(address).await,
            None => std::future::pending().await,
        }
    };
    let sold = Sold { listings: vec![listing], maps: vec![Arc::clone(&map)], ..Sold::default() };
    let served = serve::serve(context, market, sold, &arguments.serving, replicated).await;
    map.flush().await?;
    served
}

impl Arguments {
    /// Options that are about rows say nothing of a map that is there.
    fn check_for_several(&self) -> Result<(), Failure> {
        let wrong = |problem: &str| Err(Failure::new(Kind::Usage, problem));
        match () {
            () if self.format.is_some() || self.blocks.is_some() || !self.preview.is_empty() => {
                wrong("--format, --blocks and --preview are about rows, and this is a map of several writers")
            }
            () if self.keep.keep.is_some() || self.keep.keep_bytes.is_some() => {
                wrong("a map is kept whole: --keep and --keep-bytes are for rows")
            }
            () if self.follow => {
                wrong("--follow is for files: what its writers bring is sold as it comes, with --writers")
            }
            () => Ok(()),
        }
    }
}
