//! A walk through the DHT to the nodes closest to a target.
//!
//! Grade: machine. Every answer names closer nodes, which are asked in turn. A liar could lead a walk astray by naming only its
//! friends, who may have any id they like. So a walk is several walks: each path has candidates of its own, what a node names
//! stays on its path, and no node is asked on two paths. Source: the procedure is that of classic protocol, section 8.2; the paths
//! are ours.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use super::id::{Contact, NodeId};
use super::limits::{NODES_MAX, PATH_ASKED_MAX, PATH_CANDIDATES_MAX, PATH_CONCURRENCY, PATH_NODES, PATHS};
use super::message::Token;

/// Whom to ask now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) path: usize,
    pub(super) contact: Contact,
    pub(super) referrer: Option<SocketAddrV4>,
}

/// A walk.
#[derive(Debug)]
pub(super) struct Walk {
    target: [u8; 32],
    own: NodeId,
    paths: Vec<Path>,
    /// The path that each address belongs to: where it was dealt, or asked.
    owners: BTreeMap<SocketAddrV4, usize>,
    /// The path that comes next when nodes are dealt.
    turn: usize,
}

#[derive(Debug, Default)]
struct Path {
    /// Closest first.
    candidates: Vec<Candidate>,
    asked: usize,
}

#[derive(Debug)]
struct Candidate {
    distance: [u8; 32],
    contact: Contact,
    referrer: Option<SocketAddrV4>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fresh,
    Asked,
    /// Asked, and takes long.
    Slow,
    Answered(Option<Token>),
}

impl Walk {
    /// A walk of the node `own`.
    pub(super) fn new(target: [u8; 32], own: NodeId) -> Self {
        let paths = std::iter::repeat_with(Path::default).take(PATHS).collect();
        Self { target, own, paths, owners: BTreeMap::new(), turn: 0 }
    }

    /// Deals nodes out to the paths.
    pub(super) fn deal(&mut self, contacts: &[Contact], referrer: Option<SocketAddrV4>) {
        for contact in contacts {
            self.deal_one(*contact, referrer, State::Fresh);
        }
    }

    /// A node at an address that we know by other means answered: it is dealt to a path.
    pub(super) fn handle_entrance(&mut self, contact: Contact, token: Option<Token>) {
        self.deal_one(contact, None, State::Answered(token));
    }

    /// A node that was asked on a path answered, and named others.
    pub(super) fn handle_answer(
        &mut self,
        path: usize,
        contact: Contact,
        token: Option<Token>,
        closer: &[Contact],
    ) {
        if let Some(candidate) = self.candidate(path, &contact) {
            candidate.state = State::Answered(token);
        }
        for named in closer {
            self.add(path, *named, Some(contact.address), State::Fresh);
        }
    }

    /// A node takes long to answer: others are asked meanwhile.
    pub(super) fn handle_slow(&mut self, path: usize, contact: &Contact) {
        if let Some(candidate) = self.candidate(path, contact) {
            candidate.state = State::Slow;
        }
    }

    /// A node did not answer, or is not who it should be.
    pub(super) fn handle_failure(&mut self, path: usize, contact: &Contact) {
        if let Some(path) = self.paths.get_mut(path) {
            path.candidates.retain(|candidate| candidate.contact != *contact);
        }
    }

    /// Whom to ask next; none if all have to be waited for, or the walk is over.
    pub(super) fn poll(&mut self) -> Option<Ask> {
        for (index, path) in self.paths.iter_mut().enumerate() {
            // Whoever was asked on another path in the meantime is no candidate any more.
            let is_ours =
                |address: &SocketAddrV4| self.owners.get(address).is_none_or(|owner| *owner == index);
            path.candidates.retain(|candidate| is_ours(&candidate.contact.address));
            if let Some(candidate) = path.next() {
                candidate.state = State::Asked;
                let (contact, referrer) = (candidate.contact, candidate.referrer);
                path.asked += 1;
                self.owners.insert(contact.address, index);
                return Some(Ask { path: index, contact, referrer });
            }
        }
        None
    }

    /// Whether nobody is left to ask or to wait for.
    pub(super) fn is_over(&self) -> bool {
        self.paths.iter().all(Path::is_over)
    }

    /// The nodes that answered with a token: the closest of each path, and the closest of all.
    pub(super) fn closest(&self) -> Vec<(Contact, Token)> {
        let mut found: Vec<_> = self.paths.iter().flat_map(Path::answered).collect();
        found.sort_unstable_by_key(|(_, candidate, _)| candidate.distance);
        let is_wanted = |(place, (rank, ..)): &(usize, (usize, &Candidate, Token))| {
            *place < NODES_MAX || *rank < PATH_NODES
        };
        let wanted = found.into_iter().enumerate().filter(is_wanted);
        wanted.map(|(_, (_, candidate, token))| (candidate.contact, token)).collect()
    }

    fn deal_one(&mut self, contact: Contact, referrer: Option<SocketAddrV4>, state: State) {
        let path = self.turn;
        if self.add(path, contact, referrer, state) {
            self.owners.insert(contact.address, path);
            self.turn = (path + 1) % PATHS;
        }
    }

    /// Adds a node to a path, unless it is there or on another, or we are it.
    fn add(&mut self, path: usize, contact: Contact, referrer: Option<SocketAddrV4>, state: State) -> bool {
        if contact.id == self.own || self.owners.contains_key(&contact.address) {
            return false;
        }
        let Some(path) = self.paths.get_mut(path) else { return false };
        let same = |candidate: &Candidate| {
            candidate.contact.id == contact.id || candidate.contact.address == contact.address
        };
        if path.candidates.iter().any(same) {
            return false;
        }
        let distance = contact.id.distance(&self.target);
        let place = path.candidates.partition_point(|candidate| candidate.distance < distance);
        path.candidates.insert(place, Candidate { distance, contact, referrer, state });
        path.shrink();
        true
    }

    fn candidate(&mut self, path: usize, contact: &Contact) -> Option<&mut Candidate> {
        self.paths.get_mut(path)?.candidates.iter_mut().find(|candidate| candidate.contact == *contact)
    }
}

impl Path {
    /// The nodes that answered with a token, closest first, each with its rank.
    fn answered(&self) -> impl Iterator<Item = (usize, &Candidate, Token)> {
        let with_token = self.candidates.iter().filter_map(|candidate| match candidate.state {
            State::Answered(token) => Some((candidate, token?)),
            _ => None,
        });
        with_token.enumerate().map(|(rank, (candidate, token))| (rank, candidate, token))
    }

    /// The closest node to ask, if there is room for a request: one of the first few, where slow ones do not count.
    fn next(&mut self) -> Option<&mut Candidate> {
        let waiting = self.candidates.iter().filter(|candidate| candidate.state == State::Asked).count();
        if waiting >= PATH_CONCURRENCY || self.asked >= PATH_ASKED_MAX {
            return None;
        }
        let awake = self.candidates.iter_mut().filter(|candidate| candidate.state != State::Slow);
        awake.take(PATH_NODES).find(|candidate| candidate.state == State::Fresh)
    }

    fn is_over(&self) -> bool {
        let is_waiting = |candidate: &Candidate| matches!(candidate.state, State::Asked | State::Slow);
        let mut first = self.candidates.iter().take(PATH_NODES);
        let is_done = self.asked >= PATH_ASKED_MAX || first.all(|candidate| candidate.state != State::Fresh);
        is_done && !self.candidates.iter().any(is_waiting)
    }

    /// Drops the farthest nodes that nothing is waited for from.
    fn shrink(&mut self) {
        while self.candidates.len() > PATH_CANDIDATES_MAX {
            let farthest = self.candidates.iter().rposition(|candidate| candidate.state == State::Fresh);
            self.candidates.remove(farthest.unwrap_or(PATH_CANDIDATES_MAX));
        }
    }
}

#[cfg(test)]
mod tests;
