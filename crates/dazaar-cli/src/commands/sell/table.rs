//! Rows become a table: read on one thread, packed and published on another.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use clap::Args;
use dazaar::SharedLog;
use dazaar::log::Durability;
use dazaar_data::{PublishError, TablePublisher};
use dazaar_table::Schema;
use dazaar_table::import::{Expect, ImportError, RowReader};
use tokio::sync::oneshot;

use super::import::Follower;
use super::source::Source;
use super::{Arguments, Context, read_text};
use crate::commands::table::span;
use crate::event::Event;
use crate::failure::Failure;
use crate::output::{Output, Unit};

/// Batches that wait to be packed.
const BATCHES_WAITING: usize = 4;

/// What the rows of a table look like, as far as it was said.
#[derive(Debug, Args)]
#[command(next_help_heading = "Tables")]
pub(super) struct TableArguments {
    /// Columns and their types, units and descriptions (JSON) [default: learnt from the first rows]
    #[arg(long, value_name = "FILE")]
    schema: Option<std::path::PathBuf>,

    /// Column with the time of a row [default: the first that looks like it]
    #[arg(long, value_name = "COLUMN", conflicts_with = "schema")]
    time: Option<String>,

    /// Column that tells series apart, such as a symbol; may be repeated
    #[arg(long, value_name = "COLUMN", conflicts_with = "schema")]
    key: Vec<String>,

    /// How late a row may come, by its time: 10s [default: by any time]
    #[arg(long, value_name = "TIME", value_parser = span, conflicts_with = "schema")]
    late: Option<i64>,

    /// Milliseconds that a row waits for others before it is published, with --follow
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(..=3_600_000))]
    flush: u64,
}

impl TableArguments {
    /// What was said. With patience, more is read before the columns are learnt.
    pub(super) fn expect(&self, is_patient: bool) -> Result<Expect, Failure> {
        let read = |path: &std::path::PathBuf| -> Result<Schema, Failure> {
            serde_json::from_str(&read_text(path)?)
                .map_err(|error| Failure::input(format!("{}: {error}", path.display())))
        };
        Ok(Expect {
            schema: self.schema.as_ref().map(read).transpose()?,
            time: self.time.clone(),
            keys: self.key.clone(),
            lateness: self.late,
            epoch: None,
            patient: is_patient,
        })
    }
}

/// What the reading thread hands over.
#[derive(Debug)]
pub(super) enum Read {
    /// What the rows look like.
    Begun(Schema),
    /// Rows, and bytes of the input up to here.
    Rows(RecordBatch, u64),
    /// Reading ended with an error.
    Failed(Failure),
    /// The program ends: no more rows are wanted.
    Stop,
}

/// Imports a source with an end, or begins to import one without.
pub(super) fn begin(
    source: &Source,
    log: &Arc<SharedLog>,
    arguments: &Arguments,
    context: &Context,
) -> Result<Follower, Failure> {
    let mut expect = arguments.table.expect(!source.is_endless())?;
    let mut written = TablePublisher::resume(log, arguments.durability.into())?;
    if let Some(publisher) = &mut written {
        match &expect.schema {
            Some(schema) if schema != publisher.schema() => return Err(other_schema()),
            _ => expect.schema = Some(publisher.schema().clone()),
        }
        if source.repeats() {
            publisher.leave_out_known()?;
        }
    }
    let import = Import {
        log: Arc::clone(log),
        output: Arc::clone(&context.output),
        durability: arguments.durability.into(),
        bytes: source.bytes(),
        flush: source.is_endless().then(|| Duration::from_millis(arguments.table.flush)),
        publisher: written,
    };
    if !source.is_endless() {
        let reader = source.reader(&expect)?;
        let (sender, received) = sync_channel(BATCHES_WAITING);
        std::thread::spawn(move || read(reader, &sender));
        import.run(&received)?;
        return Ok(Follower::ended());
    }
    let source = source.try_clone()?;
    let (sender, received) = sync_channel(BATCHES_WAITING);
    let (ended, outcome) = oneshot::channel();
    let stop = sender.clone();
    // Threads of their own, not the runtime's: reading may wait forever, which must not keep the program alive. What the
    // columns are is known only with the first rows.
    std::thread::spawn(move || match source.reader(&expect) {
        Ok(reader) => read(reader, &sender),
        Err(failure) => drop(sender.send(Read::Failed(failure))),
    });
    std::thread::spawn(move || {
        // Nobody waits any more if the program is about to end.
        let _ = ended.send(import.run(&received));
    });
    Ok(Follower::new(outcome).stopped_by(move || drop(stop.send(Read::Stop))))
}

/// Reads to the end, or until nobody wants the rows.
fn read(mut reader: RowReader, sender: &SyncSender<Read>) {
    let mut next = Read::Begun(reader.schema().clone());
    while sender.send(next).is_ok() {
        next = match reader.read() {
            Ok(None) => break,
            Ok(Some(rows)) => Read::Rows(rows, reader.bytes()),
            Err(error) => Read::Failed(bad_row(&error)),
        };
    }
    // Whoever may stop us holds the channel open.
    let _ = sender.send(Read::Stop);
}

fn other_schema() -> Failure {
    Failure::input("the table has another schema: a feed cannot be changed, only continued")
        .hint("sell it as another feed with --name")
}

/// One run over the rows of a source.
struct Import {
    log: Arc<SharedLog>,
    output: Arc<Output>,
    durability: Durability,
    /// Bytes of the source, if they are known.
    bytes: Option<u64>,
    /// How long a row waits for others; `None` waits for as many as there are.
    flush: Option<Duration>,
    /// None until it is known what the rows look like.
    publisher: Option<TablePublisher>,
}

impl Import {
    fn run(mut self, received: &Receiver<Read>) -> Result<(), Failure> {
        let mut due: Option<Instant> = None;
        let mut rows_read = 0;
        let outcome = loop {
            let read = match due {
                None => received.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => received.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match read {
                Ok(Read::Rows(rows, bytes)) => {
                    rows_read += rows.num_rows() as u64;
                    if let Some(all) = self.bytes {
                        self.output.progress(Unit::Bytes, bytes.min(all), all, String::new());
                    }
                    self.change(|publisher| publisher.push(&rows))?;
                }
                Ok(Read::Begun(schema)) if self.publisher.is_none() => {
                    self.publisher = Some(TablePublisher::begin(&self.log, self.durability, schema)?);
                }
                Ok(Read::Begun(_)) => {}
                Ok(Read::Failed(failure)) => break Err(failure),
                Ok(Read::Stop) | Err(RecvTimeoutError::Disconnected) => break Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    due = None;
                    self.change(TablePublisher::flush)?;
                }
            }
            let is_waiting = self.publisher.as_ref().is_some_and(TablePublisher::has_waiting_rows);
            due = match (due, self.flush) {
                (None, Some(flush)) if is_waiting => Some(Instant::now() + flush),
                (due, _) => due.filter(|_| is_waiting),
            };
        };
        self.change(TablePublisher::finish)?;
        self.output.finish_progress();
        outcome?;
        self.tell(rows_read)
    }

    fn change(
        &mut self,
        change: impl FnOnce(&mut TablePublisher) -> Result<(), PublishError>,
    ) -> Result<(), Failure> {
        Ok(self.publisher.as_mut().map_or(Ok(()), change)?)
    }

    fn tell(&self, rows: u64) -> Result<(), Failure> {
        let (length, bytes) = {
            let log = self.log.lock();
            (log.length(), log.byte_length())
        };
        let feed = self.log.key().to_string();
        Ok(self.output.event(&Event::Imported { feed, rows, skipped: 0, length, bytes })?)
    }
}

fn bad_row(error: &ImportError) -> Failure {
    Failure::input(error)
        .hint("the rows before it are published; mend the source and sell it again, and it goes on there")
}
