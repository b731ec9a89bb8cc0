//! What a node does for others: answers who is close to a key, keeps announcements, and helps through firewalls.
//!
//! Grade: machine. Everything here is driven by strangers, whose addresses may be forged. An answer may have twenty times the bytes
//! of its question, as the protocol wants; what it does to somebody who did not ask is bounded by how often each address is
//! answered. Source: classic protocol, sections 8.2 and 8.3.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::Node;
use crate::discovery::id::Contact;
use crate::discovery::id::encode_address;
use crate::discovery::limits::{NODES_MAX, PEERS_ANSWERED_MAX};
use crate::discovery::message::{Kind, Message, command};
use crate::discovery::payload::{Holepunch, PeersInput};

/// What the reference answers to commands that it does not know.
const UNSUPPORTED: &str = "Unsupported command";

/// What the reference answers to an announcement without a port.
const INVALID_PORT: &str = "Invalid port";

/// What we answer to an announcement for which there is no room, or which leads nowhere.
const NOT_KEPT: &str = "Not kept";

impl Node {
    pub(super) fn handle_request(&mut self, now: Duration, from: SocketAddrV4, request: Message) {
        if !self.rates.allows(now, *from.ip()) {
            return;
        }
        if request.kind == Kind::Update
            && !request.token.is_some_and(|token| self.tokens.verify(*from.ip(), &token))
        {
            return;
        }
        if let Some(id) = request.id {
            self.verify(now, Contact { id, address: from });
        }
        match request.command.as_deref() {
            Some(command::PING) => self.answer_ping(from, &request),
            Some(command::HOLEPUNCH) => self.answer_holepunch(now, from, &request),
            // Whoever does not take part is not asked the rest, except by strangers who try.
            _ if !self.is_full() => {}
            Some(command::FIND_NODE) => self.answer(from, &request, None, None),
            Some(command::PEERS) => self.answer_peers(now, from, &request),
            _ => self.answer(from, &request, None, Some(UNSUPPORTED)),
        }
    }

    fn answer_ping(&mut self, from: SocketAddrV4, request: &Message) {
        // Who asks for somebody else need not know that we are here.
        if request.value.as_deref().is_some_and(|wanted| wanted != self.id.0) {
            return;
        }
        let value = Some(encode_address(from).to_vec());
        let answer = Message { value, ..self.response(from, request.number) };
        self.send(from, answer.encode());
    }

    fn answer_holepunch(&mut self, now: Duration, from: SocketAddrV4, request: &Message) {
        match Holepunch::decode(request.value.as_deref()) {
            // Only to whom we named ourselves: else anybody could have us write to anybody.
            Some(Holepunch::To(to)) if to != from && self.has_named(to) => {
                let forwarded = Message {
                    to: Some(to),
                    id: self.shown_id(),
                    command: request.command.clone(),
                    value: Holepunch::From(from).encode(),
                    ..Message::new(Kind::Query, request.number)
                };
                self.send(to, forwarded.encode());
            }
            // Only for nodes that can have named us, and seldom: else anybody could have us write to anybody.
            Some(Holepunch::From(asker))
                if self.is_named_by(from)
                    && self.reach.covers(asker)
                    && self.rates.allows(now, *asker.ip()) =>
            {
                let answer = self.response(asker, request.number);
                self.send(asker, answer.encode());
            }
            _ => {}
        }
    }

    fn has_named(&self, address: SocketAddrV4) -> bool {
        self.is_full() && (self.routing.knows(address) || self.records.knows(address))
    }

    fn is_named_by(&self, node: SocketAddrV4) -> bool {
        self.routing.knows(node) || self.is_announced_to(node)
    }

    fn answer_peers(&mut self, now: Duration, from: SocketAddrV4, request: &Message) {
        let Some(topic) = request.target else { return };
        let Some(input) = PeersInput::decode(request.value.as_deref().unwrap_or_default()) else {
            return self.answer(from, request, None, Some(INVALID_PORT));
        };
        let address = SocketAddrV4::new(*from.ip(), input.port.unwrap_or_else(|| from.port()));
        let value = match request.kind {
            Kind::Update if input.unannounce => {
                self.records.unannounce(topic, address);
                None
            }
            Kind::Update => {
                // An address in somebody's local network leads nowhere from elsewhere.
                let is_kept =
                    self.reach.covers(address) && self.records.announce(now, topic, address, input.local);
                if !is_kept {
                    return self.answer(from, request, None, Some(NOT_KEPT));
                }
                None
            }
            _ => {
                let (records, random) = (&self.records, &mut self.random);
                let peers = records.peers(now, &topic, address, input.local, PEERS_ANSWERED_MAX, random);
                Some(peers.encode())
            }
        };
        self.answer(from, request, value, None);
    }

    /// Answers with the nodes that are closest to the target.
    fn answer(&mut self, from: SocketAddrV4, request: &Message, value: Option<Vec<u8>>, error: Option<&str>) {
        let Some(target) = request.target else { return };
        let mut closer = self.routing.closest(&target, NODES_MAX);
        closer.retain(|contact| contact.address != from);
        let response = self.response(from, request.number);
        let token = response.token.filter(|_| error.is_none());
        let answer = Message { closer, value, token, error: error.map(str::to_owned), ..response };
        self.send(from, answer.encode());
    }

    fn response(&self, to: SocketAddrV4, number: u64) -> Message {
        let (id, token) = (self.shown_id(), Some(self.tokens.token(*to.ip())));
        Message { to: Some(to), id, token, ..Message::new(Kind::Response, number) }
    }
}
