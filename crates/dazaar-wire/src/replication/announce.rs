//! What we tell one peer about our blocks.
//!
//! Grade: machine. Nothing is said before the peer's first `Want`, and nothing that is no longer true: what changed is kept as
//! ranges, and looked up when there is room to send. For a slow peer they join, so that it hears only of the last state.
//! Source: classic protocol, sections 5.2 and 5.3.

use std::collections::VecDeque;
use std::ops::Range;

use dazaar_log::have::HaveMap;
use dazaar_log::rle;

use super::fault::ReplicationFault;
use super::limits::{
    COARSE_RANGES_MAX, HAVE_BLOCKS_MAX, WANT_ALIGNMENT, WANT_ANSWERED_BLOCKS_MAX, WANTS_QUEUED_MAX,
};
use super::ranges::RangeSet;
use crate::message::{Have, Message};

/// What one peer has still to hear.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    /// The peer has asked to be told.
    wanting: bool,
    /// The first answer starts with the length.
    greet: bool,
    wants: VecDeque<Range<u64>>,
    /// Blocks in which some are new.
    added: RangeSet,
    /// Blocks in which some are gone, or were never there.
    removed: RangeSet,
}

impl Announcements {
    /// Queues the answer to a `Want`. Those that JavaScript peers ignore are ignored.
    pub(super) fn handle_want(&mut self, start: u64, length: u64) -> Result<(), ReplicationFault> {
        if length == 0 || !(start | length).is_multiple_of(WANT_ALIGNMENT) {
            return Ok(());
        }
        let want = start..start.saturating_add(length);
        if self.wants.contains(&want) {
            return Ok(());
        }
        if self.wants.len() >= WANTS_QUEUED_MAX {
            return Err(ReplicationFault::TooManyWants);
        }
        self.greet |= !self.wanting;
        self.wanting = true;
        self.wants.push_back(want);
        Ok(())
    }

    /// Blocks came.
    pub(super) fn add(&mut self, range: Range<u64>) {
        if self.wanting {
            self.added.insert(range);
            self.added.widen_beyond(COARSE_RANGES_MAX);
        }
    }

    /// Blocks went, or the peer thinks wrongly that we have them.
    pub(super) fn remove(&mut self, range: Range<u64>) {
        if self.wanting {
            self.removed.insert(range);
            self.removed.widen_beyond(COARSE_RANGES_MAX);
        }
    }

    /// The peer will not get an answer to its `Want`s, and will repeat them.
    pub(super) fn drop_wants(&mut self) {
        self.wants.clear();
    }

    /// The next message.
    pub(super) fn poll(&mut self, have: &HaveMap, length: u64) -> Option<Message> {
        if std::mem::take(&mut self.greet) && length > 0 && have.get(length - 1) {
            return Some(Message::Have(Have::range(length - 1, 1)));
        }
        if let Some(want) = self.wants.pop_front() {
            return Some(Message::Have(answer(&want, have)));
        }
        if let Some(gone) = take_run(&mut self.removed, |range| next_gone(range, have)) {
            return Some(Message::Unhave { start: gone.start, length: gone.end - gone.start });
        }
        let held = take_run(&mut self.added, |range| have.runs(range).next())?;
        Some(Message::Have(Have::range(held.start, held.end - held.start)))
    }
}

/// Takes the first run that `find` finds in the ranges of `changed`, no longer than one message may say.
fn take_run(changed: &mut RangeSet, find: impl Fn(Range<u64>) -> Option<Range<u64>>) -> Option<Range<u64>> {
    while let Some(range) = changed.next(0) {
        let run =
            find(range.clone()).map(|run| run.start..run.end.min(run.start.saturating_add(HAVE_BLOCKS_MAX)));
        changed.remove(range.start..run.as_ref().map_or(range.end, |run| run.end));
        if run.is_some() {
            return run;
        }
    }
    None
}

/// The first run of a range that we do not have.
fn next_gone(range: Range<u64>, have: &HaveMap) -> Option<Range<u64>> {
    let start = have.next_clear(range.start);
    let end = have.next_set(start).map_or(range.end, |held| held.min(range.end));
    (start < end).then_some(start..end)
}

/// Which blocks of a `Want` we have.
fn answer(want: &Range<u64>, have: &HaveMap) -> Have {
    let end = want.end.min(want.start.saturating_add(WANT_ANSWERED_BLOCKS_MAX));
    let bits = rle::encode(&have.bytes(want.start..end));
    Have { start: want.start, length: want.end - want.start, bitfield: Some(bits.into()), ack: false }
}

#[cfg(test)]
mod tests;
