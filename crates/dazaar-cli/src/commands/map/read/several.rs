//! The same of maps of several writers. A key has several values if its writers had not seen each other's.

use std::io::IsTerminal as _;
use std::sync::Arc;

use dazaar::maps::db::{DbChange, DbNode, Version};
use dazaar_data::{DbMap, MapError};

use super::{DiffArguments, GetArguments, ListArguments};
use crate::commands::Context;
use crate::commands::map::value::Value;
use crate::event::Event;
use crate::failure::{Failure, Kind};

pub(super) async fn get(context: &Context, map: &DbMap, arguments: &GetArguments) -> Result<(), Failure> {
    let at = version(map, arguments.at.as_deref()).await;
    let found = match at {
        Ok(at) => map.get(&at, &arguments.key).await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    map.flush().await?;
    let nodes = found?;
    if nodes.is_empty() {
        return Err(Failure::input(format!("there is no entry `{}`", arguments.key)));
    }
    if context.output.is_json() {
        return entry(context, map, &nodes);
    }
    let values: Vec<_> = nodes.iter().filter(|node| !node.is_deleted()).collect();
    for node in &values {
        let value = node.value().unwrap_or_default();
        context.output.data(value)?;
        // Several are told apart, as far as they are lines.
        if (values.len() > 1 || std::io::stdout().is_terminal()) && !value.ends_with(b"\n") {
            context.output.data(b"\n")?;
        }
    }
    if nodes.len() > 1 {
        context.output.remark(&format!(
            "{} writers have changed it without having seen each other's change; writing it again settles that",
            nodes.len()
        ));
    }
    Ok(())
}

pub(super) async fn entries(
    context: &Context,
    arguments: &ListArguments,
    map: &DbMap,
) -> Result<(), Failure> {
    let mut told = version(map, arguments.at.as_deref()).await?;
    map.list(&told, &arguments.prefix, |nodes| entry(context, map, nodes)).await?;
    if !arguments.follow {
        return Ok(());
    }
    loop {
        let newer = map.grown(&told).await?;
        changes(context, map, (&told, &newer), &arguments.prefix).await?;
        told = newer;
    }
}

pub(super) async fn diff(context: &Context, map: &DbMap, arguments: &DiffArguments) -> Result<(), Failure> {
    let outcome = async {
        let older = version(map, Some(&arguments.since)).await?;
        let newer = map.version().await?;
        changes(context, map, (&older, &newer), &arguments.prefix).await
    };
    let outcome = outcome.await;
    map.flush().await?;
    outcome
}

async fn changes(
    context: &Context,
    map: &DbMap,
    versions: (&Version, &Version),
    prefix: &str,
) -> Result<(), Failure> {
    map.diff(versions, prefix, |change| tell_change(context, change)).await
}

fn tell_change(context: &Context, change: &DbChange) -> Result<(), Failure> {
    let kind = match (change.newer.as_slice(), change.older.as_slice()) {
        ([], _) => "deleted",
        (_, []) => "added",
        _ => "changed",
    };
    let event = |value: Option<Value>, deleted| Event::MapChange {
        key: change.key().to_owned(),
        kind,
        value,
        deleted,
        conflict: conflict(&change.newer),
    };
    if change.newer.is_empty() {
        return Ok(context.output.event(&event(None, true))?);
    }
    for node in &change.newer {
        let value = (!node.is_deleted()).then(|| Value::of(node.value().unwrap_or_default()));
        context.output.event(&event(value, node.is_deleted()))?;
    }
    Ok(())
}

/// Tells the entries of one key. One that says that it was deleted is in conflict with the others.
fn entry(context: &Context, map: &DbMap, nodes: &[Arc<DbNode>]) -> Result<(), Failure> {
    for node in nodes.iter().filter(|node| !node.is_deleted()) {
        let event = Event::MapEntry {
            key: node.key().to_owned(),
            value: Value::of(node.value().unwrap_or_default()),
            block: node.seq(),
            writer: Some(map.writer_of(node).to_string()),
            conflict: conflict(nodes),
        };
        context.output.event(&event)?;
    }
    Ok(())
}

/// How many entries are in conflict; none if there is no conflict.
fn conflict(nodes: &[Arc<DbNode>]) -> Option<usize> {
    (nodes.len() > 1).then_some(nodes.len())
}

/// The version that is meant.
async fn version(map: &DbMap, wanted: Option<&str>) -> Result<Version, Failure> {
    let Some(wanted) = wanted else { return Ok(map.version().await?) };
    let read = || Version::decode(&hex::decode(wanted).ok()?).ok();
    let version = read().ok_or_else(|| {
        Failure::new(
            Kind::Usage,
            "this is no version: those of a map of several writers are what changing it told, in hex",
        )
    })?;
    // Whoever has not seen it cannot tell what it was.
    match map.check(&version).await {
        Ok(()) => Ok(version),
        Err(MapError::Db(error)) => Err(Failure::input(format!("this version is not known here: {error}"))),
        Err(error) => Err(error.into()),
    }
}
