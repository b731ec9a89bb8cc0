//! Whether a peer of a feed that we write holds a history that we do not have.
//!
//! A folder that was restored from a backup, or written by two, is shorter than what was sold from it, or another. Its buyers know.
//! So a writer, who fetches nothing, has each peer tell what it has, and asks it to prove its last block if that lies beyond our log.
//! A peer of our own kind is asked once in any case, and gets no block before it has answered: one that holds another history of
//! the same length would refuse our block and be gone before it could tell. JavaScript peers notice nothing but the `Want`, unless
//! they hold more than we do.
//!
//! Grade: machine. What a peer proves goes to the log, which judges it; nothing is stored. A peer that claims and does not prove
//! costs a few questions.

use std::ops::Range;

use dazaar_log::digest::Digest;
use dazaar_log::limits::MAX_LENGTH;
use dazaar_log::verify::UnverifiedBlock;
use dazaar_log::{SignedHead, Storage};

use super::limits::{HEAD_QUESTIONS_MAX, WANT_BLOCKS};
use super::{Data, Download, Fault, Log, Message, PeerId, Replication, ReplicationEvent, Request, Transfer};

/// What one peer was asked about its history.
#[derive(Debug, Default)]
pub(super) struct Watch {
    wanted: bool,
    /// One more than the highest block that it claims.
    claimed: u64,
    /// The longest claim that it was asked to prove.
    asked: u64,
    /// The block whose proof it owes us.
    owed: Option<u64>,
    questions: u32,
}

impl Watch {
    /// The start of the range to ask about, once: that in which our log ends.
    pub(super) fn poll_want(&mut self, length: u64) -> Option<u64> {
        let first = !std::mem::replace(&mut self.wanted, true);
        first.then_some(length / WANT_BLOCKS * WANT_BLOCKS)
    }

    /// The block to ask the proof of. `always`: also if the peer claims no more than we have.
    pub(super) fn poll_question(&mut self, length: u64, always: bool) -> Option<u64> {
        let is_open = self.owed.is_none() && self.questions < HEAD_QUESTIONS_MAX;
        let is_due = self.claimed > length.max(self.asked) || (always && self.asked == 0 && self.claimed > 0);
        if !is_open || !is_due {
            return None;
        }
        self.questions += 1;
        self.asked = self.claimed;
        self.owed = self.claimed.checked_sub(1);
        self.owed
    }

    /// Whether the peer has still to prove what it claims.
    pub(super) const fn is_waiting(&self) -> bool {
        self.owed.is_some()
    }

    /// It has blocks of a range, the last one among them.
    pub(super) fn handle_claim(&mut self, range: &Range<u64>) {
        if !range.is_empty() {
            self.claimed = self.claimed.max(range.end);
        }
    }

    /// It asks for all blocks from one on, which says that it has those before, and comes before it could tell so.
    pub(super) fn handle_fetch(&mut self, start: u64, length: Option<u64>) {
        if length.is_none() && start <= MAX_LENGTH {
            self.handle_claim(&(0..start));
        }
    }

    /// It does not have the blocks of a range.
    pub(super) fn handle_unhave(&mut self, range: &Range<u64>) {
        self.owed = self.owed.filter(|block| !range.contains(block));
    }

    /// The proof of a block came. Returns whether it was owed.
    pub(super) fn handle_proof(&mut self, block: u64) -> bool {
        self.owed.take_if(|owed| *owed == block).is_some()
    }

    /// The peer has forgotten what we asked, but not how often.
    pub(super) fn clear(&mut self) {
        *self = Self { questions: self.questions, ..Self::default() };
    }
}

impl Replication {
    /// Hands the log that we write what a peer has proved of it. A proof that is none ends nothing: it hides what the peer has, as its
    /// silence would.
    pub(super) fn handle_head<S: Storage>(
        &mut self,
        id: PeerId,
        data: Data,
        log: &mut Log<S>,
    ) -> Result<(), Fault> {
        let Data { index, value, nodes, signature } = data;
        let proof = UnverifiedBlock { index, value, nodes, signature };
        if let Ok(head) = SignedHead::of_proof(proof, &self.feed.key())
            && log.handle_foreign_head(&self.feed, head.clone())?
        {
            self.events.push_back(ReplicationEvent::Forked { peer: id, head });
        }
        Ok(())
    }

    /// What a writer asks a peer in order to learn of histories that it does not have itself.
    pub(super) fn poll_watch<S: Storage>(&mut self, id: PeerId, log: &Log<S>) -> Option<Message> {
        let is_watching =
            self.selection.download() == Download::None && log.is_writable() && log.fork().is_none();
        let peer = self.peers.get_mut(&id).filter(|peer| is_watching && peer.switches.remote_uploads())?;
        if let Some(start) = peer.watch.poll_want(log.length()) {
            return Some(Message::Want { start, length: WANT_BLOCKS });
        }
        let index = peer.watch.poll_question(log.length(), peer.transfer == Transfer::Ranges)?;
        Some(Message::Request(Request { index, bytes: 0, hash: true, nodes: Digest::NONE.0 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_log_is_asked_about_once() {
        let mut watch = Watch::default();
        assert_eq!(watch.poll_want(WANT_BLOCKS + 5), Some(WANT_BLOCKS));
        assert_eq!(watch.poll_want(WANT_BLOCKS + 5), None);
        watch.clear();
        assert_eq!(watch.poll_want(5), Some(0));
    }

    #[test]
    fn each_longer_claim_is_asked_about_once() {
        let mut watch = Watch::default();
        watch.handle_claim(&(0..0));
        watch.handle_claim(&(3..10));
        assert_eq!(watch.poll_question(10, false), None);
        assert_eq!(watch.poll_question(9, false), Some(9));
        watch.handle_claim(&(10..20));
        assert_eq!(watch.poll_question(9, false), None, "it has not answered yet");
        assert!(!watch.handle_proof(8) && watch.handle_proof(9) && !watch.handle_proof(9));
        assert_eq!(watch.poll_question(9, false), Some(19));
        watch.handle_unhave(&(0..20));
        assert!(!watch.is_waiting());
        watch.handle_claim(&(0..15));
        assert_eq!(watch.poll_question(9, false), None);
    }

    #[test]
    fn whoever_claims_and_does_not_prove_is_not_asked_for_ever() {
        let mut watch = Watch::default();
        let asked = (1..100_u64).filter(|&length| {
            watch.handle_claim(&(0..length));
            let question = watch.poll_question(0, false);
            watch.handle_unhave(&(0..length));
            if length % 2 == 0 {
                watch.clear();
            }
            question.is_some()
        });
        assert_eq!(asked.count(), HEAD_QUESTIONS_MAX as usize);
    }

    #[test]
    fn a_shorter_claim_is_asked_about_once_if_at_all() {
        let mut watch = Watch::default();
        assert_eq!(watch.poll_question(10, true), None);
        watch.handle_claim(&(0..5));
        assert_eq!(watch.poll_question(10, false), None);
        assert_eq!(watch.poll_question(10, true), Some(4));
        assert!(watch.handle_proof(4));
        watch.handle_claim(&(0..7));
        assert_eq!(watch.poll_question(10, true), None);
    }
}
