//! The end of a download: what a slow peer owes is asked of another as well, who has nothing else to do.
//!
//! Grade: machine. Else the last blocks take as long as the slowest peer, however many others wait. Whoever is first serves; what comes
//! a second time is dropped; so that this costs little, only so much is asked for twice as is a small part of what has come. Of peers of
//! our own kind only: single blocks are small, and there are few of them on the way.

use super::limits::{DOUBLED_BYTES_FREE, DOUBLED_PART};
use super::*;

impl Replication {
    /// Blocks that somebody slow owes us, and that this peer can give.
    pub(super) fn poll_owed_elsewhere<S: Storage>(&mut self, id: PeerId, log: &Log<S>) -> Option<Range<u64>> {
        let peer = self.peers.get(&id)?;
        let (room, mean) = (peer.fetches.room(false), peer.fetches.block_bytes());
        if room == 0 || peer.fetches.is_slow() || peer.fetches.is_onward() {
            return None;
        }
        // Where all are slow, because our own line is, twice as much would only take longer.
        let budget = DOUBLED_BYTES_FREE + self.bytes_down / DOUBLED_PART;
        let affordable = budget.saturating_sub(self.doubled_bytes) / mean;
        let others = self.peers.iter().filter(|(other, peer)| **other != id && peer.fetches.is_slow());
        let mut owed = others.flat_map(|(_, other)| {
            let room = if other.fetches.is_stuck() { room } else { room.min(affordable) };
            other.fetches.owed().map(move |owed| (owed, room))
        });
        let blocks = owed.find_map(|(owed, room)| self.first_to_double(peer, owed, room, log))?;
        self.doubled.insert(blocks.clone());
        let bytes = (blocks.end - blocks.start).saturating_mul(mean);
        self.doubled_bytes = self.doubled_bytes.saturating_add(bytes);
        Some(blocks)
    }

    fn first_to_double<S: Storage>(
        &self,
        peer: &Peer,
        owed: &Range<u64>,
        room: u64,
        log: &Log<S>,
    ) -> Option<Range<u64>> {
        let mut at = owed.start;
        while at < owed.end && room > 0 {
            let missing = self.selection.next_missing(at, log.have())?;
            at = self.doubled.next_gap(missing);
            if at == missing && at < owed.end && peer.can_give(at) {
                let reach = owed.end.min(at.saturating_add(room));
                let end = self.selection.missing_end(at, reach, log.have());
                let end = end.min(peer.remote.blocks().next_clear(at));
                return Some(at..self.doubled.next(at).map_or(end, |doubled| end.min(doubled.start)));
            }
            at = peer.remote.blocks().next_set(at.max(missing + 1))?;
        }
        None
    }

    /// When somebody counts as slow; nobody does where there is nobody else.
    pub(super) fn slow_at(&self) -> Option<Duration> {
        let peers = self.peers.values().filter(|_| !self.is_alone());
        peers.filter_map(|peer| peer.fetches.slow_at()).min()
    }

    /// The blocks that two peers owed and one of them will not send, so that one is left who owes them.
    pub(super) fn take_doubled(&mut self, blocks: &Range<u64>) -> Vec<Range<u64>> {
        let mut taken = Vec::new();
        while let Some(doubled) = self.doubled.next(blocks.start).filter(|doubled| doubled.start < blocks.end)
        {
            let part = doubled.start..doubled.end.min(blocks.end);
            self.doubled.remove(part.clone());
            taken.push(part);
        }
        taken
    }
}
