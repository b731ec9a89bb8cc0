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
//!
//! ```
//! use std::time::Duration;
//!
//! use dazaar_log::IdentityKeyPair;
//! use dazaar_wire::session::Expected;
//! use dazaar_wire::{Config, Event, PeerFault, Role, Security, SecurityPolicy, Session};
//!
//! fn start(role: Role, person: u8) -> Session {
//!     let identity = IdentityKeyPair::from_seed(&[person; 32]);
//!     let (security, extensions) = (SecurityPolicy::Offer, vec!["greeting".to_owned()]);
//!     // A real seed is random and used once.
//!     let seed = [person; 32];
//!     let config = Config { role, identity: &identity, expected: Expected::Anybody, security, seed, extensions };
//!     Session::new(config, Duration::ZERO)
//! }
//!
//! /// Stands for the socket, and returns what happened at the receiving end.
//! fn carry(from: &mut Session, to: &mut Session) -> Result<Vec<Event>, PeerFault> {
//!     let bytes = from.outgoing().to_vec();
//!     from.consume(bytes.len());
//!     to.handle_bytes(Duration::ZERO, &bytes)?;
//!     std::iter::from_fn(|| to.poll_event().transpose()).collect()
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (mut buyer, mut seller) = (start(Role::Initiator, 1), start(Role::Responder, 2));
//! carry(&mut buyer, &mut seller)?;
//! carry(&mut seller, &mut buyer)?;
//! carry(&mut buyer, &mut seller)?;
//! assert_eq!(seller.security(), Security::Authenticated);
//!
//! seller.send_extension("greeting", b"hello")?;
//! let greeting = Event::Extension { name: "greeting".to_owned(), payload: "hello".into() };
//! assert!(carry(&mut seller, &mut buyer)?.contains(&greeting));
//! # Ok(())
//! # }
//! ```

mod event;
mod receive;
mod send;

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use dazaar_log::{IdentityKey, IdentityKeyPair};

pub use self::event::{Event, OpenError, SendError};
pub use crate::channel::Channel;
pub use crate::handshake::{Expected, Role, Security, SecurityPolicy};

use crate::channel::Channels;
use crate::extension::{LocalExtensions, RemoteExtensions};
use crate::fault::PeerFault;
use crate::frame::{self, Body, KEEP_ALIVE};
use crate::handshake::{Handshake, Secrets};
use crate::link::Link;
use crate::outgoing::Outgoing;
use crate::timer::Timers;

/// How a session starts.
pub struct Config<'a> {
    /// Buyers initiate, sellers respond.
    pub role: Role,
    /// Whom this side proves to be.
    pub identity: &'a IdentityKeyPair,
    /// Who the other side may prove to be.
    pub expected: Expected,
    /// Whether frames have to be authenticated.
    pub security: SecurityPolicy,
    /// Randomness, never used before: the ephemeral key and the nonce are made from it.
    pub seed: [u8; 32],
    /// Names of the extensions of the stream.
    pub extensions: Vec<String>,
}

impl fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, identity, expected, security, extensions, .. } = self;
        let mut debug = f.debug_struct("Config");
        debug.field("role", role).field("identity", identity).field("expected", expected);
        debug.field("security", security).field("extensions", extensions).finish_non_exhaustive()
    }
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
        let (handshake, first) = Handshake::new(role, identity, expected, security, secrets);
        let mut outgoing = Outgoing::default();
        outgoing.push_sealed(&first);
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

    /// Bytes for the socket. They are encrypted here, so ask when the socket is ready and not after each message.
    pub fn outgoing(&mut self) -> &[u8] {
        if let Phase::Connected(link) = &mut self.phase {
            self.outgoing.seal(link);
        }
        self.outgoing.sealed()
    }

    /// How many bytes wait for the socket: 0 if none do, otherwise about as many as [`outgoing`](Self::outgoing) gives.
    pub fn outgoing_len(&self) -> usize {
        self.outgoing.len()
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
        if due {
            self.outgoing.shrink();
            // Bytes that still wait for the socket will keep the connection alive as well as another would.
            if self.outgoing_len() == 0 {
                self.outgoing.frames().push(KEEP_ALIVE);
            }
            self.timers.sent();
        }
        Ok(())
    }

    fn write(&mut self, channel: u64, kind: u8, body: &Body<'_>) {
        if let Phase::Connected(_) = self.phase {
            frame::encode(channel, kind, body, self.outgoing.frames());
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

#[cfg(test)]
mod tests;
