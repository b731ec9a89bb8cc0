//! What has to hold in every world.
//!
//! Grade: plain.

use dazaar_wire::limits::NODES_MAX;
use dazaar_wire::replication::Fault;
use dazaar_wire::replication::limits::{WINDOW_MAX, WINDOW_START};
use dazaar_wire::{PeerFault, ReplicationFault};

use crate::attack::Behaviour;
use crate::host::Ending;
use crate::link::Origin;
use crate::world::World;

/// Bytes of a node in a message, at most.
const NODE_BYTES: usize = 60;

/// Bytes of answers that are not held back: to offers of feeds, which the attackers here do not send in larger numbers.
const CONTROL_BYTES: usize = 64 << 10;

/// Which histories a log agrees with: the writer's, and that of whoever signs another one.
type Histories = [bool; 2];

impl World {
    /// A block that somebody wants, and does not have, although a neighbour has it and may give it; `None` if there is none.
    pub(crate) fn unfinished(&self) -> Option<String> {
        for edge in &self.edges {
            for (here, there) in [(edge.plan.ends[0], edge.plan.ends[1]), (edge.plan.ends[1], edge.plan.ends[0])] {
                let (host, neighbour) = (&self.hosts[here], &self.hosts[there]);
                // Who re-keys a log for others learns nothing from them.
                if host.plan.family != edge.plan.family || !self.agree(here, there) {
                    continue;
                }
                let mut given = neighbour.log.have().runs(0..u64::MAX).flatten();
                if let Some(block) = given.find(|&block| host.wishes.contains(block) && !host.log.has(block)) {
                    return Some(format!("host {here} lacks block {block}, which host {there} has"));
                }
            }
        }
        None
    }

    /// A block that a host has stored is that of a history.
    pub(crate) fn check_block(&self, host: usize, block: u64) -> Result<(), String> {
        let stored = self.hosts[host].log.block(block).map_err(|error| format!("host {host}: {error}"))?;
        // A host may clear what it has just stored.
        let Some(stored) = stored else { return Ok(()) };
        let true_block = self.truth.get(block as usize).is_some_and(|truth| *truth == stored);
        let forked = self.fork.as_ref().and_then(|fork| fork.block(block).ok()?);
        if true_block || forked == Some(stored) {
            return Ok(());
        }
        Err(format!("host {host} stored block {block}, which nobody signed"))
    }

    /// A host ended a connection: was there a reason that may exist?
    pub(crate) fn check_ending(&self, host: usize, origin: Origin, ending: &Ending) -> Result<(), String> {
        use {Ending as E, PeerFault as P, ReplicationFault as R};
        let fine = match (origin, ending) {
            (_, E::Lost) => true,
            (_, E::Send(_) | E::Replication(Fault::Log(_) | Fault::Damaged(_))) => false,
            (Origin::Attacker(_), _) => true,
            (_, E::Session(P::Silent { .. } | P::HandshakeTimeout { .. })) => true,
            (_, E::Replication(Fault::Peer(R::RequestTimeout))) => true,
            // Whoever was shown another history does not agree with the others.
            (_, E::Replication(Fault::Peer(R::Proof { .. }))) => self.fork.is_some(),
            _ => false,
        };
        if fine { Ok(()) } else { Err(format!("host {host} ends a connection, {origin:?}: {ending}")) }
    }

    /// What waits for sockets and what others owe is within the limits, and nothing is left of connections that ended.
    pub(crate) fn check_bounds(&self) -> Result<(), String> {
        let block = self.truth.iter().map(Vec::len).max().unwrap_or_default();
        for (number, host) in self.hosts.iter().enumerate() {
            let limit = host.plan.high_water + block + NODES_MAX * NODE_BYTES + CONTROL_BYTES;
            if host.most_outgoing > limit {
                return Err(format!("{} bytes of host {number} waited, at most {limit} may", host.most_outgoing));
            }
            if !host.connections.is_empty() || host.feeds.values().any(|feed| feed.replication.poll_timeout().is_some()) {
                return Err(format!("host {number} waits for peers that are gone"));
            }
        }
        for attacker in &self.attackers {
            let limit = match attacker.plan.behaviour {
                Behaviour::Silent | Behaviour::FalseHaves | Behaviour::NotReading => WINDOW_START,
                _ => WINDOW_MAX,
            };
            // One more for the proof of the length.
            if attacker.most_owed > limit + 1 {
                return Err(format!("{:?} was asked {} things at once", attacker.plan, attacker.most_owed));
            }
        }
        Ok(())
    }

    /// Every log is all of one history, and an audit finds nothing.
    pub(crate) fn check_logs(&mut self) -> Result<(), String> {
        for host in 0..self.hosts.len() {
            let [honest, forked] = self.histories(host);
            if !honest && !forked {
                return Err(format!("the tree of host {host} is that of no history"));
            }
            for block in self.hosts[host].log.have().runs(0..u64::MAX).flatten() {
                let stored = self.hosts[host].log.block(block).map_err(|error| format!("host {host}: {error}"))?;
                let truth = if honest {
                    self.truth.get(block as usize).cloned().map(Into::into)
                } else {
                    self.fork.as_ref().and_then(|fork| fork.block(block).ok()?)
                };
                if stored != truth {
                    return Err(format!("block {block} of host {host} is not that of its history"));
                }
            }
            let audit = self.hosts[host].log.audit().map_err(|error| format!("host {host}: {error}"))?;
            if audit.invalid > 0 {
                return Err(format!("an audit of host {host} finds {} blocks invalid", audit.invalid));
            }
        }
        Ok(())
    }

    fn agree(&self, left: usize, right: usize) -> bool {
        let (left, right) = (self.histories(left), self.histories(right));
        (0..2).any(|history| left[history] && right[history])
    }

    fn histories(&self, host: usize) -> Histories {
        let Some(fork) = &self.fork else { return [true, false] };
        let log = &self.hosts[host].log;
        let hash = log.tree_hash(log.length());
        [&self.hosts[0].log, fork].map(|history| {
            let same = history.tree_hash(log.length()).ok().flatten() == hash.as_ref().ok().copied().flatten();
            log.length() <= history.length() && same
        })
    }
}
