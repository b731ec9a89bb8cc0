//! A node of the DHT: announces and looks up topics, and does the same for others if it takes part.
//!
//! Grade: machine. The driver hands over datagrams and the time, sends what [`Node::poll_datagram`] gives, and listens to
//! [`Node::poll_event`]. `now` is the time since an origin of the driver's choice.
//! Source: classic protocol, section 8.2.
//!
//! ```
//! use std::time::Duration;
//!
//! use dazaar_wire::discovery::{Announcement, Mode, Node, NodeConfig, NodeEvent, Peer, Reach, Topic};
//!
//! // A real seed is random and used once.
//! let node = |person: u8, mode, bootstrap| {
//!     Node::new(NodeConfig { seed: [person; 32], mode, bootstrap, reach: Reach::Loopback }, Duration::ZERO)
//! };
//! let addresses: Vec<_> = (1..=3).map(|port| format!("127.0.0.1:{port}").parse().unwrap()).collect();
//! let mut nodes = [
//!     node(1, Mode::Full, vec![]),
//!     node(2, Mode::Client, vec![addresses[0]]),
//!     node(3, Mode::Client, vec![addresses[0]]),
//! ];
//! // Stands for the network.
//! let carry = |nodes: &mut [Node; 3]| loop {
//!     let sent = (0..3).find_map(|from| Some((from, nodes[from].poll_datagram()?)));
//!     let Some((from, (to, datagram))) = sent else { break };
//!     if let Some(receiver) = addresses.iter().position(|address| *address == to) {
//!         nodes[receiver].handle_datagram(Duration::ZERO, addresses[from], &datagram);
//!     }
//! };
//!
//! let topic = Topic([7; 32]);
//! nodes[1].announce(Duration::ZERO, topic, Announcement { port: 49737, local: None });
//! carry(&mut nodes);
//! nodes[2].look_up(Duration::ZERO, topic, None);
//! carry(&mut nodes);
//! let found = std::iter::from_fn(|| nodes[2].poll_event()).find_map(|event| match event {
//!     NodeEvent::Found { peer, .. } => Some(peer),
//!     _ => None,
//! });
//! assert_eq!(found, Some(Peer { address: "127.0.0.1:49737".parse().unwrap(), is_local: false }));
//! ```

mod announce;
mod ask;
mod serve;
mod task;
mod upkeep;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;
use std::time::Duration;

pub use announce::Announcement;

use self::announce::Standing;
use self::ask::Purpose;
use self::task::{Goal, Task, TaskId};
use self::upkeep::Upkeep;
use super::Topic;
use super::id::NodeId;
use super::limits::{DATAGRAM_BYTES_MAX, OUTGOING_MAX};
use super::message::{Kind, Message};
use super::nat::Sighting;
use super::random::Random;
use super::rate::Rates;
use super::reach::Reach;
use super::records::Records;
use super::requests::Requests;
use super::routing::Routing;
use super::tokens::Tokens;

/// Whether a node takes part in the DHT or only uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Asks others, and answers only signs of life.
    Client,
    /// A client first; takes part after some time, if others can reach it.
    Adaptive,
    /// Takes part from the beginning.
    Full,
}

/// How a node starts.
#[derive(Clone)]
pub struct NodeConfig {
    /// Randomness, never used before.
    pub seed: [u8; 32],
    /// Whether it takes part.
    pub mode: Mode,
    /// Nodes to begin with. A node without any waits for others to come.
    pub bootstrap: Vec<SocketAddrV4>,
    /// How far the DHT reaches.
    pub reach: Reach,
}

/// Somebody who announced a topic, or says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// A TCP address.
    pub address: SocketAddrV4,
    /// Whether it is one in our own network.
    pub is_local: bool,
}

/// What the driver may want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeEvent {
    /// The first walk is over; 0 nodes if no bootstrap node answered.
    Ready {
        /// Nodes that are known.
        nodes: usize,
    },
    /// Somebody names a peer. Each naming is told: who is named by many is the better bet.
    Found {
        /// What was looked up.
        topic: Topic,
        /// The peer.
        peer: Peer,
    },
    /// A lookup is over.
    LookedUp {
        /// What was looked up.
        topic: Topic,
        /// Nodes that answered.
        answers: usize,
    },
    /// An announcement was made, or was tried.
    Announced {
        /// What was announced.
        topic: Topic,
        /// Nodes that took it.
        nodes: usize,
    },
    /// An announcement was taken back, as far as nodes could be reached.
    Withdrawn {
        /// What was announced.
        topic: Topic,
    },
    /// An adaptive node takes part from now on.
    Persistent,
}

/// A node.
#[derive(Debug)]
pub struct Node {
    id: NodeId,
    mode: Mode,
    reach: Reach,
    bootstrap: Vec<SocketAddrV4>,
    random: Random,
    routing: Routing,
    requests: Requests<Purpose>,
    tasks: BTreeMap<TaskId, Task>,
    next_task: u64,
    /// Tasks for which there is no room yet.
    waiting: VecDeque<(Topic, Goal)>,
    announcements: BTreeMap<Topic, Standing>,
    records: Records,
    tokens: Tokens,
    rates: Rates,
    upkeep: Upkeep,
    outgoing: VecDeque<(SocketAddrV4, Vec<u8>)>,
    events: VecDeque<NodeEvent>,
}

impl Node {
    /// A node with a new id.
    pub fn new(config: NodeConfig, now: Duration) -> Self {
        let NodeConfig { seed, mode, bootstrap, reach } = config;
        let mut random = Random::new(seed);
        let id = NodeId(random.bytes());
        let mut node = Self {
            id,
            mode,
            reach,
            bootstrap,
            routing: Routing::new(id),
            requests: Requests::default(),
            tasks: BTreeMap::new(),
            next_task: 0,
            waiting: VecDeque::new(),
            announcements: BTreeMap::new(),
            records: Records::default(),
            tokens: Tokens::new(now, &mut random),
            rates: Rates::new(random.bytes()),
            upkeep: Upkeep::new(now, mode, &mut random),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            random,
        };
        if !node.bootstrap.is_empty() {
            node.begin(now, Topic(id.0), Goal::Approach);
        }
        node
    }

    /// Its id.
    pub const fn id(&self) -> NodeId {
        self.id
    }

    /// Whether it takes part.
    pub fn is_full(&self) -> bool {
        self.mode == Mode::Full
    }

    /// How many nodes it knows.
    pub fn nodes(&self) -> usize {
        self.routing.len()
    }

    /// How many announcements it keeps for others.
    pub const fn records(&self) -> usize {
        self.records.len()
    }

    /// The address from which others see it, if they agree.
    pub fn public_address(&self) -> Option<SocketAddrV4> {
        self.upkeep.public_address()
    }

    /// By whom it was seen lately, and under which address.
    pub fn sightings(&self) -> Vec<Sighting> {
        self.upkeep.sightings()
    }

    /// Learns of bootstrap nodes whose addresses were not known before, and enters the DHT through them. They don't change how far
    /// it reaches.
    pub fn add_bootstrap(&mut self, now: Duration, addresses: &[SocketAddrV4]) {
        self.bootstrap.extend(addresses);
        self.begin(now, Topic(self.id.0), Goal::Approach);
        self.announce_again(now);
    }

    /// Asks the DHT who announced a topic; [`NodeEvent::LookedUp`] is the end. `local` is our address in the local network,
    /// to be told of peers there.
    pub fn look_up(&mut self, now: Duration, topic: Topic, local: Option<SocketAddrV4>) {
        self.begin(now, topic, Goal::LookUp { local });
    }

    /// A datagram came in.
    pub fn handle_datagram(&mut self, now: Duration, from: SocketAddrV4, datagram: &[u8]) {
        // What comes from nowhere cannot be answered.
        let is_answerable = from.port() != 0 && Reach::of(*from.ip()).is_some();
        if !is_answerable || datagram.len() > DATAGRAM_BYTES_MAX {
            return;
        }
        let Ok(message) = Message::decode(datagram) else { return };
        match message.kind {
            Kind::Response => self.handle_response(now, from, message),
            Kind::Query | Kind::Update => self.handle_request(now, from, message),
        }
    }

    /// The time has come, or may have.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.tokens.rotate(now, &mut self.random);
        self.handle_overdue(now);
        self.repeat_announcements(now);
        self.look_after(now);
        self.advance(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Duration {
        let announcements = self.announcements.values().filter_map(Standing::due).min();
        let due = [self.requests.next(), announcements].into_iter().flatten();
        due.fold(self.upkeep.next().min(self.tokens.next()), Duration::min)
    }

    /// The next datagram to send.
    pub fn poll_datagram(&mut self) -> Option<(SocketAddrV4, Vec<u8>)> {
        self.outgoing.pop_front()
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<NodeEvent> {
        self.events.pop_front()
    }

    fn send(&mut self, to: SocketAddrV4, datagram: Vec<u8>) {
        if self.outgoing.len() < OUTGOING_MAX {
            self.outgoing.push_back((to, datagram));
        }
    }

    /// The id that others may know.
    fn shown_id(&self) -> Option<NodeId> {
        self.is_full().then_some(self.id)
    }
}

impl std::fmt::Debug for NodeConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { mode, bootstrap, reach, .. } = self;
        let mut debug = f.debug_struct("NodeConfig");
        debug.field("mode", mode).field("bootstrap", bootstrap).field("reach", reach).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
