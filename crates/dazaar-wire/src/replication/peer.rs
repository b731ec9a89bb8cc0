//! One peer of a feed: what is known of it, and what is between it and us.
//!
//! Grade: machine. Everything here is bounded by `limits`, and ends with the peer.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::time::Duration;

use dazaar_log::have::HaveMap;

use super::Transfer;
use super::announce::Announcements;
use super::fault::ReplicationFault;
use super::fetches::Fetches;
use super::limits::{COARSE_RANGES_MAX, LEFT_MAX, ONWARD_FORGIVEN, STRAY_FORGOTTEN_AFTER, STRAYS_MAX};
use super::ranges::RangeSet;
use super::remote::RemoteMap;
use super::selection::{Download, Selection};
use super::switches::Switches;
use super::upload::Uploads;
use super::wants::Wants;
use super::watch::Watch;
use super::window::Window;

/// A peer.
#[derive(Debug)]
pub(super) struct Peer {
    /// Whether what it claims decides nothing.
    pub(super) is_helper: bool,
    /// Whether it is asked for nothing more; the last block that it is to be asked for; and whether it was.
    pub(super) is_leaving: bool,
    pub(super) last_of_pushed: Option<u64>,
    pub(super) is_last_asked: bool,
    pub(super) switches: Switches,
    pub(super) announcements: Announcements,
    pub(super) uploads: Uploads,
    pub(super) wants: Wants,
    pub(super) remote: RemoteMap,
    pub(super) window: Window,
    /// How it is asked for blocks.
    pub(super) transfer: Transfer,
    pub(super) fetches: Fetches,
    pub(super) watch: Watch,
    /// Where a block may be that it has and we should ask it for. Nothing is outside.
    fresh: RangeSet,
    /// Where to go on asking without knowing what it has; `None` once it told.
    unheard: Option<u64>,
    /// Where to go on looking.
    cursor: u64,
    /// A place in the feed, as a part of 2^64 of its length, until the length is known.
    place: Option<u64>,
    /// Requests that we gave up, so that their answers may still come.
    forgiven: u32,
    strays: u32,
    /// Lost blocks that nobody else has, to be asked for again.
    again: VecDeque<u64>,
    /// Lost blocks that others have.
    left: BTreeSet<u64>,
    /// Blocks that it sent since a stray was last forgotten.
    delivered: u64,
    /// The block whose proof it did not have.
    unproved: Option<u64>,
    /// The length that it proved with blocks it sent.
    pub(super) proved: u64,
}

impl Peer {
    pub(super) fn new(transfer: Transfer, downloading: bool, place: Option<u64>) -> Self {
        Self {
            is_helper: false,
            is_leaving: false,
            last_of_pushed: None,
            is_last_asked: false,
            switches: Switches::new(downloading),
            announcements: Announcements::default(),
            uploads: Uploads::default(),
            wants: Wants::default(),
            remote: RemoteMap::default(),
            window: Window::default(),
            transfer,
            fetches: Fetches::default(),
            watch: Watch::default(),
            fresh: RangeSet::default(),
            proved: 0,
            unheard: Some(0),
            cursor: 0,
            place,
            forgiven: 0,
            strays: 0,
            again: VecDeque::new(),
            left: BTreeSet::new(),
            delivered: 0,
            unproved: None,
        }
    }

    /// There may be something to ask for in a range.
    pub(super) fn wake(&mut self, range: Range<u64>) {
        self.fresh.insert(range.start..range.end.min(self.remote.length()));
        self.fresh.widen_beyond(COARSE_RANGES_MAX);
        self.wants.wake();
        self.unheard = self.unheard.map(|next| next.min(range.start));
    }

    /// Takes the next blocks to ask for of a peer that has not told what it has: it will say so if it has not got them.
    pub(super) fn poll_unheard(
        &mut self,
        selection: &Selection,
        have: &HaveMap,
        requested: &RangeSet,
        alone: bool,
    ) -> Option<Range<u64>> {
        let room = self.fetches.room(alone);
        loop {
            let missing = selection.next_missing(self.unheard?, have).filter(|_| room > 0)?;
            let start = requested.next_gap(missing);
            self.unheard = Some(start);
            if start == missing {
                let end = open_end(start, start.saturating_add(room), selection, have, requested);
                self.unheard = Some(end);
                return Some(start..end);
            }
        }
    }

    /// It told something of what it has.
    pub(super) const fn handle_heard(&mut self) {
        self.unheard = None;
    }

    /// Tells it that we have blocks, unless it gets them without asking.
    pub(super) fn announce(&mut self, blocks: Range<u64>) {
        if !self.uploads.pushes(blocks.start) {
            self.announcements.add(blocks);
        }
    }

    /// Looks for blocks from here on first.
    pub(super) const fn move_to(&mut self, block: u64) {
        self.cursor = block;
        self.place = None;
    }

    /// Takes the next block to ask for.
    pub(super) fn poll_block(
        &mut self,
        selection: &Selection,
        have: &HaveMap,
        requested: &RangeSet,
    ) -> Option<u64> {
        if !self.window.has_room() {
            return None;
        }
        self.take_run(1, selection, have, requested).map(|blocks| blocks.start)
    }

    /// Takes the next blocks to ask for.
    pub(super) fn poll_range(
        &mut self,
        selection: &Selection,
        have: &HaveMap,
        requested: &RangeSet,
        alone: bool,
    ) -> Option<Range<u64>> {
        let room = self.fetches.room(alone);
        if room == 0 { None } else { self.take_run(room, selection, have, requested) }
    }

    /// Takes at most `max` blocks to ask for, which lie together.
    fn take_run(
        &mut self,
        max: u64,
        selection: &Selection,
        have: &HaveMap,
        requested: &RangeSet,
    ) -> Option<Range<u64>> {
        if let Some(place) = self.place.filter(|_| self.remote.length() > 0) {
            self.move_to(((u128::from(place) * u128::from(self.remote.length())) >> 64) as u64);
        }
        while let Some(range) = self.fresh.next(self.cursor).or_else(|| self.fresh.next(0)) {
            let found = self.find(range.clone(), max, selection, have, requested);
            self.fresh.remove(range.start..found.as_ref().map_or(range.end, |blocks| blocks.end));
            if let Some(blocks) = found {
                if selection.download() == Download::All {
                    self.cursor = blocks.end;
                }
                return Some(blocks);
            }
        }
        None
    }

    /// Gives up the requests for blocks of a range, and returns them.
    pub(super) fn give_up_blocks(&mut self, range: Range<u64>, now: Duration) -> Vec<Range<u64>> {
        self.left.retain(|block| !range.contains(block));
        let mut blocks: Vec<_> = std::iter::from_fn(|| self.window.take_within(range.clone())).collect();
        self.forgive(blocks.len());
        blocks.extend(self.again.iter().filter(|block| range.contains(block)));
        self.again.retain(|block| !range.contains(block));
        let mut given_up: Vec<_> = blocks.into_iter().map(|block| block..block + 1).collect();
        given_up.extend(self.fetches.give_up(&range, now));
        given_up
    }

    /// Takes back the question for everything; what is under way still comes.
    pub(super) fn cancel_onward(&mut self) -> Option<u64> {
        let start = self.fetches.take_onward();
        self.forgive(start.map_or(0, |_| ONWARD_FORGIVEN));
        start
    }

    fn forgive(&mut self, answers: usize) {
        self.forgiven = self.forgiven.saturating_add(u32::try_from(answers).unwrap_or(u32::MAX));
    }

    /// The block whose proof would prove the length that it claims, unless it said that it has none.
    pub(super) fn last_block(&self) -> Option<u64> {
        self.remote.length().checked_sub(1).filter(|&last| self.unproved != Some(last))
    }

    /// It has blocks of a range, maybe also the one that it said it had not.
    pub(super) fn handle_claim(&mut self, range: &Range<u64>) {
        self.handle_heard();
        self.unproved = self.unproved.filter(|block| !range.contains(block));
    }

    /// It does not have the blocks of a range. Returns whether it owed a proof of one.
    pub(super) fn give_up_proof_within(&mut self, range: &Range<u64>) -> bool {
        let proof = self.window.proof().filter(|block| range.contains(block));
        self.unproved = proof.or(self.unproved);
        proof.is_some() && self.give_up_proof()
    }

    /// Gives up the request for a proof. Returns whether there was one.
    pub(super) const fn give_up_proof(&mut self) -> bool {
        let owed = self.window.take_proof();
        self.forgiven = self.forgiven.saturating_add(owed as u32);
        owed
    }

    /// Whether blocks are on their way of which it has told by nothing but a longer log: it was asked for all, and sends them.
    pub(super) fn owes_news(&self) -> bool {
        self.fetches.is_onward() && self.remote.length() < self.proved
    }

    /// Whether it has a block that we want and do not have, asked for or not.
    pub(super) fn has_any_of(&self, selection: &Selection, have: &HaveMap) -> bool {
        let mut at = 0;
        while let Some(missing) = selection.next_missing(at, have) {
            match self.remote.blocks().next_set(missing) {
                Some(held) if held == missing => return true,
                Some(held) => at = held,
                None => return false,
            }
        }
        false
    }

    /// Whether it may be asked for anything.
    pub(super) const fn may_be_asked(&self) -> bool {
        self.switches.downloads() && !self.is_leaving
    }

    /// Whether it may be asked for a block.
    pub(super) fn can_give(&self, block: u64) -> bool {
        self.may_be_asked() && self.remote.blocks().get(block)
    }

    /// Gives up a lost request, and leaves the block to others, who have it.
    pub(super) fn leave(&mut self, block: u64) {
        self.give_up_block(block);
        self.remote.forget(block);
        if self.left.len() < LEFT_MAX {
            self.left.insert(block);
        }
    }

    /// Others may not have the blocks any more that were left to them, so it may be asked for them again.
    pub(super) fn take_back(&mut self) {
        for block in std::mem::take(&mut self.left) {
            self.remote.remember(block);
            self.wake(block..block + 1);
        }
    }

    /// The next lost block to ask for again. Some may have come by another way.
    pub(super) fn poll_again(&mut self) -> Option<u64> {
        self.again.pop_front()
    }

    /// Gives up a lost request, to repeat it.
    pub(super) fn ask_again(&mut self, block: u64, now: Duration) {
        self.give_up_block(block);
        self.window.restart(now);
        self.again.push_back(block);
    }

    fn give_up_block(&mut self, block: u64) {
        let owed = self.window.take(block);
        self.forgiven = self.forgiven.saturating_add(u32::from(owed));
    }

    /// A block or proof came that we are not waiting for.
    pub(super) fn handle_stray(&mut self) -> Result<(), ReplicationFault> {
        if self.forgiven > 0 {
            self.forgiven -= 1;
            return Ok(());
        }
        self.strays += 1;
        if self.strays > STRAYS_MAX { Err(ReplicationFault::TooManyStrays) } else { Ok(()) }
    }

    /// It sent a block that was asked for, and that could be stored.
    pub(super) const fn handle_stored(&mut self, blocks: u64) {
        self.delivered += blocks;
        if self.delivered >= STRAY_FORGOTTEN_AFTER {
            self.delivered = 0;
            self.strays = self.strays.saturating_sub(1);
        }
    }

    /// When it is given up unless it sends something that it owes.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let fetched = self.fetches.deadline(self.remote.length());
        self.window.deadline().into_iter().chain(fetched).min()
    }

    /// When there is something to do about what it owes.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.window.loss().or_else(|| self.deadline())
    }

    /// The first blocks of a range that we want, the peer has, and nobody is asked for.
    fn find(
        &self,
        range: Range<u64>,
        max: u64,
        selection: &Selection,
        have: &HaveMap,
        requested: &RangeSet,
    ) -> Option<Range<u64>> {
        let range = range.start..range.end.min(self.fetches.pushed_from().unwrap_or(u64::MAX));
        let mut at = range.start;
        while at < range.end {
            let missing = selection.next_missing(at, have)?;
            let held = self.remote.blocks().next_set(missing)?;
            at = requested.next_gap(held);
            if at == missing && at < range.end {
                let reach = range.end.min(at.saturating_add(max));
                let end = open_end(at, reach, selection, have, requested);
                return Some(at..end.min(self.remote.blocks().next_clear(at)).max(at + 1));
            }
        }
        None
    }
}

/// Where the blocks from `start` on end, `reach` at the latest, that we want and nobody is asked for.
fn open_end(start: u64, reach: u64, selection: &Selection, have: &HaveMap, requested: &RangeSet) -> u64 {
    let end = selection.missing_end(start, reach, have);
    requested.next(start).map_or(end, |next| end.min(next.start))
}
