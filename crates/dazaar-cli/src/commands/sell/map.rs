//! Rows become entries of a map: the newest row of each key, as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use dazaar::SharedLog;
use dazaar_data::{MapChange, MapPublisher, RowsTaken};
use dazaar_table::Schema;
use dazaar_table::import::RowReader;
use serde_json::{Map, Value};
use tokio::sync::oneshot;

use super::import::Follower;
use super::json::JsonRows;
use super::source::Source;
use super::{Arguments, Context, OnError};
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::output::Output;

/// Bytes of entries that wait in memory for a newer row of their key.
const BYTES_AT_ONCE: usize = 256 * 1024 * 1024;

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
    let repeats = source.repeats();
    let import = Import {
        log: Arc::clone(log),
        output: Arc::clone(&context.output),
        publisher,
        skips_wrong: arguments.on_error == OnError::Skip,
    };
    if !source.is_endless() {
        import.whole(source.reader(&expect)?)?;
        return Ok(Follower::ended());
    }
    let source = source.try_clone()?;
    let (ended, outcome) = oneshot::channel();
    // A thread of its own, not one of the runtime's: reading may wait forever, which must not keep the program alive.
    std::thread::spawn(move || {
        // Nobody waits any more if the program is about to end.
        let _ = ended.send(source.reader(&expect).and_then(|reader| import.follow(reader, repeats)));
    });
    Ok(Follower::new(outcome))
}

/// One run over the rows of a source.
struct Import {
    log: Arc<SharedLog>,
    output: Arc<Output>,
    publisher: MapPublisher,
    /// Whether rows without a key are left out.
    skips_wrong: bool,
}

impl Import {
    /// Takes all rows of a source with an end, of each key the last: who sells the same file again changes nothing.
    fn whole(mut self, reader: RowReader) -> Result<(), Failure> {
        let mut rows = Rows::new(reader)?;
        let (mut newest, mut bytes) = (BTreeMap::new(), 0);
        while let Some(batch) = rows.next()? {
            for (key, row) in self.keyed(&rows.keys, batch)? {
                bytes += key.len() + row.len();
                newest.insert(key, row);
            }
            if bytes > BYTES_AT_ONCE {
                self.publish(std::mem::take(&mut newest), rows.taken)?;
                bytes = 0;
            }
        }
        self.publish(newest, rows.taken)?;
        self.tell(&rows)
    }

    /// Takes rows as they come. If the source gives again what it gave before, the map knows how many it has.
    fn follow(mut self, reader: RowReader, repeats: bool) -> Result<(), Failure> {
        let mut rows = Rows::new(reader)?;
        let known = self.publisher.rows_taken()?.filter(|_| repeats);
        while let Some(mut batch) = rows.next()? {
            if let Some(known) = known {
                if batch.iter().any(|row| row.differs_from(&known)) {
                    return Err(Failure::input(
                        "the rows are other ones than those that the map took before",
                    )
                    .hint("take over the file as it is, without --follow, and then follow it"));
                }
                batch.retain(|row| row.number > known.rows);
            }
            // Whatever was read is published before waiting for more.
            let changes = self.keyed(&rows.keys, batch)?;
            self.publish(changes, rows.taken.filter(|_| repeats))?;
        }
        self.tell(&rows)
    }

    /// The keys of rows. Those before one that is wrong are published.
    fn keyed(&mut self, keys: &Keys, batch: Vec<Row>) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let mut keyed = Vec::with_capacity(batch.len());
        for Row { number, text } in batch {
            match keys.of(&text) {
                Ok(key) => keyed.push((key, text)),
                Err(error) if self.skips_wrong => {
                    self.output.event(&Event::Skipped { line: number, error })?
                }
                Err(error) => {
                    self.publish(keyed, None)?;
                    return Err(Failure::input(format!("row {number}: {error}"))
                        .hint("leave such rows out with --on-error skip"));
                }
            }
        }
        Ok(keyed)
    }

    fn publish(
        &mut self,
        entries: impl IntoIterator<Item = (String, Vec<u8>)>,
        taken: Option<RowsTaken>,
    ) -> Result<(), Failure> {
        let changes: Vec<_> =
            entries.into_iter().map(|(key, row)| MapChange { key, value: Some(row) }).collect();
        Ok(self.publisher.publish(&changes, taken)?)
    }

    fn tell(&self, rows: &Rows) -> Result<(), Failure> {
        let (length, bytes) = {
            let log = self.log.lock();
            (log.length(), log.byte_length())
        };
        let (feed, rows) = (self.log.key().to_string(), rows.taken.map_or(0, |taken| taken.rows));
        Ok(self.output.event(&Event::Imported { feed, rows, skipped: 0, length, bytes })?)
    }
}

/// A row as JSON.
struct Row {
    /// From 1 on.
    number: u64,
    text: Vec<u8>,
}

impl Row {
    /// Whether it shows that these were the rows of something else.
    fn differs_from(&self, taken: &RowsTaken) -> bool {
        let is = |hash| RowsTaken::hash(&self.text) == hash;
        (self.number == 1 && !is(taken.first)) || (self.number == taken.rows && !is(taken.last))
    }
}

/// The rows of a source.
struct Rows {
    reader: RowReader,
    json: JsonRows,
    keys: Keys,
    /// Those that were read.
    taken: Option<RowsTaken>,
}

impl Rows {
    fn new(reader: RowReader) -> Result<Self, Failure> {
        let (json, keys) = (JsonRows::new(reader.schema())?, Keys::new(reader.schema())?);
        Ok(Self { reader, json, keys, taken: None })
    }

    /// Some rows; none at the end.
    fn next(&mut self) -> Result<Option<Vec<Row>>, Failure> {
        let Some(batch) = self.reader.read().map_err(Failure::input)? else { return Ok(None) };
        let lines = self.json.lines(&batch)?;
        let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let rows = lines.map(|line| {
            let taken = RowsTaken::and(self.taken, line);
            self.taken = Some(taken);
            Row { number: taken.rows, text: line.to_vec() }
        });
        Ok(Some(rows.collect()))
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

    /// The key of a row.
    fn of(&self, row: &[u8]) -> Result<String, String> {
        let row: Map<String, Value> = serde_json::from_slice(row).map_err(|error| error.to_string())?;
        let part = |name: &String| {
            let part = row.get(name).and_then(Value::as_str).unwrap_or_default();
            // Slashes are between components, and between columns.
            match part.split('/').any(str::is_empty) || (self.0.len() > 1 && part.contains('/')) {
                true => Err(format!("{part:?} in column `{name}` can be no key")),
                false => Ok(part.to_owned()),
            }
        };
        Ok(self.0.iter().map(part).collect::<Result<Vec<_>, _>>()?.join("/"))
    }
}
