//! Addresses where the seller may be, and in which order they are tried.
//!
//! Grade: plain, but for the clock that is handed in and the lookup that is listened to. An address is worth a try and no more: who
//! answers there is known after the handshake, and an impostor is not tried again.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use dazaar_market::{Address, HostPort};
use tokio::time::Instant;

use crate::discovery::{Found, Lookup, Via};

/// Addresses of one origin that are kept in mind.
const CANDIDATES_MAX: usize = 256;

/// Addresses of the local network that are kept in mind, and those of one host there.
const LAN_MAX: usize = 64;
const LAN_PER_HOST_MAX: usize = 4;

/// Addresses that strangers say are in our own network, and that are kept in mind.
const HEARSAY_MAX: usize = 8;

/// Impostors that are kept in mind.
const IMPOSTORS_MAX: usize = 4096;

/// Addresses of a seller that are dialled at once.
pub(super) const DIALLED_MAX: usize = 6;

/// Head start of an address before the next one is dialled as well.
const STAGGER: Duration = Duration::from_millis(250);

/// Pause before an address is tried again; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// The longest pause between attempts.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long a connection goes on before a better address is tried, and pause from one such attempt to the next.
const BETTER_PAUSE: Duration = Duration::from_secs(5);

/// Pause before an address that was not better is tried as one again; each further one is twice as long.
const BETTER_PAUSE_FIRST: Duration = Duration::from_secs(20);

/// How long a connection to which we moved has to last, or else the move was in vain.
const MOVED_MIN: Duration = Duration::from_secs(10 * 60);

/// As how many attempts such a move counts.
const MOVES_IN_VAIN: u32 = 8;

/// The longest of them.
const BETTER_PAUSE_MAX: Duration = Duration::from_secs(600);

/// Who named an address: the sooner in this list, the sooner it is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Lan,
    Link,
    Dht,
    /// Strangers in the DHT name an address in our own network.
    Hearsay,
}

impl Origin {
    /// How many addresses are kept in mind. Each origin has its own places, so that no flood of one hides another.
    const fn places(self) -> usize {
        match self {
            Self::Lan => LAN_MAX,
            Self::Link | Self::Dht => CANDIDATES_MAX,
            Self::Hearsay => HEARSAY_MAX,
        }
    }
}

#[derive(Debug)]
struct Candidate {
    address: Address,
    origin: Origin,
    /// How often it was named.
    votes: u32,
    /// Attempts that failed since the last good one.
    failures: u32,
    not_before: Instant,
    is_dialled: bool,
    /// Attempts to move there that have come to nothing since it last served, and when to make another.
    moves: u32,
    no_move_before: Instant,
}

/// How good a connection is. The smaller one is the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// In our own network.
    Near,
    /// By TCP.
    Direct,
    /// Through iroh, which may mean a relay.
    Iroh,
}

/// All addresses.
#[derive(Debug)]
pub(super) struct Candidates {
    candidates: Vec<Candidate>,
    impostors: BTreeSet<Address>,
    lookup: Option<Lookup>,
    /// Addresses that may be dialled, or in use, at once.
    places: usize,
    last_dialled: Option<Instant>,
    /// When a better address may be tried, as long as we are connected.
    next_move: Instant,
    /// Where we moved last, and when.
    moved: Option<(Address, Instant)>,
}

impl Candidates {
    /// The addresses of a link, and those that a lookup finds; so many at once.
    pub(super) fn new<'a>(
        now: Instant,
        addresses: impl IntoIterator<Item = &'a Address>,
        lookup: Option<Lookup>,
        places: usize,
    ) -> Self {
        let mut candidates = Self {
            candidates: Vec::new(),
            impostors: BTreeSet::new(),
            lookup,
            places,
            last_dialled: None,
            next_move: now,
            moved: None,
        };
        for address in addresses {
            candidates.add(now, address.clone(), Origin::Link);
        }
        candidates
    }

    /// Waits until an address was found.
    pub(super) async fn hear(&mut self) {
        let found = match &mut self.lookup {
            Some(lookup) => lookup.next().await,
            None => std::future::pending().await,
        };
        match found {
            Some(found) => self.handle_found(Instant::now(), found),
            None => self.lookup = None,
        }
    }

    fn handle_found(&mut self, now: Instant, found: Found) {
        let origin = match found.via {
            Via::Lan => Origin::Lan,
            Via::Dht => Origin::Dht,
            Via::DhtNear => Origin::Hearsay,
        };
        // An IPv4 address and a port that is not 0 are always an address.
        if let Ok(address) = found.address.to_string().parse() {
            self.add(now, address, origin);
        }
    }

    fn add(&mut self, now: Instant, address: Address, origin: Origin) {
        if self.impostors.contains(&address) {
            return;
        }
        if let Some(place) = self.candidates.iter().position(|known| known.address == address) {
            let is_room = self.count(origin) < origin.places();
            let Some(known) = self.candidates.get_mut(place) else { return };
            known.votes = known.votes.saturating_add(1);
            if origin < known.origin && is_room {
                known.origin = origin;
            }
            return;
        }
        if !self.make_room(&address, origin) {
            return;
        }
        self.candidates.push(Candidate {
            address,
            origin,
            votes: 1,
            failures: 0,
            not_before: now,
            is_dialled: false,
            moves: 0,
            no_move_before: now,
        });
    }

    /// Gives up the least promising address that a new one competes with, if there is no room for both. False if there still is
    /// none.
    fn make_room(&mut self, address: &Address, origin: Origin) -> bool {
        let is_neighbour =
            |known: &Candidate| known.address.tcp().map(HostPort::host) == address.tcp().map(HostPort::host);
        let of_host = self.candidates.iter().filter(|known| known.origin == origin && is_neighbour(known));
        let is_host_full = origin == Origin::Lan && of_host.count() >= LAN_PER_HOST_MAX;
        if !is_host_full && self.count(origin) < origin.places() {
            return true;
        }
        let rivals = self.candidates.iter().enumerate();
        let rivals = rivals.filter(|(_, known)| known.origin == origin && !known.is_dialled);
        let rivals = rivals.filter(|(_, known)| !is_host_full || is_neighbour(known));
        let weakest = rivals.min_by_key(|(_, known)| (known.votes, Reverse(known.failures)));
        let Some((place, _)) = weakest.filter(|_| origin != Origin::Link) else { return false };
        self.candidates.swap_remove(place);
        true
    }

    fn count(&self, origin: Origin) -> usize {
        self.candidates.iter().filter(|known| known.origin == origin).count()
    }

    /// The next address to dial now, if any.
    pub(super) fn dial(&mut self, now: Instant) -> Option<Address> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        let idle = self.candidates.iter_mut().filter(|known| !known.is_dialled && known.not_before <= now);
        let next = idle.min_by_key(|known| (known.failures, known.origin, Reverse(known.votes)))?;
        next.is_dialled = true;
        self.last_dialled = Some(now);
        Some(next.address.clone())
    }

    /// When to dial next.
    pub(super) fn due(&self) -> Option<Instant> {
        let dialled = self.candidates.iter().filter(|known| known.is_dialled).count();
        if dialled >= self.places {
            return None;
        }
        let idle = self.candidates.iter().filter(|known| !known.is_dialled);
        let next = idle.map(|known| known.not_before).min()?;
        let after = self.last_dialled.filter(|_| dialled > 0).map(|last| last + STAGGER);
        Some(after.map_or(next, |after| after.max(next)))
    }

    /// Nobody was reached at an address, or somebody who ended it before there was a deal.
    pub(super) fn handle_failure(&mut self, now: Instant, address: &Address) {
        if let Some(known) = self.find(address) {
            let pause = PAUSE_MAX.min(PAUSE_FIRST * 2u32.saturating_pow(known.failures.min(16)));
            known.failures = known.failures.saturating_add(1);
            known.rest(now, pause);
        }
    }

    /// The seller was reached at an address, and it was good while it lasted.
    pub(super) fn handle_served(&mut self, now: Instant, address: &Address) {
        // Where we moved and were cut off soon, it was not better: a line may let the first bytes through and no more.
        let moved = self.moved.take_if(|(to, _)| to == address);
        let is_worse = moved.is_some_and(|(_, since)| now.saturating_duration_since(since) < MOVED_MIN);
        if let Some(known) = self.find(address) {
            known.failures = 0;
            known.moves = if is_worse { known.moves.saturating_add(MOVES_IN_VAIN) } else { 0 };
            known.no_move_before = if is_worse { now + BETTER_PAUSE_MAX } else { now };
            known.rest(now, PAUSE_FIRST);
        }
    }

    /// We left a connection for this address.
    pub(super) fn handle_moved(&mut self, now: Instant, address: &Address) {
        self.moved = Some((address.clone(), now));
        self.next_move = now + BETTER_PAUSE;
    }

    /// Somebody else is at an address.
    pub(super) fn handle_impostor(&mut self, address: &Address) {
        self.candidates.retain(|known| known.address != *address);
        if self.impostors.len() < IMPOSTORS_MAX {
            self.impostors.insert(address.clone());
        }
    }

    /// No attempt goes on any more: one of them has won.
    pub(super) fn handle_connected(&mut self, now: Instant) {
        for known in &mut self.candidates {
            known.is_dialled = false;
        }
        self.next_move = now + BETTER_PAUSE;
    }

    /// An address to move to, because it is better than the one at which we are connected. Until the next attempt it takes a while.
    pub(super) fn dial_better(&mut self, now: Instant, present: &Address) -> Option<Address> {
        if self.better_due(present).is_none_or(|due| due > now) {
            return None;
        }
        let rank = self.rank(present);
        let better =
            self.candidates.iter_mut().filter(|known| known.is_better(rank) && known.no_move_before <= now);
        let next = better.min_by_key(|known| (known.moves, known.rank(), Reverse(known.votes)))?;
        // Until it has served, it counts as an attempt that came to nothing.
        let pause = BETTER_PAUSE_MAX.min(BETTER_PAUSE_FIRST * 2u32.saturating_pow(next.moves.min(16)));
        next.moves = next.moves.saturating_add(1);
        next.no_move_before = now + pause.mul_f64(rand::random_range(0.75..1.25));
        self.next_move = now + BETTER_PAUSE;
        Some(next.address.clone())
    }

    /// When to look for a better address next; none if there is none.
    pub(super) fn better_due(&self, present: &Address) -> Option<Instant> {
        let rank = self.rank(present);
        let better = self.candidates.iter().filter(|known| known.is_better(rank));
        Some(better.map(|known| known.no_move_before).min()?.max(self.next_move))
    }

    fn rank(&self, address: &Address) -> Rank {
        let known = self.candidates.iter().find(|known| known.address == *address);
        known.map_or_else(|| rank(address), Candidate::rank)
    }

    /// Whether there is no address left, and none will be found.
    pub(super) const fn is_exhausted(&self) -> bool {
        self.candidates.is_empty() && self.lookup.is_none()
    }

    fn find(&mut self, address: &Address) -> Option<&mut Candidate> {
        self.candidates.iter_mut().find(|known| known.address == *address)
    }
}

impl Candidate {
    fn rank(&self) -> Rank {
        if self.origin == Origin::Lan { Rank::Near } else { rank(&self.address) }
    }

    /// Whether it is worth leaving a connection of this rank. Not for the word of strangers: who passes on what the seller says, slowly,
    /// is the seller as far as anybody can prove. So it must be the link's or card's address, or in our own network.
    fn is_better(&self, than: Rank) -> bool {
        let is_near = self.origin == Origin::Lan && rank(&self.address) == Rank::Near;
        (self.origin == Origin::Link || is_near) && self.rank() < than
    }

    /// Sellers that come back must not be stormed by all their buyers at the same moment.
    fn rest(&mut self, now: Instant, pause: Duration) {
        self.is_dialled = false;
        self.not_before = now + pause.mul_f64(rand::random_range(0.5..1.0));
    }
}

fn rank(address: &Address) -> Rank {
    let Some(place) = address.tcp() else { return Rank::Iroh };
    let is_near = match place.host().parse() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => false,
    };
    if is_near { Rank::Near } else { Rank::Direct }
}

#[cfg(test)]
mod tests;
