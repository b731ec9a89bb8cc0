//! One trial: a DHT grows, sellers announce, many nodes leave at once and others come, and then buyers look for the sellers.
//!
//! Grade: machine.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddrV4;
use std::time::Duration;

use dazaar_wire::discovery::{Announcement, Mode, NodeEvent, Topic};

use super::{World, address};

/// Every so many nodes one is a liar.
const LIAR_EACH: u32 = 10;

/// Bootstrap nodes, all honest: whoever chooses liars to begin with sees only liars.
const ENTRANCES: u32 = 3;

/// Time from one node's coming to the next.
const JOIN_INTERVAL: Duration = Duration::from_millis(20);

/// What is tried.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// Nodes of the DHT; one in ten is a liar.
    pub nodes: u32,
    /// Sellers, of whom each is looked for once.
    pub sellers: u32,
    /// Nodes of a hundred that leave.
    pub churn_percent: u32,
}

/// How it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Lookups.
    pub lookups: usize,
    /// Lookups that named the seller.
    pub found: usize,
    /// Lookups in which the seller was the one whom most nodes named.
    pub first: usize,
    /// Time until the seller was named: half of the lookups took no longer.
    pub median: Duration,
    /// The same for 99 of 100 lookups.
    pub slowest: Duration,
    /// Nodes that took an announcement, on average.
    pub takers: usize,
    /// Datagrams of the whole trial.
    pub datagrams: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lookups, found, first, median, slowest, takers, datagrams } = self;
        writeln!(f, "{found} of {lookups} sellers found; named by most nodes: {first}")?;
        writeln!(f, "first named after {median:?} (median), {slowest:?} (99 of 100)")?;
        write!(f, "{takers} nodes take an announcement; {datagrams} datagrams")
    }
}

/// Which host is the liar of this number.
pub(super) const fn liar(number: u32) -> u32 {
    (number + 1) * LIAR_EACH
}

/// Runs a trial.
pub fn run(seed: u64, trial: Trial) -> Report {
    let mut world = World::new(seed);
    let liars = (trial.nodes - 1) / LIAR_EACH;
    let entrances: Vec<u32> = (0..ENTRANCES).collect();
    for number in 0..trial.nodes {
        let known: Vec<u32> = entrances.iter().copied().filter(|entrance| *entrance < number).collect();
        if number > ENTRANCES && number.is_multiple_of(LIAR_EACH) {
            world.join_liar(&entrances, liars);
        } else {
            world.join(Mode::Full, &known);
        }
        let next = world.now + JOIN_INTERVAL;
        world.run_until(next);
    }
    let sellers = announce(&mut world, trial.sellers, &entrances);
    churn(&mut world, trial, &entrances);
    look_up(&mut world, &sellers, &entrances)
}

/// Sellers come and announce. They are clients.
fn announce(world: &mut World, sellers: u32, entrances: &[u32]) -> Vec<(Topic, SocketAddrV4)> {
    let mut announced = Vec::new();
    for _ in 0..sellers {
        let seller = world.join(Mode::Client, entrances);
        let topic = Topic(world.dice.seed());
        let port = 80;
        world.with(seller, |node, now| node.announce(now, topic, Announcement { port, local: None }));
        announced.push((topic, SocketAddrV4::new(*address(seller).ip(), port)));
    }
    let end = world.now + Duration::from_secs(60);
    world.run_until(end);
    announced
}

/// Honest nodes leave at once, and as many come one after the other.
fn churn(world: &mut World, trial: Trial, entrances: &[u32]) {
    let mut honest: Vec<u32> =
        (ENTRANCES..trial.nodes).filter(|host| !host.is_multiple_of(LIAR_EACH)).collect();
    let count = (trial.nodes * trial.churn_percent / 100) as usize;
    for _ in 0..count.min(honest.len()) {
        let place = world.dice.place(honest.len());
        world.leave(honest.swap_remove(place));
    }
    for _ in 0..count {
        world.join(Mode::Full, entrances);
        let next = world.now + JOIN_INTERVAL;
        world.run_until(next);
    }
}

/// A buyer comes for each seller, and looks for it.
fn look_up(world: &mut World, sellers: &[(Topic, SocketAddrV4)], entrances: &[u32]) -> Report {
    let takers = world.events.iter().filter_map(|(_, _, event)| match event {
        NodeEvent::Announced { nodes, .. } => Some(*nodes),
        _ => None,
    });
    let (sum, count) = takers.fold((0, 0), |(sum, count), nodes| (sum + nodes, count + 1));
    world.events.clear();
    let start = world.now;
    for (topic, _) in sellers {
        let buyer = world.join(Mode::Client, entrances);
        world.with(buyer, |node, now| node.look_up(now, *topic, None));
    }
    world.run_until(start + Duration::from_secs(60));
    let mut times: Vec<Duration> = Vec::new();
    let mut first = 0;
    for seller in sellers {
        let named: Vec<_> = named(world, seller.0).collect();
        let votes = |peer: SocketAddrV4| named.iter().filter(|(_, other)| *other == peer).count();
        let others: BTreeSet<SocketAddrV4> =
            named.iter().map(|(_, peer)| *peer).filter(|peer| *peer != seller.1).collect();
        first +=
            usize::from(others.iter().all(|other| votes(*other) < votes(seller.1)) && votes(seller.1) > 0);
        times.extend(named.iter().find(|(_, peer)| *peer == seller.1).map(|(at, _)| *at - start));
    }
    times.sort();
    let part = |percent: usize| {
        times.get(times.len().saturating_sub(1) * percent / 100).copied().unwrap_or_default()
    };
    Report {
        lookups: sellers.len(),
        found: times.len(),
        first,
        median: part(50),
        slowest: part(99),
        takers: sum / usize::max(count, 1),
        datagrams: world.datagrams,
    }
}

/// Who was named for a topic, and when.
fn named(world: &World, topic: Topic) -> impl Iterator<Item = (Duration, SocketAddrV4)> {
    world.events.iter().filter_map(move |(at, _, event)| match event {
        NodeEvent::Found { topic: found, peer } if *found == topic => Some((*at, peer.address)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sellers_are_found_while_nodes_leave_and_others_lie() {
        let trial = Trial { nodes: 1000, sellers: 100, churn_percent: 30 };
        let report = run(7, trial);
        assert!(report.found >= 99, "{report}");
    }

    #[test]
    fn a_seed_is_a_dht() {
        let trial = Trial { nodes: 100, sellers: 20, churn_percent: 30 };
        assert_eq!(run(1, trial), run(1, trial));
        assert_ne!(run(1, trial), run(2, trial));
    }
}
