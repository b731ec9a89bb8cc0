//! Two sessions in a jar: their bytes are carried over in pieces of any size, and everything that happens is kept.

use std::time::Duration;

use dazaar_log::IdentityKeyPair;

use crate::fault::PeerFault;
use crate::session::{Config, Event, Expected, Role, SecurityPolicy, Session};

/// A session and what happened on it.
pub(super) struct End {
    pub(super) session: Session,
    pub(super) events: Vec<Event>,
}

pub(super) struct Pair {
    pub(super) now: Duration,
    pub(super) buyer: End,
    pub(super) seller: End,
    chunk: usize,
}

pub(super) fn identity(seed: u8) -> IdentityKeyPair {
    IdentityKeyPair::from_seed(&[seed; 32])
}

/// A session of the person with this seed; buyer 1, seller 2.
pub(super) fn session(role: Role, security: SecurityPolicy, now: Duration) -> Session {
    let seed = if role == Role::Initiator { 1 } else { 2 };
    let identity = identity(seed);
    let config = Config {
        role,
        identity: &identity,
        expected: Expected::Anybody,
        security,
        seed: [seed; 32],
        extensions: vec![],
    };
    Session::new(config, now)
}

impl End {
    fn new(session: Session) -> Self {
        Self { session, events: Vec::new() }
    }

    /// Receives bytes as a driver does.
    pub(super) fn receive(&mut self, now: Duration, bytes: &[u8]) -> Result<(), PeerFault> {
        self.session.handle_bytes(now, bytes)?;
        while let Some(event) = self.session.poll_event()? {
            self.events.push(event);
        }
        Ok(())
    }

    /// Takes what is to be sent.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let bytes = self.session.outgoing().to_vec();
        self.session.consume(bytes.len());
        assert_eq!(self.session.outgoing_len(), 0);
        bytes
    }

    /// Takes what happened.
    pub(super) fn happened(&mut self) -> Vec<Event> {
        while let Some(event) = self.session.poll_event().unwrap() {
            self.events.push(event);
        }
        std::mem::take(&mut self.events)
    }
}

impl Pair {
    /// Both sides are new, with these policies; bytes are carried `chunk` at a time.
    pub(super) fn new(buyer: SecurityPolicy, seller: SecurityPolicy, chunk: usize) -> Self {
        let now = Duration::from_secs(1000);
        let buyer = End::new(session(Role::Initiator, buyer, now));
        let seller = End::new(session(Role::Responder, seller, now));
        Self { now, buyer, seller, chunk }
    }

    /// Both sides are connected and nothing has happened since.
    pub(super) fn connected(policy: SecurityPolicy) -> Self {
        let mut pair = Self::new(policy, policy, usize::MAX);
        pair.settle();
        pair.buyer.happened();
        pair.seller.happened();
        pair
    }

    /// Carries bytes until both sides are quiet.
    pub(super) fn settle(&mut self) {
        self.try_settle().unwrap();
    }

    /// Carries bytes until both sides are quiet or one finds fault with the other.
    pub(super) fn try_settle(&mut self) -> Result<(), PeerFault> {
        loop {
            let from_buyer = self.buyer.take();
            for piece in from_buyer.chunks(self.chunk) {
                self.seller.receive(self.now, piece)?;
            }
            let from_seller = self.seller.take();
            for piece in from_seller.chunks(self.chunk) {
                self.buyer.receive(self.now, piece)?;
            }
            if from_buyer.is_empty() && from_seller.is_empty() {
                return Ok(());
            }
        }
    }

    /// Tells both sides that time has passed, as their timers ask for it.
    pub(super) fn pass(&mut self, time: Duration) -> Result<(), PeerFault> {
        let end = self.now + time;
        loop {
            let sessions = [&self.buyer.session, &self.seller.session];
            let next = sessions.iter().filter_map(|session| session.poll_timeout()).min();
            self.now = next.unwrap_or(end).clamp(self.now, end);
            for side in [&mut self.buyer, &mut self.seller] {
                if side.session.poll_timeout().is_some_and(|at| at <= self.now) {
                    side.session.handle_timeout(self.now)?;
                }
            }
            self.try_settle()?;
            if self.now == end {
                return Ok(());
            }
        }
    }
}
