//! Finding sellers and being found: through the DHT of hyperswarm 2, and on the local network.
//!
//! Grade: driver. A [`Discovery`] is a task that owns the sockets and drives the machines of [`crate::wire::discovery`]. What it
//! finds are addresses where somebody says to sell; who does is proved by the handshake of a session.

mod dht;
mod lan;
mod settings;
mod task;

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

pub use dazaar_wire::discovery::{Mapping, Mode, Topic};
pub use settings::{DEFAULT_BOOTSTRAP, DiscoveryError, DiscoverySettings, LanScope, bootstrap_nodes};

use task::{Command, Task};

/// Addresses that wait for a slow listener; further ones are dropped.
const FOUND_MAX: usize = 1024;

/// How long taking announcements back may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// How an address was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// On the local network.
    Lan,
    /// Through the DHT.
    Dht,
    /// Through the DHT, which says that it is in our own network: anybody can say so of any address there.
    DhtNear,
}

/// Where somebody says to sell. The same address is told as often as it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// A TCP address.
    pub address: SocketAddrV4,
    /// How it was found.
    pub via: Via,
}

/// How discovery is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiscoveryStatus {
    /// Whether there is a DHT node.
    pub has_dht: bool,
    /// Nodes of the DHT that are known.
    pub nodes: usize,
    /// Announcements that are kept for others.
    pub records: usize,
    /// The UDP address of the DHT node.
    pub bound: Option<SocketAddrV4>,
    /// The address from which the DHT sees us, if several nodes agree.
    pub public: Option<SocketAddrV4>,
    /// What a router makes of the DHT node's address.
    pub mapping: Mapping,
    /// Network interfaces on which sellers are looked for.
    pub interfaces: usize,
}

/// A way to find sellers and to be found. Cheap to clone; ends with the last clone.
#[derive(Debug, Clone)]
pub struct Discovery(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    commands: mpsc::UnboundedSender<Command>,
}

impl Discovery {
    /// Begins, in the background of the present tokio runtime.
    ///
    /// # Errors
    /// The DHT's socket cannot be bound, or a bootstrap node has no IPv4 address. A local network that cannot be used is left out, with a warning.
    pub fn start(settings: DiscoverySettings) -> Result<Self, DiscoveryError> {
        let (commands, received) = mpsc::unbounded_channel();
        let task = Task::new(settings, received)?;
        tokio::spawn(task.run());
        Ok(Self(Arc::new(Handle { commands })))
    }

    /// Announces, now and again, that a topic is served at a TCP port of this machine, until [`withdraw`](Self::withdraw). What
    /// can be reached from this machine only is announced only there.
    pub fn announce(&self, topic: Topic, port: u16, is_loopback: bool) {
        self.tell(Command::Announce { topic, port, is_loopback });
    }

    /// Takes an announcement back.
    pub async fn withdraw(&self, topic: Topic) {
        let (done, is_done) = oneshot::channel();
        self.tell(Command::Withdraw { topic, done });
        // Whoever does not hear of it forgets the announcement by itself.
        let _ = timeout(CLOSE_TIMEOUT, is_done).await;
    }

    /// Waits until a topic was announced for the first time; how many nodes of the DHT took it. Somebody has to announce it, now
    /// or later. 0 if that is taken back first.
    pub async fn announced(&self, topic: Topic) -> usize {
        let (done, is_done) = oneshot::channel();
        self.tell(Command::WaitAnnounced { topic, done });
        is_done.await.unwrap_or_default()
    }

    /// Looks for whoever serves a topic, until the [`Lookup`] is dropped.
    pub fn look_up(&self, topic: Topic) -> Lookup {
        let (sink, found) = mpsc::channel(FOUND_MAX);
        self.tell(Command::LookUp { topic, sink });
        Lookup { found }
    }

    /// How it is doing.
    pub async fn status(&self) -> DiscoveryStatus {
        let (answer, status) = oneshot::channel();
        self.tell(Command::Status { answer });
        status.await.unwrap_or_default()
    }

    fn tell(&self, command: Command) {
        // The task lives as long as we do, unless the runtime ends.
        let _ = self.0.commands.send(command);
    }
}

/// A search that goes on.
#[derive(Debug)]
pub struct Lookup {
    found: mpsc::Receiver<Found>,
}

impl Lookup {
    /// The next address; none if discovery has ended.
    pub async fn next(&mut self) -> Option<Found> {
        self.found.recv().await
    }
}
