//! The receiving half of a session: bytes to events.
//!
//! Grade: machine. Source: classic protocol, sections 4.4 to 4.7.

use std::time::Duration;

use super::{Event, Peer, Phase, Session};
use crate::control::{Close, Extension, Open, Options};
use crate::fault::PeerFault;
use crate::frame::{Frame, kind};
use crate::limits::OUTGOING_BYTES_MAX;
use crate::link::Link;
use crate::message;

impl Session {
    /// Takes received bytes. Afterwards call [`poll_event`](Self::poll_event) until there is no more.
    ///
    /// # Errors
    /// The rule that the remote broke; the session is over.
    pub fn handle_bytes(&mut self, now: Duration, bytes: &[u8]) -> Result<(), PeerFault> {
        self.fault()?;
        self.receive(now, bytes).map_err(|fault| self.fail(fault))
    }

    fn receive(&mut self, now: Duration, mut bytes: &[u8]) -> Result<(), PeerFault> {
        self.timers.received(now)?;
        let waiting = self.outgoing_len();
        if waiting > OUTGOING_BYTES_MAX {
            return Err(PeerFault::NotReading { bytes: waiting, max: OUTGOING_BYTES_MAX });
        }
        if let Phase::Handshake(handshake) = &mut self.phase {
            let mut answer = Vec::new();
            let established = handshake.handle_bytes(&mut bytes, &mut answer)?;
            self.outgoing.push_sealed(&answer);
            let Some(established) = established else { return Ok(()) };
            let (remote, security) = (established.remote, established.security);
            let authenticates = established.remote_authenticates;
            self.peer = Some(Peer { identity: remote, security, authenticates });
            self.phase = Phase::Connected(Box::new(Link::new(established)));
            self.timers.established();
            self.events.push_back(Event::Connected { remote, security });
        }
        match &mut self.phase {
            Phase::Connected(link) => link.handle_bytes(bytes),
            Phase::Handshake(_) | Phase::Failed(_) => Ok(()),
        }
    }

    /// The next thing that happened; `None` until more bytes come.
    ///
    /// # Errors
    /// The rule that the remote broke; the session is over.
    pub fn poll_event(&mut self) -> Result<Option<Event>, PeerFault> {
        self.fault()?;
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let Phase::Connected(link) = &mut self.phase else { return Ok(None) };
            let frame = match link.poll_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(None),
                Err(fault) => return Err(self.fail(fault)),
            };
            match self.handle_frame(frame) {
                Ok(None) => {}
                Ok(event) => return Ok(event),
                Err(fault) => return Err(self.fail(fault)),
            }
        }
    }

    fn handle_frame(&mut self, frame: Frame) -> Result<Option<Event>, PeerFault> {
        match frame.kind {
            kind::OPEN => self.handle_open(frame.channel, &Open::decode(&frame.body)?),
            kind::CLOSE => self.handle_close(frame.channel, &Close::decode(&frame.body)?),
            kind::OPTIONS => self.handle_options(frame.channel, Options::decode(&frame.body)?),
            kind::EXTENSION => self.handle_extension(frame.channel, Extension::decode(frame.body)?),
            _ => self.handle_message(&frame),
        }
    }

    fn handle_open(&mut self, number: u64, open: &Open) -> Result<Option<Event>, PeerFault> {
        let Open { discovery_key, capability } = *open;
        let Some(channel) = self.channels.insert_remote(number, discovery_key, capability)? else {
            return Ok(Some(Event::Offered { discovery_key }));
        };
        let (Phase::Connected(link), Some(local)) = (&self.phase, self.channels.local(channel)) else {
            return Ok(None);
        };
        if !capability.is_some_and(|capability| link.keys.verify_capability(&local.key, &capability)) {
            return Err(PeerFault::Capability { discovery_key });
        }
        Ok(Some(self.join(channel, number)))
    }

    fn handle_close(&mut self, number: u64, close: &Close) -> Result<Option<Event>, PeerFault> {
        if let Some(remote) = self.channels.remove_remote(number) {
            let closed = remote.local.inspect(|channel| self.close(*channel));
            if self.channels.is_empty() {
                self.events.push_back(Event::Ended);
            }
            return Ok(closed.map(|channel| Event::Closed { channel }));
        }
        let Some(discovery_key) = close.discovery_key else { return Ok(None) };
        // A feed that both sides have open is closed under its number; only one that the remote lacks can be refused.
        let channel = self.channels.find_local(&discovery_key);
        let unanswered = |channel| self.channels.local(channel).is_some_and(|local| local.remote.is_none());
        let Some(channel) = channel.filter(|channel| unanswered(*channel)) else { return Ok(None) };
        self.close(channel);
        Ok(Some(Event::Refused { channel, discovery_key }))
    }

    fn handle_options(&mut self, number: u64, options: Options) -> Result<Option<Event>, PeerFault> {
        let Options { extensions, ack } = options;
        if number == 0 {
            self.remote_extensions.set(extensions);
            return Ok(None);
        }
        let Some(remote) = self.channels.remote_mut(number) else { return Ok(None) };
        remote.extensions.set(extensions);
        Ok(remote.local.map(|channel| Event::Message { channel, message: message::Message::Options { ack } }))
    }

    fn handle_extension(&self, number: u64, extension: Extension) -> Result<Option<Event>, PeerFault> {
        let Extension { id, payload } = extension;
        if number == 0 {
            let name = self.remote_extensions.shared(id, &self.extensions).map(str::to_owned);
            return Ok(name.map(|name| Event::Extension { name, payload }));
        }
        let Some(remote) = self.channels.remote(number) else { return Ok(None) };
        let Some(channel) = remote.local else { return Ok(None) };
        let Some(local) = self.channels.local(channel) else { return Ok(None) };
        let name = remote.extensions.shared(id, &local.extensions).map(str::to_owned);
        Ok(name.map(|name| Event::ChannelExtension { channel, name, payload }))
    }

    /// A message of a channel that is not open on both sides is ignored.
    fn handle_message(&self, frame: &Frame) -> Result<Option<Event>, PeerFault> {
        let Some(channel) = self.channels.remote(frame.channel).and_then(|remote| remote.local) else {
            return Ok(None);
        };
        let message = message::decode(frame.kind, &frame.body)?;
        Ok(message.map(|message| Event::Message { channel, message }))
    }
}
