//! Who writes a map may change while it is sold. The process that sells it has its folder; it is asked through the market's records.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use dazaar::hyperdb::HyperDb;
use dazaar::log::FeedKey;
use dazaar::{Market, now_ms};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::writers::{Change, version};
use crate::commands::Context;
use crate::event::Event;
use crate::failure::Failure;

/// Time from one look at the records to the next.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// How long the process that has the map may take, if it sells it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Under which names wishes about a map are.
fn names(map: &FeedKey) -> String {
    format!("map-writers/{map}/")
}

/// Has the process that sells the map in `folder` make a change, if one does; otherwise `busy` stands.
pub(super) async fn ask(
    context: &Context,
    folder: &Path,
    (change, writer): (Change, FeedKey),
    busy: Failure,
) -> Result<(), Failure> {
    if !Market::keystore(&context.dir).exists() {
        return Err(busy);
    }
    let market = context.market()?;
    let folder = folder.canonicalize()?;
    let listings = market.database().listings()?;
    let is_it = |listed: &Path| HyperDb::folder_of_source(listed).is_some_and(|listed| listed == folder);
    let Some(listing) = listings.into_iter().find(|listing| is_it(&listing.folder)) else { return Err(busy) };
    let name = names(&listing.feed) + &writer.to_string();
    // Who asks may be stopped: nobody is let in by a wish that nobody waits for any more.
    let until_ms = now_ms().saturating_add(i64::try_from(PATIENCE.as_millis()).unwrap_or(0));
    market.database().set_setting(&name, &json!({ "wanted": change.name(), "until_ms": until_ms }))?;
    let until = Instant::now() + PATIENCE;
    let outcome = loop {
        sleep(LOOK_INTERVAL).await;
        match market.database().setting(&name)? {
            Some(Value::Object(answer)) if answer.contains_key("done") => {
                break Ok(answer["done"].clone());
            }
            Some(Value::Object(answer)) if answer.contains_key("failed") => {
                break Err(Failure::input(answer["failed"].as_str().unwrap_or_default()));
            }
            _ if Instant::now() < until => {}
            _ => break Err(busy),
        }
    };
    market.database().remove_setting(&name)?;
    let (key, version) = (listing.feed.to_string(), outcome?);
    Ok(context.output.event(&Event::MapDone { key, version, changed: 0 })?)
}

/// Makes changes that others ask for, as long as the map is sold.
pub(crate) async fn grant(market: &Market, map: &HyperDb) -> Result<Infallible, Failure> {
    let prefix = names(&map.key());
    loop {
        for (name, value) in market.database().settings_below(&prefix)? {
            if value["until_ms"].as_i64().is_none_or(|until_ms| until_ms < now_ms()) {
                if value.get("wanted").is_some() {
                    market.database().remove_setting(&name)?;
                }
                continue;
            }
            let change = value["wanted"].as_str().and_then(Change::by_name);
            let writer = name.strip_prefix(&prefix).and_then(|writer| writer.parse().ok());
            if let Some((change, writer)) = change.zip(writer) {
                let answer = match change.make(map, writer).await {
                    Ok(()) => json!({ "done": version(map)? }),
                    Err(error) => json!({ "failed": error.to_string() }),
                };
                market.database().set_setting(&name, &answer)?;
            }
        }
        sleep(LOOK_INTERVAL).await;
    }
}
