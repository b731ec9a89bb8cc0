//! Mending a folder file by file, and noting what was wrong.
//!
//! Grade: over a door.

use super::compare::{Before, Findings, fresh_held, restore_synced};
use super::leaves::mend_roots;
use super::{Cure, Fault, Finding, Report};
use crate::flat_tree::NodeIndex;
use crate::hash::{signable, tree_hash};
use crate::key::{FeedKey, FeedKeyPair, Signature};
use crate::log::disk::{read, read_roots, read_signature};
use crate::log::error::{LogError, at};
use crate::log::held::Held;
use crate::log::open::read_records;
use crate::log::{Head, Log};
use crate::sleep::{HEADER_BYTES, header, node_offset, signature_offset};
use crate::storage::{FileName, Storage};

const NO_TREE: &str = "nothing says any more where blocks end. Of a feed that was bought, remove the folder and buy \
                       again; of one that you publish, put a copy of the folder back";
const NO_SIGNATURE: &str = "no signature proves the feed. Put a copy of `signatures` or `commit` back; if the feed was \
                            bought, remove the folder and buy again";

/// One folder, and what was found in it so far.
pub(super) struct Treatment<S> {
    pub(super) storage: S,
    pub(super) named: Option<FeedKey>,
    pub(super) pair: Option<FeedKeyPair>,
    findings: Vec<Finding>,
}

impl<S: Storage> Treatment<S> {
    pub(super) const fn new(storage: S, named: Option<FeedKey>) -> Self {
        Self { storage, named, pair: None, findings: Vec::new() }
    }

    /// Notes a finding. A file that was made anew may turn out to be worse.
    pub(super) fn find(&mut self, file: FileName, fault: Fault, cure: Cure) {
        let earlier = self.findings.iter_mut().find(|finding| finding.file == file);
        match earlier {
            Some(earlier) if earlier.cure == Cure::MadeAnew && file != FileName::Commit => {
                earlier.cure = cure
            }
            _ => self.findings.push(Finding { file, fault, cure }),
        }
    }

    pub(super) fn run(mut self) -> Result<Report, LogError> {
        let key = self.mend_keys()?;
        let is_hopeless = self.findings.iter().any(|finding| matches!(finding.cure, Cure::None { .. }));
        let counts = match key.filter(|_| !is_hopeless) {
            Some(key) => self.mend_log(key)?,
            None => None,
        };
        let (length, held) = counts.unwrap_or_default();
        Ok(Report { key, is_writable: self.pair.is_some(), length, held, findings: self.findings })
    }

    /// Returns length and blocks held, unless the folder cannot be opened.
    fn mend_log(&mut self, key: FeedKey) -> Result<Option<(u64, u64)>, LogError> {
        let page_bytes = self.mend_headers()?;
        self.mend_records(&key)?;
        let records = read_records(&self.storage, &key)?;
        self.look_at_journal(&key, &records)?;
        let held = Held::load(&self.storage, page_bytes)?;
        let on_record = records.claims.iter().chain(records.synced.as_ref().map(|synced| &synced.commit));
        let signed = on_record.filter(|commit| commit.signature.is_some());
        let signatures =
            signed.map(|commit| Ok((commit.length, read_signature(&self.storage, commit.length)?)));
        let signatures = signatures.collect::<Result<_, LogError>>()?;
        let mut bitfield =
            vec![0; self.storage.len(FileName::Bitfield).map_err(at(FileName::Bitfield, 0))? as usize];
        read(&self.storage, FileName::Bitfield, 0, &mut bitfield)?;
        let before = Before { records, held, page_bytes, bitfield, signatures };
        self.mend_proof(key, &before)?;
        if !self.mend_until_open(&before)? {
            return Ok(None);
        }
        let has_lost_bitfield = self.findings.iter().any(|finding| finding.file == FileName::Bitfield);
        let mut log = Log::open(&mut self.storage)?;
        restore_synced(&mut log, &before)?;
        let leaf = log.mend_leaves()?;
        let mended = log.check_tree()?.mended.first().map(|node| node.index).or(leaf);
        let nodes = log.tree().clone();
        log.audit()?;
        log.flush()?;
        let mut found = Findings::default();
        found.compare(&before, &log, mended, &nodes)?;
        found.check_signatures(&before, &mut log)?;
        let counts = (log.length(), log.downloaded());
        if has_lost_bitfield || found.0.iter().any(|finding| finding.file == FileName::Bitfield) {
            rebuild_bitfield(&mut log)?;
        }
        found.0.into_iter().for_each(|finding| self.find(finding.file, finding.fault, finding.cure));
        Ok(Some(counts))
    }

    /// Signs the length anew that the bitfield claims, if nothing else proves it, the secret key is here, and every block and
    /// node is.
    fn mend_proof(&mut self, key: FeedKey, before: &Before) -> Result<(), LogError> {
        let claimed = before.held.tree().length();
        let Some(pair) = self.pair.as_ref().filter(|_| before.records.synced.is_none() && claimed > 0) else {
            return Ok(());
        };
        let log = Log::assemble(&mut self.storage, key, None, Held::new());
        if log.signed(claimed)?.is_some() || log.whole_from(&Head::default(), claimed)? < claimed {
            return Ok(());
        }
        let Some(roots) = read_roots(log.storage(), claimed)? else { return Ok(()) };
        let signature = pair.sign(&signable(&tree_hash(&roots), claimed));
        let (file, offset) = (FileName::Signatures, signature_offset(claimed));
        let fault = self.short(file, offset + Signature::BYTES as u64)?;
        self.find(file, fault.unwrap_or(Fault::Damaged { offset }), Cure::SignedAnew);
        self.storage.write(file, offset, &signature.0).map_err(at(file, offset))
    }

    /// Mends what keeps the folder from being opened. False if something is beyond repair.
    fn mend_until_open(&mut self, before: &Before) -> Result<bool, LogError> {
        loop {
            let storage = &mut self.storage;
            match Log::open(storage).map(drop) {
                Ok(()) => return Ok(true),
                Err(LogError::Truncated { file, bytes, expected }) => {
                    let fault =
                        if bytes == 0 { Fault::Missing } else { Fault::Truncated { bytes, expected } };
                    self.find(file, fault, Cure::MadeAnew);
                    self.storage.set_len(file, expected).map_err(at(file, expected))?;
                }
                Err(LogError::Corrupt { file, offset }) => {
                    let commit = before.records.synced.as_ref().map(|synced| synced.commit);
                    let is_known = self.has_mended_roots();
                    let is_mended = match commit {
                        Some(commit) if !is_known => mend_roots(&mut self.storage, &commit)?,
                        _ => false,
                    };
                    let cure = if is_mended { Cure::FromNodes } else { Cure::None { why: NO_TREE } };
                    self.find(file, Fault::Damaged { offset }, cure);
                    if !is_mended {
                        return Ok(false);
                    }
                }
                Err(LogError::Unproven { length }) => {
                    let (file, expected) = (FileName::Signatures, signature_offset(length + 1));
                    let is_tree = read_roots(&self.storage, length)?.is_none();
                    let (file, expected, why) = match is_tree {
                        true => (FileName::Tree, node_offset(NodeIndex::leaf(length)), NO_TREE),
                        false => (file, expected, NO_SIGNATURE),
                    };
                    let fault = self.short(file, expected)?;
                    let fault = fault.unwrap_or(Fault::Damaged { offset: HEADER_BYTES as u64 });
                    self.find(file, fault, Cure::None { why });
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn has_mended_roots(&self) -> bool {
        self.findings.iter().any(|finding| finding.file == FileName::Tree && finding.cure == Cure::FromNodes)
    }
}

fn rebuild_bitfield<S: Storage>(log: &mut Log<S>) -> Result<(), LogError> {
    let file = FileName::Bitfield;
    log.held = fresh_held(log);
    let cut = log.storage.set_len(file, 0);
    cut.and_then(|()| log.storage.write(file, 0, &header::encode(file))).map_err(at(file, 0))?;
    log.flush()
}
