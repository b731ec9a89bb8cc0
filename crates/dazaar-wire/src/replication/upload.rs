//! What one peer asked us for.
//!
//! Grade: machine. Requests wait here, and are answered one at a time when there is room to send: a peer that does not read
//! costs us its requests, never their answers. Ranges are answered in parts, in the order in which they were asked for; what was
//! asked for onward comes when nothing else is to be sent.
//! Source: classic protocol, sections 2.4 and 5.3; docs/protocol.md, ranges.

use std::collections::VecDeque;
use std::ops::Range;

use dazaar_log::digest::{Digest, RemoteTree};
use dazaar_log::flat_tree::NodeIndex;
use dazaar_log::verify::UnverifiedRange;
use dazaar_log::{Feed, Log, LogError, Storage};

use super::fault::{Fault, ReplicationFault};
use super::limits::{RANGE_BYTES, REQUESTS_QUEUED_MAX, SENT_ALONG_QUEUE_MAX, SENT_RANGES_MAX};
use super::ranges::{RangeSet, runs};
use super::scale::{Fit, Room};
use crate::message::{Data, Request};

/// Requests of one peer without an answer.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    queue: VecDeque<Asked>,
    onward: Option<Onward>,
    /// What the peer has of our tree: its digests tell, or what it was sent.
    tree: RemoteTree,
    last_seek: u64,
    /// Blocks that were sent in ranges. What is forgotten may be sent along once more.
    sent: RangeSet,
}

/// One question of a peer.
#[derive(Debug)]
enum Asked {
    Block(Request),
    Range(Range<u64>),
}

/// Everything from a block on, also what is to come.
#[derive(Debug)]
struct Onward {
    /// The block that was asked for.
    start: u64,
    /// The next one to send.
    next: u64,
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// Blocks, and what they weigh.
    Blocks(UnverifiedRange, u64),
    /// One block, or only its proof, and what it weighs.
    Data(Data, u64),
    /// There is no room for it now: it is still asked for.
    Later,
    /// The blocks are not here any more, or not for this peer.
    Gone(Range<u64>),
    /// The block is here, but what is needed of it on disk is damaged. To the peer it is gone.
    Damaged(u64),
}

impl Uploads {
    pub(super) fn handle_request(&mut self, request: Request) -> Result<(), ReplicationFault> {
        self.ask(Asked::Block(request))
    }

    /// Queues a question for blocks, which need not be here; without `count`, also for all that are to come.
    pub(super) fn handle_fetch(&mut self, start: u64, count: Option<u64>) -> Result<(), ReplicationFault> {
        match count {
            None => self.onward = Some(Onward { start, next: start }),
            Some(0) => {}
            Some(count) => self.ask(Asked::Range(start..start.saturating_add(count)))?,
        }
        Ok(())
    }

    fn ask(&mut self, asked: Asked) -> Result<(), ReplicationFault> {
        if self.queue.len() >= REQUESTS_QUEUED_MAX {
            return Err(ReplicationFault::TooManyRequests);
        }
        self.queue.push_back(asked);
        Ok(())
    }

    /// Answers as if these blocks had been asked for, those apart that were sent already, or will be; returns the rest. `None` if the peer
    /// has asked for much already.
    pub(super) fn send_along<S: Storage>(&mut self, blocks: &[u64], log: &Log<S>) -> Option<Vec<u64>> {
        if self.queue.len() >= SENT_ALONG_QUEUE_MAX {
            return None;
        }
        let mut asked = RangeSet::default();
        self.queue.iter().for_each(|question| match question {
            Asked::Block(request) => asked.insert(request.index..request.index.saturating_add(1)),
            Asked::Range(range) => asked.insert(range.clone()),
        });
        let is_coming = |block| asked.contains(block) || self.sent.contains(block) || self.pushes(block);
        let mut along: Vec<u64> =
            blocks.iter().copied().filter(|&block| log.has(block) && !is_coming(block)).collect();
        along.sort_unstable();
        along.dedup();
        self.queue.extend(runs(&along).map(Asked::Range));
        Some(along)
    }

    /// Whether all of these blocks were sent in ranges, as far as that is not forgotten.
    pub(super) fn was_sent(&self, blocks: &Range<u64>) -> bool {
        self.sent.range_of(blocks.start).is_some_and(|sent| sent.end >= blocks.end)
    }

    /// Whether a block that comes into the log is sent without being asked for.
    pub(super) fn pushes(&self, block: u64) -> bool {
        self.onward.as_ref().is_some_and(|onward| onward.next <= block)
    }

    /// Takes a question back. Returns where a push stopped: the peer has not been told of the blocks from there on.
    pub(super) fn handle_cancel(&mut self, index: u64, bytes: u64, hash: bool) -> Option<u64> {
        let cancelled = |asked: &Asked| matches!(asked, Asked::Block(request) if (request.index, request.bytes, request.hash) == (index, bytes, hash));
        if let Some(onward) = self.onward.take_if(|onward| onward.start == index) {
            return Some(onward.next);
        }
        if let Some(at) = self.queue.iter().position(cancelled) {
            self.queue.remove(at);
        }
        None
    }

    /// Drops all requests: the peer repeats them once it may.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        self.onward = None;
    }

    /// The answer to the next request that has one, with as much as there is room for.
    ///
    /// A request for a block that our tree does not reach ends the session, as it does in JavaScript: we never said that
    /// we have it, and an honest peer would wait for its answer until it gives us up.
    pub(super) fn poll<S: Storage>(
        &mut self,
        feed: &mut Feed,
        log: &Log<S>,
        room: Room<'_>,
    ) -> Result<Option<Answer>, Fault> {
        while let Some(asked) = self.queue.pop_front() {
            let request = match asked {
                Asked::Block(request) => request,
                Asked::Range(range) => {
                    let (answer, next) = self.answer_range(range.clone(), feed, log, room)?;
                    if next < range.end {
                        self.queue.push_front(Asked::Range(next..range.end));
                    }
                    return Ok(Some(answer));
                }
            };
            let asked = request.index;
            let request = match self.resolve(request, log) {
                Ok(Some(request)) => request,
                Ok(None) => continue,
                Err(error) => return damaged(asked, error).map(Some),
            };
            let block = request.index;
            if !log.tree().contains(NodeIndex::leaf(block)) {
                return Err(ReplicationFault::RequestNotInTree { block }.into());
            }
            return match self.answer(&request, feed, log, room) {
                Ok(Some(Answer::Later)) => {
                    self.queue.push_front(Asked::Block(request));
                    Ok(Some(Answer::Later))
                }
                Ok(answer) => Ok(Some(answer.unwrap_or(Answer::Gone(block..block + 1)))),
                Err(error) => damaged(block, error).map(Some),
            };
        }
        let Some(next) = self.onward.as_ref().map(|onward| onward.next).filter(|&next| next < log.length())
        else {
            return Ok(None);
        };
        let (answer, next) = self.answer_range(next..log.length(), feed, log, room)?;
        self.onward.iter_mut().for_each(|onward| onward.next = next);
        Ok(Some(answer))
    }

    /// The answer to the first part of a question for blocks, and where the next part begins.
    fn answer_range<S: Storage>(
        &mut self,
        range: Range<u64>,
        feed: &mut Feed,
        log: &Log<S>,
        room: Room<'_>,
    ) -> Result<(Answer, u64), Fault> {
        let held = log.have().next_set(range.start).map_or(range.end, |held| held.min(range.end));
        if held > range.start {
            return Ok((Answer::Gone(range.start..held), held));
        }
        let open = room.withheld_until(range.start).min(range.end);
        if open > range.start {
            return Ok((Answer::Gone(range.start..open), open));
        }
        let range = range.start..range.end.min(room.open_until(range.start));
        // Damage is one block's: without it, those before it are sent.
        let read = self.read_range(range.clone(), feed, log, room).or_else(|error| match error {
            LogError::Corrupt { .. } | LogError::MissingNode { .. } => {
                self.read_range(range.start..range.start + 1, feed, log, room)
            }
            error => Err(error),
        });
        match read {
            Ok(Some(answer)) => {
                let next = match &answer {
                    Answer::Blocks(range, _) => range.start + range.blocks.len() as u64,
                    Answer::Gone(blocks) => blocks.end,
                    Answer::Later => range.start,
                    Answer::Data(..) | Answer::Damaged(_) => range.start + 1,
                };
                Ok((answer, next))
            }
            Ok(None) => Ok((Answer::Gone(range.start..range.start + 1), range.start + 1)),
            Err(error) => Ok((damaged(range.start, error)?, range.start + 1)),
        }
    }

    /// `None` if the blocks cannot be proved.
    fn read_range<S: Storage>(
        &mut self,
        range: Range<u64>,
        feed: &mut Feed,
        log: &Log<S>,
        room: Room<'_>,
    ) -> Result<Option<Answer>, LogError> {
        let blocks = log.blocks_within(range.clone(), RANGE_BYTES.min(room.bytes()))?;
        let (blocks, weight) = match room.fit(range.start, blocks) {
            Fit::Blocks(blocks, weight) => (blocks, weight),
            Fit::Withheld(count) => return Ok(Some(Answer::Gone(range.start..range.start + count))),
            Fit::Full => return Ok(Some(Answer::Later)),
        };
        let sent = range.start..range.start + blocks.len() as u64;
        let Some(proof) = log.range_proof(&sent, &self.tree)? else { return Ok(None) };
        let signature = match proof.signature_length {
            Some(length) => match feed.signature(log, length)? {
                Some(signature) => Some((length, signature)),
                None => return Ok(None),
            },
            None => None,
        };
        self.tree.learn_sent(&sent, &proof);
        self.sent.insert(sent.clone());
        if self.sent.ranges() > SENT_RANGES_MAX {
            self.sent = RangeSet::default();
        }
        let range = UnverifiedRange { start: range.start, blocks, nodes: proof.nodes, signature };
        Ok(Some(Answer::Blocks(range, weight)))
    }

    /// Turns a request for a byte into one for its block. Of several for the same byte only one is answered.
    fn resolve<S: Storage>(&mut self, request: Request, log: &Log<S>) -> Result<Option<Request>, LogError> {
        if request.bytes == 0 {
            return Ok(Some(request));
        }
        let Some((index, _)) = log.seek(request.bytes)?.filter(|&(block, _)| block < log.length()) else {
            return Ok(Some(Request { bytes: 0, ..request }));
        };
        let repeated = std::mem::replace(&mut self.last_seek, request.bytes) == request.bytes;
        Ok((!repeated).then_some(Request { index, bytes: 0, hash: request.hash, nodes: 0 }))
    }

    /// `None` if we do not have the block, cannot prove it, or the peer is not to have it.
    fn answer<S: Storage>(
        &mut self,
        request: &Request,
        feed: &mut Feed,
        log: &Log<S>,
        room: Room<'_>,
    ) -> Result<Option<Answer>, LogError> {
        let is_withheld = !request.hash && room.withheld_until(request.index) > request.index;
        let value = if request.hash || is_withheld { None } else { log.block(request.index)? };
        if value.is_none() && !request.hash {
            return Ok(None);
        }
        let Some(weight) = value.as_ref().map_or(Some(0), |value| room.weigh(request.index, value)) else {
            return Ok(None);
        };
        if room.is_full_for(weight) {
            return Ok(Some(Answer::Later));
        }
        let digest = Digest(request.nodes);
        let Some(proof) = log.proof(request.index, digest, request.hash, &mut self.tree)? else {
            return Ok(None);
        };
        let signature = match proof.signature_length {
            Some(length) => match feed.signature(log, length)? {
                None => return Ok(None),
                signature => signature,
            },
            None => None,
        };
        let data = Data { index: request.index, value, nodes: proof.nodes, signature };
        Ok(Some(Answer::Data(data, weight)))
    }
}

/// What is to be said of a block that could not be read: damage is one block's, any other failure the whole log's.
fn damaged(block: u64, error: LogError) -> Result<Answer, Fault> {
    match error {
        LogError::Corrupt { .. } | LogError::MissingNode { .. } => Ok(Answer::Damaged(block)),
        error => Err(error.into()),
    }
}
