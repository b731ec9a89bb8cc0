//! Appending with one sync: blocks go to the journal as well, and come back from there after a power cut.
//!
//! Grade: over a door. A log that was appended to at the other level in between is checkpointed first, so that the
//! journal always leads from what was synced to the head.

use std::ops::Range;

use super::append::join;
use super::disk::{read, read_array, read_node};
use super::error::{LogError, at};
use super::held::ancestors;
use super::{Durability, Head, Log};
use crate::commit::{Commit, Synced};
use crate::hash::tree_hash;
use crate::journal::{HEAD_BYTES, JournalHead, decode_blocks, encode, record_bytes};
use crate::limits::{MAX_JOURNAL_BYTES, MAX_JOURNAL_RECORD_BYTES};
use crate::run::Run;
use crate::storage::{FileName, Storage};

/// The file grows in steps of this size: a sync that finds the space of a record allocated has less to write.
const STEP_BYTES: u64 = 256 * 1024;

impl<S: Storage> Log<S> {
    /// Appends as [`append`](Self::append) does, and returns once the blocks, and all before them, survive a power cut.
    ///
    /// # Errors
    /// As [`append`](Self::append). After [`LogError::Io`] the log may have the blocks nevertheless, if they are too many bytes
    /// for the journal: they were appended, and could not be synced. The log is poisoned then.
    pub fn append_committed<B: AsRef<[u8]>>(&mut self, blocks: &[B]) -> Result<Range<u64>, LogError> {
        let appended = self.room_for(blocks)?;
        if appended.is_empty() {
            return Ok(appended);
        }
        let bytes = blocks.iter().map(|block| block.as_ref().len() as u64).sum();
        let bytes = record_bytes(blocks.len() as u64, bytes);
        if bytes > MAX_JOURNAL_RECORD_BYTES {
            self.append_at(Durability::Os, appended.clone(), blocks)?;
            self.flush()?;
            return Ok(appended);
        }
        if self.journal.is_none_or(|start| start + bytes > MAX_JOURNAL_BYTES) {
            self.flush()?;
        }
        self.sync_record()?;
        self.grow_journal(self.journal.unwrap_or_default() + bytes)?;
        self.append_at(Durability::Committed, appended.clone(), blocks)?;
        Ok(appended)
    }

    /// Sees to it that a power cut leaves the record from which the journal goes on: whoever wrote it may have been killed
    /// before it was synced.
    fn sync_record(&mut self) -> Result<(), LogError> {
        if !self.is_record_synced {
            let synced = self.storage.sync(FileName::Commit).map_err(at(FileName::Commit, 0));
            synced.inspect_err(|_| self.poisoned = true)?;
            self.is_record_synced = true;
        }
        Ok(())
    }

    /// Makes room up to `end`.
    fn grow_journal(&mut self, end: u64) -> Result<(), LogError> {
        let file = FileName::Journal;
        let len = self.storage.len(file).map_err(at(file, 0))?;
        if len >= end {
            return Ok(());
        }
        let zeros = vec![0; (end.next_multiple_of(STEP_BYTES) - len) as usize];
        self.storage.write(file, len, &zeros).map_err(at(file, len))
    }

    /// Writes the blocks that lead to `head`, and waits for them. On failure nobody knows whether a record is there, so
    /// the log is poisoned.
    pub(super) fn write_journal<B: AsRef<[u8]>>(
        &mut self,
        head: &Head,
        blocks: &[B],
    ) -> Result<(), LogError> {
        let (Some(offset), Some(signature)) = (self.journal, head.signature) else { return Ok(()) };
        let record = JournalHead {
            sequence: self.sequence,
            first: self.length(),
            byte_offset: self.byte_length(),
            blocks: blocks.len() as u32,
            bytes: (head.byte_length() - self.byte_length()) as u32,
            tree_hash: head.tree_hash(),
            signature,
        };
        let mut bytes = Vec::with_capacity(record.record_bytes() as usize);
        encode(&record, blocks, &self.key, &mut bytes);
        let file = FileName::Journal;
        let written = self.storage.write(file, offset, &bytes).and_then(|()| self.storage.sync(file));
        written.map_err(at(file, offset)).inspect_err(|_| self.poisoned = true)?;
        self.journal = Some(offset + bytes.len() as u64);
        Ok(())
    }

    /// Whether the journal goes on after what was synced.
    pub(super) fn has_journal(&self, synced: &Synced) -> Result<bool, LogError> {
        Ok(self.journal_head(synced.journal)?.is_some_and(|head| head.sequence > synced.commit.sequence))
    }

    fn journal_head(&self, offset: u64) -> Result<Option<JournalHead>, LogError> {
        let head = read_array::<HEAD_BYTES>(&self.storage, FileName::Journal, offset)?;
        Ok(head.and_then(|head| JournalHead::decode(&head)))
    }

    /// Writes what the journal holds beyond `base` to where it belongs. Returns the last commit that it holds.
    pub(super) fn replay(&mut self, synced: &Synced, base: &Head) -> Result<Option<Commit>, LogError> {
        let mut last = None;
        let mut offset = synced.journal;
        let mut sequence = synced.commit.sequence;
        self.head = base.clone();
        while let Some(record) = self.journal_head(offset)?.filter(|head| head.sequence > sequence) {
            let mut bytes = vec![0; record.record_bytes() as usize];
            if !read(&self.storage, FileName::Journal, offset, &mut bytes)? {
                break;
            }
            let Some(blocks) = decode_blocks(&record, &bytes, &self.key) else { break };
            if !self.replay_record(&record, &blocks)? {
                break;
            }
            (offset, sequence) = (offset + bytes.len() as u64, record.sequence);
            last = Some(Commit {
                sequence,
                length: self.length(),
                byte_length: self.byte_length(),
                tree_hash: record.tree_hash,
                signature: Some(record.signature),
            });
        }
        Ok(last)
    }

    /// Writes the blocks of a record once more, if it follows the head. What came after them may be there, and stays.
    fn replay_record(&mut self, record: &JournalHead, blocks: &[&[u8]]) -> Result<bool, LogError> {
        if (record.first, record.byte_offset) != (self.length(), self.byte_length()) {
            return Ok(false);
        }
        let mut roots = self.head.roots.clone();
        let mut run = Run::hash(record.first, blocks.iter().copied(), Vec::new());
        let earlier = join(&mut roots, &mut run);
        if tree_hash(&roots) != record.tree_hash {
            return Ok(false);
        }
        let appended = record.first..record.first + blocks.len() as u64;
        let head = Head::new(appended.end, roots, Some(record.signature));
        let nodes = run.nodes();
        for index in ancestors(appended.end - 1).filter(|index| nodes.contains(index)) {
            // Blocks after these may have completed it.
            if run.node(index).is_none()
                && let Some(node) = read_node(&self.storage, index)?
            {
                run.add(&node);
            }
        }
        self.write_data(&mut Vec::new(), blocks)?;
        self.write_run(&run, &earlier)?;
        earlier.iter().for_each(|node| self.held.insert_node(node.index));
        self.held.insert_run(&appended);
        self.write_signature(&head)?;
        self.head = head;
        Ok(true)
    }
}
