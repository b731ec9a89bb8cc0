//! Requests of a node's own, and what becomes of them.
//!
//! Grade: machine. Source: classic protocol, sections 8.2 and 8.3.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::Node;
use super::task::TaskId;
use crate::discovery::id::Contact;
use crate::discovery::limits::{CHECKS_MAX, OUTGOING_MAX, REQUESTS_MAX, VERIFICATIONS_MAX};
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
    /// Whether a node that we know is still there.
    Check { contact: Contact },
    /// Whether a stranger is who it says.
    Verify { contact: Contact },
}

impl Purpose {
    /// Whom we expect to answer.
    const fn contact(&self) -> Option<&Contact> {
        match self {
            Self::Enter { .. } => None,
            Self::Walk { contact, .. }
            | Self::Update { contact, .. }
            | Self::Check { contact }
            | Self::Verify { contact } => Some(contact),
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
    ) -> u64 {
        let number = self.free_number();
        let datagram = Message { number, to: Some(to), id: self.shown_id(), ..message }.encode();
        self.requests.insert(now, number, to, referrer, purpose, datagram.clone());
        self.send(to, datagram);
        number
    }

    /// Asks whether a node that is not in the table is who it says: then it may come in.
    pub(super) fn verify(&mut self, now: Duration, contact: Contact) {
        let is_wanted = self.reach.covers(contact.address)
            && self.routing.has_room(&contact.id)
            && !self.routing.holds(&contact)
            && !self.upkeep.verifications.contains_key(&contact.address);
        if !is_wanted || !self.can_ask() {
            return;
        }
        if self.upkeep.verifications.len() >= VERIFICATIONS_MAX {
            self.give_up_any_stranger();
        }
        let number = self.ask(now, contact.address, None, Purpose::Verify { contact }, ping(&contact));
        self.upkeep.verifications.insert(contact.address, number);
    }

    /// Which one is left to chance: forged senders hold no place for long, and those who are there answer soon.
    fn give_up_any_stranger(&mut self) {
        let place = self.random.below(VERIFICATIONS_MAX);
        if let Some((address, number)) = self.upkeep.verifications.iter().nth(place) {
            let (address, number) = (*address, *number);
            self.upkeep.verifications.remove(&address);
            self.requests.remove(number);
        }
    }

    /// Asks whether a node is still there, unless that is being asked.
    pub(super) fn check(&mut self, now: Duration, contact: Contact) {
        let checks = &self.upkeep.checks;
        if checks.len() >= CHECKS_MAX || checks.contains(&contact.address) || !self.can_ask() {
            return;
        }
        self.upkeep.checks.insert(contact.address);
        self.ask(now, contact.address, None, Purpose::Check { contact }, ping(&contact));
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
            self.set_free(request.purpose);
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
                Step::Again if self.is_repeated(number) => {
                    if let Some(request) = self.requests.get(number) {
                        let (to, datagram) = (request.to, request.datagram.clone());
                        self.send(to, datagram);
                    }
                    self.punch(number);
                }
                Step::Again | Step::Failed => {
                    if let Some(request) = self.requests.remove(number) {
                        self.fail(request.purpose);
                    }
                }
            }
        }
    }

    /// Whether a request is sent again. Strangers get one chance at a time, and what was taken back is not announced again.
    fn is_repeated(&self, number: u64) -> bool {
        match self.requests.get(number).map(|request| request.purpose) {
            None | Some(Purpose::Verify { .. }) => false,
            Some(Purpose::Update { task, .. }) => self.tasks.contains_key(&task),
            Some(_) => true,
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
            Purpose::Update { task, contact } => {
                self.handle_updated(task, contact.address, message.error.is_none());
            }
            Purpose::Check { .. } | Purpose::Verify { .. } => {}
        }
    }

    fn fail(&mut self, purpose: Purpose) {
        if let Some(contact) = purpose.contact() {
            self.routing.remove(contact);
        }
        self.set_free(purpose);
        match purpose {
            Purpose::Enter { task } => self.handle_no_entry(task),
            Purpose::Walk { task, path, contact } => {
                if let Some(task) = self.tasks.get_mut(&task) {
                    task.walk.handle_failure(path, &contact);
                }
            }
            Purpose::Update { task, contact } => self.handle_updated(task, contact.address, false),
            Purpose::Check { .. } | Purpose::Verify { .. } => {}
        }
    }

    /// What the request was for may be asked again.
    fn set_free(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Check { contact } => {
                self.upkeep.checks.remove(&contact.address);
            }
            Purpose::Verify { contact } => {
                self.upkeep.verifications.remove(&contact.address);
            }
            Purpose::Enter { .. } | Purpose::Walk { .. } | Purpose::Update { .. } => {}
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

/// Asks a node whether it is there.
fn ping(contact: &Contact) -> Message {
    let value = Some(contact.id.0.to_vec());
    Message { command: Some(command::PING.to_owned()), value, ..Message::new(Kind::Query, 0) }
}
