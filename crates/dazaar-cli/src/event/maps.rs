//! What events of maps say to a person.

use dazaar::cards::extension::printable;

use super::Event;
use crate::commands::map::value::Value;

/// The line of an event of a map; none if it says nothing.
pub(super) fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::MapEntry { key, value, conflict, .. } => {
            format!("{}\t{}{}", printable(key), shown(value), one_of(*conflict))
        }
        Event::MapChange { key, kind, value, conflict, .. } => {
            let value = value.as_ref().map(|value| format!("\t{}", shown(value))).unwrap_or_default();
            format!("{kind:<9} {}{value}{}", printable(key), one_of(*conflict))
        }
        Event::MapDone { version, changed, .. } => {
            let entries = if *changed == 1 { "entry" } else { "entries" };
            let version = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
            format!("{changed} {entries} changed; the map is at version {version}")
        }
        Event::MapMade { folder, key, writer } if key == writer => {
            format!("Made a map of several writers in {folder}\n  key  {key}")
        }
        Event::MapMade { folder, key, writer } => format!(
            "Made a copy of map {key} in {folder}\nTo write it, a writer has to let you in: dazaar map authorize <map> {writer}"
        ),
        Event::MapWriter { writer, state, own, blocks, faulty } => {
            let own = if *own { ", you" } else { "" };
            let faulty = if *faulty { ", and more that cannot be read" } else { "" };
            format!("{writer}  {state}{own}  {blocks} blocks{faulty}")
        }
        Event::MapListening { address, .. } => format!("Writers of the map can connect to {address}"),
        Event::MapSynced { address, error: Some(error), .. } => {
            format!("No longer connected to {address}: {error}")
        }
        Event::MapSynced { address, version, .. } => {
            format!("The same as at {address}; the map is at version {version}")
        }
        _ => return None,
    })
}

/// That a value is not the only one.
fn one_of(conflict: Option<usize>) -> String {
    conflict.map(|entries| format!("\t(one of {entries} in conflict)")).unwrap_or_default()
}

/// Values come from strangers, and may hold what a terminal obeys.
fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => printable(text),
        Value::Base64(text) => format!("base64:{text}"),
    }
}
