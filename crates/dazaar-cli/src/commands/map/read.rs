//! `dazaar map get`, `ls` and `diff`: what is in a map.

mod several;

use std::io::IsTerminal as _;

use clap::Args;
use dazaar::maps::hypertrie::{Change, Node};
use dazaar_data::{AnyMap, Map};

use super::Source;
use super::value::Value;
use crate::commands::Context;
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;

/// Print the value of a key; only the blocks on the way to it are downloaded
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar map get ./prices btc/usd
  dazaar map get 'dazaar:4f1c...?at=203.0.113.7:49737' btc/usd")]
pub(crate) struct GetArguments {
    #[command(flatten)]
    source: Source,

    /// The key
    key: String,

    /// An older version, as changing it told
    #[arg(long, value_name = "VERSION")]
    at: Option<String>,
}

/// List the entries of a map, in the order of their hashes
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar map ls ./prices btc
  dazaar map ls 'dazaar:4f1c...?at=203.0.113.7:49737' --follow      what changes, until Ctrl-C
  dazaar map ls ./prices --json | dazaar map import ./copy")]
pub(crate) struct ListArguments {
    #[command(flatten)]
    source: Source,

    /// Only what is at and below this key
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,

    /// An older version, as changing it told
    #[arg(long, value_name = "VERSION", conflicts_with = "follow")]
    at: Option<String>,

    /// Go on with changes as they come from the seller, until Ctrl-C
    #[arg(long, visible_alias = "live")]
    follow: bool,
}

/// Show what has changed in a map since an older version
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar map diff ./prices 1000")]
pub(crate) struct DiffArguments {
    #[command(flatten)]
    source: Source,

    /// The older version, as changing the map told
    since: String,

    /// Only what is at and below this key
    #[arg(default_value = "", hide_default_value = true)]
    prefix: String,
}

pub(super) async fn get(context: &Context, arguments: &GetArguments) -> Result<(), Failure> {
    context.output.reserve_for_data();
    let map = match arguments.source.open(context, false).await? {
        AnyMap::One(map) => map,
        AnyMap::Several(map) => return several::get(context, &map, arguments).await,
    };
    let found = map.get(version(&map, arguments.at.as_deref())?, &arguments.key).await;
    map.flush().await?;
    let node = found?.ok_or_else(|| Failure::input(format!("there is no entry `{}`", arguments.key)))?;
    if context.output.is_json() {
        return Ok(context.output.event(&entry(&node))?);
    }
    let value = node.value().unwrap_or_default();
    context.output.data(value)?;
    if std::io::stdout().is_terminal() && !value.ends_with(b"\n") {
        context.output.data(b"\n")?;
    }
    Ok(())
}

pub(super) async fn list(context: &Context, arguments: &ListArguments) -> Result<(), Failure> {
    let map = arguments.source.open(context, arguments.follow).await?;
    let has_seller = match &map {
        AnyMap::One(map) => map.has_seller(),
        AnyMap::Several(map) => map.has_seller(),
    };
    if arguments.follow && !has_seller {
        return Err(Failure::new(Kind::Usage, "only a map that is bought can be followed"));
    }
    let interruption = Interruption::listen()?;
    let outcome = match &map {
        AnyMap::One(map) => {
            let outcome = interruption.or(entries(context, arguments, map)).await;
            map.flush().await?;
            outcome
        }
        AnyMap::Several(map) => {
            let outcome = interruption.or(several::entries(context, arguments, map)).await;
            map.flush().await?;
            outcome
        }
    };
    match outcome? {
        None if !arguments.follow => {
            Err(Failure::new(Kind::Interrupted, "interrupted; what was downloaded is not asked for again"))
        }
        _ => Ok(()),
    }
}

async fn entries(context: &Context, arguments: &ListArguments, map: &Map) -> Result<(), Failure> {
    let prefix = arguments.prefix.as_str();
    let mut told = version(map, arguments.at.as_deref())?;
    map.list(told, prefix, |node| Ok::<_, Failure>(context.output.event(&entry(node))?)).await?;
    if !arguments.follow {
        return Ok(());
    }
    loop {
        let newer = map.grown(told).await?;
        changes(context, map, (told, newer), prefix).await?;
        told = newer;
    }
}

pub(super) async fn diff(context: &Context, arguments: &DiffArguments) -> Result<(), Failure> {
    let map = match arguments.source.open(context, false).await? {
        AnyMap::One(map) => map,
        AnyMap::Several(map) => return several::diff(context, &map, arguments).await,
    };
    let versions = (version(&map, Some(&arguments.since))?, map.version());
    let outcome = changes(context, &map, versions, &arguments.prefix).await;
    map.flush().await?;
    outcome
}

async fn changes(context: &Context, map: &Map, versions: (u64, u64), prefix: &str) -> Result<(), Failure> {
    map.diff(versions, prefix, |change| {
        // A neighbour of what was deleted is written again, as it was.
        let value =
            |node: &Option<std::sync::Arc<Node>>| node.as_ref().map(|node| node.value().map(<[u8]>::to_vec));
        if value(&change.newer) == value(&change.older) {
            return Ok(());
        }
        Ok::<_, Failure>(context.output.event(&changed(change))?)
    })
    .await
}

/// The version that is meant.
fn version(map: &Map, wanted: Option<&str>) -> Result<u64, Failure> {
    let newest = map.version();
    let Some(wanted) = wanted else { return Ok(newest) };
    match wanted.parse() {
        Ok(wanted) if wanted > newest => {
            Err(Failure::input(format!("version {wanted} is newer than version {newest}")))
        }
        Ok(wanted) => Ok(wanted),
        Err(_) => {
            Err(Failure::new(Kind::Usage, format!("`{wanted}` is no version: those of this map are numbers")))
        }
    }
}

fn entry(node: &Node) -> Event {
    let value = Value::of(node.value().unwrap_or_default());
    Event::MapEntry { key: node.key().to_owned(), value, block: node.seq(), writer: None, conflict: None }
}

fn changed(change: &Change) -> Event {
    let kind = match (&change.newer, &change.older) {
        (Some(_), None) => "added",
        (Some(_), Some(_)) => "changed",
        (None, _) => "deleted",
    };
    let value = change.newer.as_ref().map(|node| Value::of(node.value().unwrap_or_default()));
    let deleted = change.newer.is_none();
    Event::MapChange { key: change.key().to_owned(), kind, value, deleted, conflict: None }
}
