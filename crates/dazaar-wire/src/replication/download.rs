//! The half of the conductor that fetches: claims in, questions out, blocks into the log.
//!
//! Grade: machine. Source: classic protocol, sections 5.2 to 5.4.

use super::*;

impl Replication {
    /// Without `uploading` the peer has dropped our requests and `Want`s.
    pub(super) fn handle_status(&mut self, id: PeerId, uploading: bool, now: Duration) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.switches.handle_status(uploading);
        if !uploading {
            peer.wants.clear();
            peer.watch.clear();
            self.give_up(id, now);
        }
    }

    pub(super) fn handle_have(
        &mut self,
        id: PeerId,
        have: &Have,
        now: Duration,
    ) -> Result<(), ReplicationFault> {
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        // Who downloads nothing keeps no map; a claim that no feed can have is a fault all the same.
        let mut forgotten = remote::RemoteMap::default();
        let downloads = self.selection.download() != Download::None;
        let remote = if downloads { &mut peer.remote } else { &mut forgotten };
        peer.fetches.handle_claim(remote.length(), now);
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
        } else if !peer.uploads.was_sent(&claimed) {
            // What it took from us tells nothing of another history.
            peer.watch.handle_claim(&claimed);
        }
        Ok(())
    }

    pub(super) fn handle_unhave(&mut self, id: PeerId, start: u64, length: u64, now: Duration) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let gone = peer.remote.handle_unhave(start, length);
        peer.handle_heard();
        peer.watch.handle_unhave(&gone);
        // It was never told of what it gave us itself, and may want it back.
        peer.announcements.add(gone.clone());
        if peer.give_up_proof_within(&gone) {
            self.update = Update::Wanted;
        }
        let owed = peer.give_up_blocks(gone, now);
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
        if data.value.is_none() && peer.watch.handle_proof(block) {
            return self.handle_head(id, data, log);
        }
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
                self.release(std::iter::once(lost.block..lost.block + 1));
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
        self.store(id, data, log).inspect_err(|_| self.release(std::iter::once(block..block + 1)))
    }

    /// Stores blocks that came together. What was not asked for is stored too, since the peer takes us to have its nodes from now
    /// on, but counted.
    pub(super) fn handle_blocks<S: Storage>(
        &mut self,
        id: PeerId,
        range: UnverifiedRange,
        log: &mut Log<S>,
        now: Duration,
    ) -> Result<(), Fault> {
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        let (blocks, bytes) = (range.start..range.end(), range.blocks.data().len() as u64);
        let owed = peer.fetches.handle_blocks(&blocks, bytes, now);
        if self.selection.download() == Download::None {
            return Ok(peer.handle_stray()?);
        }
        let missing = self.selection.next_missing(blocks.start, log.have());
        if !owed && missing.is_none_or(|missing| missing >= blocks.end) {
            peer.handle_stray()?;
        }
        peer.remote.handle_have(blocks.start, blocks.end - blocks.start)?;
        peer.handle_heard();
        self.requested.remove(blocks.clone());
        self.doubled.remove(blocks.clone());
        self.handle_left(id, &blocks);
        self.store_range(id, range, log).inspect_err(|_| self.release(std::iter::once(blocks)))
    }

    fn store_range<S: Storage>(
        &mut self,
        id: PeerId,
        range: UnverifiedRange,
        log: &mut Log<S>,
    ) -> Result<(), Fault> {
        let (start, length, bytes) = (range.start, log.length(), range.blocks.data().len() as u64);
        let verified = log.verify_range(range).map_err(|error| Fault::of_block(start, error))?;
        let blocks = verified.blocks().clone();
        let stored = log.store_range(verified).map_err(|error| Fault::of_stored(start, error))?;
        if stored.length > length {
            self.handle_longer(stored.length);
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.proved = stored.length;
            }
        }
        if stored.fresh > 0 {
            self.handle_stored(id, blocks, bytes);
        }
        Ok(())
    }

    /// A longer log was proved. There is more to have, which may have come along already.
    fn handle_longer(&mut self, length: u64) {
        self.complete &= !self.selection.is_everything();
        self.events.push_back(ReplicationEvent::Length { length });
    }

    /// Blocks are here that were not.
    fn handle_stored(&mut self, id: PeerId, blocks: Range<u64>, bytes: u64) {
        self.bytes_down += bytes;
        self.selection.handle_stored(blocks.clone());
        for (other, peer) in &mut self.peers {
            if *other == id {
                peer.handle_stored(blocks.end - blocks.start);
            } else {
                peer.announce(blocks.clone());
            }
        }
        self.events.push_back(ReplicationEvent::Stored { blocks, bytes });
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
        match peer.transfer {
            Transfer::Blocks => self.poll_request(id, log, now),
            Transfer::Ranges => self.poll_fetch(id, log, now),
        }
    }

    /// The next block to ask a classic peer for.
    fn poll_request<S: Storage>(&mut self, id: PeerId, log: &Log<S>, now: Duration) -> Option<Message> {
        let peer = self.peers.get_mut(&id)?;
        while let Some(block) = peer.poll_again() {
            if !log.has(block) {
                peer.window.request_again(block, now);
                return Some(request(block, false, log));
            }
            self.requested.remove(block..block + 1);
        }
        let block = peer.poll_block(&self.selection, log.have(), &self.requested)?;
        peer.window.request(block, now);
        self.requested.insert(block..block + 1);
        Some(request(block, false, log))
    }

    /// The next blocks to ask a peer of our own kind for: all, if it is the only one and we lack all from some block on.
    fn poll_fetch<S: Storage>(&mut self, id: PeerId, log: &Log<S>, now: Duration) -> Option<Message> {
        let alone = self.is_alone();
        let peer = self.peers.get_mut(&id)?;
        if alone
            && self.selection.is_everything()
            && peer.fetches.pushed_from().is_none()
            && peer.fetches.is_idle()
            // Somebody whom we leave may owe some of it.
            && self.requested.ranges() == 0
        {
            let start = log.have().next_clear(0);
            if log.have().next_set(start).is_none() {
                peer.fetches.request_onward(start, now);
                return Some(Message::Fetch { start, length: None });
            }
        }
        let unheard = (self.selection.download() == Download::Sparse)
            .then(|| peer.poll_unheard(&self.selection, log.have(), &self.requested, alone))
            .flatten();
        let blocks = unheard.or_else(|| peer.poll_range(&self.selection, log.have(), &self.requested, alone));
        let blocks = blocks.or_else(|| self.poll_owed_elsewhere(id, log))?;
        self.peers.get_mut(&id)?.fetches.request(blocks.clone(), now);
        self.requested.insert(blocks.clone());
        Some(Message::Fetch { start: blocks.start, length: Some(blocks.end - blocks.start) })
    }

    /// Takes back the question for everything, if we do not want that any more or others may have a part in it.
    pub(super) fn poll_cancel<S: Storage>(
        &mut self,
        id: PeerId,
        log: &Log<S>,
        now: Duration,
    ) -> Option<Message> {
        let wanted = self.is_alone() && self.selection.is_everything();
        if wanted && self.peers.get(&id)?.may_be_asked() {
            return None;
        }
        self.expect_pushed(id, log, now);
        let peer = self.peers.get_mut(&id)?;
        let index = peer.cancel_onward()?;
        peer.wake(0..u64::MAX);
        Some(Message::Cancel { index, bytes: 0, hash: false })
    }

    /// Whether nobody else serves us.
    pub(super) fn is_alone(&self) -> bool {
        self.peers.values().filter(|peer| peer.may_be_asked()).count() <= 1
    }

    /// Gives up all requests to a peer, so that they are made to others or anew.
    pub(super) fn give_up(&mut self, id: PeerId, now: Duration) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let owed = peer.give_up_blocks(0..u64::MAX, now);
        peer.fetches.clear();
        if peer.give_up_proof() {
            self.update = Update::Wanted;
        }
        self.peers.values_mut().for_each(Peer::take_back);
        self.release(owed);
    }

    /// Blocks that a peer owes us no more, and nobody else, unless two did.
    pub(super) fn release(&mut self, blocks: impl IntoIterator<Item = Range<u64>>) {
        for blocks in blocks {
            let doubled = self.take_doubled(&blocks);
            self.requested.remove(blocks.clone());
            doubled.into_iter().for_each(|owed| self.requested.insert(owed));
            self.peers.values_mut().for_each(|peer| peer.wake(blocks.clone()));
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
            self.handle_longer(stored.length);
        }
        if stored.block.is_some() {
            self.handle_stored(id, block..block + 1, bytes);
        }
        Ok(())
    }
}

fn request<S: Storage>(block: u64, hash: bool, log: &Log<S>) -> Message {
    Message::Request(Request { index: block, bytes: 0, hash, nodes: log.digest(block).0 })
}
