//! The sending half of a session: what its user wants, to bytes.
//!
//! Grade: machine. Source: classic protocol, sections 4.5 to 4.7.

use dazaar_log::{DiscoveryKey, FeedKey};

use super::{Event, OpenError, Phase, SendError, Session};
use crate::channel::Channel;
use crate::control::{Close, Extension, Open, Options};
use crate::extension::RemoteExtensions;
use crate::frame::{Body, kind};
use crate::limits::{BODY_BYTES_MAX, CHANNELS_MAX, OFFERS_MAX};
use crate::message::{self, Message};

impl Session {
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

    /// Whether we have opened a feed, answered or not.
    pub fn has_begun(&self, key: &FeedKey) -> bool {
        self.channels.find_local(&key.discovery_key()).is_some()
    }

    /// How many more feeds can be opened before some are closed: the remote takes no more.
    pub fn channels_left(&self) -> usize {
        CHANNELS_MAX.saturating_sub(self.channels.local_len())
    }

    /// How many more feeds can be opened before the remote has answered some: one that counts offers, as ours do, takes no more.
    pub fn offers_left(&self) -> usize {
        let max = if self.remote_authenticates() { OFFERS_MAX } else { CHANNELS_MAX };
        max.saturating_sub(self.channels.unanswered_len())
    }

    /// Whether the remote has opened a feed, and we have not.
    pub fn is_offered(&self, discovery_key: &DiscoveryKey) -> bool {
        self.channels.find_offer(discovery_key).is_some()
    }

    /// How many feeds the remote has opened, and we have not.
    pub fn offered(&self) -> usize {
        self.channels.offers_len()
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
    pub(super) fn join(&mut self, channel: Channel, number: u64) -> Event {
        self.channels.join(channel, number);
        if self.channels.local(channel).is_some_and(|local| !local.extensions.names().is_empty()) {
            self.announce(channel);
        }
        Event::Opened { channel }
    }
}

fn sendable(body: &Body<'_>) -> Result<(), SendError> {
    let bytes = body.len();
    if bytes > BODY_BYTES_MAX { Err(SendError::TooLong { bytes, max: BODY_BYTES_MAX }) } else { Ok(()) }
}
