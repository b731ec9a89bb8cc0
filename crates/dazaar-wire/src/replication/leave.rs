//! Leaving a peer, for a better connection to the same one: nothing more is asked of it, and what it owes still comes.
//!
//! Grade: machine. What is pushed cannot be called back while it is under way, and whoever sells by the byte counts it. So the last block is
//! asked for as well: the peer answers in order, and when that comes, everything before has come or never will. Until then nothing of what was
//! pushed is asked of anybody else.

use super::*;

impl Replication {
    /// Asks a peer for nothing more. What it owes is waited for until it is [removed](Self::remove_peer).
    pub fn leave(&mut self, peer: PeerId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.is_leaving = true;
        }
    }

    /// Whether a peer owes us anything.
    pub fn owes(&self, peer: PeerId) -> bool {
        self.peers.get(&peer).is_some_and(|peer| peer.deadline().is_some())
    }

    /// The blocks that may be under way from a peer that pushes, and is not to push any more, are owed.
    pub(super) fn expect_pushed<S: Storage>(&mut self, id: PeerId, log: &Log<S>, now: Duration) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let Some(next) = peer.fetches.pushed_from().filter(|_| peer.is_leaving) else { return };
        let length = peer.remote.length().max(log.length());
        if next < length {
            peer.fetches.expect(next..length - 1, now);
            peer.last_of_pushed = Some(length - 1);
            self.requested.insert(next..length);
        }
    }

    /// The question that is answered last.
    pub(super) fn poll_last_of_pushed(&mut self, id: PeerId, now: Duration) -> Option<Message> {
        let peer = self.peers.get_mut(&id)?;
        let start = peer.last_of_pushed.take()?;
        peer.is_last_asked = true;
        peer.fetches.request(start..start + 1, now);
        Some(Message::Fetch { start, length: Some(1) })
    }

    /// Blocks came from a peer. If it has answered the last question, or pushed that block before it read the question, nothing else is under
    /// way that we lack.
    pub(super) fn handle_left(&mut self, id: PeerId, blocks: &Range<u64>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.is_last_asked |= peer.last_of_pushed.take_if(|last| blocks.contains(last)).is_some();
        let has_come = |owed: &Range<u64>| blocks.start <= owed.start && owed.end <= blocks.end;
        let is_over = {
            let mut owed = peer.fetches.owed();
            owed.next().is_none_or(has_come) && owed.next().is_none()
        };
        if peer.is_last_asked && is_over {
            peer.is_last_asked = false;
            let never_sent = peer.fetches.clear();
            self.release(never_sent);
        }
    }
}
