//! The handshake: both sides prove their keys and agree on the cipher of the session.
//!
//! Grade: machine. Three messages, each with its length in front: the initiator's, the responder's, the initiator's.
//! Either side may name whom it expects; an initiator that reaches somebody else says nothing more, so that its own
//! key stays unknown. Authenticated frames are used if the responder offers them (in message 2) and the initiator
//! takes the offer (in message 3).
//! Source: classic protocol, section 4.1.

use std::fmt;

use dazaar_log::codec::varint;
use dazaar_log::key::keyed_hash;
use dazaar_log::{IdentityKey, IdentityKeyPair};
use snow::{Builder, HandshakeState};

use crate::capability::SplitKeys;
use crate::fault::PeerFault;
use crate::frame;
use crate::limits::HANDSHAKE_BYTES_MAX;
use crate::noise::{PATTERN, Resolver};
use crate::payload::{NONCE_BYTES, Payload};

/// Who speaks first. In Dazaar that is the buyer, whoever dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Speaks first: the buyer.
    Initiator,
    /// Answers: the seller.
    Responder,
}

/// Whether changed bytes are noticed: asked of a session before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecurityPolicy {
    /// Behave as the classic protocol does: frames are encrypted but not authenticated.
    Classic,
    /// Authenticated frames with whoever supports them, classic ones otherwise.
    Offer,
    /// Authenticated frames, or no session.
    Require,
}

/// What a session has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Frames are encrypted; somebody on the way could change bits unnoticed.
    Classic,
    /// Frames are encrypted and authenticated.
    Authenticated,
}

/// The randomness of one session.
#[derive(Clone)]
pub(crate) struct Secrets {
    /// Secret of the ephemeral key.
    pub(crate) ephemeral: [u8; 32],
    /// Nonce of this side's classic keystream.
    pub(crate) nonce: [u8; NONCE_BYTES],
}

impl Secrets {
    /// Spreads a seed, which must never be used for a second session.
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&keyed_hash(seed, &[b"session nonce"])[..NONCE_BYTES]);
        Self { ephemeral: keyed_hash(seed, &[b"session ephemeral"]), nonce }
    }
}

/// What both sides know when the handshake is done.
pub(crate) struct Established {
    pub(crate) remote: IdentityKey,
    pub(crate) security: Security,
    pub(crate) remote_authenticates: bool,
    pub(crate) keys: SplitKeys,
    pub(crate) nonce: [u8; NONCE_BYTES],
    pub(crate) remote_nonce: [u8; NONCE_BYTES],
}

/// Who the other side may prove to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Everybody.
    Anybody,
    /// Nobody else.
    Only(IdentityKey),
    /// Everybody but these two: whoever is one of them is reached in another way.
    AllBut([IdentityKey; 2]),
}

/// A handshake under way.
pub(crate) struct Handshake {
    noise: HandshakeState,
    role: Role,
    policy: SecurityPolicy,
    expected: Expected,
    nonce: [u8; NONCE_BYTES],
    /// The message that comes next, counted from 1.
    message: u8,
    /// Received bytes of an incomplete message, with its length in front.
    received: Vec<u8>,
    /// What the remote's last payload said.
    remote: Payload,
}

impl Handshake {
    /// Starts; an initiator has a first message to send.
    pub(crate) fn new(
        role: Role,
        identity: &IdentityKeyPair,
        expected: Expected,
        policy: SecurityPolicy,
        secrets: &Secrets,
    ) -> (Self, Vec<u8>) {
        let params = PATTERN.parse().expect("the pattern is one that snow knows");
        let builder = Builder::with_resolver(params, Box::new(Resolver { ephemeral: secrets.ephemeral }))
            .local_private_key(identity.secret())
            .expect("the key is set once");
        let noise = match role {
            Role::Initiator => builder.build_initiator(),
            Role::Responder => builder.build_responder(),
        };
        let mut handshake = Self {
            noise: noise.expect("the pattern needs no more than the key"),
            role,
            policy,
            expected,
            nonce: secrets.nonce,
            message: 1,
            received: Vec::new(),
            remote: Payload::default(),
        };
        let mut first = Vec::new();
        if role == Role::Initiator {
            handshake.write(false, &mut first).expect("the first message needs nothing of the remote");
        }
        (handshake, first)
    }

    /// Takes received bytes and appends answers to `out`. `bytes` is advanced past what belongs to the handshake;
    /// what follows its last message stays.
    pub(crate) fn handle_bytes(
        &mut self,
        bytes: &mut &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Established>, PeerFault> {
        while let Some((first, rest)) = bytes.split_first() {
            self.received.push(*first);
            *bytes = rest;
            let Some((length, header)) = frame::decode_varint(&self.received)? else { continue };
            if length > HANDSHAKE_BYTES_MAX as u64 {
                return Err(PeerFault::HandshakeTooLong { bytes: length, max: HANDSHAKE_BYTES_MAX });
            }
            let missing = header + length as usize - self.received.len();
            let (more, rest) = bytes.split_at(missing.min(bytes.len()));
            self.received.extend_from_slice(more);
            *bytes = rest;
            if more.len() < missing {
                return Ok(None);
            }
            let message = std::mem::take(&mut self.received);
            if let Some(established) = self.handle_message(&message[header..], out)? {
                return Ok(Some(established));
            }
        }
        Ok(None)
    }

    fn handle_message(
        &mut self,
        message: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Established>, PeerFault> {
        self.read(message)?;
        match (self.role, self.message) {
            (Role::Responder, 2) => {
                self.write(self.policy != SecurityPolicy::Classic, out)?;
                Ok(None)
            }
            (Role::Initiator, _) => {
                let security = self.agree()?;
                self.write(security == Security::Authenticated, out)?;
                Ok(Some(self.establish(security)?))
            }
            (Role::Responder, _) => {
                let security = self.agree()?;
                Ok(Some(self.establish(security)?))
            }
        }
    }

    /// Reads the next message. Everything is verified before anything is answered.
    fn read(&mut self, message: &[u8]) -> Result<(), PeerFault> {
        let number = self.message;
        let mut payload = [0; HANDSHAKE_BYTES_MAX];
        let length = self.noise.read_message(message, &mut payload).map_err(|error| fault(error, number))?;
        // The first message's payload is in clear and repeated in the third, so nothing is taken from it.
        if number > 1 {
            self.remote = Payload::decode(&payload[..length], number)?;
            self.verify_identity()?;
        }
        self.message += 1;
        Ok(())
    }

    fn verify_identity(&self) -> Result<(), PeerFault> {
        let actual = self.remote_identity()?;
        match self.expected {
            Expected::Only(expected) if expected != actual => {
                Err(PeerFault::WrongIdentity { expected, actual })
            }
            Expected::AllBut(unwanted) if unwanted.contains(&actual) => {
                Err(PeerFault::UnwantedIdentity { actual })
            }
            _ => Ok(()),
        }
    }

    fn remote_identity(&self) -> Result<IdentityKey, PeerFault> {
        let key = self.noise.get_remote_static().and_then(|key| IdentityKey::try_from(key).ok());
        key.ok_or(PeerFault::Handshake { message: self.message })
    }

    fn agree(&self) -> Result<Security, PeerFault> {
        match (self.policy, self.remote.authenticated) {
            (SecurityPolicy::Classic, _) | (SecurityPolicy::Offer, false) => Ok(Security::Classic),
            (SecurityPolicy::Offer | SecurityPolicy::Require, true) => Ok(Security::Authenticated),
            (SecurityPolicy::Require, false) => Err(PeerFault::NotAuthenticated),
        }
    }

    fn write(&mut self, authenticated: bool, out: &mut Vec<u8>) -> Result<(), PeerFault> {
        let number = self.message;
        let payload = Payload { nonce: self.nonce, authenticated }.encode();
        let mut message = [0; HANDSHAKE_BYTES_MAX];
        let length =
            self.noise.write_message(&payload, &mut message).map_err(|error| fault(error, number))?;
        varint::encode(length as u64, out);
        out.extend_from_slice(&message[..length]);
        self.message += 1;
        Ok(())
    }

    fn establish(&mut self, security: Security) -> Result<Established, PeerFault> {
        let (initiator, responder) = self.noise.dangerously_get_raw_split();
        let keys = match self.role {
            Role::Initiator => SplitKeys { tx: initiator, rx: responder },
            Role::Responder => SplitKeys { tx: responder, rx: initiator },
        };
        Ok(Established {
            remote: self.remote_identity()?,
            security,
            remote_authenticates: self.remote.authenticated,
            keys,
            nonce: self.nonce,
            remote_nonce: self.remote.nonce,
        })
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("role", &self.role)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

fn fault(error: snow::Error, message: u8) -> PeerFault {
    match error {
        snow::Error::Dh => PeerFault::WeakKey,
        _ => PeerFault::Handshake { message },
    }
}

#[cfg(test)]
mod tests;
