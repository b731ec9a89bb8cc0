//! Verification of a range: the nodes over its blocks are computed, and completed with those beside it to a node that is held, or
//! to the roots of a signed log.
//!
//! Grade: plain. Source: docs/protocol.md, ranges; ours, not the classic protocol's.

use std::ops::Range;

use super::{Head, ProofError, VerifyError, check_node, check_size, signed_head};
use crate::blocks::Blocks;
use crate::flat_tree::{NodeIndex, common_ancestor, full_roots};
use crate::hash::Node;
use crate::key::{FeedKey, Signature};
use crate::limits::{MAX_BLOCK_BYTES, MAX_LENGTH, MAX_RANGE_NODES};
use crate::run::Run;

/// Consecutive blocks as a stranger sent them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedRange {
    /// Number of the first block.
    pub start: u64,
    /// Their data.
    pub blocks: Blocks,
    /// The nodes of the proof, from left to right.
    pub nodes: Vec<Node>,
    /// The length and the signature of the log that the proof ends in; `None` if it ends in a node that we should hold.
    pub signature: Option<(u64, Signature)>,
}

impl UnverifiedRange {
    /// Number of the last block, plus one; `u64::MAX` if it would be more.
    pub const fn end(&self) -> u64 {
        self.start.saturating_add(self.blocks.len() as u64)
    }
}

/// Consecutive blocks that belong to the feed. Only [`verify_range`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRange {
    pub(crate) key: FeedKey,
    pub(crate) blocks: Blocks,
    /// The nodes over the blocks, and those between them that lead beyond.
    pub(crate) run: Run,
    /// Nodes beside the run that were not held.
    pub(crate) outside: Vec<Node>,
    pub(crate) head: Option<Head>,
}

impl VerifiedRange {
    /// The numbers of the blocks.
    pub const fn blocks(&self) -> &Range<u64> {
        self.run.blocks()
    }

    /// The signed log that the proof ended in; `None` if it ended in a node that was held.
    pub const fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }
}

/// Verifies consecutive blocks under the key of a feed. `held` looks up the nodes that are held, and those only.
///
/// Nodes within the range that are held are not compared: storing does that.
///
/// # Errors
/// [`VerifyError::Proof`] if the blocks are not the feed's; anything else is no fault of the sender.
pub fn verify_range<E>(
    range: UnverifiedRange,
    key: &FeedKey,
    held: impl Fn(NodeIndex) -> Result<Option<Node>, E>,
) -> Result<VerifiedRange, VerifyError<E>> {
    let end = range.end();
    let UnverifiedRange { start, blocks, nodes, signature } = range;
    check_limits(start..end, &blocks, &nodes)?;
    let run = Run::hash(start, blocks.iter(), Vec::new());
    let mut ascent = Ascent { held, received: &nodes, used: 0, run, outside: Vec::new(), contradicted: None };
    let head = match signature {
        Some((length, signature)) => Some(ascent.reach_roots(end, length, &signature, key)?),
        None => {
            ascent.reach_held_node()?;
            None
        }
    };
    match (ascent.contradicted, &head) {
        (Some(index), Some(head)) => Err(ProofError::Fork { index, length: head.length }.into()),
        (Some(index), None) => Err(VerifyError::Corrupt { index }),
        (None, _) => Ok(VerifiedRange { key: *key, blocks, run: ascent.run, outside: ascent.outside, head }),
    }
}

/// Holds everything that the stranger chose against the limits.
fn check_limits(range: Range<u64>, blocks: &Blocks, nodes: &[Node]) -> Result<(), ProofError> {
    if range.is_empty() || range.end > MAX_LENGTH {
        return Err(ProofError::BlockOutOfRange { block: range.end });
    }
    if let Some((block, bytes)) = range.zip(blocks.sizes()).find(|(_, bytes)| *bytes > MAX_BLOCK_BYTES as u64)
    {
        return Err(ProofError::BlockTooLarge { block, bytes: bytes as usize });
    }
    if nodes.len() > MAX_RANGE_NODES {
        return Err(ProofError::TooManyNodes { nodes: nodes.len() });
    }
    if let Some(pair) = nodes.windows(2).find(|pair| pair[0].index >= pair[1].index) {
        return Err(ProofError::NodesOutOfOrder { index: pair[1].index });
    }
    nodes.iter().try_for_each(check_node)
}

/// The way up from the blocks.
struct Ascent<'a, F> {
    held: F,
    received: &'a [Node],
    /// How many of them had a part in the proof.
    used: usize,
    run: Run,
    outside: Vec<Node>,
    contradicted: Option<NodeIndex>,
}

impl<E, F: Fn(NodeIndex) -> Result<Option<Node>, E>> Ascent<'_, F> {
    /// Computes all roots of a log, and checks its signature.
    fn reach_roots(
        &mut self,
        end: u64,
        length: u64,
        signature: &Signature,
        key: &FeedKey,
    ) -> Result<Head, VerifyError<E>> {
        if !(end..=MAX_LENGTH).contains(&length) {
            return Err(ProofError::LengthOutOfRange { length, end }.into());
        }
        let roots: Result<Vec<Node>, _> = full_roots(length).map(|root| self.compute(root)).collect();
        let head = roots.and_then(|roots| Ok(signed_head(&roots, length, signature, key)?));
        match (head, self.contradicted) {
            (Err(VerifyError::Proof(_)), Some(index)) => Err(ProofError::Mismatch { index }.into()),
            (head, _) => head,
        }
    }

    /// Goes up from the lowest node over all blocks to one that is held, and further as long as nodes were received: who sent them
    /// takes us to have them from now on.
    fn reach_held_node(&mut self) -> Result<(), VerifyError<E>> {
        let mut top = self.compute(common_ancestor(self.run.blocks()))?;
        let mut proven = None;
        loop {
            match self.held(top.index)? {
                Some(held) if held == top => proven = Some(self.outside.len()),
                Some(held) => return Err(ProofError::Mismatch { index: held.index }.into()),
                None => {}
            }
            let sibling = match proven.filter(|_| self.used == self.received.len()) {
                Some(_) => None,
                None => self.beside(top.index.sibling())?,
            };
            let Some(sibling) = sibling else {
                let proven = proven.ok_or_else(|| ProofError::Unsigned { length: top.index.blocks().end })?;
                self.outside.truncate(proven);
                return Ok(());
            };
            top = Node::parent(&top, &sibling);
            check_size(&top)?;
            self.keep(top)?;
        }
    }

    /// A node: from the run, from what was received or is held, or from the nodes below.
    fn compute(&mut self, index: NodeIndex) -> Result<Node, VerifyError<E>> {
        if let Some(node) = self.run.node(index) {
            return Ok(node);
        }
        let (below, blocks) = (index.blocks(), self.run.blocks());
        if below.end <= blocks.start || blocks.end <= below.start {
            return self.beside(index)?.ok_or_else(|| ProofError::MissingNode { index }.into());
        }
        let (left, right) = index.children().ok_or(ProofError::MissingNode { index })?;
        let node = Node::parent(&self.compute(left)?, &self.compute(right)?);
        check_size(&node)?;
        self.keep(node)?;
        Ok(node)
    }

    /// A node beside the blocks.
    fn beside(&mut self, index: NodeIndex) -> Result<Option<Node>, VerifyError<E>> {
        match self.received.binary_search_by_key(&index, |node| node.index) {
            Ok(nth) => {
                let node = self.received[nth];
                self.used += 1;
                self.keep(node)?;
                Ok(Some(node))
            }
            Err(_) => self.held(index),
        }
    }

    /// Takes note of a node that is not of the blocks alone: it is held already, or new, or contradicts one that is held.
    fn keep(&mut self, node: Node) -> Result<(), VerifyError<E>> {
        let held = self.held(node.index)?;
        if held.is_some_and(|held| held != node) {
            self.contradicted.get_or_insert(node.index);
        }
        if !self.run.add(&node) && held.is_none() {
            self.outside.push(node);
        }
        Ok(())
    }

    fn held(&self, index: NodeIndex) -> Result<Option<Node>, VerifyError<E>> {
        (self.held)(index).map_err(VerifyError::Lookup)
    }
}
