//! Forks: what a log does once a peer has proved that the key signed another history than the one that is here.
//!
//! A folder that was restored from a backup, or that lost its end in a power cut, lacks blocks that peers have. Appending to it
//! would sign a second history, and every peer that holds the first would refuse it for ever. So the log takes the other head
//! as evidence and refuses to append. The mark is in the folder and outlasts the process. It means nothing any more once the log
//! has reached the head by itself, so nobody has to remove it: not after the lost blocks were appended again or came back, and not
//! after the newer folder was copied over the restored one.
//!
//! ```text
//! "dazaar-fork 1" 0a | signed head | checksum (32): BLAKE2b-256 of all before, keyed with the log's key
//! ```
//!
//! Grade: over a door.

use super::disk::read;
use super::error::{LogError, at};
use super::{Head, Log};
use crate::feed::Feed;
use crate::flat_tree::full_roots;
use crate::hash::Node;
use crate::key::{FeedKey, KEY_BYTES, keyed_hash};
use crate::run::Run;
use crate::signed_head::{SIGNED_HEAD_BYTES_MAX, SignedHead};
use crate::storage::{FileName, Storage};

const MAGIC: [u8; 14] = *b"dazaar-fork 1\n";

impl<S: Storage> Log<S> {
    /// The head of another history of this log, if one was proved and the log has not reached it since.
    pub fn fork(&self) -> Option<&SignedHead> {
        self.fork.as_deref()
    }

    /// The head of this log as a proof for others; `None` if nothing is signed.
    pub fn signed_head(&self) -> Option<SignedHead> {
        let Head { length, roots, signature, .. } = &self.head;
        SignedHead::new(self.key, *length, roots.clone(), (*signature)?).ok()
    }

    /// Holds a head that a peer proved against the log that we write. `feed` says whose signature counts: the log's key, or that of a
    /// re-keyed feed, whose secret key `feed` has. If the head is longer than the log, or has another tree, the log is marked:
    /// it refuses to append from now on, also after it was opened anew. Returns whether it was marked by this call.
    ///
    /// A log that we only read is never marked: a longer head is news to it.
    ///
    /// # Errors
    /// - [`LogError::OtherLog`] if the head is not of `feed`, or `feed` not of this log: nothing was done.
    /// - [`LogError::Io`]: the log refuses to append all the same, until it is opened anew.
    pub fn handle_foreign_head(&mut self, feed: &Feed, theirs: SignedHead) -> Result<bool, LogError> {
        if theirs.key() != feed.key() || !(feed.key() == self.key || feed.is_upload_only()) {
            return Err(LogError::OtherLog { key: self.key, other: theirs.key() });
        }
        if !self.is_writable() || self.fork.is_some() || !self.is_foreign(&theirs)? {
            return Ok(false);
        }
        let mark = encode(&theirs, &self.key);
        self.fork = Some(Box::new(theirs));
        let (file, len) = (FileName::Fork, mark.len() as u64);
        self.storage.write(file, 0, &mark).map_err(at(file, 0))?;
        self.storage.set_len(file, len).map_err(at(file, len))?;
        self.storage.sync(file).map_err(at(file, 0))?;
        Ok(true)
    }

    /// Whether the log does not have that history: it is too short, or has another tree. A length of which too little is here to
    /// tell is not held against it.
    fn is_foreign(&self, theirs: &SignedHead) -> Result<bool, LogError> {
        if theirs.length() > self.length() {
            return Ok(true);
        }
        Ok(self.tree_hash(theirs.length())?.is_some_and(|ours| ours != theirs.tree_hash()))
    }

    /// Finds the mark in the folder, unless the log has reached that head.
    pub(super) fn read_fork(&mut self) -> Result<(), LogError> {
        let mut mark = vec![0; self.mark_len()?];
        if read(&self.storage, FileName::Fork, 0, &mut mark)? {
            self.fork = decode(&mark, &self.key).map(Box::new);
        }
        self.settle_fork();
        Ok(())
    }

    /// A file that is longer than any mark is none.
    fn mark_len(&self) -> Result<usize, LogError> {
        let len = self.storage.len(FileName::Fork).map_err(at(FileName::Fork, 0))?;
        let max = MAGIC.len() + SIGNED_HEAD_BYTES_MAX + KEY_BYTES;
        Ok(usize::try_from(len).ok().filter(|len| *len <= max).unwrap_or(0))
    }

    /// The log has grown, and may have reached the head that it lacked. The mark stays if the tree is too damaged to tell.
    pub(super) fn settle_fork(&mut self) {
        let is_reached = |theirs: &SignedHead| {
            theirs.length() <= self.length()
                && matches!(self.tree_hash(theirs.length()), Ok(Some(ours)) if ours == theirs.tree_hash())
        };
        if self.fork().is_some_and(is_reached) {
            self.fork = None;
        }
    }

    /// Refuses to make the log `end` blocks long, unless that leads to the head that it lacks: then the lost blocks are appended
    /// again, which signs nothing new. `run` and `earlier` have the nodes that come along.
    pub(super) fn refuse_second_history(
        &self,
        end: u64,
        run: &Run,
        earlier: &[Node],
    ) -> Result<(), LogError> {
        let Some(theirs) = &self.fork else { return Ok(()) };
        if (self.length() + 1..=end).contains(&theirs.length()) {
            let root = |index| {
                let beside = || earlier.iter().find(|node| node.index == index).copied();
                run.node(index).or_else(beside).map_or_else(|| self.node(index), |node| Ok(Some(node)))
            };
            let roots: Option<Vec<Node>> = full_roots(theirs.length()).map(root).collect::<Result<_, _>>()?;
            if roots.is_some_and(|roots| roots == theirs.roots()) {
                return Ok(());
            }
        }
        Err(LogError::Forked { ours: self.signed_head().map(Box::new), theirs: theirs.clone() })
    }
}

fn encode(theirs: &SignedHead, key: &FeedKey) -> Vec<u8> {
    let mut mark = [&MAGIC[..], &theirs.encode()].concat();
    let checksum = keyed_hash(&key.0, &[&mark]);
    mark.extend_from_slice(&checksum);
    mark
}

/// `None` if the mark is torn, empty, or another log's.
fn decode(mark: &[u8], key: &FeedKey) -> Option<SignedHead> {
    let (checked, checksum) = mark.split_last_chunk::<KEY_BYTES>()?;
    if *checksum != keyed_hash(&key.0, &[checked]) {
        return None;
    }
    SignedHead::decode(checked.strip_prefix(&MAGIC)?)
}
