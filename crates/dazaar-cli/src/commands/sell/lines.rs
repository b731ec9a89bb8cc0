//! Rows become blocks of JSON, one each: whoever has no library of ours reads them too.

use std::sync::Arc;

use dazaar::{Publisher, SharedLog};
use dazaar_table::import::RowReader;
use tokio::sync::oneshot;

use super::import::Follower;
use super::json::JsonRows;
use super::source::Source;
use super::{Arguments, Context};
use crate::event::Event;
use crate::failure::Failure;
use crate::output::Output;

/// Imports a source with an end, or begins to import one without.
pub(super) fn begin(
    source: &Source,
    log: &Arc<SharedLog>,
    arguments: &Arguments,
    context: &Context,
) -> Result<Follower, Failure> {
    let expect = arguments.table.expect(!source.is_endless())?;
    let durability = arguments.durability.into();
    let repeats = source.repeats();
    let (log, output) = (Arc::clone(log), Arc::clone(&context.output));
    let run = move |reader: RowReader| {
        let publisher = if repeats { Publisher::new(&log) } else { Publisher::appending(&log) };
        import(reader, publisher.surviving(durability), &log, &output)
    };
    if !source.is_endless() {
        run(source.reader(&expect)?)?;
        return Ok(Follower::ended());
    }
    let source = source.try_clone()?;
    let (ended, outcome) = oneshot::channel();
    // A thread of its own, not one of the runtime's: reading may wait forever, which must not keep the program alive.
    std::thread::spawn(move || {
        // Nobody waits any more if the program is about to end.
        let _ = ended.send(source.reader(&expect).and_then(run));
    });
    Ok(Follower::new(outcome))
}

fn import(
    mut reader: RowReader,
    mut publisher: Publisher<'_>,
    log: &SharedLog,
    output: &Output,
) -> Result<(), Failure> {
    let mut json = JsonRows::new(reader.schema())?;
    while let Some(rows) = reader.read().map_err(Failure::input)? {
        for line in json.lines(&rows)?.split_inclusive(|&byte| byte == b'\n') {
            publisher.push(line.to_vec())?;
        }
        // Whatever was read is published before waiting for more.
        publisher.finish()?;
    }
    let (length, bytes) = {
        let log = log.lock();
        (log.length(), log.byte_length())
    };
    let (feed, rows) = (log.key().to_string(), reader.rows());
    Ok(output.event(&Event::Imported { feed, rows, skipped: 0, length, bytes })?)
}
