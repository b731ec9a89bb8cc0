//! How a node stays part of the DHT: looks after its routing table, learns its own address, and becomes a full node.
//!
//! Grade: machine. Source: classic protocol, section 8.2.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddrV4;
use std::time::Duration;

use super::task::Goal;
use super::{Mode, Node, NodeEvent};
use crate::discovery::Topic;
use crate::discovery::limits::{
    CHECK_INTERVAL, CHECKED_NODES, PERSISTENT_AFTER, REFRESH_EMPTY_INTERVAL, REFRESH_INTERVAL,
};
use crate::discovery::nat::Sighting;
use crate::discovery::random::Random;

/// Nodes whose word about our address counts (classic).
const WITNESSES_MAX: usize = 10;

/// Nodes that have to agree, and how many may not (classic).
const WITNESSES_AGREED_MIN: usize = 3;
const WITNESSES_OTHERS_MAX: usize = 2;

/// What a node keeps to look after itself.
#[derive(Debug)]
pub(super) struct Upkeep {
    next_check: Duration,
    next_refresh: Duration,
    /// When the last walk of our own began.
    refreshed: Duration,
    /// When an adaptive node looks whether it can take part.
    persistent_at: Option<Duration>,
    is_ready: bool,
    /// Nodes that are being asked whether they are there.
    pub(super) checks: BTreeSet<SocketAddrV4>,
    /// Strangers that are being asked whether they are who they say, with the numbers of the requests.
    pub(super) verifications: BTreeMap<SocketAddrV4, u64>,
    /// By whom we were seen under which address, the latest last.
    sightings: VecDeque<Sighting>,
}

impl Upkeep {
    pub(super) fn new(now: Duration, mode: Mode, random: &mut Random) -> Self {
        let persistent_at = (mode == Mode::Adaptive).then(|| now + random.time(PERSISTENT_AFTER));
        Self {
            next_check: now + CHECK_INTERVAL,
            next_refresh: now + REFRESH_EMPTY_INTERVAL,
            refreshed: now,
            persistent_at,
            is_ready: false,
            checks: BTreeSet::new(),
            verifications: BTreeMap::new(),
            sightings: VecDeque::new(),
        }
    }

    /// When something is to do next.
    pub(super) fn next(&self) -> Duration {
        let next = self.next_check.min(self.next_refresh);
        self.persistent_at.map_or(next, |at| next.min(at))
    }

    /// A node says under which address it sees us.
    pub(super) fn seen_as(&mut self, witness: SocketAddrV4, seen: SocketAddrV4) {
        self.sightings.retain(|known| known.witness != witness);
        if self.sightings.len() == WITNESSES_MAX {
            self.sightings.pop_front();
        }
        self.sightings.push_back(Sighting { witness, seen });
    }

    /// By whom we were seen, and under which address.
    pub(super) fn sightings(&self) -> Vec<Sighting> {
        self.sightings.iter().copied().collect()
    }

    /// Our address as others see it, if they agree.
    pub(super) fn public_address(&self) -> Option<SocketAddrV4> {
        let mut votes: BTreeMap<SocketAddrV4, usize> = BTreeMap::new();
        for Sighting { seen, .. } in &self.sightings {
            *votes.entry(*seen).or_default() += 1;
        }
        let (address, agreed) = votes.into_iter().max_by_key(|(_, votes)| *votes)?;
        let others = self.sightings.len() - agreed;
        (agreed >= WITNESSES_AGREED_MIN && others <= WITNESSES_OTHERS_MAX).then_some(address)
    }
}

impl Node {
    /// Does what is due.
    pub(super) fn look_after(&mut self, now: Duration) {
        if now >= self.upkeep.next_check {
            self.upkeep.next_check = now + CHECK_INTERVAL;
            self.records.expire(now);
            for contact in self.routing.silent(now, CHECKED_NODES) {
                self.check(now, contact);
            }
        }
        if now >= self.upkeep.next_refresh {
            self.refresh(now);
        }
        if self.upkeep.persistent_at.is_some_and(|at| now >= at) {
            self.become_full(now);
        }
    }

    /// Walks towards ourselves, so that our neighbours know us and we them; next time somewhere else.
    fn refresh(&mut self, now: Duration) {
        let is_alone = self.routing.len() == 0;
        self.upkeep.next_refresh = now + REFRESH_EMPTY_INTERVAL;
        let is_due = is_alone || now >= self.upkeep.refreshed + REFRESH_INTERVAL;
        if !is_due || (is_alone && self.bootstrap.is_empty()) {
            return;
        }
        self.upkeep.refreshed = now;
        let target = if is_alone || self.random.below(2) == 0 { self.id.0 } else { self.random.bytes() };
        self.begin(now, Topic(target), Goal::Approach);
    }

    /// A walk that was only for getting to know nodes is over.
    pub(super) fn approached(&mut self, topic: Topic) {
        if topic.0 == self.id.0 && !self.upkeep.is_ready {
            let nodes = self.routing.len();
            self.upkeep.is_ready = nodes > 0;
            self.events.push_back(NodeEvent::Ready { nodes });
        }
    }

    fn become_full(&mut self, now: Duration) {
        if self.public_address().is_none() {
            self.upkeep.persistent_at = Some(now + self.random.time(PERSISTENT_AFTER));
            return;
        }
        self.upkeep.persistent_at = None;
        self.mode = Mode::Full;
        // Our neighbours hear our id now.
        self.begin(now, Topic(self.id.0), Goal::Approach);
        self.events.push_back(NodeEvent::Persistent);
    }
}
