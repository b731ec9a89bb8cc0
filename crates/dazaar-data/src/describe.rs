//! What a table or map is and has, for its card.

use std::sync::Arc;

use dazaar::SharedLog;
use dazaar::folder::Folder;
use dazaar::log::{Log, LogError};
use dazaar::maps::hypertrie::Trie;
use dazaar::trie::FeedBlocks;
use dazaar_table::read::{Plan, Query, ScanError, locate};
use dazaar_table::times::Rfc3339;
use serde_json::{Value, json};

use crate::map::is_map;

/// The question that no row answers, so that nothing but the index is needed.
pub fn nothing() -> Query {
    Query { from: Some(i64::MAX), to: Some(i64::MAX), ..Query::default() }
}

/// Where the rows of a table are, the newest included.
///
/// # Errors
/// It is no table, or cannot be read.
pub fn covered(log: &Log<Folder>) -> Result<Plan, ScanError<LogError>> {
    let mut plan = locate(log.length(), nothing(), |block| log.block(block))?;
    for number in plan.tail.clone() {
        if let Some(block) = log.block(number).map_err(ScanError::Read)? {
            plan.cover(number, &block)?;
        }
    }
    Ok(plan)
}

/// What a card says of the table in a log, in its field `data`; `None` if it is none.
pub fn described(log: &Log<Folder>) -> Option<Value> {
    let plan = covered(log).ok()?;
    let time = |time: i64| Rfc3339(time).to_string();
    let (from, to) = plan.coverage.times.map(|(from, to)| (time(from), time(to))).unzip();
    Some(json!({
        "kind": "timeseries",
        "schema": plan.schema,
        "coverage": { "from": from, "to": to, "rows": plan.coverage.rows, "bytes": plan.coverage.bytes },
    }))
}

/// What a card says of the map in a log, in its field `data`; `None` if it is none.
pub fn described_map(log: &Arc<SharedLog>) -> Option<Value> {
    let trie = Trie::new(FeedBlocks::new(Arc::clone(log)));
    trie.header().ok()?.filter(is_map)?;
    let bytes = log.lock().byte_length();
    Some(json!({ "kind": "map", "coverage": { "changes": trie.version() - 1, "bytes": bytes } }))
}
