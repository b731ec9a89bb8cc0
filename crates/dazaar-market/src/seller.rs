//! A seller's side of one connection.
//!
//! Grade: machine. The driver tells it what happens (`handle_*`), carries out what [`SellerSession::poll_action`]
//! gives, in that order and to the last one before it tells more, and wakes it at
//! [`poll_timeout`](SellerSession::poll_timeout). It knows nothing of channels, keys' secrets or payments.
//!
//! With terms of use, nothing that concerns the feed happens before a [`TermsAccepted`] token has begun the trade.
//! Source: classic protocol, section 7.4.

mod action;
mod trade;

use std::time::Duration;

use dazaar_log::{DiscoveryKey, FeedKey, IdentityKey};
use serde_json::Value;

use crate::extension::{self, Extension};
use crate::limits::ACTIONS_QUEUED_MAX;
use crate::member::Member;
use crate::session::{Actions, PeerFault, SendError, Verdict};
use crate::terms::{Acceptance, Terms, TermsAccepted, VerifiedAcceptance};
pub use crate::terms::{PeerKind, UnsignedTerms};
pub use action::{SellerAction, SellerEvent};
use trade::Trade;

/// How a feed is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sale {
    /// Every buyer gets a feed with a key of their own, if the validator admits them.
    Unique,
    /// Everybody gets the feed itself.
    Free {
        /// Its key.
        feed: FeedKey,
        /// The feeds that come with it.
        members: Vec<FeedKey>,
    },
}

/// What a seller tells all of its sessions.
#[derive(Debug, Clone)]
pub struct SellerConfig {
    /// Who sells.
    pub seller: IdentityKey,
    /// 32 random bytes, the same for all sessions of this program run: lets a buyer notice a second connection.
    pub seller_id: [u8; 32],
    /// What is sold.
    pub sale: Sale,
    /// Terms that a buyer must accept, if any.
    pub terms: Option<Terms>,
    /// Whether buyers who cannot sign are served.
    pub unsigned_terms: UnsignedTerms,
    /// The time from one verdict to the next question; by default [`VALIDATE_INTERVAL`](crate::session::VALIDATE_INTERVAL).
    pub validate_interval: Duration,
}

/// What a buyer reads who is not served because their software cannot sign.
const UNSIGNED_REASON: &str =
    "The terms of use must be accepted with a signature, which your software cannot give";

/// A seller's side of one connection.
#[derive(Debug)]
pub struct SellerSession {
    config: SellerConfig,
    stage: Stage,
    actions: Actions<SellerAction>,
}

#[derive(Debug)]
enum Stage {
    /// Nobody has proved who they are yet.
    Handshake,
    /// The buyer must accept the terms.
    Terms { buyer: IdentityKey },
    /// The buyer has accepted; the acceptance is on its way to the disk.
    Storing { buyer: IdentityKey, acceptance: VerifiedAcceptance },
    /// Terms are settled.
    Trade(Trade),
    /// The connection is gone.
    Closed,
}

impl SellerSession {
    /// A session on which no handshake has ended yet.
    pub const fn new(config: SellerConfig) -> Self {
        Self { config, stage: Stage::Handshake, actions: Actions::new() }
    }

    /// The handshake ended: `buyer` has proved who they are. `stored` is the acceptance that is on disk for this
    /// buyer, if any; one of other terms does not count.
    pub fn handle_connected(
        &mut self,
        now: Duration,
        buyer: IdentityKey,
        peer: PeerKind,
        stored: Option<Acceptance>,
    ) {
        if !matches!(self.stage, Stage::Handshake) {
            return;
        }
        self.send(Extension::SellerId, self.config.seller_id.to_vec());
        if let Some(terms) = &self.config.terms {
            let text = terms.text().as_bytes().to_vec();
            self.send(Extension::TermsOfUse, text);
        }
        match self.settled_terms(buyer, peer, stored) {
            Some(terms) => self.begin_trade(now, terms, (buyer, peer)),
            None => self.await_acceptance(buyer, peer),
        }
    }

    /// An extension message came.
    ///
    /// # Errors
    /// What the buyer did wrong; the driver ends the session.
    pub fn handle_extension(&mut self, name: &str, payload: &[u8]) -> Result<(), PeerFault> {
        let Some(extension) = Extension::from_name(name) else { return Ok(()) };
        if !self.is_connected() {
            return Ok(());
        }
        if self.actions.is_full() {
            return Err(PeerFault::TooManyMessages { max: ACTIONS_QUEUED_MAX });
        }
        match extension {
            Extension::TermsAcceptance => return self.handle_acceptance(payload),
            Extension::UserMessage => {
                if let Some((name, message)) = extension::decode_user_message(payload)? {
                    self.notify(SellerEvent::UserMessage { name, message });
                }
            }
            Extension::Valid => {
                if let Some(info) = extension.decode_object(payload)? {
                    self.notify(SellerEvent::BuyerValid { info: Value::Object(info) });
                }
            }
            Extension::Invalid => {
                if let Some(reason) = extension::decode_reason(payload)? {
                    self.notify(SellerEvent::BuyerInvalid { reason });
                }
            }
            Extension::Feeds | Extension::OneTimeFeed | Extension::SellerId | Extension::TermsOfUse => {}
        }
        Ok(())
    }

    /// The acceptance of the last [`SellerAction::StoreAcceptance`] is stored.
    pub fn handle_acceptance_stored(&mut self, now: Duration) {
        match std::mem::replace(&mut self.stage, Stage::Closed) {
            // Only our software signs.
            Stage::Storing { buyer, acceptance } => {
                self.begin_trade(now, acceptance.stored(), (buyer, PeerKind::Native));
            }
            other => self.stage = other,
        }
    }

    /// The validator answered. An answer that was not asked for, or that comes too late, is ignored.
    pub fn handle_verdict(&mut self, now: Duration, verdict: Verdict) {
        if let Stage::Trade(trade) = &mut self.stage {
            trade.handle_verdict(now, verdict, &mut self.actions);
        }
    }

    /// The buyer paid: the validator is asked at once, and not at the end of the interval.
    pub fn handle_payment(&mut self, now: Duration) {
        if let Stage::Trade(trade) = &mut self.stage {
            trade.handle_payment(now, &mut self.actions);
        }
    }

    /// Whether something was paid since the question that is out: a refusal would say nothing.
    pub const fn is_outdated(&self) -> bool {
        match &self.stage {
            Stage::Trade(trade) => trade.is_outdated(),
            _ => false,
        }
    }

    /// The feed of the last [`SellerAction::PrepareFeed`] is ready to be opened, and so are those that come with it, at most
    /// [`MEMBERS_MAX`](crate::limits::MEMBERS_MAX).
    pub fn handle_feed(&mut self, now: Duration, key: FeedKey, members: &[Member]) {
        if let Stage::Trade(trade) = &mut self.stage {
            trade.handle_feed(now, key, members, &mut self.actions);
        }
    }

    /// More feeds come with the one that is sold, at most [`MEMBERS_MAX`](crate::limits::MEMBERS_MAX) in all. Before the feed of a
    /// buyer is ready they need not be told: [`handle_feed`](Self::handle_feed) names all of that time.
    pub fn handle_members(&mut self, members: &[Member]) {
        if let Sale::Free { members: known, .. } = &mut self.config.sale {
            known.extend(members.iter().map(|member| member.feed));
        }
        if let Stage::Trade(trade) = &mut self.stage {
            trade.handle_members(members, &mut self.actions);
        }
    }

    /// The buyer opened a channel that is not open here.
    ///
    /// # Errors
    /// [`PeerFault::TooManyMessages`]; the driver ends the session.
    pub fn handle_offer(&mut self, discovery_key: DiscoveryKey) -> Result<(), PeerFault> {
        if !self.is_connected() {
            return Ok(());
        }
        if self.actions.is_full() {
            return Err(PeerFault::TooManyMessages { max: ACTIONS_QUEUED_MAX });
        }
        let free = match (&self.stage, &self.config.sale) {
            (Stage::Trade(_), Sale::Free { feed, members }) => {
                std::iter::once(feed).chain(members).find(|feed| feed.discovery_key() == discovery_key)
            }
            _ => None,
        };
        self.actions.push(match free {
            Some(&key) => SellerAction::OpenFeed { key },
            None => SellerAction::RefuseOffer { discovery_key },
        });
        Ok(())
    }

    /// The connection is gone. Nothing happens any more, whatever is still handled.
    pub fn handle_closed(&mut self) {
        self.stage = Stage::Closed;
        self.actions.clear();
    }

    /// The time that [`poll_timeout`](Self::poll_timeout) named has come, or not yet.
    pub fn handle_timeout(&mut self, now: Duration) {
        if let Stage::Trade(trade) = &mut self.stage {
            trade.handle_timeout(now, &mut self.actions);
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub const fn poll_timeout(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Trade(trade) => trade.poll_timeout(),
            Stage::Handshake | Stage::Terms { .. } | Stage::Storing { .. } | Stage::Closed => None,
        }
    }

    /// The next thing to do.
    pub fn poll_action(&mut self) -> Option<SellerAction> {
        self.actions.poll()
    }

    /// Sends an application message to the buyer.
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

    /// Whether terms don't stand between this buyer and the feed.
    pub const fn has_settled_terms(&self) -> bool {
        matches!(self.stage, Stage::Trade(_))
    }

    const fn is_connected(&self) -> bool {
        !matches!(self.stage, Stage::Handshake | Stage::Closed)
    }

    /// The token, if one of its reasons holds already.
    fn settled_terms(
        &mut self,
        buyer: IdentityKey,
        peer: PeerKind,
        stored: Option<Acceptance>,
    ) -> Option<TermsAccepted> {
        if let Some(settled) = TermsAccepted::not_asked(self.config.terms.as_ref()) {
            return Some(settled);
        }
        let terms = self.config.terms.as_ref()?;
        let signed = stored.and_then(|stored| stored.verify(&self.config.seller, &buyer, &terms.hash()).ok());
        if let Some(acceptance) = signed {
            return Some(acceptance.stored());
        }
        let waived = TermsAccepted::waived(self.config.unsigned_terms, peer)?;
        self.notify(SellerEvent::ServedUnsigned);
        Some(waived)
    }

    fn begin_trade(&mut self, now: Duration, terms: TermsAccepted, buyer: (IdentityKey, PeerKind)) {
        let trade = Trade::begin(now, terms, buyer, &self.config, &mut self.actions);
        self.stage = Stage::Trade(trade);
    }

    fn await_acceptance(&mut self, buyer: IdentityKey, peer: PeerKind) {
        if peer == PeerKind::Classic {
            self.send(Extension::Invalid, extension::encode_reason(UNSIGNED_REASON));
            self.notify(SellerEvent::Refused { reason: UNSIGNED_REASON.to_owned() });
        }
        self.stage = Stage::Terms { buyer };
    }

    /// A buyer who is asked for nothing, or has accepted already, may send acceptances: they are skipped.
    fn handle_acceptance(&mut self, payload: &[u8]) -> Result<(), PeerFault> {
        let Stage::Terms { buyer } = self.stage else { return Ok(()) };
        let Some(terms) = &self.config.terms else { return Ok(()) };
        let acceptance = Acceptance::decode(payload)?.verify(&self.config.seller, &buyer, &terms.hash())?;
        self.actions.push(SellerAction::StoreAcceptance(*acceptance.acceptance()));
        self.stage = Stage::Storing { buyer, acceptance };
        Ok(())
    }

    fn send(&mut self, extension: Extension, payload: Vec<u8>) {
        self.actions.push(SellerAction::Send { name: extension.name(), payload });
    }

    fn notify(&mut self, event: SellerEvent) {
        self.actions.push(SellerAction::Notify(event));
    }
}

#[cfg(test)]
mod tests;
