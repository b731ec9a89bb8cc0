//! The task that owns the sockets: takes commands, drives both machines, and tells listeners what was found.
//!
//! Grade: driver.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use dazaar_wire::discovery::{Announcement, Mapping, NodeEvent};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::dht::Dht;
use super::lan::{Lan, local_addresses, own_addresses};
use super::settings::{DiscoveryError, DiscoverySettings, LanScope};
use super::{DiscoveryStatus, Found, Topic, Via};

/// Pause before the DHT is asked again; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_secs(2);

/// The longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// What a handle wants.
#[derive(Debug)]
pub(super) enum Command {
    Announce { topic: Topic, port: u16, is_loopback: bool },
    Withdraw { topic: Topic, done: oneshot::Sender<()> },
    WaitAnnounced { topic: Topic, done: oneshot::Sender<usize> },
    LookUp { topic: Topic, sink: mpsc::Sender<Found> },
    Status { answer: oneshot::Sender<DiscoveryStatus> },
}

/// The task.
#[derive(Debug)]
pub(super) struct Task {
    commands: mpsc::UnboundedReceiver<Command>,
    dht: Option<Dht>,
    lan: Option<Lan>,
    searches: BTreeMap<Topic, Search>,
    /// How many nodes took the first announcement of each topic.
    announced: BTreeMap<Topic, usize>,
    waiting: Vec<(Topic, oneshot::Sender<usize>)>,
    withdrawing: Vec<(Topic, oneshot::Sender<()>)>,
}

/// A topic that is looked up.
#[derive(Debug)]
struct Search {
    sinks: Vec<mpsc::Sender<Found>>,
    /// When to ask the DHT again; `None` while it is being asked.
    due: Option<Instant>,
    pause: Duration,
}

impl Task {
    pub(super) fn new(
        settings: DiscoverySettings,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Result<Self, DiscoveryError> {
        let dht = settings.dht.map(|mode| Dht::start(&settings, mode)).transpose()?;
        let lan = (settings.lan != LanScope::None).then(|| Lan::start(settings.lan));
        let lan = lan.and_then(|lan| {
            lan.inspect_err(|error| tracing::warn!(%error, "sellers are not looked for on the local network"))
                .ok()
        });
        Ok(Self {
            commands,
            dht,
            lan,
            searches: BTreeMap::new(),
            announced: BTreeMap::new(),
            waiting: Vec::new(),
            withdrawing: Vec::new(),
        })
    }

    /// Runs until nobody has a handle any more.
    pub(super) async fn run(mut self) {
        loop {
            let due = self.searches.values().filter_map(|search| search.due).min();
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.handle_command(command),
                    None => return,
                },
                () = turn_dht(&mut self.dht) => {}
                () = turn_lan(&mut self.lan) => {}
                () = expired(due) => self.search_again(),
            }
            self.hear_dht();
            self.hear_lan();
            self.drop_searches();
        }
    }

    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Announce { topic, port, is_loopback } => self.announce(topic, port, is_loopback),
            Command::Withdraw { topic, done } => self.withdraw(topic, done),
            Command::WaitAnnounced { topic, done } => {
                self.waiting.push((topic, done));
                if let Some(nodes) = self.announced.get(&topic) {
                    self.tell_announced(topic, *nodes);
                }
            }
            Command::LookUp { topic, sink } => self.look_up(topic, sink),
            Command::Status { answer } => drop(answer.send(self.status())),
        }
    }

    fn announce(&mut self, topic: Topic, port: u16, is_loopback: bool) {
        if let Some(lan) = self.lan.as_mut().filter(|lan| !is_loopback || lan.is_loopback()) {
            lan.machine.announce(topic, port);
        }
        if let Some(dht) = self.dht.as_mut().filter(|dht| !is_loopback || dht.is_loopback()) {
            dht.node.announce(dht.now(), topic, Announcement { port, local: local(dht, port) });
        } else {
            self.tell_announced(topic, 0);
        }
    }

    fn withdraw(&mut self, topic: Topic, done: oneshot::Sender<()>) {
        self.announced.remove(&topic);
        self.waiting.retain(|(other, _)| *other != topic);
        if let Some(lan) = &mut self.lan {
            lan.machine.withdraw(topic);
        }
        let is_withdrawing = self.dht.as_mut().is_some_and(|dht| dht.node.withdraw(dht.now(), topic));
        if is_withdrawing {
            self.withdrawing.push((topic, done));
        } else {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }

    fn look_up(&mut self, topic: Topic, sink: mpsc::Sender<Found>) {
        if let Some(lan) = &mut self.lan {
            lan.machine.look_up(lan.now(), topic);
        }
        if let Some(dht) = &mut self.dht {
            dht.node.look_up(dht.now(), topic, local(dht, 0));
        }
        let new = || Search { sinks: Vec::new(), due: None, pause: PAUSE_FIRST };
        let search = self.searches.entry(topic).or_insert_with(new);
        search.sinks.push(sink);
        search.due = None;
    }

    fn hear_dht(&mut self) {
        while let Some(event) = self.dht.as_mut().and_then(|dht| dht.node.poll_event()) {
            match event {
                NodeEvent::Found { topic, peer } => {
                    let via = if peer.is_local { Via::DhtNear } else { Via::Dht };
                    self.tell(topic, Found { address: peer.address, via });
                }
                NodeEvent::LookedUp { topic, .. } => {
                    let is_resolving = self.is_resolving();
                    if let Some(search) = self.searches.get_mut(&topic) {
                        search.due =
                            Some(Instant::now() + search.pause.mul_f64(rand::random_range(0.75..1.25)));
                        if !is_resolving {
                            search.pause = PAUSE_MAX.min(search.pause * 2);
                        }
                    }
                }
                // There was nobody to tell yet.
                NodeEvent::Announced { nodes: 0, .. } if self.is_resolving() => {}
                NodeEvent::Announced { topic, nodes } => self.tell_announced(topic, nodes),
                NodeEvent::Withdrawn { topic } => {
                    for (_, done) in self.withdrawing.extract_if(.., |(other, _)| *other == topic) {
                        let _ = done.send(());
                    }
                }
                NodeEvent::Ready { nodes } => tracing::debug!(nodes, "the DHT is ready"),
                NodeEvent::Persistent => tracing::info!("takes part in the DHT from now on"),
                _ => {}
            }
        }
    }

    fn is_resolving(&self) -> bool {
        self.dht.as_ref().is_some_and(|dht| dht.is_resolving)
    }

    fn tell_announced(&mut self, topic: Topic, nodes: usize) {
        tracing::debug!(nodes, "announced");
        self.announced.insert(topic, nodes);
        for (_, done) in self.waiting.extract_if(.., |(other, _)| *other == topic) {
            let _ = done.send(nodes);
        }
    }

    fn hear_lan(&mut self) {
        while let Some((topic, address)) = self.lan.as_mut().and_then(|lan| lan.machine.poll_peer()) {
            self.tell(topic, Found { address, via: Via::Lan });
        }
    }

    fn tell(&self, topic: Topic, found: Found) {
        for sink in self.searches.get(&topic).into_iter().flat_map(|search| &search.sinks) {
            // Who is too slow has enough to do already.
            let _ = sink.try_send(found);
        }
    }

    /// Asks the DHT again for what was not found, or may have moved.
    fn search_again(&mut self) {
        let Some(dht) = &mut self.dht else { return };
        for (topic, search) in &mut self.searches {
            if search.due.is_some_and(|due| due <= Instant::now()) {
                search.due = None;
                dht.node.look_up(dht.now(), *topic, local(dht, 0));
            }
        }
    }

    /// Forgets what nobody waits for any more.
    fn drop_searches(&mut self) {
        self.waiting.retain(|(_, done)| !done.is_closed());
        let lan = &mut self.lan;
        self.searches.retain(|topic, search| {
            search.sinks.retain(|sink| !sink.is_closed());
            if search.sinks.is_empty()
                && let Some(lan) = lan
            {
                lan.machine.forget(*topic);
            }
            !search.sinks.is_empty()
        });
    }

    fn status(&self) -> DiscoveryStatus {
        let node = self.dht.as_ref().map(|dht| &dht.node);
        DiscoveryStatus {
            has_dht: node.is_some(),
            nodes: node.map_or(0, |node| node.nodes()),
            records: node.map_or(0, |node| node.records()),
            bound: self.dht.as_ref().and_then(Dht::bound),
            public: node.and_then(|node| node.public_address()),
            mapping: node.map_or(Mapping::Unknown, |node| Mapping::of(&own_addresses(), &node.sightings())),
            interfaces: self.lan.as_ref().map_or(0, Lan::interfaces),
        }
    }
}

/// Our address in the local network, for others there. A DHT on this machine does not reach so far.
fn local(dht: &Dht, port: u16) -> Option<SocketAddrV4> {
    let address = local_addresses().first().copied().filter(|_| !dht.is_loopback())?;
    Some(SocketAddrV4::new(address, port))
}

async fn turn_dht(dht: &mut Option<Dht>) {
    match dht {
        Some(dht) => dht.turn().await,
        None => std::future::pending().await,
    }
}

async fn turn_lan(lan: &mut Option<Lan>) {
    match lan {
        Some(lan) => lan.turn().await,
        None => std::future::pending().await,
    }
}

async fn expired(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
