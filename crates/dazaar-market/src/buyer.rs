//! A buyer's side of one connection.
//!
//! Grade: machine. The driver tells it what happens (`handle_*`), carries out what [`BuyerSession::poll_action`]
//! gives, in that order and to the last one before it tells more, and wakes it at
//! [`poll_timeout`](BuyerSession::poll_timeout).
//!
//! The feed key that is known for a seller wins over any other that the seller sends. A new key is stored only once
//! its channel has opened, which the seller's capability proves: a key that was damaged on the way is forgotten.
//! Source: classic protocol, sections 7.5 and 9 (1).

mod action;
mod members;
mod vetting;

use std::time::Duration;

use dazaar_log::{DiscoveryKey, FeedKey, IdentityKey};
use serde_json::Value;

use crate::extension::{self, Extension};
use crate::limits::{ACTIONS_QUEUED_MAX, TERMS_BYTES_MAX};
use crate::member::{self, Member};
use crate::session::{Actions, PeerFault, SendError, Verdict};
use crate::terms::{Acceptance, TermsHash};
pub use action::{BuyerAction, BuyerEvent, EndReason};
use members::Members;
use vetting::Vetting;

/// What a buyer tells a session.
#[derive(Debug, Clone)]
pub struct BuyerConfig {
    /// Whose feed is bought; the connection is to them.
    pub seller: IdentityKey,
    /// The feed that is stored for this seller.
    pub known_feed: Option<FeedKey>,
    /// The feeds that are stored as coming with it, and its own name, if the seller said what the data calls it.
    pub known_members: Vec<Member>,
    /// The terms that the buyer accepts, signed for this seller.
    pub acceptance: Option<Acceptance>,
    /// Whether the buyer validates the seller before downloading.
    pub vet_seller: bool,
    /// The time from one verdict about the seller to the next question; by default
    /// [`VALIDATE_INTERVAL`](crate::session::VALIDATE_INTERVAL).
    pub validate_interval: Duration,
}

/// A buyer's side of one connection.
#[derive(Debug)]
pub struct BuyerSession {
    config: BuyerConfig,
    stage: Stage,
    members: Members,
    vetting: Option<Vetting>,
    has_accepted: bool,
    has_settled_terms: bool,
    actions: Actions<BuyerAction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The seller has not proved who they are yet.
    Handshake,
    /// The seller has not said which feed.
    Waiting,
    /// The feed is asked for.
    Opening { key: FeedKey },
    /// The feed is open, or was.
    Open { key: FeedKey },
    /// The connection is gone, or should be.
    Ended,
}

impl BuyerSession {
    /// A session on which no handshake has ended yet.
    pub fn new(config: BuyerConfig) -> Self {
        let vetting = config.vet_seller.then(|| Vetting::new(config.seller, config.validate_interval));
        let members = Members::new(config.known_feed, &config.known_members);
        Self {
            config,
            stage: Stage::Handshake,
            members,
            vetting,
            has_accepted: false,
            has_settled_terms: false,
            actions: Actions::new(),
        }
    }

    /// The handshake ended: the other side has proved to be the seller.
    pub fn handle_connected(&mut self) {
        if self.stage == Stage::Handshake {
            self.stage = Stage::Waiting;
        }
    }

    /// An extension message came.
    ///
    /// # Errors
    /// What the seller did wrong; the driver ends the session.
    pub fn handle_extension(&mut self, name: &str, payload: &[u8]) -> Result<(), PeerFault> {
        let Some(extension) = Extension::from_name(name) else { return Ok(()) };
        if !self.is_connected() {
            return Ok(());
        }
        if self.actions.is_full() {
            return Err(PeerFault::TooManyMessages { max: ACTIONS_QUEUED_MAX });
        }
        // Terms are asked for before anything else: once the seller judges us, or says what they sell, none are open.
        self.has_settled_terms |=
            matches!(extension, Extension::OneTimeFeed | Extension::Valid | Extension::Invalid);
        match extension {
            Extension::TermsOfUse => return self.handle_terms(payload),
            Extension::OneTimeFeed => return self.handle_one_time_feed(payload),
            Extension::Feeds => return self.handle_feeds(payload),
            Extension::SellerId => {
                if let Ok(id) = payload.try_into() {
                    self.notify(BuyerEvent::SellerId(id));
                }
            }
            Extension::Valid => {
                if let Some(info) = extension.decode_object(payload)? {
                    self.notify(BuyerEvent::Valid { info: Value::Object(info) });
                }
            }
            Extension::Invalid => {
                if let Some(reason) = extension::decode_reason(payload)? {
                    self.notify(BuyerEvent::Invalid { reason });
                }
            }
            Extension::UserMessage => {
                if let Some((name, message)) = extension::decode_user_message(payload)? {
                    self.notify(BuyerEvent::UserMessage { name, message });
                }
            }
            Extension::TermsAcceptance => {}
        }
        Ok(())
    }

    /// The feed of a [`BuyerAction::OpenFeed`] is open, with a valid capability.
    pub fn handle_feed_opened(&mut self, opened: &FeedKey) {
        let key = match self.stage {
            Stage::Opening { key } if key == *opened => key,
            Stage::Ended => return,
            _ => return self.members.handle_opened(opened, &mut self.actions),
        };
        self.stage = Stage::Open { key };
        if self.config.known_feed.is_none() {
            self.config.known_feed = Some(key);
            self.actions.push(BuyerAction::StoreFeed { key });
        }
        self.members.handle_first_opened(key, &mut self.actions);
        self.notify(BuyerEvent::FeedOpened { key });
    }

    /// The seller closed the feed of a [`BuyerAction::OpenFeed`] instead of opening it.
    pub fn handle_feed_refused(&mut self, refused: &DiscoveryKey) {
        let key = match self.stage {
            Stage::Opening { key } if key.discovery_key() == *refused => key,
            Stage::Ended => return,
            _ => return self.members.handle_refused(refused, &mut self.actions),
        };
        match self.config.known_feed {
            Some(_) => self.notify(BuyerEvent::FeedRefused { key }),
            None => self.end(EndReason::FeedRefused { key }),
        }
    }

    /// The validator answered about the seller. An answer that was not asked for, or that comes too late, is ignored.
    pub fn handle_verdict(&mut self, now: Duration, verdict: Verdict) {
        if let Some(vetting) = &mut self.vetting
            && self.stage != Stage::Ended
        {
            vetting.handle_verdict(now, verdict, &mut self.actions);
        }
    }

    /// The connection is gone. Nothing happens any more, whatever is still handled.
    pub fn handle_closed(&mut self) {
        self.stage = Stage::Ended;
        self.vetting = None;
        self.actions.clear();
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come, or not yet.
    pub fn handle_timeout(&mut self, now: Duration) {
        if let Some(vetting) = &mut self.vetting {
            vetting.handle_timeout(now, &mut self.actions);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.vetting.as_ref().and_then(Vetting::poll_timeout)
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<BuyerAction> {
        self.actions.poll()
    }

    /// Sends an application message to the seller.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn send_user_message(&mut self, name: &str, message: &Value) -> Result<(), SendError> {
        if !self.is_connected() {
            return Err(SendError::NotConnected);
        }
        let payload = self.actions.user_message(name, message)?;
        self.send(Extension::UserMessage, payload);
        Ok(())
    }

    /// What the data calls the member that is bought under `key`; `None` if it is the first, or none of this seller's.
    pub fn member(&self, key: &FeedKey) -> Option<FeedKey> {
        self.members.feed_of(key)
    }

    /// Whether feeds were named that come with the one that is bought and are not open yet.
    pub fn is_opening(&self) -> bool {
        self.members.is_opening()
    }

    /// Whether terms of use don't stand between us and the trade: whatever is sent now comes after the acceptance, if one was asked
    /// for.
    pub const fn has_settled_terms(&self) -> bool {
        self.has_settled_terms
    }

    fn is_connected(&self) -> bool {
        !matches!(self.stage, Stage::Handshake | Stage::Ended)
    }

    fn handle_terms(&mut self, payload: &[u8]) -> Result<(), PeerFault> {
        let payload = Extension::TermsOfUse.limited(payload, TERMS_BYTES_MAX)?;
        let text = std::str::from_utf8(payload).map_err(|_| PeerFault::TermsNotUtf8)?;
        match self.config.acceptance {
            Some(acceptance) if acceptance.terms() == TermsHash::of(text) => {
                self.has_settled_terms = true;
                if !std::mem::replace(&mut self.has_accepted, true) {
                    self.send(Extension::TermsAcceptance, acceptance.encode().to_vec());
                }
            }
            other => {
                self.notify(BuyerEvent::TermsRequired { text: text.to_owned() });
                self.end(if other.is_some() { EndReason::TermsChanged } else { EndReason::TermsMissing });
            }
        }
        Ok(())
    }

    fn handle_one_time_feed(&mut self, payload: &[u8]) -> Result<(), PeerFault> {
        let offered =
            FeedKey::try_from(payload).map_err(|_| PeerFault::FeedKeyLength { bytes: payload.len() })?;
        let known = match self.stage {
            Stage::Opening { key } | Stage::Open { key } => Some(key),
            Stage::Handshake | Stage::Waiting | Stage::Ended => self.config.known_feed,
        };
        if let Some(known) = known.filter(|known| *known != offered) {
            self.notify(BuyerEvent::FeedChanged { known, offered });
        }
        if self.stage == Stage::Waiting {
            self.open(known.unwrap_or(offered));
        }
        Ok(())
    }

    fn handle_feeds(&mut self, payload: &[u8]) -> Result<(), PeerFault> {
        let offered = member::decode(payload)?;
        match self.stage {
            Stage::Opening { key } => self.members.handle_offer(key, &offered, &mut self.actions),
            Stage::Open { key } => {
                self.members.handle_offer(key, &offered, &mut self.actions)?;
                self.members.handle_first_opened(key, &mut self.actions);
                Ok(())
            }
            Stage::Handshake | Stage::Waiting | Stage::Ended => Ok(()),
        }
    }

    fn open(&mut self, key: FeedKey) {
        self.stage = Stage::Opening { key };
        self.actions.push(BuyerAction::OpenFeed { key });
        if let Some(vetting) = &mut self.vetting {
            self.actions.push(BuyerAction::Download(false));
            vetting.begin(&mut self.actions);
        }
    }

    fn end(&mut self, reason: EndReason) {
        self.actions.push(BuyerAction::End(reason));
        self.stage = Stage::Ended;
        self.vetting = None;
    }

    fn send(&mut self, extension: Extension, payload: Vec<u8>) {
        self.actions.push(BuyerAction::Send { name: extension.name(), payload });
    }

    fn notify(&mut self, event: BuyerEvent) {
        self.actions.push(BuyerAction::Notify(event));
    }
}

#[cfg(test)]
mod tests;
