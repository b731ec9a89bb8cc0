//! A DHT of very many nodes: honest ones, clients, and liars who work together, over a made-up network and clock.
//!
//! Grade: machine.

mod liar;
mod trial;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use dazaar_wire::discovery::{Mode, Node, NodeConfig, NodeEvent, Reach};

pub use self::trial::{Report, Trial, run};

use self::liar::Liar;
use crate::dice::Dice;

/// The port of every node. Liars have others beside it.
const PORT: u16 = 49737;

/// The first IP address; number `n` has the `n`th after it.
const FIRST_IP: u32 = 0x0b00_0000;

/// Milliseconds from one node to another.
const LATENCY_MS: std::ops::Range<u64> = 10..150;

/// Datagrams of a hundred that are lost.
const LOST_PERCENT: u64 = 1;

/// Who is at an address.
#[derive(Debug)]
enum Host {
    Honest(Box<Node>),
    Liar(Liar),
}

/// What happens at some time. The number makes the order certain.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Duration,
    number: u64,
    what: What,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Datagram { from: SocketAddrV4, to: SocketAddrV4, bytes: Vec<u8> },
    Timer { host: u32 },
}

/// All hosts, and what is under way between them.
#[derive(Debug)]
struct World {
    now: Duration,
    dice: Dice,
    hosts: BTreeMap<u32, Host>,
    due: BinaryHeap<Reverse<Due>>,
    /// When the timer of each host runs out.
    timers: BTreeMap<u32, Duration>,
    numbers: u64,
    next_host: u32,
    datagrams: u64,
    events: Vec<(Duration, u32, NodeEvent)>,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            now: Duration::ZERO,
            dice: Dice::new(seed),
            hosts: BTreeMap::new(),
            due: BinaryHeap::new(),
            timers: BTreeMap::new(),
            numbers: 0,
            next_host: 0,
            datagrams: 0,
            events: Vec::new(),
        }
    }

    /// An honest node joins; its number.
    fn join(&mut self, mode: Mode, bootstrap: &[u32]) -> u32 {
        let bootstrap = bootstrap.iter().map(|host| address(*host)).collect();
        let config = NodeConfig { seed: self.dice.seed(), mode, bootstrap, reach: Reach::Public };
        let node = Node::new(config, self.now);
        let host = self.enter(Host::Honest(Box::new(node)));
        self.serve(host);
        host
    }

    /// A liar joins, and makes itself known like everybody.
    fn join_liar(&mut self, bootstrap: &[u32], liars: u32) -> u32 {
        let liar = Liar::new(self.next_host, liars, self.dice.seed());
        let greetings: Vec<_> =
            bootstrap.iter().map(|to| (address(*to), liar.greeting(address(*to)))).collect();
        let host = self.enter(Host::Liar(liar));
        for (to, greeting) in greetings {
            self.send(address(host), to, greeting);
        }
        host
    }

    fn enter(&mut self, host: Host) -> u32 {
        let number = self.next_host;
        self.next_host += 1;
        self.hosts.insert(number, host);
        number
    }

    /// A host is gone, without a word.
    fn leave(&mut self, host: u32) {
        self.hosts.remove(&host);
        self.timers.remove(&host);
    }

    /// Has an honest node do something.
    fn with<T>(&mut self, host: u32, act: impl FnOnce(&mut Node, Duration) -> T) -> Option<T> {
        let Some(Host::Honest(node)) = self.hosts.get_mut(&host) else { return None };
        let result = act(node, self.now);
        self.serve(host);
        Some(result)
    }

    /// Lets everything happen up to a time.
    fn run_until(&mut self, end: Duration) {
        while let Some(Reverse(next)) = self.due.peek()
            && next.at <= end
        {
            let Some(Reverse(Due { at, what, .. })) = self.due.pop() else { break };
            self.now = at;
            match what {
                What::Datagram { from, to, bytes } => self.deliver(from, to, &bytes),
                What::Timer { host } => {
                    if self.timers.get(&host) == Some(&at) {
                        self.timers.remove(&host);
                        self.with(host, Node::handle_timeout);
                    }
                }
            }
        }
        self.now = end;
    }

    fn deliver(&mut self, from: SocketAddrV4, to: SocketAddrV4, bytes: &[u8]) {
        let host = u32::from(*to.ip()) - FIRST_IP;
        match self.hosts.get_mut(&host) {
            Some(Host::Honest(node)) if to.port() == PORT => {
                node.handle_datagram(self.now, from, bytes);
                self.serve(host);
            }
            Some(Host::Liar(liar)) => {
                if let Some(answer) = liar.answer(from, to, bytes, &mut self.dice) {
                    self.send(to, from, answer);
                }
            }
            _ => {}
        }
    }

    /// Sends what a node wants to send, hears what it tells, and sets its timer.
    fn serve(&mut self, host: u32) {
        let Some(Host::Honest(node)) = self.hosts.get_mut(&host) else { return };
        let sent: Vec<_> = std::iter::from_fn(|| node.poll_datagram()).collect();
        let now = self.now;
        self.events.extend(std::iter::from_fn(|| node.poll_event()).map(|event| (now, host, event)));
        let at = node.poll_timeout().max(now);
        for (to, bytes) in sent {
            self.send(address(host), to, bytes);
        }
        if self.timers.get(&host).is_none_or(|set| at < *set) {
            self.timers.insert(host, at);
            self.schedule(at, What::Timer { host });
        }
    }

    fn send(&mut self, from: SocketAddrV4, to: SocketAddrV4, bytes: Vec<u8>) {
        self.datagrams += 1;
        if !self.dice.chance(LOST_PERCENT) {
            let at = self.now + self.dice.millis(LATENCY_MS);
            self.schedule(at, What::Datagram { from, to, bytes });
        }
    }

    fn schedule(&mut self, at: Duration, what: What) {
        self.numbers += 1;
        self.due.push(Reverse(Due { at, number: self.numbers, what }));
    }
}

/// Where a host is.
fn address(host: u32) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from(FIRST_IP + host), PORT)
}
