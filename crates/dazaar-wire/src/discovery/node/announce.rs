//! Announcements that a node repeats until they are taken back.
//!
//! Grade: machine. Source: classic protocol, section 8.2.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::Node;
use super::task::Goal;
use crate::discovery::Topic;
use crate::discovery::limits::{ANNOUNCE_INTERVAL, ANNOUNCE_RETRY};
use crate::discovery::payload::PeersInput;

/// Where somebody who announces can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announcement {
    /// The TCP port, at the address from which our datagrams come.
    pub port: u16,
    /// The address in the local network, for those who ask from there.
    pub local: Option<SocketAddrV4>,
}

impl Announcement {
    pub(super) const fn input(self, unannounce: bool) -> PeersInput {
        PeersInput { port: Some(self.port), local: self.local, unannounce }
    }
}

/// An announcement that stands.
#[derive(Debug)]
pub(super) struct Standing {
    announcement: Announcement,
    /// When to announce next; `None` while it is being done.
    due: Option<Duration>,
    /// Nodes that took it the last time.
    takers: Vec<SocketAddrV4>,
}

impl Standing {
    pub(super) const fn due(&self) -> Option<Duration> {
        self.due
    }
}

impl Node {
    /// Announces a topic, now and again every few minutes.
    pub fn announce(&mut self, now: Duration, topic: Topic, announcement: Announcement) {
        self.announcements.insert(topic, Standing { announcement, due: None, takers: Vec::new() });
        self.begin(now, topic, Goal::Announce(announcement));
    }

    /// Takes an announcement back; [`NodeEvent::Withdrawn`](super::NodeEvent::Withdrawn) is the end. False if there is none.
    pub fn withdraw(&mut self, now: Duration, topic: Topic) -> bool {
        let Some(standing) = self.announcements.remove(&topic) else { return false };
        self.end_announcing(topic);
        self.begin(now, topic, Goal::Withdraw(standing.announcement));
        true
    }

    /// An announcement was made.
    pub(super) fn announced(&mut self, now: Duration, topic: Topic, takers: Vec<SocketAddrV4>) {
        let interval = if takers.is_empty() {
            self.random.time((ANNOUNCE_RETRY, 2 * ANNOUNCE_RETRY))
        } else {
            self.random.time(ANNOUNCE_INTERVAL)
        };
        if let Some(standing) = self.announcements.get_mut(&topic) {
            (standing.due, standing.takers) = (Some(now + interval), takers);
        }
    }

    /// Whether a node keeps an announcement of ours.
    pub(super) fn is_announced_to(&self, node: SocketAddrV4) -> bool {
        self.announcements.values().any(|standing| standing.takers.contains(&node))
    }

    /// Repeats everything soon: there are new nodes to tell.
    pub(super) fn announce_again(&mut self, now: Duration) {
        for standing in self.announcements.values_mut() {
            standing.due = standing.due.map(|_| now);
        }
    }

    /// Repeats what is due.
    pub(super) fn repeat_announcements(&mut self, now: Duration) {
        let mut due = Vec::new();
        for (topic, standing) in &mut self.announcements {
            if standing.due.is_some_and(|due| due <= now) {
                standing.due = None;
                due.push((*topic, standing.announcement));
            }
        }
        for (topic, announcement) in due {
            self.begin(now, topic, Goal::Announce(announcement));
        }
    }
}
