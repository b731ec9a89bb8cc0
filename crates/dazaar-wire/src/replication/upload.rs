//! What one peer asked us for.
//!
//! Grade: machine. Requests wait here, and are answered one at a time when there is room to send: a peer that does not read
//! costs us its requests, never their answers.
//! Source: classic protocol, sections 2.4 and 5.3.

use std::collections::VecDeque;

use dazaar_log::digest::{Digest, RemoteTree};
use dazaar_log::flat_tree::NodeIndex;
use dazaar_log::{Feed, Log, LogError, Storage};

use super::fault::{Fault, ReplicationFault};
use super::limits::REQUESTS_QUEUED_MAX;
use crate::message::{Data, Request};

/// Requests of one peer without an answer.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    queue: VecDeque<Request>,
    /// What the peer's digests tell of its tree.
    tree: RemoteTree,
    last_seek: u64,
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Answer {
    Data(Data),
    /// The block is not here any more.
    Gone(u64),
    /// The block is here, but what is needed of it on disk is damaged. To the peer it is gone.
    Damaged(u64),
}

impl Uploads {
    pub(super) fn handle_request(&mut self, request: Request) -> Result<(), ReplicationFault> {
        if self.queue.len() >= REQUESTS_QUEUED_MAX {
            return Err(ReplicationFault::TooManyRequests);
        }
        self.queue.push_back(request);
        Ok(())
    }

    pub(super) fn handle_cancel(&mut self, index: u64, bytes: u64, hash: bool) {
        let cancelled =
            |request: &Request| (request.index, request.bytes, request.hash) == (index, bytes, hash);
        if let Some(at) = self.queue.iter().position(cancelled) {
            self.queue.remove(at);
        }
    }

    /// Drops all requests: the peer repeats them once it may.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
    }

    /// The answer to the next request that has one.
    ///
    /// A request for a block that our tree does not reach ends the session, as it does in JavaScript: we never said that
    /// we have it, and an honest peer would wait for its answer until it gives us up.
    pub(super) fn poll<S: Storage>(
        &mut self,
        feed: &mut Feed,
        log: &Log<S>,
    ) -> Result<Option<Answer>, Fault> {
        while let Some(request) = self.queue.pop_front() {
            let asked = request.index;
            let request = match self.resolve(request, log) {
                Ok(Some(request)) => request,
                Ok(None) => continue,
                Err(error) => return self.damaged(asked, error).map(Some),
            };
            let block = request.index;
            if !log.tree().contains(NodeIndex::leaf(block)) {
                return Err(ReplicationFault::RequestNotInTree { block }.into());
            }
            return match self.answer(&request, feed, log) {
                Ok(answer) => Ok(Some(answer.map_or(Answer::Gone(block), Answer::Data))),
                Err(error) => self.damaged(block, error).map(Some),
            };
        }
        Ok(None)
    }

    /// What is to be said of a block that could not be read: damage is one block's, any other failure the whole log's.
    fn damaged(&mut self, block: u64, error: LogError) -> Result<Answer, Fault> {
        if !matches!(error, LogError::Corrupt { .. } | LogError::MissingNode { .. }) {
            return Err(error.into());
        }
        // The proof was planned and not sent, so what the peer has of the tree is uncertain now.
        self.tree = RemoteTree::default();
        Ok(Answer::Damaged(block))
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

    /// `None` if we do not have the block, or cannot prove it.
    fn answer<S: Storage>(
        &mut self,
        request: &Request,
        feed: &mut Feed,
        log: &Log<S>,
    ) -> Result<Option<Data>, LogError> {
        let value = if request.hash { None } else { log.block(request.index)? };
        if value.is_none() && !request.hash {
            return Ok(None);
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
        Ok(Some(Data { index: request.index, value, nodes: proof.nodes, signature }))
    }
}
