//! What a table is and has: asked of a folder, or of a seller without any of its rows.

use std::ops::Range;

use dazaar::Replicator;
use dazaar::folder::Folder;
use dazaar::log::Log;
use dazaar_data::{covered, nothing};
use dazaar_table::read::{Locator, Plan};
use dazaar_table::times::Rfc3339;

use super::delivery::{Block, begin_among, locate_among, look};
use crate::commands::follow::Deliver;
use crate::event::Event;
use crate::failure::Failure;
use crate::output::Output;

/// What the table in a folder is and has.
pub(crate) fn summary(log: &Log<Folder>) -> Result<Event, Failure> {
    event(&covered(log)?, log.key().to_string(), log.length())
}

/// Finds out what the table of a seller is and has.
#[derive(Default)]
pub(crate) struct SummaryDelivery {
    locator: Option<Locator>,
    /// What the index says, and the blocks after it that are still to be counted in.
    plan: Option<(Plan, Range<u64>)>,
}

impl Deliver for SummaryDelivery {
    fn advance(&mut self, feed: &Replicator, output: &Output) -> Result<bool, Failure> {
        let length = feed.progress().length;
        if length == 0 || !feed.is_informed() {
            return Ok(false);
        }
        if self.plan.is_none() {
            let locator = self.locator.get_or_insert_with(|| begin_among(feed, nothing()));
            if !locate_among(locator, feed)? {
                return Ok(false);
            }
            let Some(plan) = self.locator.take().and_then(Locator::into_plan) else { return Ok(true) };
            let tail = plan.tail.clone();
            feed.want(tail.clone());
            self.plan = Some((plan, tail));
        }
        let Some((plan, tail)) = &mut self.plan else { return Ok(false) };
        while let Some(number) = tail.clone().next() {
            match look(feed, number)? {
                Block::OnItsWay => return Ok(false),
                Block::Here(block) => plan.cover(number, &block)?,
                Block::Gone => {}
            }
            tail.start += 1;
        }
        output.event(&event(plan, feed.key().to_string(), length)?)?;
        Ok(true)
    }
}

fn event(plan: &Plan, feed: String, length: u64) -> Result<Event, Failure> {
    let time = |time: i64| Rfc3339(time).to_string();
    Ok(Event::Table {
        feed,
        rows: plan.coverage.rows,
        from: plan.coverage.times.map(|times| time(times.0)),
        to: plan.coverage.times.map(|times| time(times.1)),
        bytes: plan.coverage.bytes,
        length,
        schema: serde_json::to_value(&plan.schema).map_err(Failure::input)?,
    })
}
