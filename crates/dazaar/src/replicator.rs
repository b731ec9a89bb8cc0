//! One feed and all the connections over which it is replicated.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dazaar_log::{Feed, FeedKey, Log, SignedHead};
use dazaar_wire::Message;
use dazaar_wire::replication::{Fault, Options, PeerId, Progress, Replication, ReplicationEvent, Transfer};
use tokio::sync::Notify;

use crate::allowance::Counter;
use crate::contents::Contents;
use crate::folder::Folder;
use crate::shared_log::SharedLog;

/// Connects the replication machine of a feed to its log and to the connections that carry it.
#[derive(Debug)]
pub struct Replicator {
    key: FeedKey,
    log: Arc<SharedLog>,
    origin: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    replication: Replication,
    /// Who is woken when there is something to send to a peer.
    peers: BTreeMap<PeerId, Arc<Notify>>,
    peers_ever: u64,
    /// Those whose word does not count.
    helpers: BTreeSet<PeerId>,
    /// Whether peers, also those to come, are served and asked.
    uploading: bool,
    downloading: bool,
    /// Whether any peer has told what it has, so that the length is more than what we knew before.
    is_informed: bool,
    /// Blocks of the log that the peers were told of.
    announced: u64,
    /// End of the cleared blocks that the peers were told of.
    cleared: u64,
    uploaded: Uploaded,
    /// Counts what is sent, and says how much may be.
    counter: Option<Arc<Counter>>,
    /// What a peer proved of another history, until somebody asks.
    forked: Option<SignedHead>,
}

/// What was sent to peers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Uploaded {
    pub(crate) blocks: u64,
    /// Bytes of those blocks.
    pub(crate) bytes: u64,
    /// Whether any of it costs something: not if all of it is in ranges that are paid.
    pub(crate) counts: bool,
}

impl Replicator {
    /// Replicates `feed`, a view of `log`.
    pub fn new(log: Arc<SharedLog>, feed: Feed, options: Options) -> Arc<Self> {
        let key = feed.key();
        let state = State {
            replication: Replication::new(feed, options),
            peers: BTreeMap::new(),
            peers_ever: 0,
            helpers: BTreeSet::new(),
            uploading: true,
            downloading: true,
            is_informed: false,
            announced: log.lock().length(),
            cleared: log.cleared(),
            uploaded: Uploaded::default(),
            counter: None,
            forked: None,
        };
        Arc::new(Self { key, log, origin: Instant::now(), state: Mutex::new(state) })
    }

    /// The key under which the feed is replicated.
    pub const fn key(&self) -> FeedKey {
        self.key
    }

    /// The log behind the feed.
    pub const fn log(&self) -> &Arc<SharedLog> {
        &self.log
    }

    /// What is held and what the peers have.
    pub fn progress(&self) -> Progress {
        self.state().replication.progress(&self.log.lock())
    }

    /// Whether everything that is wanted is here, as far as a peer has told us what there is.
    pub fn is_complete(&self) -> bool {
        let state = self.state();
        state.is_informed && state.replication.is_complete(&self.log.lock())
    }

    /// The blocks that are missing though nothing more is to be expected: none that is wanted and that a peer has. `None` while
    /// there is something to wait for.
    pub fn gone(&self) -> Option<Vec<Range<u64>>> {
        let state = self.state();
        let log = self.log.lock();
        let is_over = state.replication.is_complete(&log) || state.replication.is_settled(&log);
        if !state.is_informed || !is_over {
            return None;
        }
        let (have, length) = (log.have(), log.length());
        let mut gaps = Vec::new();
        let mut start = have.next_clear(0);
        while start < length {
            let end = have.next_set(start).unwrap_or(length);
            gaps.push(start..end);
            start = have.next_clear(end);
        }
        Some(gaps)
    }

    /// Whether a peer has told us what it has.
    pub fn is_informed(&self) -> bool {
        self.state().is_informed
    }

    /// Whether a connection carries it now.
    pub fn is_connected(&self) -> bool {
        !self.state().peers.is_empty()
    }

    /// Wants these blocks, all of them or besides others.
    pub fn want(&self, blocks: Range<u64>) {
        let mut state = self.state();
        state.replication.want(blocks);
        state.wake_all();
    }

    /// Sends a peer blocks that it did not ask for by number; which ones, if it takes any.
    pub(crate) fn send_along(&self, peer: PeerId, blocks: &[u64]) -> Option<Vec<u64>> {
        let mut state = self.state();
        let log = self.log.lock();
        state.take_limits();
        state.replication.send_along(peer, blocks, &log)
    }

    /// A peer said that it sends these blocks.
    pub(crate) fn expect(&self, peer: PeerId, blocks: &[u64]) {
        let mut state = self.state();
        let log = self.log.lock();
        state.replication.expect(peer, blocks, &log, self.origin.elapsed());
    }

    /// Serves the peers, also those to come, or stops.
    pub fn set_uploading(&self, uploading: bool) {
        let mut state = self.state();
        state.uploading = uploading;
        state.apply_switches();
        state.wake_all();
    }

    /// Sends no more than this allows, and takes what it sends off it; but for the rest of the last block.
    pub(crate) fn set_counter(&self, counter: Arc<Counter>) {
        self.state().counter = Some(counter);
    }

    /// Tells peers anew of what is here, if some of it was withheld from them that need not be now.
    pub(crate) fn announce_withheld(&self) {
        let mut state = self.state();
        if state.counter.as_ref().is_some_and(|counter| counter.take_withheld()) {
            let log = self.log.lock();
            state.replication.handle_added(0..log.length(), &log);
            state.wake_all();
        }
    }

    /// Whether something had to wait, since this was last asked, that costs more than is left.
    pub(crate) fn take_held(&self) -> bool {
        self.state().replication.take_held()
    }

    /// This is what the feed holds.
    pub(crate) fn set_contents(&self, contents: Option<Arc<dyn Contents>>) {
        if let Some(counter) = &self.state().counter {
            counter.set_contents(contents);
        }
    }

    /// There may be something to send again.
    pub(crate) fn wake(&self) {
        self.state().wake_all();
    }

    /// Asks the peers, also those to come, or stops.
    pub fn set_downloading(&self, downloading: bool) {
        let mut state = self.state();
        state.downloading = downloading;
        state.apply_switches();
        state.wake_all();
    }

    /// A connection opened a channel for this feed; `wake` is notified when there is something to send on it. Of a helper blocks are
    /// taken, and its word for nothing else.
    pub(crate) fn add_peer(&self, wake: &Arc<Notify>, transfer: Transfer, is_helper: bool) -> PeerId {
        let mut state = self.state();
        state.peers_ever += 1;
        let peer = PeerId(state.peers_ever);
        if is_helper {
            state.replication.add_helper(peer, transfer);
            state.helpers.insert(peer);
        } else {
            state.replication.add_peer(peer, transfer);
        }
        state.peers.insert(peer, Arc::clone(wake));
        state.apply_switches();
        self.log.listen(wake);
        peer
    }

    /// The connection is gone; what was asked of it is asked of others.
    pub(crate) fn remove_peer(&self, peer: PeerId) {
        let mut state = self.state();
        state.peers.remove(&peer);
        state.helpers.remove(&peer);
        state.replication.remove_peer(peer);
        state.wake_all();
        drop(state);
        // What only this peer claimed to have is not to be waited for any more.
        self.log.announce();
    }

    /// Asks a peer for nothing more.
    pub(crate) fn leave(&self, peer: PeerId) {
        let mut state = self.state();
        state.replication.leave(peer);
        state.wake_all();
    }

    /// Whether a peer owes us anything.
    pub(crate) fn owes(&self, peer: PeerId) -> bool {
        self.state().replication.owes(peer)
    }

    /// A peer sent a message.
    pub(crate) fn handle_message(&self, peer: PeerId, message: Message) -> Result<(), Fault> {
        let changed = {
            let mut state = self.state();
            let mut log = self.log.lock();
            let before = state.news(&log);
            state.is_informed |=
                matches!(message, Message::Have(_) | Message::Blocks(_)) && !state.helpers.contains(&peer);
            state.replication.handle_message(peer, message, &mut log, self.origin.elapsed())?;
            state.count_events(&log);
            if state.peers.len() > 1 {
                // What one peer says may be a reason to ask another.
                state.wake_all();
            }
            state.news(&log) != before
        };
        if changed {
            self.log.announce();
        }
        Ok(())
    }

    /// What to send to a peer next. Called only while its connection has room.
    pub(crate) fn poll_message(&self, peer: PeerId) -> Result<Option<Message>, Fault> {
        let mut state = self.state();
        let log = self.log.lock();
        state.take_limits();
        let message = state.replication.poll_message(peer, &log, self.origin.elapsed())?;
        state.count_events(&log);
        Ok(message)
    }

    /// Connections over which it is replicated.
    #[cfg(test)]
    pub(crate) fn peers(&self) -> usize {
        self.state().peers.len()
    }

    /// Takes notice of blocks that were appended to the log, or cleared. Each peer hears of that from the log itself.
    pub(crate) fn refresh(&self) {
        let mut state = self.state();
        let log = self.log.lock();
        let appended = state.announced..log.length();
        if !appended.is_empty() {
            state.announced = appended.end;
            state.replication.handle_added(appended, &log);
        }
        let cleared = state.cleared..self.log.cleared();
        if !cleared.is_empty() {
            state.cleared = cleared.end;
            state.replication.handle_cleared(cleared, &log);
        }
    }

    /// What was sent since it was last asked.
    pub(crate) fn take_uploaded(&self) -> Uploaded {
        std::mem::take(&mut self.state().uploaded)
    }

    /// The head of another history of the log, if a peer has proved one since it was last asked.
    pub(crate) fn take_forked(&self) -> Option<SignedHead> {
        self.state().forked.take()
    }

    /// How long the machine can be left alone.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let due = self.state().replication.poll_timeout()?;
        Some(due.saturating_sub(self.origin.elapsed()))
    }

    /// Time passed; returns the fault of `peer`, if it let a request expire.
    pub(crate) fn handle_timeout(&self, peer: PeerId) -> Result<(), Fault> {
        let mut state = self.state();
        let late = state.replication.handle_timeout(self.origin.elapsed());
        if state.peers.len() > 1 {
            // What one peer did not answer may be asked of another now.
            state.wake_all();
        }
        drop(state);
        match late.into_iter().find(|(id, _)| *id == peer) {
            Some((_, fault)) => Err(fault.into()),
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What those hear of who wait for the feed to change: its length, what peers have, what came.
    fn news(&self, log: &Log<Folder>) -> (bool, u64, u64, u64) {
        let progress = self.replication.progress(log);
        (self.is_informed, log.length(), progress.length, progress.bytes_down)
    }

    /// Takes the machine's events as they come, so that they never pile up.
    fn count_events(&mut self, log: &Log<Folder>) {
        while let Some(event) = self.replication.poll_event(log) {
            match event {
                ReplicationEvent::Uploaded { blocks, bytes, .. } => {
                    self.uploaded.blocks += blocks.end - blocks.start;
                    self.uploaded.bytes += bytes;
                    self.uploaded.counts |=
                        self.counter.as_ref().is_none_or(|counter| counter.count(blocks, bytes));
                }
                ReplicationEvent::Forked { head, .. } => self.forked = Some(head),
                ReplicationEvent::Damaged { block } => {
                    tracing::error!(feed = %log.key(), block, "a block is damaged on disk; peers are told that it is gone");
                }
                _ => {}
            }
        }
    }

    /// Takes over what may still be sent.
    fn take_limits(&mut self) {
        if let Some(counter) = &self.counter {
            let (left, scale) = (counter.left(), counter.scale());
            self.replication.set_upload_limit(left);
            self.replication.set_scale(scale);
        }
    }

    fn apply_switches(&mut self) {
        for &peer in self.peers.keys() {
            self.replication.set_uploading(peer, self.uploading);
            self.replication.set_downloading(peer, self.downloading);
        }
    }

    fn wake_all(&self) {
        for peer in self.peers.values() {
            peer.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use dazaar_log::FeedKeyPair;
    use dazaar_wire::Have;
    use dazaar_wire::replication::Download;

    use super::*;

    #[tokio::test]
    async fn the_word_of_a_helper_counts_for_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let key = FeedKeyPair::from_seed(&[1; 32]).public();
        let log = SharedLog::new(Log::create_reader(Folder::open(dir.path()).unwrap(), key).unwrap());
        let options = Options { download: Download::All, seed: 0 };
        let replicator = Replicator::new(Arc::clone(&log), Feed::own(key), options);
        let wake = Arc::new(Notify::new());
        let helper = replicator.add_peer(&wake, Transfer::Blocks, true);
        let have = |length| Message::Have(Have { start: 0, length, bitfield: None, ack: false });
        replicator.handle_message(helper, have(3)).unwrap();
        while replicator.poll_message(helper).unwrap().is_some() {}
        replicator.handle_message(helper, Message::Unhave { start: 0, length: 3 }).unwrap();
        assert!(!replicator.is_informed() && !replicator.is_complete());
        assert_eq!((replicator.gone(), replicator.progress().length), (None, 0));

        let seller = replicator.add_peer(&wake, Transfer::Blocks, false);
        replicator.handle_message(seller, have(1)).unwrap();
        assert_eq!((replicator.is_informed(), replicator.progress().length), (true, 1));
        replicator.handle_message(helper, have(1 << 20)).unwrap();
        assert_eq!(replicator.progress().length, 1, "only the seller says how long the feed is");
    }

    #[tokio::test]
    async fn a_peer_hears_what_was_cleared() {
        let dir = tempfile::tempdir().unwrap();
        let pair = FeedKeyPair::from_seed(&[1; 32]);
        let log = SharedLog::new(Log::create(Folder::open(dir.path()).unwrap(), pair).unwrap());
        log.append(&["a", "b", "c"]).unwrap();
        let options = Options { download: Download::None, seed: 0 };
        let replicator = Replicator::new(Arc::clone(&log), Feed::own(log.key()), options);
        let wake = Arc::new(Notify::new());
        let peer = replicator.add_peer(&wake, Transfer::Blocks, false);
        replicator.handle_message(peer, Message::Want { start: 0, length: 1 << 20 }).unwrap();
        while replicator.poll_message(peer).unwrap().is_some() {}

        log.clear_before(2).unwrap();
        wake.notified().await;
        replicator.refresh();
        let heard = replicator.poll_message(peer).unwrap();
        assert_eq!(heard, Some(Message::Unhave { start: 1, length: 1 }));
        assert_eq!(replicator.poll_message(peer).unwrap(), None);
    }
}
