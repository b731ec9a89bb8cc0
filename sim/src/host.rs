//! An honest host: one log, its feeds, and a driver for their connections, as `dazaar` has one.
//!
//! Grade: machine. It knows nothing of what messages say.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Duration;

use dazaar_log::{Feed, FeedKey, FeedKeyPair, IdentityKey, IdentityKeyPair, Log, LogError, MemoryStorage};
use dazaar_wire::replication::{Fault, Options};
use dazaar_wire::session::Expected;
use dazaar_wire::{
    Channel, Config, Event, Message, OpenError, PeerFault, PeerId, Replication, ReplicationEvent, Role,
    SecurityPolicy, SendError, Session, Transfer,
};

use crate::dice::Dice;
use crate::pipe::Pipe;
use crate::plan::HostPlan;
use crate::wishes::Wishes;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ending {
    /// The other side, or the line.
    #[error("lost")]
    Lost,
    #[error(transparent)]
    Session(#[from] PeerFault),
    #[error(transparent)]
    Replication(#[from] Fault),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Send(#[from] SendError),
}

impl Ending {
    /// What it says, and what is behind that.
    pub(crate) fn explain(&self) -> String {
        let (mut text, mut cause) = (self.to_string(), self.source());
        while let Some(error) = cause {
            let next = error.to_string();
            // Some errors tell their cause themselves.
            if !text.ends_with(&next) {
                text = format!("{text}: {next}");
            }
            cause = error.source();
        }
        text
    }
}

/// What one turn of a connection did.
#[derive(Debug, Default)]
pub(crate) struct Turned {
    /// Something was read or timed out, so others may have something to hear.
    pub(crate) changed: bool,
    pub(crate) read: usize,
    pub(crate) written: usize,
    /// When there is more to do, unless something happens before.
    pub(crate) next: Option<Duration>,
}

/// A host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) plan: HostPlan,
    identity: IdentityKeyPair,
    pub(crate) log: Log<MemoryStorage>,
    /// By family; the host's own is among them.
    pub(crate) feeds: BTreeMap<u8, HostFeed>,
    pub(crate) connections: BTreeMap<u64, Connection>,
    pub(crate) wishes: Wishes,
    /// Blocks that were stored since somebody looked.
    pub(crate) stored: Vec<u64>,
    /// The most bytes that ever waited for a socket.
    pub(crate) most_outgoing: usize,
    /// Faults of this program, planted to be found.
    pub(crate) forgetful: bool,
    pub(crate) mute: bool,
    seed: u64,
}

/// A feed of the log and what the driver keeps of it.
#[derive(Debug)]
pub(crate) struct HostFeed {
    pub(crate) replication: Replication,
    /// Blocks that peers were told of.
    announced: u64,
    peers_ever: u64,
    uploading: bool,
    downloading: bool,
}

/// A connection with one feed on it.
#[derive(Debug)]
pub(crate) struct Connection {
    session: Session,
    key: FeedKey,
    family: u8,
    channel: Option<Channel>,
    peer: Option<PeerId>,
    /// When it reads next.
    reads: Duration,
}

/// Who connects, to whom, and about what.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) family: u8,
    pub(crate) role: Role,
    pub(crate) security: SecurityPolicy,
    pub(crate) expected: Option<IdentityKey>,
}

/// The key pair of a family.
pub(crate) fn pair(family: u8) -> FeedKeyPair {
    FeedKeyPair::from_seed(&[family; 32])
}

impl Host {
    /// A host with an empty log. `families` are those whose feeds it serves.
    pub(crate) fn new(
        plan: HostPlan,
        writer: bool,
        families: &[u8],
        dice: &mut Dice,
    ) -> Result<Self, LogError> {
        let (storage, own) = (MemoryStorage::new(), pair(plan.family));
        let log = if writer { Log::create(storage, own) } else { Log::create_reader(storage, own.public()) }?;
        let mut host = Self {
            plan,
            identity: IdentityKeyPair::from_seed(&dice.seed()),
            log,
            feeds: BTreeMap::new(),
            connections: BTreeMap::new(),
            wishes: Wishes::new(plan.download),
            stored: Vec::new(),
            most_outgoing: 0,
            forgetful: false,
            mute: false,
            seed: dice.roll(),
        };
        host.open_feeds(families);
        Ok(host)
    }

    fn open_feeds(&mut self, families: &[u8]) {
        let options = Options { download: self.plan.download, seed: self.seed };
        for &family in families {
            let own = family == self.plan.family;
            let feed = if own { Feed::own(self.log.key()) } else { Feed::rekeyed(pair(family)) };
            let replication = Replication::new(feed, options);
            let announced = self.log.length();
            let feed = HostFeed { replication, announced, peers_ever: 0, uploading: true, downloading: true };
            self.feeds.insert(family, feed);
        }
    }

    /// The program ends and starts again: what is left is what is on disk. Nothing is connected.
    pub(crate) fn restart(self, disk: impl FnOnce(&mut MemoryStorage)) -> Result<Self, LogError> {
        let families: Vec<u8> = self.feeds.keys().copied().collect();
        let mut storage = self.log.into_storage();
        disk(&mut storage);
        let log = Log::open(storage)?;
        let mut host = Self { log, feeds: BTreeMap::new(), connections: BTreeMap::new(), ..self };
        host.open_feeds(&families);
        if let Some(feed) = host.feeds.get_mut(&host.plan.family) {
            host.wishes.repeat(&mut feed.replication);
        }
        Ok(host)
    }

    pub(crate) const fn identity(&self) -> IdentityKey {
        self.identity.public()
    }

    /// Appends blocks. The feeds hear of it in the turns that follow.
    pub(crate) fn append(&mut self, blocks: &[Vec<u8>]) -> Result<(), LogError> {
        self.log.append(blocks).map(drop)
    }

    /// Clears blocks.
    pub(crate) fn clear(&mut self, blocks: std::ops::Range<u64>) -> Result<(), LogError> {
        self.wishes.clear(blocks.start..blocks.end.min(self.log.length()));
        self.log.clear(blocks.clone())?;
        let log = &self.log;
        self.feeds.values_mut().for_each(|feed| feed.replication.handle_cleared(blocks.clone(), log));
        Ok(())
    }

    /// Asks for blocks.
    pub(crate) fn want(&mut self, blocks: std::ops::Range<u64>) {
        self.wishes.want(blocks.clone());
        if let Some(feed) = self.feeds.get_mut(&self.plan.family) {
            feed.replication.want(blocks);
        }
    }

    pub(crate) fn update(&mut self) {
        self.feeds.values_mut().for_each(|feed| feed.replication.update());
    }

    /// Serves its peers, or stops.
    pub(crate) fn set_uploading(&mut self, on: bool) {
        self.feeds.values_mut().for_each(|feed| feed.uploading = on);
        self.apply_switches();
    }

    /// Asks its peers, or stops.
    pub(crate) fn set_downloading(&mut self, on: bool) {
        self.feeds.values_mut().for_each(|feed| feed.downloading = on);
        self.apply_switches();
    }

    fn apply_switches(&mut self) {
        for connection in self.connections.values() {
            if let (Some(feed), Some(peer)) = (self.feeds.get_mut(&connection.family), connection.peer) {
                feed.replication.set_uploading(peer, feed.uploading);
                feed.replication.set_downloading(peer, feed.downloading);
            }
        }
    }

    /// Begins a connection.
    pub(crate) fn connect(&mut self, link: u64, dial: Dial, now: Duration, dice: &mut Dice) {
        let Dial { family, role, security, expected } = dial;
        let config = Config {
            role,
            identity: &self.identity,
            expected: expected.map_or(Expected::Anybody, Expected::Only),
            security,
            seed: dice.seed(),
            extensions: vec![],
        };
        let session = Session::new(config, now);
        let key = pair(family).public();
        let connection = Connection { session, key, family, channel: None, peer: None, reads: now };
        self.connections.insert(link, connection);
    }

    /// A connection is over.
    pub(crate) fn disconnect(&mut self, link: u64) {
        let Some(connection) = self.connections.remove(&link) else { return };
        if let (Some(feed), Some(peer)) = (self.feeds.get_mut(&connection.family), connection.peer) {
            feed.replication.remove_peer(peer);
        }
    }

    /// Does everything that can be done on a connection: times, reading, talking, writing.
    pub(crate) fn turn(
        &mut self,
        link: u64,
        now: Duration,
        [incoming, outgoing]: [&mut Pipe; 2],
        dice: &mut Dice,
    ) -> Result<Turned, Ending> {
        let mut turned = Turned::default();
        self.refresh();
        turned.changed |= self.expire(link, now)?;
        turned.read = self.read(link, now, incoming)?;
        turned.changed |= turned.read > 0;
        self.fill(link, now)?;
        let Some(connection) = self.connections.get_mut(&link) else { return Err(Ending::Lost) };
        self.most_outgoing = self.most_outgoing.max(connection.session.outgoing_len());
        turned.written = outgoing.write(connection.session.outgoing(), now, dice);
        connection.session.consume(turned.written);
        let reads = incoming.readable().map(|at| at.max(connection.reads));
        let writes = (connection.session.outgoing_len() > 0 && !outgoing.is_full()).then_some(now);
        turned.next = [reads, writes, self.due(link)].into_iter().flatten().min();
        Ok(turned)
    }

    /// Takes notice of blocks that were appended.
    fn refresh(&mut self) {
        if self.forgetful {
            return;
        }
        for feed in self.feeds.values_mut() {
            let appended = feed.announced..self.log.length();
            feed.announced = appended.end;
            feed.replication.handle_added(appended, &self.log);
        }
    }

    fn due(&self, link: u64) -> Option<Duration> {
        let connection = self.connections.get(&link)?;
        let feed = self.feeds.get(&connection.family)?;
        [connection.session.poll_timeout(), feed.replication.poll_timeout()].into_iter().flatten().min()
    }

    /// Tells the time. Returns whether it was asked for.
    fn expire(&mut self, link: u64, now: Duration) -> Result<bool, Ending> {
        if self.due(link).is_none_or(|due| due > now) {
            return Ok(false);
        }
        let Some(connection) = self.connections.get_mut(&link) else { return Ok(false) };
        connection.session.handle_timeout(now)?;
        let Some(feed) = self.feeds.get_mut(&connection.family) else { return Ok(false) };
        let late = feed.replication.handle_timeout(now);
        match late.into_iter().find(|(peer, _)| Some(*peer) == connection.peer) {
            Some((_, fault)) => Err(Fault::from(fault).into()),
            None => Ok(true),
        }
    }

    fn read(&mut self, link: u64, now: Duration, incoming: &mut Pipe) -> Result<usize, Ending> {
        let Some(connection) = self.connections.get_mut(&link).filter(|connection| connection.reads <= now)
        else {
            return Ok(0);
        };
        let bytes = incoming.read(self.plan.pace.bytes, now);
        if bytes.is_empty() {
            return Ok(0);
        }
        connection.reads = now + self.plan.pace.pause;
        connection.session.handle_bytes(now, &bytes)?;
        while let Some(event) =
            self.connections.get_mut(&link).map(|c| c.session.poll_event()).transpose()?.flatten()
        {
            self.handle_event(link, event, now)?;
        }
        Ok(bytes.len())
    }

    fn handle_event(&mut self, link: u64, event: Event, now: Duration) -> Result<(), Ending> {
        let Some(connection) = self.connections.get_mut(&link) else { return Ok(()) };
        let Some(feed) = self.feeds.get_mut(&connection.family) else { return Ok(()) };
        match event {
            Event::Connected { .. } => connection.channel = Some(connection.session.open(connection.key)?),
            Event::Offered { discovery_key } if discovery_key == connection.key.discovery_key() => {
                connection.channel = Some(connection.session.open(connection.key)?);
            }
            Event::Offered { discovery_key } => connection.session.refuse(discovery_key),
            Event::Opened { .. } => {
                feed.peers_ever += 1;
                let peer = PeerId(feed.peers_ever);
                connection.peer = Some(peer);
                let transfer = Transfer::from(connection.session.security());
                feed.replication.add_peer(peer, transfer);
                feed.replication.set_uploading(peer, feed.uploading);
                feed.replication.set_downloading(peer, feed.downloading);
            }
            Event::Message { message, .. } => self.handle_message(link, message, now)?,
            Event::Closed { .. } | Event::Refused { .. } => {
                connection.channel = None;
                if let Some(peer) = connection.peer.take() {
                    feed.replication.remove_peer(peer);
                }
            }
            Event::Ended => return Err(Ending::Lost),
            _ => {}
        }
        Ok(())
    }

    fn handle_message(&mut self, link: u64, message: Message, now: Duration) -> Result<(), Ending> {
        let Some((family, peer)) = self.peer(link) else { return Ok(()) };
        let Some(feed) = self.feeds.get_mut(&family) else { return Ok(()) };
        feed.replication.handle_message(peer, message, &mut self.log, now)?;
        self.take_events(family);
        Ok(())
    }

    /// Asks the feed for messages while there is room for them.
    fn fill(&mut self, link: u64, now: Duration) -> Result<(), Ending> {
        let Some((family, peer)) = self.peer(link) else { return Ok(()) };
        let Some(connection) = self.connections.get_mut(&link) else { return Ok(()) };
        let Some(feed) = self.feeds.get_mut(&family) else { return Ok(()) };
        while connection.session.outgoing_len() < self.plan.high_water && !self.mute {
            let Some(message) = feed.replication.poll_message(peer, &self.log, now)? else { break };
            if let Some(channel) = connection.channel {
                connection.session.send(channel, &message)?;
            }
        }
        self.take_events(family);
        Ok(())
    }

    fn peer(&self, link: u64) -> Option<(u8, PeerId)> {
        let connection = self.connections.get(&link)?;
        Some((connection.family, connection.peer?))
    }

    /// What one feed stored the others can serve.
    fn take_events(&mut self, family: u8) {
        while let Some(event) =
            self.feeds.get_mut(&family).and_then(|feed| feed.replication.poll_event(&self.log))
        {
            let ReplicationEvent::Stored { blocks, .. } = event else { continue };
            self.stored.extend(blocks.clone());
            self.wishes.handle_stored(&blocks);
            for (_, feed) in self.feeds.iter_mut().filter(|(other, _)| **other != family) {
                feed.replication.handle_added(blocks.clone(), &self.log);
            }
        }
    }
}
