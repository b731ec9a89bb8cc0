//! Rows become entries of a map: the newest row of each key, as JSON.

use std::sync::Arc;

use dazaar::SharedLog;
use dazaar_data::{MapChange, MapPublisher};
use dazaar_table::Schema;
use dazaar_table::import::RowReader;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::import::Follower;
use super::json::JsonRows;
use super::source::Source;
use super::{Arguments, Context};
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::output::Output;

/// Imports a source with an end, or begins to import one without.
pub(super) fn begin(
    source: &Source,
    log: &Arc<SharedLog>,
    arguments: &Arguments,
    context: &Context,
) -> Result<Follower, Failure> {
    let keep = &arguments.keep;
    if keep.keep.is_some() || keep.keep_bytes.is_some() {
        return Err(Failure::new(Kind::Usage, "a map is kept whole: --keep and --keep-bytes are for rows"));
    }
    let expect = arguments.table.expect(!source.is_endless())?;
    let publisher = MapPublisher::begin(log, arguments.durability.into())?;
    let import = Import {
        log: Arc::clone(log),
        output: Arc::clone(&context.output),
        publisher,
        notes: source.repeats(),
    };
    if !source.is_endless() {
        import.run(source.reader(&expect)?, 0)?;
        return Ok(Follower::ended());
    }
    let source = source.try_clone()?;
    let (ended, outcome) = oneshot::channel();
    // A thread of its own, not one of the runtime's: reading may wait forever, which must not keep the program alive.
    std::thread::spawn(move || {
        let run = || {
            let known = if source.repeats() { import.publisher.rows_taken()? } else { 0 };
            import.run(source.reader(&expect)?, known)
        };
        // Nobody waits any more if the program is about to end.
        let _ = ended.send(run());
    });
    Ok(Follower::new(outcome))
}

/// One run over the rows of a source.
struct Import {
    log: Arc<SharedLog>,
    output: Arc<Output>,
    publisher: MapPublisher,
    /// Whether the source gives the same rows again next time, so that it is noted how many were taken.
    notes: bool,
}

impl Import {
    /// Takes the rows of a source after the first `known`.
    fn run(mut self, mut reader: RowReader, known: u64) -> Result<(), Failure> {
        let keys = Keys::new(reader.schema())?;
        let mut json = JsonRows::new(reader.schema())?;
        let mut rows = 0;
        while let Some(batch) = reader.read().map_err(Failure::input)? {
            let mut changes = Vec::with_capacity(batch.num_rows());
            for line in json.lines(&batch)?.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                rows += 1;
                if rows > known {
                    let key =
                        keys.of(line).ok_or_else(|| Failure::input(format!("row {rows} has no key")))?;
                    changes.push(MapChange { key, value: Some(line.to_vec()) });
                }
            }
            // Whatever was read is published before waiting for more.
            match self.notes {
                true => self.publisher.publish_rows(&changes, rows)?,
                false => self.publisher.publish(&changes)?,
            };
        }
        let (length, bytes) = {
            let log = self.log.lock();
            (log.length(), log.byte_length())
        };
        let feed = self.log.key().to_string();
        Ok(self.output.event(&Event::Imported { feed, rows, skipped: 0, length, bytes })?)
    }
}

/// The columns that make the key of a row.
struct Keys(Vec<String>);

impl Keys {
    fn new(schema: &Schema) -> Result<Self, Failure> {
        let columns = schema.columns();
        let names: Vec<_> = schema
            .keys()
            .iter()
            .filter_map(|&key| columns.get(key))
            .map(|column| column.name.clone())
            .collect();
        if names.is_empty() {
            return Err(Failure::new(Kind::Usage, "a map needs to know which column is the key")
                .hint("add --key COLUMN; several make one key, with slashes between them"));
        }
        Ok(Self(names))
    }

    /// The key of a row; none if a column of it is empty.
    fn of(&self, row: &[u8]) -> Option<String> {
        let row: Map<String, Value> = serde_json::from_slice(row).ok()?;
        let part = |name: &String| row.get(name)?.as_str().filter(|part| !part.is_empty());
        Some(self.0.iter().map(part).collect::<Option<Vec<_>>>()?.join("/"))
    }
}
