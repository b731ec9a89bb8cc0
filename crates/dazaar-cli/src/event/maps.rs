//! What events of maps say to a person.

use dazaar::cards::extension::printable;

use super::Event;
use crate::commands::map::value::Value;

/// The line of an event of a map; none if it says nothing.
pub(super) fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::MapEntry { key, value, .. } => format!("{}\t{}", printable(key), shown(value)),
        Event::MapChange { key, kind, value, .. } => {
            let value = value.as_ref().map(|value| format!("\t{}", shown(value))).unwrap_or_default();
            format!("{kind:<9} {}{value}", printable(key))
        }
        Event::MapDone { version, changed, .. } => {
            let entries = if *changed == 1 { "entry" } else { "entries" };
            format!("{changed} {entries} changed; the map is at version {version}")
        }
        _ => return None,
    })
}

/// Values come from strangers, and may hold what a terminal obeys.
fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => printable(text),
        Value::Base64(text) => format!("base64:{text}"),
    }
}
