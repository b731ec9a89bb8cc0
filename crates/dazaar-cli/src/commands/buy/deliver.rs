//! Hands over what arrives: the rows in order, or the blocks that were asked for.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use dazaar::Replicator;

use super::Arguments;
use crate::blocks::Blocks;
use crate::commands::follow::Deliver;
use crate::commands::kept::Kept;
use crate::event::Event;
use crate::failure::Failure;
use crate::output::Output;

/// What is still to be handed over, and where to.
pub(super) struct Delivery {
    sink: Option<Sink>,
    goal: Goal,
    is_live: bool,
}

/// What is handed over.
enum Goal {
    /// All rows in order; `next` is the first that was neither handed over nor reported as gone.
    All { next: u64 },
    /// Nothing: how long the feed is, is all that is wanted.
    Nothing,
    /// Blocks that were asked for; those with an open end are known once the length is.
    Blocks { typed: Blocks, missing: Option<VecDeque<Range<u64>>> },
}

impl Delivery {
    pub(super) fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let sink = arguments.to.as_deref().map(Sink::new).transpose()?;
        let goal = match &arguments.blocks {
            Some(typed) => Goal::Blocks { typed: typed.clone(), missing: None },
            None if arguments.sparse => Goal::Nothing,
            None => Goal::All { next: 0 },
        };
        Ok(Self { sink, goal, is_live: arguments.live })
    }
}

impl Deliver for Delivery {
    fn advance(&mut self, feed: &Replicator, output: &Output) -> Result<bool, Failure> {
        let mut sink = self.sink.as_mut();
        let is_done = match &mut self.goal {
            Goal::Nothing => feed.is_informed(),
            Goal::All { next } => {
                write_rows(&mut sink, feed, next)?;
                let gone = feed.gone();
                for gap in gone.iter().flatten() {
                    if gap.end > *next {
                        tell_gone(gap.start.max(*next)..gap.end, output)?;
                        *next = gap.end;
                        write_rows(&mut sink, feed, next)?;
                    }
                }
                gone.is_some()
            }
            Goal::Blocks { typed, missing } => match missing {
                Some(missing) => hand_over(missing, sink.as_deref_mut(), feed, output)?,
                None => {
                    *missing = ask(typed, feed)?;
                    false
                }
            },
        };
        if is_done && let Some(sink) = sink {
            sink.settle()?;
        }
        Ok(is_done && !self.is_live)
    }
}

/// Where rows go. What a file held before is gone only once there is another row to write, or all have come.
enum Sink {
    Stdout,
    File(Kept),
}

impl Sink {
    fn new(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Stdout);
        }
        Kept::open(path)
            .map(Self::File)
            .map_err(|error| Failure::input(format!("{}: {error}", path.display())))
    }

    fn write(&mut self, row: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.write_all(row),
            Self::Stdout => io::stdout().write_all(row),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().flush(),
            Self::File(file) => file.flush(),
        }
    }

    /// There are no more rows for now: what a file held behind them is gone.
    fn settle(&self) -> io::Result<()> {
        match self {
            Self::File(file) if file.is_begun() => file.finish(),
            Self::File(_) | Self::Stdout => Ok(()),
        }
    }
}

/// Writes the rows that are here, in order, up to the first that is not.
fn write_rows(sink: &mut Option<&mut Sink>, feed: &Replicator, next: &mut u64) -> Result<(), Failure> {
    let Some(sink) = sink else { return Ok(()) };
    let before = *next;
    loop {
        let rows = feed.log().lock().blocks(*next..u64::MAX)?;
        if rows.is_empty() {
            break;
        }
        for row in rows.iter() {
            sink.write(row)?;
        }
        *next += rows.len() as u64;
    }
    if *next > before {
        sink.flush()?;
    }
    Ok(())
}

/// Says which blocks nobody has.
fn tell_gone(blocks: Range<u64>, output: &Output) -> Result<(), Failure> {
    Ok(output.event(&Event::Gone { start: blocks.start, end: blocks.end })?)
}

/// Asks for blocks, as soon as the length is known.
fn ask(typed: &Blocks, feed: &Replicator) -> Result<Option<VecDeque<Range<u64>>>, Failure> {
    let length = feed.progress().length;
    // What was held before may be a part: the seller knows how long the feed is now.
    if length == 0 || !feed.is_informed() {
        return Ok(None);
    }
    let ranges: VecDeque<_> = typed.ranges(length).collect();
    if let Some(beyond) = ranges.iter().find(|range| range.end > length || range.is_empty()) {
        let block = beyond.start.max(beyond.end.saturating_sub(1));
        return Err(Failure::input(format!("block {block} is wanted, but the feed has {length} blocks")));
    }
    for range in &ranges {
        feed.want(range.clone());
    }
    Ok(Some(ranges))
}

/// Hands over the blocks that are here, in the order in which they were asked for; true if those were the last.
fn hand_over(
    missing: &mut VecDeque<Range<u64>>,
    mut sink: Option<&mut Sink>,
    feed: &Replicator,
    output: &Output,
) -> Result<bool, Failure> {
    // Asked before the log is: what is not there then was not there before.
    let is_settled = feed.gone().is_some();
    while let Some(range) = missing.front_mut() {
        for index in range.by_ref() {
            let block = match feed.log().lock().block(index)? {
                Some(block) => block,
                None if is_settled => {
                    tell_gone(index..index + 1, output)?;
                    continue;
                }
                None => {
                    range.start = index;
                    return Ok(false);
                }
            };
            match &mut sink {
                Some(sink) => sink.write(&block)?,
                None => output.event(&Event::block(index, &block))?,
            }
        }
        missing.pop_front();
    }
    if let Some(sink) = sink {
        sink.flush()?;
    }
    Ok(true)
}
