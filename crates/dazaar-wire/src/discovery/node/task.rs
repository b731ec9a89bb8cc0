//! Tasks of a node: a walk towards a target, and what is done on the way and at its end.
//!
//! Grade: machine. Source: classic protocol, section 8.2.

use std::collections::BTreeSet;
use std::net::SocketAddrV4;
use std::time::Duration;

use super::ask::Purpose;
use super::{Announcement, Node, NodeEvent, Peer};
use crate::discovery::Topic;
use crate::discovery::id::Contact;
use crate::discovery::limits::{NODES_MAX, PEERS_HEARD_MAX, PEERS_NEAR_MAX, WALKS_MAX};
use crate::discovery::message::{Kind, Message, command};
use crate::discovery::payload::{PeersInput, PeersOutput};
use crate::discovery::reach::Reach;
use crate::discovery::walk::Walk;

/// Names a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TaskId(u64);

/// What a walk is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// To get to know the nodes there.
    Approach,
    /// To hear who announced.
    LookUp { local: Option<SocketAddrV4> },
    /// To announce.
    Announce(Announcement),
    /// To take an announcement back.
    Withdraw(Announcement),
}

/// A walk that goes on.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) walk: Walk,
    topic: Topic,
    goal: Goal,
    /// Bootstrap nodes that have not answered.
    entering: usize,
    answers: usize,
    /// Peers in our own network that were named.
    near: BTreeSet<SocketAddrV4>,
    /// Nodes that took the announcement.
    takers: Vec<SocketAddrV4>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Walking,
    /// Announcements are on their way to so many of the closest nodes.
    Updating {
        waiting: usize,
    },
}

impl Goal {
    /// The request that is sent on the way.
    fn question(self, topic: Topic) -> Message {
        let (name, value) = match self {
            Self::Approach | Self::Withdraw(_) => (command::FIND_NODE, None),
            Self::LookUp { local } => {
                (command::PEERS, Some(PeersInput { local, ..PeersInput::default() }.encode()))
            }
            Self::Announce(announcement) => (command::PEERS, Some(announcement.input(false).encode())),
        };
        let (target, command) = (Some(topic.0), Some(name.to_owned()));
        Message { target, command, value, ..Message::new(Kind::Query, 0) }
    }

    /// The request that is sent to the closest nodes at the end.
    fn update(self, topic: Topic) -> Option<Message> {
        let input = match self {
            Self::Approach | Self::LookUp { .. } => return None,
            Self::Announce(announcement) => announcement.input(false),
            Self::Withdraw(announcement) => announcement.input(true),
        };
        let (target, command) = (Some(topic.0), Some(command::PEERS.to_owned()));
        Some(Message { target, command, value: Some(input.encode()), ..Message::new(Kind::Update, 0) })
    }
}

impl Node {
    /// Begins a task, or has it wait for its turn. One that goes on already is not begun again.
    pub(super) fn begin(&mut self, now: Duration, topic: Topic, goal: Goal) {
        let is_same = |other_topic: Topic, other: Goal| other_topic == topic && other == goal;
        let goes_on = self.tasks.values().any(|task| is_same(task.topic, task.goal))
            || self.waiting.iter().any(|(topic, goal)| is_same(*topic, *goal));
        if goes_on {
            return;
        }
        self.waiting.push_back((topic, goal));
        self.advance(now);
    }

    /// Ends what is under way to announce a topic, so that nothing of it arrives after the withdrawal.
    pub(super) fn end_announcing(&mut self, topic: Topic) {
        let announces = |other: Topic, goal| other == topic && matches!(goal, Goal::Announce(_));
        self.tasks.retain(|_, task| !announces(task.topic, task.goal));
        self.waiting.retain(|(other, goal)| !announces(*other, *goal));
    }

    /// Does all that can be done now.
    pub(super) fn advance(&mut self, now: Duration) {
        loop {
            while self.tasks.len() < WALKS_MAX
                && let Some((topic, goal)) = self.waiting.pop_front()
            {
                self.start(now, topic, goal);
            }
            let ids: Vec<TaskId> = self.tasks.keys().copied().collect();
            for id in ids {
                self.walk_on(now, id);
            }
            if self.tasks.len() >= WALKS_MAX || self.waiting.is_empty() {
                return;
            }
        }
    }

    fn start(&mut self, now: Duration, topic: Topic, goal: Goal) {
        let id = TaskId(self.next_task);
        self.next_task += 1;
        let mut walk = Walk::new(topic.0, self.id);
        let known = self.routing.closest(&topic.0, NODES_MAX);
        walk.deal(&known, None);
        // The fewer nodes we know, the more we depend on those that we were told of.
        let entrances = if known.len() < NODES_MAX { self.bootstrap.clone() } else { Vec::new() };
        let entering = entrances.len();
        self.tasks.insert(
            id,
            Task {
                walk,
                topic,
                goal,
                entering,
                answers: 0,
                near: BTreeSet::new(),
                takers: Vec::new(),
                phase: Phase::Walking,
            },
        );
        for entrance in entrances {
            self.ask(now, entrance, None, Purpose::Enter { task: id }, goal.question(topic));
        }
    }

    /// Asks whom the walk wants to ask, and goes on to the next phase when it is over.
    fn walk_on(&mut self, now: Duration, id: TaskId) {
        while self.can_ask() {
            let Some(task) = self.tasks.get_mut(&id) else { return };
            let Some(ask) = task.walk.poll() else { break };
            let question = task.goal.question(task.topic);
            let purpose = Purpose::Walk { task: id, path: ask.path, contact: ask.contact };
            self.ask(now, ask.contact.address, ask.referrer, purpose, question);
        }
        let Some(task) = self.tasks.get(&id) else { return };
        if task.phase == Phase::Walking && task.entering == 0 && task.walk.is_over() {
            self.update(now, id);
        }
        let Some(task) = self.tasks.get(&id) else { return };
        if task.phase == (Phase::Updating { waiting: 0 }) {
            self.finish(now, id);
        }
    }

    /// The walk is over: announces to the closest nodes, if that is what it was for.
    fn update(&mut self, now: Duration, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let update = task.goal.update(task.topic);
        let closest = if update.is_some() { task.walk.closest() } else { Vec::new() };
        task.phase = Phase::Updating { waiting: closest.len() };
        let Some(update) = update else { return };
        for (contact, token) in closest {
            let update = Message { token: Some(token), ..update.clone() };
            self.ask(now, contact.address, None, Purpose::Update { task: id, contact }, update);
        }
    }

    fn finish(&mut self, now: Duration, id: TaskId) {
        let Some(Task { topic, goal, answers, takers, .. }) = self.tasks.remove(&id) else { return };
        let event = match goal {
            Goal::Approach => {
                self.approached(topic);
                return;
            }
            Goal::LookUp { .. } => NodeEvent::LookedUp { topic, answers },
            Goal::Announce(_) => {
                let nodes = takers.len();
                self.announced(now, topic, takers);
                NodeEvent::Announced { topic, nodes }
            }
            Goal::Withdraw(_) => NodeEvent::Withdrawn { topic },
        };
        self.events.push_back(event);
    }

    /// A bootstrap node answered: what it names is dealt to all paths.
    pub(super) fn handle_entered(&mut self, id: TaskId, contact: Option<Contact>, message: &Message) {
        let closer = self.believable(&message.closer);
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.entering -= 1;
        task.answers += 1;
        if let Some(contact) = contact {
            task.walk.handle_entrance(contact, message.token);
        }
        task.walk.deal(&closer, contact.map(|contact| contact.address));
        self.hear(id, message);
    }

    pub(super) fn handle_no_entry(&mut self, id: TaskId) {
        if let Some(task) = self.tasks.get_mut(&id) {
            task.entering -= 1;
        }
    }

    /// A node on a walk answered.
    pub(super) fn handle_walked(&mut self, id: TaskId, path: usize, contact: Contact, message: &Message) {
        let closer = self.believable(&message.closer);
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.answers += 1;
        task.walk.handle_answer(path, contact, message.token, &closer);
        self.hear(id, message);
    }

    /// A node took an announcement, or did not.
    pub(super) fn handle_updated(&mut self, id: TaskId, node: SocketAddrV4, success: bool) {
        if let Some(task) = self.tasks.get_mut(&id)
            && let Phase::Updating { waiting } = &mut task.phase
        {
            *waiting -= 1;
            task.takers.extend(success.then_some(node));
        }
    }

    /// Tells the peers that an answer names.
    fn hear(&mut self, id: TaskId, message: &Message) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let Goal::LookUp { local } = task.goal else { return };
        let output = message.value.as_deref().and_then(|value| PeersOutput::decode(value, local));
        let Some(PeersOutput { peers, local: near }) = output else { return };
        let peers = peers.into_iter().filter(|peer| self.reach.covers(*peer));
        let peers = peers.map(|address| Peer { address, is_local: false });
        // Who shares our network is reached there, however public the DHT is.
        let near = near.into_iter().filter(|peer| Reach::Loopback.covers(*peer));
        let near = near.filter(|peer| {
            task.near.contains(peer) || (task.near.len() < PEERS_NEAR_MAX && task.near.insert(*peer))
        });
        let near = near.map(|address| Peer { address, is_local: true });
        let topic = task.topic;
        let found = near.chain(peers).take(PEERS_HEARD_MAX).map(|peer| NodeEvent::Found { topic, peer });
        self.events.extend(found);
    }

    /// The nodes that it makes sense to ask.
    fn believable(&self, contacts: &[Contact]) -> Vec<Contact> {
        contacts.iter().filter(|contact| self.reach.covers(contact.address)).copied().collect()
    }
}
