//! Finding sellers on the local network by multicast DNS.
//!
//! Grade: machine. The driver hands over packets and the time, sends what [`Lan::poll_packet`] gives to everybody on the network,
//! and listens to [`Lan::poll_peer`]. Source: classic protocol, section 8.4.

mod packet;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

pub use packet::Packet;
use packet::{Entry, Name, name_of};

use super::limits::{LAN_ANSWERS, LAN_INTERVAL, LAN_TOPICS_MAX, OUTGOING_MAX};
use super::random::Random;
use super::rate::Rate;
use super::{Reach, Topic};

/// The address and port of multicast DNS.
pub const GROUP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 251), 5353);

/// Packets that were looked at and are not yet sent, or peers that were found and are not yet told.
const QUEUE_MAX: usize = OUTGOING_MAX;

/// What we announce and look up on the local network.
#[derive(Debug)]
pub struct Lan {
    random: Random,
    topics: BTreeMap<Name, Interest>,
    answers: Rate,
    outgoing: VecDeque<Vec<u8>>,
    peers: VecDeque<(Topic, SocketAddrV4)>,
}

/// What we want of a topic.
#[derive(Debug)]
struct Interest {
    topic: Topic,
    /// Tells our own answers from those of others.
    id: [u8; 32],
    /// The TCP port that is announced.
    port: Option<u16>,
    /// When to ask next, if it is looked up.
    due: Option<Duration>,
}

impl Lan {
    /// Nothing announced and nothing looked up. The seed is random and used once.
    pub const fn new(seed: [u8; 32]) -> Self {
        Self {
            random: Random::new(seed),
            topics: BTreeMap::new(),
            answers: Rate::new(),
            outgoing: VecDeque::new(),
            peers: VecDeque::new(),
        }
    }

    /// Announces a topic: at once, and to whoever asks.
    pub fn announce(&mut self, topic: Topic, port: u16) {
        let Some(interest) = self.interest(topic) else { return };
        interest.port = Some(port);
        let entry = Entry { name: name_of(&topic), port, id: interest.id };
        self.send(Packet::Answer { entries: vec![entry], asker: None });
    }

    /// Does not announce a topic any more.
    pub fn withdraw(&mut self, topic: Topic) {
        self.change(topic, |interest| interest.port = None);
    }

    /// Asks who announced a topic, now and again every minute until it is [forgotten](Self::forget).
    pub fn look_up(&mut self, now: Duration, topic: Topic) {
        let due = now + self.random.time(LAN_INTERVAL);
        if let Some(interest) = self.interest(topic) {
            interest.due = Some(due);
            self.send(Packet::Question { names: vec![name_of(&topic)] });
        }
    }

    /// Does not look a topic up any more.
    pub fn forget(&mut self, topic: Topic) {
        self.change(topic, |interest| interest.due = None);
    }

    /// A packet came in from a host on the network, perhaps ourselves.
    pub fn handle_packet(&mut self, now: Duration, from: Ipv4Addr, bytes: &[u8]) {
        match Packet::decode(bytes) {
            Some(Packet::Question { names }) => self.answer(now, from, &names),
            Some(Packet::Answer { entries, .. }) if Reach::of(from).is_some() => self.hear(from, &entries),
            _ => {}
        }
    }

    /// The time has come, or may have.
    pub fn handle_timeout(&mut self, now: Duration) {
        let mut names = Vec::new();
        for (name, interest) in &mut self.topics {
            if interest.due.is_some_and(|due| due <= now) {
                interest.due = Some(now + self.random.time(LAN_INTERVAL));
                names.push(*name);
            }
        }
        for names in names.chunks(packet::ENTRIES_MAX) {
            self.send(Packet::Question { names: names.to_vec() });
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.topics.values().filter_map(|interest| interest.due).min()
    }

    /// The next packet for everybody on the network.
    pub fn poll_packet(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    /// A peer that was found.
    pub fn poll_peer(&mut self) -> Option<(Topic, SocketAddrV4)> {
        self.peers.pop_front()
    }

    fn answer(&mut self, now: Duration, asker: Ipv4Addr, names: &[Name]) {
        let entry = |name: &Name| {
            let interest = self.topics.get(name)?;
            Some(Entry { name: *name, port: interest.port?, id: interest.id })
        };
        // However often a name is asked for, it is answered once.
        let names: BTreeSet<&Name> = names.iter().collect();
        let entries: Vec<Entry> = names.into_iter().filter_map(entry).collect();
        if !entries.is_empty() && self.answers.allows(now, LAN_ANSWERS) {
            self.send(Packet::Answer { entries, asker: Some(asker) });
        }
    }

    fn hear(&mut self, from: Ipv4Addr, entries: &[Entry]) {
        for entry in entries {
            let Some(interest) = self.topics.get(&entry.name) else { continue };
            let is_new = interest.due.is_some() && interest.id != entry.id && entry.port != 0;
            if is_new && self.peers.len() < QUEUE_MAX {
                self.peers.push_back((interest.topic, SocketAddrV4::new(from, entry.port)));
            }
        }
    }

    fn send(&mut self, packet: Packet) {
        if self.outgoing.len() < QUEUE_MAX {
            self.outgoing.extend(packet.encode());
        }
    }

    fn interest(&mut self, topic: Topic) -> Option<&mut Interest> {
        let name = name_of(&topic);
        if !self.topics.contains_key(&name) && self.topics.len() >= LAN_TOPICS_MAX {
            return None;
        }
        let random = &mut self.random;
        let new = || Interest { topic, id: random.bytes(), port: None, due: None };
        Some(self.topics.entry(name).or_insert_with(new))
    }

    fn change(&mut self, topic: Topic, change: impl FnOnce(&mut Interest)) {
        let name = name_of(&topic);
        if let Some(interest) = self.topics.get_mut(&name) {
            change(interest);
            if interest.port.is_none() && interest.due.is_none() {
                self.topics.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests;
