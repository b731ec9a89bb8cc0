//! Replication of one feed with many peers: what to ask whom, what to answer, what to believe.
//!
//! Grade: machine. It sees a peer as one open channel: messages go in by [`Replication::handle_message`] and come out by
//! [`Replication::poll_message`], which the driver calls only while there is room to send. So whatever a slow peer is owed is
//! made when it can take it, and costs no memory before. The log is lent to each call; blocks enter it only verified.
//!
//! This file only routes. Have-map of a peer: `remote`. Which ranges to ask about: `wants`. Which blocks we want: `selection`.
//! What a peer owes us: `window` of single blocks, `fetches` of ranges; what a slow one does: `endgame`; one that we leave: `leave`. What we owe it: `upload` and
//! `announce`. Who may ask at all: `switches`. Whether a peer of a feed that we write knows another history of it: `watch`. How much of an
//! answer may go: `scale`.
//!
//! Messages to a peer are taken in this order: `Status`, `Have` and `Unhave`, `Want`, `Request`, `Data`, and `Fetch` and `Blocks` with
//! peers of our own kind, who send ranges (see [`Transfer`]). Requests come before
//! data because the window bounds them, so they never hold data up, while an insatiable peer could hold requests up for ever.
//!
//! The driver hands over what arrives, takes messages while there is room and events until there are none, and ends the session
//! of a peer that broke a rule. After anything that happened any peer may have something to hear, not only the one that spoke:
//!
//! ```
//! # use std::time::Duration;
//! # use dazaar_log::{Feed, FeedKeyPair, Log, MemoryStorage};
//! # use dazaar_wire::replication::{Download, Options, PeerId, Replication, ReplicationEvent, Transfer};
//! # let now = Duration::ZERO;
//! let mut theirs = Log::create(MemoryStorage::new(), FeedKeyPair::from_seed(&[1; 32]))?;
//! theirs.append(&["a", "bb", "ccc"])?;
//! let mut ours = Log::create_reader(MemoryStorage::new(), theirs.key())?;
//!
//! let peer = PeerId(0);
//! let replication = |download| Replication::new(Feed::own(theirs.key()), Options { download, seed: 0 });
//! let (mut seller, mut buyer) = (replication(Download::None), replication(Download::Linear));
//! seller.add_peer(peer, Transfer::Ranges);
//! buyer.add_peer(peer, Transfer::Ranges);
//! while !buyer.is_complete(&ours) {
//!     while let Some(message) = seller.poll_message(peer, &theirs, now)? {
//!         buyer.handle_message(peer, message, &mut ours, now)?;
//!     }
//!     while let Some(message) = buyer.poll_message(peer, &ours, now)? {
//!         seller.handle_message(peer, message, &mut theirs, now)?;
//!     }
//! }
//! let stored = std::iter::from_fn(|| buyer.poll_event(&ours));
//! assert_eq!(stored.last(), Some(ReplicationEvent::Complete { length: 3 }));
//! assert_eq!(ours.block(1)?.as_deref(), Some(&b"bb"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: classic protocol, sections 5, 6 and 9 (5, 6, 10). Differs from JavaScript: windows adapt, blocks that nobody asked
//! for end the session after a few, a re-keyed feed only uploads, and clearing blocks means not wanting them.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dazaar_log::limits::MAX_LENGTH;
use dazaar_log::verify::{UnverifiedBlock, UnverifiedRange};
use dazaar_log::{Feed, Log, Storage};

mod announce;
mod download;
mod endgame;
mod event;
mod fault;
mod fetches;
mod leave;
pub mod limits;
mod peer;
mod ranges;
mod remote;
mod scale;
mod selection;
mod switches;
mod upload;
mod wants;
mod watch;
mod window;

pub use event::{Progress, ReplicationEvent};
pub use fault::{Fault, ReplicationFault};
pub use scale::Scale;
pub use selection::Download;

use crate::handshake::Security;
use crate::message::{Data, Have, Message, Request};
use peer::Peer;
use ranges::RangeSet;
use scale::Room;
use selection::Selection;
use upload::Answer;

/// A peer of a feed: one channel of one session. The driver numbers them, and uses no number twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// How blocks travel between us and a peer. Both sides have to agree, so it follows from their session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// One request and one proof for each block, as JavaScript peers do.
    Blocks,
    /// Many blocks with one proof, and new ones without being asked for.
    Ranges,
}

impl From<Security> for Transfer {
    fn from(security: Security) -> Self {
        match security {
            Security::Authenticated => Self::Ranges,
            Security::Classic => Self::Blocks,
        }
    }
}

/// How to replicate a feed.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What to fetch. A feed that we write ourselves has [`Download::None`]; for a re-keyed one nothing else is possible.
    pub download: Download,
    /// Decides where to start with each peer under [`Download::All`]. Any number.
    pub seed: u64,
}

/// The replication of one feed.
#[derive(Debug)]
pub struct Replication {
    feed: Feed,
    seed: u64,
    selection: Selection,
    peers: BTreeMap<PeerId, Peer>,
    /// Blocks that some peer owes us.
    requested: RangeSet,
    /// Those of them that two owe us.
    doubled: RangeSet,
    /// How many bytes were asked for twice so far, by the mean size of a block.
    doubled_bytes: u64,
    update: Update,
    events: VecDeque<ReplicationEvent>,
    /// Nothing was missing when we last looked, and that was told.
    complete: bool,
    bytes_down: u64,
    bytes_up: u64,
    /// What may still be sent, as the scale weighs it.
    upload_limit: Option<u64>,
    scale: Option<Arc<dyn Scale>>,
    /// Something that was asked for waits for more room.
    is_held: bool,
}

/// Whether somebody is to prove the length that it claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Update {
    Asked,
    Idle,
    Wanted,
}

impl Replication {
    /// Replicates `feed`, with nobody yet.
    pub fn new(feed: Feed, options: Options) -> Self {
        let download = if feed.is_upload_only() { Download::None } else { options.download };
        Self {
            feed,
            seed: options.seed,
            selection: Selection::new(download),
            peers: BTreeMap::new(),
            requested: RangeSet::default(),
            doubled: RangeSet::default(),
            doubled_bytes: 0,
            update: Update::Idle,
            events: VecDeque::new(),
            complete: !matches!(download, Download::All | Download::Linear),
            bytes_down: 0,
            bytes_up: 0,
            upload_limit: None,
            scale: None,
            is_held: false,
        }
    }

    /// The feed.
    pub const fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Starts with a peer whose channel is open in both directions.
    pub fn add_peer(&mut self, peer: PeerId, transfer: Transfer) {
        let place = (self.selection.download() == Download::All).then(|| place(self.seed, peer));
        let downloading = self.selection.download() != Download::None;
        self.peers.insert(peer, Peer::new(transfer, downloading, place));
    }

    /// The same with a peer that may help, and whose word counts for nothing: how long the feed is, and what of it is gone, others say.
    pub fn add_helper(&mut self, peer: PeerId, transfer: Transfer) {
        self.add_peer(peer, transfer);
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.is_helper = true;
        }
    }

    /// Ends with a peer; what it owed is asked of others.
    pub fn remove_peer(&mut self, peer: PeerId) {
        self.give_up(peer, Duration::ZERO);
        self.peers.remove(&peer);
    }

    /// Whether we answer this peer. Switching off drops what it asked for; it hears of it, and asks again once it may.
    pub fn set_uploading(&mut self, peer: PeerId, on: bool) {
        let Some(peer) = self.peers.get_mut(&peer) else { return };
        peer.switches.set_uploading(on);
        if !on {
            peer.uploads.clear();
            peer.announcements.drop_wants();
        }
    }

    /// Answers with blocks of at most so much weight from now on, and perhaps the rest of one block more; without a limit if there
    /// is none. What peers asked for waits. Weight is bytes, unless there is a [`Scale`].
    pub const fn set_upload_limit(&mut self, weight: Option<u64>) {
        self.upload_limit = weight;
    }

    /// Weighs blocks before they are sent, or counts their bytes again.
    pub fn set_scale(&mut self, scale: Option<Arc<dyn Scale>>) {
        self.scale = scale;
    }

    /// Whether something had to wait, since this was last asked, that weighs more than may be sent.
    pub const fn take_held(&mut self) -> bool {
        std::mem::replace(&mut self.is_held, false)
    }

    /// Whether we ask this peer. What it owes us by then may still come.
    pub fn set_downloading(&mut self, peer: PeerId, on: bool) {
        if self.selection.download() == Download::None {
            return;
        }
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.switches.set_downloading(on);
        }
    }

    /// Asks for blocks: under [`Download::Sparse`] nothing else is fetched; otherwise it takes back [`unwant`](Self::unwant),
    /// and under [`Download::All`] peers go on from here.
    pub fn want(&mut self, blocks: Range<u64>) {
        self.selection.want(blocks.clone());
        self.complete = false;
        for peer in self.peers.values_mut() {
            peer.wake(blocks.clone());
            if self.selection.download() == Download::All {
                peer.move_to(blocks.start);
            }
        }
    }

    /// Sends a peer of our own kind blocks as if it had asked for them with a [`Message::Fetch`] for each run, if we serve it and may send
    /// anything. Returns which, in ascending order: it has to hear of them in the next message, and [expect](Self::expect) them. Blocks that
    /// it was sent, or asked for, are not among them.
    pub fn send_along<S: Storage>(&mut self, peer: PeerId, blocks: &[u64], log: &Log<S>) -> Option<Vec<u64>> {
        // Where blocks are weighed one by one, some are withheld, and none is promised.
        let may_send = self.upload_limit != Some(0) && self.scale.is_none();
        match self.peers.get_mut(&peer) {
            Some(peer) if peer.transfer == Transfer::Ranges && peer.switches.uploads() && may_send => {
                peer.uploads.send_along(blocks, log)
            }
            _ => None,
        }
    }

    /// A peer of our own kind said that it sends these blocks along: they are wanted, and owed as if they had been asked for.
    pub fn expect<S: Storage>(&mut self, id: PeerId, blocks: &[u64], log: &Log<S>, now: Duration) {
        let Some(peer) = self.peers.get_mut(&id).filter(|peer| peer.transfer == Transfer::Ranges) else {
            return;
        };
        let mut blocks = blocks.to_vec();
        blocks.sort_unstable();
        blocks.dedup();
        for run in ranges::runs(&blocks) {
            peer.fetches.expect(run.clone(), now);
            if log.have().next_clear(run.start) < run.end {
                self.selection.want(run.clone());
                self.requested.insert(run);
                self.complete = false;
            }
        }
    }

    /// Does without blocks. What was already requested may still come.
    pub fn unwant(&mut self, blocks: Range<u64>) {
        self.selection.unwant(blocks);
    }

    /// Has the longest length that a peer claims proved, now or as soon as one claims more than we have.
    pub fn update(&mut self) {
        if self.update == Update::Idle && self.selection.download() != Download::None {
            self.update = Update::Wanted;
        }
    }

    /// Blocks came into the log by another way: appended, or stored through another feed of it.
    pub fn handle_added<S: Storage>(&mut self, blocks: Range<u64>, log: &Log<S>) {
        for held in log.have().runs(blocks) {
            self.peers.values_mut().for_each(|peer| peer.announce(held.clone()));
        }
    }

    /// Blocks were cleared. They are not fetched again unless they are wanted again. Blocks after the end of the log never were
    /// here to be cleared, so the range may be open.
    pub fn handle_cleared<S: Storage>(&mut self, blocks: Range<u64>, log: &Log<S>) {
        let blocks = blocks.start..blocks.end.min(log.length());
        self.selection.unwant(blocks.clone());
        self.peers.values_mut().for_each(|peer| peer.announcements.remove(blocks.clone()));
    }

    /// A peer said something.
    ///
    /// # Errors
    /// [`Fault::Peer`]: end its session and remove it. [`Fault::Log`]: nothing can be stored any more.
    pub fn handle_message<S: Storage>(
        &mut self,
        id: PeerId,
        message: Message,
        log: &mut Log<S>,
        now: Duration,
    ) -> Result<(), Fault> {
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(()) };
        match message {
            // Of somebody who does not know them, these are nothing.
            Message::Fetch { .. } | Message::Blocks(_) if peer.transfer == Transfer::Blocks => {}
            Message::Status { uploading, .. } => self.handle_status(id, uploading, now),
            Message::Have(have) => self.handle_have(id, &have, now)?,
            Message::Unhave { start, length } => self.handle_unhave(id, start, length, now),
            Message::Want { start, length } if peer.switches.uploads() => {
                peer.announcements.handle_want(start, length)?;
            }
            Message::Request(request) if peer.switches.uploads() => peer.uploads.handle_request(request)?,
            Message::Cancel { index, bytes, hash } => {
                if let Some(next) = peer.uploads.handle_cancel(index, bytes, hash) {
                    peer.announcements.add(next..log.length());
                }
            }
            Message::Data(data) => self.handle_data(id, data, log, now)?,
            Message::Fetch { start, length } if peer.switches.uploads() => {
                peer.watch.handle_fetch(start, length);
                peer.uploads.handle_fetch(start, length)?;
            }
            Message::Blocks(range) => self.handle_blocks(id, range, log, now)?,
            Message::Fetch { .. }
            | Message::Options { .. }
            | Message::Request(_)
            | Message::Unwant { .. }
            | Message::Want { .. } => {}
        }
        Ok(())
    }

    /// The next message to a peer; `None` if it has to hear nothing at the moment.
    ///
    /// # Errors
    /// As [`handle_message`](Self::handle_message).
    pub fn poll_message<S: Storage>(
        &mut self,
        id: PeerId,
        log: &Log<S>,
        now: Duration,
    ) -> Result<Option<Message>, Fault> {
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(None) };
        if let Some(status) = peer.switches.poll() {
            return Ok(Some(status));
        }
        // Before we say what we have, so that the peer tells what it has before it asks.
        if let Some(question) = self.poll_watch(id, log) {
            return Ok(Some(question));
        }
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(None) };
        if peer.switches.uploads()
            && let Some(announcement) = peer.announcements.poll(log.have(), log.length())
        {
            return Ok(Some(announcement));
        }
        if let Some(cancel) = self.poll_cancel(id, log, now).or_else(|| self.poll_last_of_pushed(id, now)) {
            return Ok(Some(cancel));
        }
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(None) };
        if peer.may_be_asked()
            && let Some(question) = self.poll_download(id, log, now)
        {
            return Ok(Some(question));
        }
        self.poll_upload(id, log)
    }

    /// The next event, when the log has seen all messages so far.
    pub fn poll_event<S: Storage>(&mut self, log: &Log<S>) -> Option<ReplicationEvent> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        let is_complete = self.is_complete(log);
        let was_complete = std::mem::replace(&mut self.complete, is_complete);
        (is_complete && !was_complete).then(|| ReplicationEvent::Complete { length: log.length() })
    }

    /// Whether every block that we want is here, up to the longest length that a connected peer claims, helpers aside. While no length is
    /// known that is said only of blocks that were asked for one by one.
    pub fn is_complete<S: Storage>(&self, log: &Log<S>) -> bool {
        let length = self.claimed_length(log);
        match self.selection.next_missing(0, log.have()) {
            None => true,
            Some(missing) => self.selection.download() != Download::Sparse && missing >= length && length > 0,
        }
    }

    /// Whether there is nothing to wait for: each peer that we may ask, helpers aside, has told all that it has, and that is nothing that we
    /// want and do not have. More may come when a peer gets more, or another peer comes.
    pub fn is_settled<S: Storage>(&self, log: &Log<S>) -> bool {
        let mut asked = self.deciding().filter(|peer| peer.may_be_asked()).peekable();
        let next_missing = |from| self.selection.next_missing(from, log.have());
        asked.peek().is_some()
            && self.claimed_length(log) > 0
            && asked.all(|peer| {
                peer.wants.is_answered(peer.remote.length(), next_missing)
                    && !peer.has_any_of(&self.selection, log.have())
                    && !peer.owes_news()
            })
    }

    /// How far we are.
    pub fn progress<S: Storage>(&self, log: &Log<S>) -> Progress {
        Progress {
            have: log.downloaded(),
            length: self.claimed_length(log),
            bytes_down: self.bytes_down,
            bytes_up: self.bytes_up,
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to say, unless something happens before.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.peers.values().filter_map(Peer::timeout).chain(self.slow_at()).min()
    }

    /// Which peers have owed us something for too long: end their sessions and remove them. What others seem to have lost is
    /// asked for anew.
    pub fn handle_timeout(&mut self, now: Duration) -> Vec<(PeerId, ReplicationFault)> {
        let mut faults = Vec::new();
        for id in self.peers.keys().copied().collect::<Vec<_>>() {
            let lost = self.handle_lost(id, now);
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            peer.fetches.handle_timeout(now);
            if lost.is_err() || peer.deadline().is_some_and(|deadline| deadline <= now) {
                faults.push((id, ReplicationFault::RequestTimeout));
            }
        }
        faults
    }

    fn poll_upload<S: Storage>(&mut self, id: PeerId, log: &Log<S>) -> Result<Option<Message>, Fault> {
        let Some(peer) = self.peers.get_mut(&id) else { return Ok(None) };
        if peer.transfer == Transfer::Ranges && peer.watch.is_waiting() && log.fork().is_none() {
            return Ok(None);
        }
        let room = Room { weight: self.upload_limit.unwrap_or(u64::MAX), scale: self.scale.as_deref() };
        if room.weight == 0 && room.scale.is_none() {
            return Ok(None);
        }
        match peer.uploads.poll(&mut self.feed, log, room)? {
            None => Ok(None),
            Some(Answer::Later) => {
                self.is_held = true;
                Ok(None)
            }
            Some(Answer::Gone(blocks)) => {
                Ok(Some(Message::Unhave { start: blocks.start, length: blocks.end - blocks.start }))
            }
            Some(Answer::Blocks(range, weight)) => {
                let blocks = range.start..range.start + range.blocks.len() as u64;
                let bytes = range.blocks.data().len() as u64;
                self.count_up(bytes, weight);
                self.events.push_back(ReplicationEvent::Uploaded { peer: id, blocks, bytes });
                Ok(Some(Message::Blocks(range)))
            }
            Some(Answer::Damaged(block)) => {
                self.events.push_back(ReplicationEvent::Damaged { block });
                Ok(Some(Message::Unhave { start: block, length: 1 }))
            }
            Some(Answer::Data(data, weight)) => {
                if let Some(value) = &data.value {
                    let (blocks, bytes) = (data.index..data.index + 1, value.len() as u64);
                    self.count_up(bytes, weight);
                    self.events.push_back(ReplicationEvent::Uploaded { peer: id, blocks, bytes });
                }
                Ok(Some(Message::Data(data)))
            }
        }
    }

    fn count_up(&mut self, bytes: u64, weight: u64) {
        self.bytes_up += bytes;
        self.upload_limit = self.upload_limit.map(|limit| limit.saturating_sub(weight));
    }

    /// Those whose word counts.
    fn deciding(&self) -> impl Iterator<Item = &Peer> {
        self.peers.values().filter(|peer| !peer.is_helper)
    }

    /// The longest the feed can be, as far as anybody says.
    fn claimed_length<S: Storage>(&self, log: &Log<S>) -> u64 {
        self.deciding().map(|peer| peer.remote.length()).fold(log.length(), u64::max)
    }
}

/// Where in a feed to start with a peer, as a part of 2^64 of its length (the mixer of SplitMix64).
const fn place(seed: u64, peer: PeerId) -> u64 {
    let mut place = seed.wrapping_add(peer.0.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    place = (place ^ (place >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    place = (place ^ (place >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    place ^ (place >> 31)
}

#[cfg(test)]
mod tests;
