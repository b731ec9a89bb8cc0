//! The half of the conductor that fetches: claims in, questions out, blocks into the log.
//!
//! Grade: machine. Source: classic protocol, sections 5.2 to 5.4.

use super::*;

impl Replication {
    /// Without `uploading` the peer has dropped our requests and `Want`s.
    pub(super) fn handle_status(&mut self, id: PeerId, uploading: bool) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.switches.handle_status(uploading);
        if !uploading {
            peer.wants.clear();
            self.give_up(id);
        }
    }

    pub(super) fn handle_have(&mut self, id: PeerId, have: &Have) -> Result<(), ReplicationFault> {
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        // Who downloads nothing keeps no map; a claim that no feed can have is a fault all the same.
        let mut forgotten = remote::RemoteMap::default();
        let downloads = self.selection.download() != Download::None;
        let remote = if downloads { &mut peer.remote } else { &mut forgotten };
        let claimed = match &have.bitfield {
            None => remote.handle_have(have.start, have.length)?,
            Some(bits) => {
                peer.wants.handle_answer(have.start, have.length);
                remote.handle_bitfield(have.start, bits)?
            }
        };
        if downloads {
            peer.handle_claim(&claimed);
            peer.wake(claimed);
        }
        Ok(())
    }

    pub(super) fn handle_unhave(&mut self, id: PeerId, start: u64, length: u64) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let gone = peer.remote.handle_unhave(start, length);
        // It was never told of what it gave us itself, and may want it back.
        peer.announcements.add(gone.clone());
        if peer.give_up_proof_within(&gone) {
            self.update = Update::Wanted;
        }
        let owed = peer.give_up_blocks(gone);
        let others = self.peers.iter_mut().filter(|(other, _)| **other != id);
        others.for_each(|(_, peer)| peer.take_back());
        self.release(owed);
    }

    /// Stores a block that we asked this peer for, or learns the length from a proof. Whatever else comes is ignored and counted.
    pub(super) fn handle_data<S: Storage>(
        &mut self,
        id: PeerId,
        data: Data,
        log: &mut Log<S>,
        now: Duration,
    ) -> Result<(), Fault> {
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        let block = data.index;
        let owed = match &data.value {
            Some(value) => peer.window.handle_block(block, value.len(), now),
            None => peer.window.handle_proof(block, now),
        };
        if !owed {
            if !log.has(block) && block < MAX_LENGTH {
                peer.announcements.remove(block..block + 1);
            }
            return Ok(peer.handle_stray()?);
        }
        match data.value {
            Some(_) => self.handle_block(id, data, log)?,
            None => self.handle_proof(id, data, log)?,
        }
        Ok(self.handle_lost(id, now)?)
    }

    /// Gives up what a peer will not send any more. Others who have the block are asked, or else the same peer once more.
    pub(super) fn handle_lost(&mut self, id: PeerId, now: Duration) -> Result<(), ReplicationFault> {
        while let Some(lost) = self.peers.get(&id).and_then(|peer| peer.window.lost(now)) {
            let elsewhere = self.peers.iter().any(|(other, peer)| *other != id && peer.can_give(lost.block));
            let Some(peer) = self.peers.get_mut(&id) else { break };
            if elsewhere {
                peer.leave(lost.block);
                self.release([lost.block]);
            } else if lost.again {
                return Err(ReplicationFault::RequestTimeout);
            } else {
                peer.ask_again(lost.block, now);
            }
        }
        Ok(())
    }

    fn handle_block<S: Storage>(&mut self, id: PeerId, data: Data, log: &mut Log<S>) -> Result<(), Fault> {
        let block = data.index;
        self.requested.remove(block..block + 1);
        self.store(id, data, log).inspect_err(|_| self.release([block]))
    }

    fn handle_proof<S: Storage>(&mut self, id: PeerId, data: Data, log: &mut Log<S>) -> Result<(), Fault> {
        self.update = Update::Idle;
        self.store(id, data, log).inspect_err(|_| self.update = Update::Wanted)
    }

    /// The next thing to ask a peer: about a range, for the proof of its length, or for a block.
    pub(super) fn poll_download<S: Storage>(
        &mut self,
        id: PeerId,
        log: &Log<S>,
        now: Duration,
    ) -> Option<Message> {
        let peer = self.peers.get_mut(&id)?;
        let have = log.have();
        let next_missing = |from| self.selection.next_missing(from, have);
        if let Some(start) = peer.wants.poll(peer.remote.length(), next_missing) {
            return Some(Message::Want { start, length: limits::WANT_BLOCKS });
        }
        let last = peer.last_block().filter(|&last| last >= log.length());
        if self.update == Update::Wanted
            && let Some(block) = last
        {
            self.update = Update::Asked;
            peer.window.request_proof(block, now);
            return Some(request(block, true, log));
        }
        while let Some(block) = peer.poll_again() {
            if !log.has(block) {
                peer.window.request_again(block, now);
                return Some(request(block, false, log));
            }
            self.requested.remove(block..block + 1);
        }
        let block = peer.poll_block(&self.selection, have, &self.requested)?;
        peer.window.request(block, now);
        self.requested.insert(block..block + 1);
        Some(request(block, false, log))
    }

    /// Gives up all requests to a peer, so that they are made to others or anew.
    pub(super) fn give_up(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let owed = peer.give_up_blocks(0..u64::MAX);
        if peer.give_up_proof() {
            self.update = Update::Wanted;
        }
        self.peers.values_mut().for_each(Peer::take_back);
        self.release(owed);
    }

    /// Blocks that nobody owes us any more.
    fn release(&mut self, blocks: impl IntoIterator<Item = u64>) {
        for block in blocks {
            self.requested.remove(block..block + 1);
            self.peers.values_mut().for_each(|peer| peer.wake(block..block + 1));
        }
    }

    fn store<S: Storage>(&mut self, id: PeerId, data: Data, log: &mut Log<S>) -> Result<(), Fault> {
        let (block, length) = (data.index, log.length());
        let bytes = data.value.as_ref().map_or(0, Bytes::len) as u64;
        let unverified =
            UnverifiedBlock { index: block, value: data.value, nodes: data.nodes, signature: data.signature };
        let verified = log.verify(unverified).map_err(|error| Fault::of_block(block, error))?;
        let stored = log.store(verified)?;
        if stored.length > length {
            self.events.push_back(ReplicationEvent::Length { length: stored.length });
        }
        if stored.block.is_some() {
            self.bytes_down += bytes;
            self.selection.handle_stored(block);
            self.events.push_back(ReplicationEvent::Stored { block, bytes });
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.handle_stored();
            }
            let others = self.peers.iter_mut().filter(|(other, _)| **other != id);
            others.for_each(|(_, peer)| peer.announcements.add(block..block + 1));
        }
        Ok(())
    }
}

fn request<S: Storage>(block: u64, hash: bool, log: &Log<S>) -> Message {
    Message::Request(Request { index: block, bytes: 0, hash, nodes: log.digest(block).0 })
}
