//! Rows become blocks: all checked first if they have an end, else one by one as they come.

use std::sync::Arc;

use dazaar::{Publisher, SharedLog};
use dazaar_table::{RecordReader, RowError};
use tokio::sync::oneshot;

use super::source::{Input, Source};
use super::{Arguments, Context, OnError};
use crate::event::Event;
use crate::failure::Failure;
use crate::output::Output;

/// An import that may still go on.
pub(super) struct Follower {
    outcome: Option<oneshot::Receiver<Result<(), Failure>>>,
    stop: Option<Box<dyn FnOnce() + Send>>,
}

impl Follower {
    /// An import that is over.
    pub(super) const fn ended() -> Self {
        Self { outcome: None, stop: None }
    }

    /// An import that tells how it ends.
    pub(super) const fn new(outcome: oneshot::Receiver<Result<(), Failure>>) -> Self {
        Self { outcome: Some(outcome), stop: None }
    }

    /// With a way to end it early.
    pub(super) fn stopped_by(self, stop: impl FnOnce() + Send + 'static) -> Self {
        Self { stop: Some(Box::new(stop)), ..self }
    }

    /// Waits for the end of the import.
    pub(super) async fn finished(&mut self) -> Result<(), Failure> {
        let Some(outcome) = &mut self.outcome else { return Ok(()) };
        let outcome = outcome.await.unwrap_or(Ok(()));
        self.outcome = None;
        outcome
    }

    /// Waits for the import to fail; forever, if it does not.
    pub(super) async fn failed(&mut self) -> Result<(), Failure> {
        match self.finished().await {
            Ok(()) => std::future::pending().await,
            failed => failed,
        }
    }

    /// Ends the import, if there is a way: what it has read is published.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        match self.stop.take() {
            Some(stop) => {
                stop();
                self.finished().await
            }
            None => Ok(()),
        }
    }
}

/// Imports a source with an end, or begins to import one without.
pub(super) fn begin(
    source: &Source,
    log: &Arc<SharedLog>,
    arguments: &Arguments,
    context: &Context,
) -> Result<Follower, Failure> {
    let (on_error, durability) = (arguments.on_error, arguments.durability.into());
    if !source.is_endless() {
        if let (OnError::Stop, Some((rows, format))) = (on_error, source.rows()?) {
            check(RecordReader::new(rows, format))?;
        }
        if let Some((rows, format)) = source.rows()? {
            let publisher = Publisher::new(log).surviving(durability);
            Import::new(log, on_error, &context.output).run(RecordReader::new(rows, format), publisher)?;
        }
        return Ok(Follower::ended());
    }
    let Some((rows, format)) = source.rows()? else { return Ok(Follower::ended()) };
    let (sender, outcome) = oneshot::channel();
    let (log, output) = (Arc::clone(log), Arc::clone(&context.output));
    let repeats = source.repeats();
    // A thread of its own, not one of the runtime's: reading may wait forever, which must not keep the program alive.
    std::thread::spawn(move || {
        let publisher = if repeats { Publisher::new(&log) } else { Publisher::appending(&log) };
        let publisher = publisher.surviving(durability);
        let result = Import::new(&log, on_error, &output).run(RecordReader::new(rows, format), publisher);
        // Nobody waits any more if the program is about to end.
        let _ = sender.send(result);
    });
    Ok(Follower::new(outcome))
}

/// Reads all rows without publishing any, so that one bad row means that nothing was published.
fn check(mut rows: RecordReader<Input>) -> Result<(), Failure> {
    while rows.read().map_err(bad_row)?.is_some() {}
    Ok(())
}

/// One run over the rows of a source.
struct Import<'a> {
    log: &'a SharedLog,
    on_error: OnError,
    output: &'a Output,
    rows: u64,
    skipped: u64,
}

impl<'a> Import<'a> {
    const fn new(log: &'a SharedLog, on_error: OnError, output: &'a Output) -> Self {
        Self { log, on_error, output, rows: 0, skipped: 0 }
    }

    fn run(mut self, mut rows: RecordReader<Input>, mut publisher: Publisher<'_>) -> Result<(), Failure> {
        loop {
            match rows.read() {
                Ok(Some(record)) => {
                    publisher.push(record.bytes)?;
                    self.rows += 1;
                    // Whatever was read is published before waiting for more.
                    if rows.input().buffer().is_empty() {
                        publisher.finish()?;
                    }
                }
                Ok(None) => break,
                Err(error) if self.on_error == OnError::Skip && !error.is_io() && !rows.lacks_header() => {
                    self.skipped += 1;
                    let (line, error) = (error.line, error.fault.to_string());
                    self.output.event(&Event::Skipped { line, error })?;
                }
                Err(error) => {
                    publisher.finish()?;
                    return Err(bad_row(error));
                }
            }
        }
        publisher.finish()?;
        let (length, bytes) = {
            let log = self.log.lock();
            (log.length(), log.byte_length())
        };
        let (feed, rows, skipped) = (self.log.key().to_string(), self.rows, self.skipped);
        Ok(self.output.event(&Event::Imported { feed, rows, skipped, length, bytes })?)
    }
}

fn bad_row(error: RowError) -> Failure {
    let failure = Failure::input(&error);
    if error.is_io() { failure } else { failure.hint("leave such rows out with --on-error skip") }
}
