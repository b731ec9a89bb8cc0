//! A session: one duplex byte stream to one peer, and the feeds and extensions on it.
//!
//! Grade: machine. The driver moves bytes between a socket and the session, tells it the time, and takes events.
//! Source: classic protocol, section 4.
//!
//! # Driving it
//! - Bytes from the socket go into [`Session::handle_bytes`]. Then call [`Session::poll_event`] until it returns
//!   `None`, before the next bytes: what is received is only looked at when an event is asked for.
//! - [`Session::outgoing`] goes to the socket; tell with [`Session::consume`] how much of it did. Stop sending blocks
//!   while [`Session::outgoing_len`] is large.
//! - Call [`Session::handle_timeout`] at [`Session::poll_timeout`].
//! - A [`PeerFault`] is the end: close the socket. The session will only repeat it.
//!
//! `now` is always the time since an origin of the driver's choice, and never goes back.

mod event;
mod receive;

use std::collections::VecDeque;
use std::time::Duration;

use dazaar_log::{DiscoveryKey, FeedKey, IdentityKey, IdentityKeyPair};

pub use self::event::{Event, OpenError, SendError};
pub use crate::channel::Channel;
pub use crate::handshake::{Role, Security, SecurityPolicy};

use crate::channel::Channels;
use crate::control::{Close, Extension, Open, Options};
use crate::extension::{LocalExtensions, RemoteExtensions};
use crate::fault::PeerFault;
use crate::frame::{Body, kind};
use crate::handshake::{Handshake, Secrets};
use crate::limits::BODY_BYTES_MAX;
use crate::link::Link;
use crate::message::{self, Message};
use crate::outgoing::Outgoing;
use crate::timer::Timers;

/// How a session starts.
#[derive(Debug)]
pub struct Config<'a> {
    /// Buyers initiate, sellers respond.
    pub role: Role,
    /// Whom this side proves to be.
    pub identity: &'a IdentityKeyPair,
    /// Whom the other side has to prove to be; `None` accepts everybody.
    pub expected: Option<IdentityKey>,
    /// Whether frames have to be authenticated.
    pub security: SecurityPolicy,
    /// Randomness, never used before: the ephemeral key and the nonce are made from it.
    pub seed: [u8; 32],
    /// Names of the extensions of the stream.
    pub extensions: Vec<String>,
}

/// A conversation with one peer.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    peer: Option<Peer>,
    outgoing: Outgoing,
    events: VecDeque<Event>,
    channels: Channels,
    extensions: LocalExtensions,
    remote_extensions: RemoteExtensions,
    timers: Timers,
}

#[derive(Debug)]
enum Phase {
    Handshake(Box<Handshake>),
    Connected(Box<Link>),
    Failed(PeerFault),
}

/// What the handshake told about the remote.
#[derive(Debug, Clone, Copy)]
struct Peer {
    identity: IdentityKey,
    security: Security,
    authenticates: bool,
}

impl Session {
    /// Starts a session; an initiator has bytes to send at once.
    pub fn new(config: Config<'_>, now: Duration) -> Self {
        let secrets = Secrets::from_seed(&config.seed);
        Self::with_secrets(config, &secrets, now)
    }

    fn with_secrets(config: Config<'_>, secrets: &Secrets, now: Duration) -> Self {
        let Config { role, identity, expected, security, extensions: names, .. } = config;
        let mut outgoing = Outgoing::default();
        let handshake = Handshake::new(role, identity, expected, security, secrets, outgoing.buffer());
        let mut extensions = LocalExtensions::default();
        extensions.set(names);
        Self {
            phase: Phase::Handshake(Box::new(handshake)),
            peer: None,
            outgoing,
            events: VecDeque::new(),
            channels: Channels::default(),
            extensions,
            remote_extensions: RemoteExtensions::default(),
            timers: Timers::new(now),
        }
    }

    /// Who the other side is, once it has proved it.
    pub fn remote(&self) -> Option<IdentityKey> {
        self.peer.map(|peer| peer.identity)
    }

    /// Whether frames are authenticated; classic until the handshake is done.
    pub fn security(&self) -> Security {
        self.peer.map_or(Security::Classic, |peer| peer.security)
    }

    /// Whether the remote said that it can authenticate frames, which classic peers cannot.
    pub fn remote_authenticates(&self) -> bool {
        self.peer.is_some_and(|peer| peer.authenticates)
    }

    /// Bytes for the socket.
    pub fn outgoing(&self) -> &[u8] {
        self.outgoing.bytes()
    }

    /// How many bytes wait for the socket.
    pub fn outgoing_len(&self) -> usize {
        self.outgoing.bytes().len()
    }

    /// The socket took the first `count` bytes of [`outgoing`](Self::outgoing).
    pub fn consume(&mut self, count: usize) {
        self.outgoing.consume(count);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next; `None` after a fault.
    pub fn poll_timeout(&self) -> Option<Duration> {
        if matches!(self.phase, Phase::Failed(_)) { None } else { Some(self.timers.next()) }
    }

    /// The time has come, or may have.
    ///
    /// # Errors
    /// [`PeerFault::HandshakeTimeout`] and [`PeerFault::Silent`] if the remote took too long.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), PeerFault> {
        self.fault()?;
        let due = self.timers.elapsed(now).map_err(|fault| self.fail(fault))?;
        if let (true, Phase::Connected(link)) = (due, &mut self.phase) {
            // Bytes that still wait for the socket will keep the connection alive as well as another would.
            if self.outgoing.bytes().is_empty() {
                link.write_keep_alive(self.outgoing.buffer());
            }
            self.timers.sent();
        }
        Ok(())
    }

    /// Opens a feed. If the remote has offered it, it is open at once and [`Event::Opened`] follows; otherwise that
    /// event comes when the remote opens it too. A feed that is already open keeps its channel.
    ///
    /// # Errors
    /// [`OpenError::NotConnected`] before [`Event::Connected`] and after a fault; [`OpenError::Capability`] if the
    /// remote offered the feed without proof that it knows the key: the offer is then refused.
    pub fn open(&mut self, key: FeedKey) -> Result<Channel, OpenError> {
        let Phase::Connected(link) = &self.phase else { return Err(OpenError::NotConnected) };
        let discovery_key = key.discovery_key();
        if let Some(channel) = self.channels.find_local(&discovery_key) {
            return Ok(channel);
        }
        let offer = self.channels.find_offer(&discovery_key);
        if let Some(remote) = offer.and_then(|number| self.channels.remote(number))
            && !remote.capability.is_some_and(|capability| link.keys.verify_capability(&key, &capability))
        {
            self.refuse(discovery_key);
            return Err(OpenError::Capability { discovery_key });
        }
        let capability = link.keys.capability(&key);
        let channel = self.channels.insert_local(key);
        self.write(channel.number(), kind::OPEN, &Open::encode(&discovery_key, &capability));
        if let Some(number) = offer {
            let event = self.join(channel, number);
            self.events.push_back(event);
        }
        Ok(channel)
    }

    /// Tells the remote that a feed which it offered will not be opened.
    pub fn refuse(&mut self, discovery_key: DiscoveryKey) {
        if let Some(number) = self.channels.find_offer(&discovery_key) {
            self.channels.remove_remote(number);
            self.write(self.channels.unused_number(), kind::CLOSE, &Close::encode(Some(&discovery_key)));
        }
    }

    /// Closes a feed; nothing more is heard of it.
    pub fn close(&mut self, channel: Channel) {
        if self.channels.remove_local(channel).is_some() {
            self.write(channel.number(), kind::CLOSE, &Close::encode(None));
        }
    }

    /// The feed of an open channel.
    pub fn feed(&self, channel: Channel) -> Option<FeedKey> {
        self.channels.local(channel).map(|local| local.key)
    }

    /// Sends a message. On a channel that is not open any more this does nothing: the remote may close it any time.
    ///
    /// # Errors
    /// [`SendError::TooLong`] if no peer would accept it.
    pub fn send(&mut self, channel: Channel, message: &Message) -> Result<(), SendError> {
        let Some(local) = self.channels.local_mut(channel) else { return Ok(()) };
        if matches!(message, Message::Options { .. }) {
            local.extensions.announce();
        }
        let (kind, body) = message::encode(message, local.extensions.names());
        sendable(&body)?;
        self.write(channel.number(), kind, &body);
        Ok(())
    }

    /// Replaces the extensions of the stream. The remote is told before the next extension message.
    pub fn set_extensions<N: Into<String>>(&mut self, names: impl IntoIterator<Item = N>) {
        self.extensions.set(names);
    }

    /// What the remote announced for the stream.
    pub fn remote_extensions(&self) -> &[String] {
        self.remote_extensions.names()
    }

    /// Sends an extension message.
    ///
    /// # Errors
    /// [`SendError::NotConnected`] before [`Event::Connected`] and after a fault; [`SendError::UnknownExtension`] if
    /// the name is not one that was set; [`SendError::TooLong`].
    pub fn send_extension(&mut self, name: &str, payload: &[u8]) -> Result<(), SendError> {
        if !matches!(self.phase, Phase::Connected(_)) {
            return Err(SendError::NotConnected);
        }
        let id = self.extensions.id(name).ok_or(SendError::UnknownExtension)?;
        let body = Extension::encode(id, payload);
        sendable(&body)?;
        if let Some(names) = self.extensions.announce() {
            let options = Options::encode(names, false);
            self.write(0, kind::OPTIONS, &options);
        }
        self.write(0, kind::EXTENSION, &body);
        Ok(())
    }

    /// Replaces the extensions of a channel. The remote is told as soon as the channel is open.
    pub fn set_channel_extensions<N: Into<String>>(
        &mut self,
        channel: Channel,
        names: impl IntoIterator<Item = N>,
    ) {
        let Some(local) = self.channels.local_mut(channel) else { return };
        if local.extensions.set(names) && local.remote.is_some() {
            self.announce(channel);
        }
    }

    /// What the remote announced for a channel.
    pub fn channel_extensions(&self, channel: Channel) -> &[String] {
        self.channels.remote_extensions(channel).map_or(&[], RemoteExtensions::names)
    }

    /// Sends an extension message on a channel; does nothing if it is not open any more.
    ///
    /// # Errors
    /// [`SendError::UnknownExtension`] if the name is not one that was set; [`SendError::TooLong`].
    pub fn send_channel_extension(
        &mut self,
        channel: Channel,
        name: &str,
        payload: &[u8],
    ) -> Result<(), SendError> {
        let Some(local) = self.channels.local(channel) else { return Ok(()) };
        let id = local.extensions.id(name).ok_or(SendError::UnknownExtension)?;
        let body = Extension::encode(id, payload);
        sendable(&body)?;
        self.announce(channel);
        self.write(channel.number(), kind::EXTENSION, &body);
        Ok(())
    }

    /// Tells the remote the extensions of a channel, if it does not know them.
    fn announce(&mut self, channel: Channel) {
        let Some(local) = self.channels.local_mut(channel) else { return };
        if let Some(names) = local.extensions.announce() {
            let options = Options::encode(names, false);
            self.write(channel.number(), kind::OPTIONS, &options);
        }
    }

    /// Both sides have opened a feed.
    fn join(&mut self, channel: Channel, number: u64) -> Event {
        self.channels.join(channel, number);
        if self.channels.local(channel).is_some_and(|local| !local.extensions.names().is_empty()) {
            self.announce(channel);
        }
        Event::Opened { channel }
    }

    fn write(&mut self, channel: u64, kind: u8, body: &Body<'_>) {
        if let Phase::Connected(link) = &mut self.phase {
            link.write(channel, kind, body, self.outgoing.buffer());
            self.timers.sent();
        }
    }

    fn fault(&self) -> Result<(), PeerFault> {
        if let Phase::Failed(fault) = &self.phase { Err(fault.clone()) } else { Ok(()) }
    }

    /// Ends the session: what is still to be sent or looked at is dropped.
    fn fail(&mut self, fault: PeerFault) -> PeerFault {
        self.phase = Phase::Failed(fault.clone());
        self.outgoing.clear();
        self.events.clear();
        fault
    }
}

fn sendable(body: &Body<'_>) -> Result<(), SendError> {
    let bytes = body.len();
    if bytes > BODY_BYTES_MAX { Err(SendError::TooLong { bytes, max: BODY_BYTES_MAX }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
