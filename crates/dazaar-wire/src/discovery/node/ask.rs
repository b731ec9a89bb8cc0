//! Requests of a node's own, and what becomes of them.
//!
//! Grade: machine. Source: classic protocol, sections 8.2 and 8.3.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::Node;
use super::task::TaskId;
use crate::discovery::id::Contact;
use crate::discovery::limits::{CHECKED_NODES, OUTGOING_MAX, REQUESTS_MAX, VERIFICATIONS_MAX};
use crate::discovery::message::{Kind, Message, command};
use crate::discovery::payload::Holepunch;
use crate::discovery::requests::Step;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A question to a node of which only the address is known.
    Enter { task: TaskId },
    /// A question on a walk.
    Walk { task: TaskId, path: usize, contact: Contact },
    /// An announcement.
    Update { task: TaskId, contact: Contact },
    /// Whether a node is there, and is who it says.
    Check { contact: Contact },
}

impl Purpose {
    /// Whom we expect to answer.
    const fn contact(&self) -> Option<&Contact> {
        match self {
            Self::Enter { .. } => None,
            Self::Walk { contact, .. } | Self::Update { contact, .. } | Self::Check { contact } => {
                Some(contact)
            }
        }
    }
}

impl Node {
    /// Whether there is room for another request.
    pub(super) fn can_ask(&self) -> bool {
        self.requests.len() < REQUESTS_MAX && self.outgoing.len() < OUTGOING_MAX
    }

    /// Sends a request, and again if need be. `message` lacks what is the same in all.
    pub(super) fn ask(
        &mut self,
        now: Duration,
        to: SocketAddrV4,
        referrer: Option<SocketAddrV4>,
        purpose: Purpose,
        message: Message,
    ) {
        let number = self.free_number();
        let datagram = Message { number, to: Some(to), id: self.shown_id(), ..message }.encode();
        self.requests.insert(now, number, to, referrer, purpose, datagram.clone());
        self.send(to, datagram);
    }

    /// Asks whether a node that is not in the table is who it says: then it may come in.
    pub(super) fn verify(&mut self, now: Duration, contact: Contact) {
        // Strangers leave some places to the nodes that we look after by ourselves.
        let has_place = self.upkeep.checks.len() + CHECKED_NODES < VERIFICATIONS_MAX;
        let is_wanted = has_place
            && self.reach.covers(contact.address)
            && self.routing.has_room(&contact.id)
            && !self.routing.holds(&contact);
        if is_wanted {
            self.check(now, contact);
        }
    }

    /// Asks whether a node is still there, unless that is being asked.
    pub(super) fn check(&mut self, now: Duration, contact: Contact) {
        let checks = &self.upkeep.checks;
        if checks.len() >= VERIFICATIONS_MAX || checks.contains(&contact.address) || !self.can_ask() {
            return;
        }
        self.upkeep.checks.insert(contact.address);
        let value = Some(contact.id.0.to_vec());
        let ping = Message { command: Some(command::PING.to_owned()), value, ..Message::new(Kind::Query, 0) };
        self.ask(now, contact.address, None, Purpose::Check { contact }, ping);
    }

    pub(super) fn handle_response(&mut self, now: Duration, from: SocketAddrV4, message: Message) {
        let Some(request) = self.requests.answered(message.number, from) else { return };
        if let Some(to) = message.to {
            self.upkeep.seen_as(from, to);
        }
        let expected = request.purpose.contact().copied();
        let found = message.id.map(|id| Contact { id, address: from });
        if expected.is_some() && expected != found {
            // Somebody else is there now, or nobody who takes part.
            self.fail(request.purpose);
        } else if let Some(contact) = found.filter(|contact| self.reach.covers(contact.address)) {
            if let Purpose::Check { contact } = request.purpose {
                self.upkeep.checks.remove(&contact.address);
            }
            if let Some(silent) = self.routing.seen(now, contact) {
                self.check(now, silent);
            }
            self.succeed(request.purpose, Some(contact), &message);
        } else {
            self.succeed(request.purpose, None, &message);
        }
        // Nothing else that comes in moves our tasks on: strangers don't make us look at all of them.
        self.advance(now);
    }

    /// Sends again what was not answered, and gives up what was never.
    pub(super) fn handle_overdue(&mut self, now: Duration) {
        while let Some((number, step)) = self.requests.poll(now) {
            match step {
                Step::Slow => {
                    if let Some(Purpose::Walk { task, path, contact }) =
                        self.requests.get(number).map(|request| request.purpose)
                        && let Some(task) = self.tasks.get_mut(&task)
                    {
                        task.walk.handle_slow(path, &contact);
                    }
                    self.punch(number);
                }
                Step::Again => {
                    if let Some(request) = self.requests.get(number) {
                        let (to, datagram) = (request.to, request.datagram.clone());
                        self.send(to, datagram);
                    }
                    self.punch(number);
                }
                Step::Failed => {
                    if let Some(request) = self.requests.remove(number) {
                        self.fail(request.purpose);
                    }
                }
            }
        }
    }

    /// Has the node's referrer tell it to send us something, which opens its firewall for us.
    fn punch(&mut self, number: u64) {
        let Some(request) = self.requests.get(number) else { return };
        let Some(referrer) = request.referrer else { return };
        let punch = Message {
            to: Some(referrer),
            id: self.shown_id(),
            command: Some(command::HOLEPUNCH.to_owned()),
            value: Holepunch::To(request.to).encode(),
            ..Message::new(Kind::Query, self.free_number())
        };
        self.send(referrer, punch.encode());
    }

    fn succeed(&mut self, purpose: Purpose, contact: Option<Contact>, message: &Message) {
        match purpose {
            Purpose::Enter { task } => self.handle_entered(task, contact, message),
            Purpose::Walk { task, path, contact } => self.handle_walked(task, path, contact, message),
            Purpose::Update { task, .. } => self.handle_updated(task, message.error.is_none()),
            Purpose::Check { .. } => {}
        }
    }

    fn fail(&mut self, purpose: Purpose) {
        if let Some(contact) = purpose.contact() {
            self.routing.remove(contact);
        }
        match purpose {
            Purpose::Enter { task } => self.handle_no_entry(task),
            Purpose::Walk { task, path, contact } => {
                if let Some(task) = self.tasks.get_mut(&task) {
                    task.walk.handle_failure(path, &contact);
                }
            }
            Purpose::Update { task, .. } => self.handle_updated(task, false),
            Purpose::Check { contact } => {
                self.upkeep.checks.remove(&contact.address);
            }
        }
    }

    /// A number that no request has, and nobody can guess. 32 bits, because the reference counts in JavaScript numbers.
    fn free_number(&mut self) -> u64 {
        loop {
            let number = self.random.number() >> 32;
            if self.requests.is_free(number) {
                return number;
            }
        }
    }
}
