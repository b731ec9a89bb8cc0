//! What has to hold in every world.
//!
//! Grade: plain.

use dazaar_log::flat_tree::NodeIndex;
use dazaar_log::{Log, MemoryStorage};
use dazaar_wire::limits::NODES_MAX;
use dazaar_wire::replication::Fault;
use dazaar_wire::replication::limits::{
    BLOCK_BYTES_GUESS, FETCH_BYTES, FETCHED_BYTES_MAX, FETCHES_MAX, RANGE_BYTES, WINDOW_MAX, WINDOW_START,
};
use dazaar_wire::{PeerFault, ReplicationFault};

use crate::attack::Behaviour;
use crate::host::Ending;
use crate::link::Origin;
use crate::world::World;

/// Bytes of a node in a message, at most.
const NODE_BYTES: usize = 60;

/// Bytes of answers that are not held back: to offers of feeds, which the attackers here do not send in larger numbers.
const CONTROL_BYTES: usize = 64 << 10;

impl World {
    /// A block that somebody wants, and does not have, although a neighbour has it and may give it; `None` if there is none.
    pub(crate) fn unfinished(&self) -> Option<String> {
        let faithful: Vec<bool> =
            (0..self.hosts.len()).map(|host| self.fork.is_none() || self.is_faithful(host)).collect();
        for edge in &self.edges {
            for (here, there) in
                [(edge.plan.ends[0], edge.plan.ends[1]), (edge.plan.ends[1], edge.plan.ends[0])]
            {
                let (host, neighbour) = (&self.hosts[here], &self.hosts[there]);
                // Who re-keys a log for others learns nothing from them.
                if host.plan.family != edge.plan.family || !faithful[here] || !faithful[there] {
                    continue;
                }
                let mut given = neighbour.log.have().runs(0..u64::MAX).flatten();
                if let Some(block) = given.find(|&block| host.wishes.contains(block) && !host.log.has(block))
                {
                    return Some(format!("host {here} lacks block {block}, which host {there} has"));
                }
            }
        }
        None
    }

    /// A block that a host has just stored is the writer's, or was signed by whoever signs another history.
    pub(crate) fn check_block(&self, host: usize, block: u64) -> Result<(), String> {
        let stored = match self.hosts[host].log.block(block) {
            // A host may clear what it has just stored.
            Ok(None) => return Ok(()),
            Ok(Some(stored)) => stored,
            Err(_) if !self.is_faithful(host) => return Ok(()),
            Err(error) => return Err(format!("host {host}: {error}")),
        };
        let forked = self.fork.as_ref().and_then(|fork| fork.block(block).ok()?);
        if self.truth.get(block as usize).is_some_and(|truth| *truth == stored) || forked == Some(stored) {
            return Ok(());
        }
        Err(format!("host {host} stored block {block}, which nobody signed"))
    }

    /// A host ended a connection: was there a reason that may exist?
    pub(crate) fn check_ending(&self, host: usize, origin: Origin, ending: &Ending) -> Result<(), String> {
        use {Ending as E, PeerFault as P, ReplicationFault as R};
        let fine = match (origin, ending) {
            (_, E::Lost) => true,
            (_, E::Send(_)) => false,
            (_, E::Replication(Fault::Log(_) | Fault::Damaged(_))) => !self.is_faithful(host),
            (Origin::Attacker(_), _) => true,
            // Nobody is late unless somebody or something makes them.
            (_, E::Session(P::Silent { .. } | P::HandshakeTimeout { .. })) => self.is_delayed(),
            (_, E::Replication(Fault::Peer(R::RequestTimeout))) => self.is_delayed(),
            // Who was shown another history does not agree with the others.
            (_, E::Replication(Fault::Peer(R::Proof { .. }))) => self.fork.is_some(),
            _ => false,
        };
        if fine {
            Ok(())
        } else {
            Err(format!("host {host} ends a connection, {origin:?}: {}", ending.explain()))
        }
    }

    /// What waits for sockets and what others owe is within the limits, and nothing is left of connections that ended.
    pub(crate) fn check_bounds(&self) -> Result<(), String> {
        let block = self.truth.iter().map(Vec::len).max().unwrap_or_default();
        for (number, host) in self.hosts.iter().enumerate() {
            let message = block.max(RANGE_BYTES as usize) + NODES_MAX * NODE_BYTES;
            let limit = host.plan.high_water + message + CONTROL_BYTES;
            if host.most_outgoing > limit {
                return Err(format!(
                    "{} bytes of host {number} waited, at most {limit} may",
                    host.most_outgoing
                ));
            }
            if !host.connections.is_empty()
                || host.feeds.values().any(|feed| feed.replication.poll_timeout().is_some())
            {
                return Err(format!("host {number} waits for peers that are gone"));
            }
        }
        for attacker in &self.attackers {
            let limit = match attacker.plan.behaviour {
                Behaviour::Silent | Behaviour::NotReading => WINDOW_START,
                _ => WINDOW_MAX,
            };
            // One more for the proof of the length.
            if attacker.most_owed > limit + 1 {
                return Err(format!("{:?} was asked {} things at once", attacker.plan, attacker.most_owed));
            }
            let blocks_max = match attacker.plan.behaviour {
                Behaviour::NotReading | Behaviour::Silent => {
                    (FETCHED_BYTES_MAX + FETCH_BYTES) / BLOCK_BYTES_GUESS
                }
                _ => u64::MAX,
            };
            if attacker.most_fetched > FETCHES_MAX || attacker.most_fetched_blocks > blocks_max {
                let (ranges, blocks) = (attacker.most_fetched, attacker.most_fetched_blocks);
                return Err(format!("{:?} was asked for {ranges} ranges, {blocks} blocks", attacker.plan));
            }
        }
        Ok(())
    }

    /// Every log has the writer's tree and blocks, and an audit finds nothing.
    pub(crate) fn check_logs(&mut self) -> Result<(), String> {
        for host in 0..self.hosts.len() {
            if !self.is_faithful(host) {
                if self.fork.is_none() {
                    return Err(format!("host {host} has a tree that nobody signed"));
                }
                continue;
            }
            for block in self.hosts[host].log.have().runs(0..u64::MAX).flatten() {
                let stored =
                    self.hosts[host].log.block(block).map_err(|error| format!("host {host}: {error}"))?;
                if stored.as_deref() != self.truth.get(block as usize).map(Vec::as_slice) {
                    return Err(format!("block {block} of host {host} is not the writer's"));
                }
            }
            let audit = self.hosts[host].log.audit().map_err(|error| format!("host {host}: {error}"))?;
            if audit.invalid > 0 {
                return Err(format!("an audit of host {host} finds {} blocks invalid", audit.invalid));
            }
        }
        Ok(())
    }

    /// Whether every node that a host holds is the writer's. It may not be if the key signed two histories: a reader that holds
    /// few nodes cannot see that they contradict each other, and what it holds is then of both.
    pub(crate) fn is_faithful(&self, host: usize) -> bool {
        let (log, writer) = (&self.hosts[host].log, &self.hosts[0].log);
        let node = |log: &Log<MemoryStorage>, number| log.node(NodeIndex(number)).ok().flatten();
        let nodes = log.tree().bits();
        nodes.runs(0..nodes.len()).flatten().all(|number| node(log, number) == node(writer, number))
    }
}
