//! The rows of a question out of a feed that is being downloaded: only the blocks that it needs are asked for.

use std::ops::Range;

use dazaar::Replicator;
use dazaar_table::header;
use dazaar_table::read::{Locator, Plan, Query, ReadError, Rows, RowsEvent};

use super::Answer;
use crate::commands::follow::Deliver;
use crate::event::Event;
use crate::failure::Failure;
use crate::output::Output;

/// Blocks that are asked for before they are needed, if not all of them will be.
const BLOCKS_AHEAD: usize = 16;

/// A question, how far it has come, and its answer.
pub(crate) struct TableDelivery {
    query: Query,
    /// Whether the blocks come from the first to the last, wanted or not.
    is_whole: bool,
    /// Whether rows are wanted that are yet to come.
    is_live: bool,
    stage: Stage,
    answer: Answer,
    is_caught_up: bool,
}

enum Stage {
    /// The seller has not told how long the feed is.
    Uninformed,
    Locating(Box<Locator>),
    Reading(Box<Rows>),
}

/// A block that is needed.
pub(super) enum Block {
    Here(Vec<u8>),
    /// Nobody has it.
    Gone,
    OnItsWay,
}

impl TableDelivery {
    /// Asks for the blocks of a question.
    pub(crate) const fn new(query: Query, is_live: bool, answer: Answer) -> Self {
        Self { query, is_whole: false, is_live, stage: Stage::Uninformed, answer, is_caught_up: false }
    }

    /// All rows of a feed that is downloaded from the first block to the last.
    pub(crate) fn whole(is_live: bool, answer: Answer) -> Self {
        Self { is_whole: true, ..Self::new(Query::default(), is_live, answer) }
    }

    /// Begins to look for the blocks, once the length is known.
    fn begin(&mut self, feed: &Replicator) -> Result<(), Failure> {
        let length = feed.progress().length;
        if length == 0 || !feed.is_informed() {
            return Ok(());
        }
        if !self.is_whole {
            self.stage = Stage::Locating(Box::new(begin_among(feed, self.query.clone())));
            return Ok(());
        }
        match look(feed, 0)? {
            Block::OnItsWay => Ok(()),
            Block::Gone => Err(ReadError::Gone { block: 0 }.into()),
            Block::Here(block) => {
                let schema = header::decode(&block).map_err(ReadError::from)?;
                let plan = Plan::whole(schema, &self.query, length).map_err(ReadError::from)?;
                self.answer.begin(&plan.schema, &plan.selection.columns)?;
                self.stage = Stage::Reading(Box::new(Rows::new(plan)));
                Ok(())
            }
        }
    }

    /// Takes rows out of the blocks that are here. Returns whether there are no more to wait for.
    fn read(
        rows: &mut Rows,
        answer: &mut Answer,
        feed: &Replicator,
        output: &Output,
    ) -> Result<bool, Failure> {
        while let Some(number) = rows.wanted() {
            // What nobody asked for looks as if it were gone.
            if rows.is_limited() {
                want(feed, rows.ahead(BLOCKS_AHEAD));
            }
            let block = match look(feed, number)? {
                Block::OnItsWay => return Ok(false),
                Block::Here(block) => Some(block),
                Block::Gone => None,
            };
            match rows.handle_block(block.as_deref())? {
                RowsEvent::Rows(rows) => answer.rows(&rows)?,
                RowsEvent::Gone(rows) => tell_gone(&rows, output)?,
                RowsEvent::Nothing => {}
            }
        }
        Ok(true)
    }
}

impl Deliver for TableDelivery {
    fn advance(&mut self, feed: &Replicator, output: &Output) -> Result<bool, Failure> {
        let length = feed.progress().length;
        if let Stage::Uninformed = self.stage {
            self.begin(feed)?;
        }
        if let Stage::Locating(locator) = &mut self.stage {
            if !locate_among(locator, feed)? {
                return Ok(false);
            }
            let Stage::Locating(locator) = std::mem::replace(&mut self.stage, Stage::Uninformed) else {
                return Ok(false);
            };
            let Some(plan) = locator.into_plan() else { return Ok(false) };
            self.answer.begin(&plan.schema, &plan.selection.columns)?;
            plan.gone.iter().try_for_each(|rows| tell_gone(rows, output))?;
            let rows = Rows::new(plan);
            // Of a limited answer, what is needed is known only as it comes.
            want(feed, rows.ahead(if rows.is_limited() { BLOCKS_AHEAD } else { usize::MAX }));
            self.stage = Stage::Reading(Box::new(rows));
        }
        let Stage::Reading(rows) = &mut self.stage else { return Ok(false) };
        if (self.is_live || self.is_whole) && !rows.is_full() {
            let before = rows.end();
            rows.extend(length);
            if rows.end() > before {
                feed.want(before..rows.end());
            }
        }
        let before = rows.next_row();
        let is_done = Self::read(rows, &mut self.answer, feed, output)?;
        if !is_done && rows.next_row() > before {
            self.answer.flush(rows.next_row())?;
        }
        if is_done && self.is_live && !rows.is_full() {
            self.answer.settle(rows.next_row())?;
            if !std::mem::replace(&mut self.is_caught_up, true) {
                output.event(&Event::CaughtUp { next_row: rows.next_row() })?;
            }
            return Ok(false);
        }
        if is_done {
            self.answer.flush(rows.next_row())?;
            self.answer.finish()?;
        }
        Ok(is_done)
    }
}

/// Begins to look for the blocks of a question in a feed that is being downloaded.
pub(super) fn begin_among(feed: &Replicator, query: Query) -> Locator {
    let locator = Locator::new(feed.progress().length, query);
    locator.wanted().into_iter().for_each(|number| feed.want(number..number + 1));
    locator
}

/// Goes down the index as far as blocks are here. Returns whether all is found.
pub(super) fn locate_among(locator: &mut Locator, feed: &Replicator) -> Result<bool, Failure> {
    loop {
        let wanted = locator.wanted();
        let mut is_stuck = !wanted.is_empty();
        for &number in &wanted {
            let block = match look(feed, number)? {
                Block::OnItsWay => continue,
                Block::Here(block) => Some(block),
                Block::Gone => None,
            };
            locator.handle_block(number, block.as_deref())?;
            is_stuck = false;
        }
        for number in locator.wanted() {
            if !wanted.contains(&number) {
                feed.want(number..number + 1);
            }
        }
        if wanted.is_empty() || is_stuck {
            return Ok(wanted.is_empty());
        }
    }
}

/// Asks for blocks, those together that follow each other.
fn want(feed: &Replicator, blocks: impl Iterator<Item = u64>) {
    let mut run: Option<Range<u64>> = None;
    for block in blocks {
        match &mut run {
            Some(run) if run.end == block => run.end += 1,
            _ => {
                if let Some(run) = run.replace(block..block + 1) {
                    feed.want(run);
                }
            }
        }
    }
    if let Some(run) = run {
        feed.want(run);
    }
}

pub(super) fn look(feed: &Replicator, number: u64) -> Result<Block, Failure> {
    // Asked before the log is: what is not there then was not there before.
    let is_settled = feed.gone().is_some();
    Ok(match feed.log().lock().block(number)? {
        Some(block) => Block::Here(block.to_vec()),
        None if is_settled => Block::Gone,
        None => Block::OnItsWay,
    })
}

pub(super) fn tell_gone(rows: &Range<u64>, output: &Output) -> Result<(), Failure> {
    Ok(output.event(&Event::RowsGone { start: rows.start, end: rows.end })?)
}
